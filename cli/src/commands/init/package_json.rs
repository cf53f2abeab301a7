//! Which script of `package.json` is to run through `capy run`, and the edit of that one string.
//!
//! The file is edited as text, so that its indentation, order, line ends and byte order mark stay.
//! The edited text is parsed again, and must differ in that string alone.

use std::ffi::OsString;
use std::path::Path;

use serde_json::Value;

use crate::build_command::{Effect, effect, is_one_command, nested};

/// What is put before the command of a script.
pub(super) const PREFIX: &str = "capy run -- ";

/// Where a package names what it needs.
const DEPENDENCIES: [&str; 3] = ["dependencies", "devDependencies", "optionalDependencies"];

/// Words at the start of a command that only a shell understands.
const SHELL_WORDS: [&str; 16] = [
    "cd", "exec", "export", "source", ".", "eval", "if", "while", "for", "!", "{", "set", "unset", "command",
    "builtin", "time",
];

/// What to do with the scripts.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Plan {
    Wrap(Edit),
    /// Nothing, and why, if a person should know.
    Leave(Option<String>),
}

/// The edit of one script.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Edit {
    pub(super) script: &'static str,
    /// Where [`PREFIX`] is inserted, in bytes.
    pub(super) at: usize,
    /// The script as it is written, name included, before and after.
    pub(super) lines: (String, String),
    pub(super) text: String,
    /// Whether the package depends on capy, so that the script finds it on other machines.
    pub(super) has_capy: bool,
}

/// Plans the edit of a `package.json` in the folder `here`.
///
/// # Errors
///
/// What is wrong with the text, if it is not JSON.
pub(super) fn plan(text: &str, here: &Path) -> Result<Plan, String> {
    let json = without_byte_order_mark(text);
    let package: Value = serde_json::from_str(json).map_err(|error| error.to_string())?;
    let script = |name: &str| {
        let command = package.get("scripts")?.get(name)?.as_str()?;
        (!command.trim().is_empty()).then(|| command.to_owned())
    };
    let shell = |command: &str| ["sh", "-c", command].map(OsString::from);
    let runs_capy = |command: &str| nested(&shell(command), here).runs_capy;
    let effect_of = |command: &str| effect(&shell(command), here);
    let build = script("build");
    if let Some(command) = &build {
        if runs_capy(command) {
            return Ok(Plan::Leave(None));
        }
        if matches!(effect_of(command), Effect::Build { .. }) {
            return Ok(wrap(text, json, &package, "build", command));
        }
    }
    let Some(command) = script("start") else {
        return Ok(Plan::Leave(build.map(|_| {
            "capy does not know what its build script does, and it has no start script: put `capy run --` before the command that needs the values".into()
        })));
    };
    if runs_capy(&command) {
        return Ok(Plan::Leave(None));
    }
    Ok(match effect_of(&command) {
        Effect::Other => wrap(text, json, &package, "start", &command),
        Effect::Build { .. } | Effect::Unknown { .. } => Plan::Leave(Some(
            "its start script does more than start a server, as far as capy can read it: put `capy run --` before the command that needs the values".into(),
        )),
    })
}

fn wrap(text: &str, json: &str, package: &Value, script: &'static str, command: &str) -> Plan {
    let by_hand = |why: &str, write: &str| {
        Plan::Leave(Some(format!("its {script} script {why}, so capy does not change it: {write}")))
    };
    let before_each = "put `capy run --` before each command that needs the values";
    if !is_one_command(command) {
        return by_hand("has operators of the shell", before_each);
    }
    let Some(own) = start_of_command(command) else {
        return by_hand("begins with quotes", before_each);
    };
    let first = command[own..].split_whitespace().next().unwrap_or_default();
    if SHELL_WORDS.contains(&first) {
        return by_hand(&format!("begins with `{first}`, a word of the shell"), before_each);
    }
    let edited = find(json, ["scripts", script]).and_then(|(literal_start, literal_end)| {
        let literal = &json[literal_start..literal_end];
        // An escape before the command would move it.
        literal[1..].starts_with(&command[..own]).then_some(())?;
        let mark = text.len() - json.len();
        let at = mark + literal_start + 1 + own;
        let edited = format!("{}{PREFIX}{}", &text[..at], &text[at..]);
        let line = |literal: &str| format!("  \"{script}\": {literal}");
        let inserted = format!("{}{PREFIX}{}", &literal[..1 + own], &literal[1 + own..]);
        let has_capy = DEPENDENCIES.iter().any(|kind| package[kind].get("capy").is_some());
        let edit = Edit { script, at, lines: (line(literal), line(&inserted)), text: edited, has_capy };
        let new = format!("{}{PREFIX}{}", &command[..own], &command[own..]);
        differs_only_in(&edit.text[mark..], package, script, &new).then_some(edit)
    });
    match edited {
        Some(edit) => Plan::Wrap(edit),
        None => by_hand("is written in a way that capy cannot edit", before_each),
    }
}

/// Where the command begins after blanks and assignments such as `NODE_ENV=production`; `None` if
/// quotes make that uncertain.
fn start_of_command(command: &str) -> Option<usize> {
    let mut at = 0;
    loop {
        at += command[at..].len() - command[at..].trim_start().len();
        let word = command[at..].split_whitespace().next()?;
        let Some((name, _)) = word.split_once('=') else { return Some(at) };
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            return Some(at);
        }
        if word.contains(['"', '\'', '\\', '`', '$']) {
            return None;
        }
        at += word.len();
    }
}

/// Whether the edited text is the package with this script alone changed.
fn differs_only_in(edited: &str, package: &Value, script: &str, command: &str) -> bool {
    let mut expected = package.clone();
    let Some(text) = expected.get_mut("scripts").and_then(|scripts| scripts.get_mut(script)) else {
        return false;
    };
    *text = Value::String(command.to_owned());
    serde_json::from_str::<Value>(edited).is_ok_and(|edited| edited == expected)
}

fn without_byte_order_mark(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

/// What a bracket opened.
enum Open {
    Array,
    /// An object, with the name of the member that is being read.
    Object(String),
}

/// Finds the string at a path of two names in a text that is JSON: the byte range of its literal,
/// with the quotes. The last one counts if a name is there twice, as it does for readers.
fn find(json: &str, path: [&str; 2]) -> Option<(usize, usize)> {
    let bytes = json.as_bytes();
    let (mut open, mut found, mut at) = (Vec::new(), None, 0);
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'{' => open.push(Open::Object(String::new())),
            b'[' => open.push(Open::Array),
            b'}' | b']' => drop(open.pop()),
            b'"' => {
                let end = end_of_string(bytes, at)?;
                let is_name = json[end..].trim_start().starts_with(':');
                match open.as_mut_slice() {
                    [.., Open::Object(name)] if is_name => {
                        *name = serde_json::from_str(&json[at..end]).ok()?
                    }
                    [Open::Object(first), Open::Object(second)] if [&**first, &**second] == path => {
                        found = Some((at, end));
                    }
                    _ => {}
                }
                at = end;
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    found
}

/// Whether a text is JSON in which this script, if it is there, does not have [`PREFIX`].
pub(super) fn has_no_prefix(text: &str, script: &str) -> bool {
    let json = without_byte_order_mark(text);
    serde_json::from_str::<Value>(json).is_ok_and(|package| {
        !package["scripts"][script].as_str().is_some_and(|command| command.contains(PREFIX))
    })
}

/// The literal of the script that has [`PREFIX`] at `at`. No quote is between its start and that
/// place.
pub(super) fn literal_around(text: &str, at: usize) -> Option<&str> {
    let start = text.get(..at)?.rfind('"')?;
    text.get(start..end_of_string(text.as_bytes(), start)?)
}

/// The end of the string literal that begins at `start`, after its closing quote.
fn end_of_string(bytes: &[u8], start: usize) -> Option<usize> {
    let mut at = start + 1;
    loop {
        match bytes.get(at)? {
            b'\\' => at += 2,
            b'"' => return Some(at + 1),
            _ => at += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn planned(text: &str) -> Plan {
        let folder = tempfile::tempdir().unwrap();
        plan(text, folder.path()).unwrap()
    }

    #[track_caller]
    fn is_wrapped(text: &str, expected: &str) {
        match planned(text) {
            Plan::Wrap(edit) => {
                assert_eq!(edit.text, expected);
                assert_eq!(&edit.text[edit.at..][..PREFIX.len()], PREFIX);
                let literal = literal_around(&edit.text, edit.at).unwrap();
                assert!(edit.lines.1.ends_with(literal), "{literal}");
            }
            left @ Plan::Leave(_) => panic!("{text}: {left:?}"),
        }
    }

    #[test]
    fn only_the_one_string_changes() {
        is_wrapped(
            "{\n\t\"b\": 1.0,\n\t\"scripts\": { \"build\": \"next build\" },\n\t\"a\": [\"build\"]\n}\n",
            "{\n\t\"b\": 1.0,\n\t\"scripts\": { \"build\": \"capy run -- next build\" },\n\t\"a\": [\"build\"]\n}\n",
        );
        // A byte order mark, line ends of Windows, no line end at the end.
        is_wrapped(
            "\u{feff}{\r\n  \"scripts\" :\r\n {\"build\"  :  \"vite build\"}}",
            "\u{feff}{\r\n  \"scripts\" :\r\n {\"build\"  :  \"capy run -- vite build\"}}",
        );
        // Names and texts that only look like the script; escapes; a name that is there twice.
        is_wrapped(
            r#"{"x":{"scripts":{"build":"next build"}},"y":"\"scripts\":{","scripts":{"build":"a","buil\u0064":"next build --name \"a\""}}"#,
            r#"{"x":{"scripts":{"build":"next build"}},"y":"\"scripts\":{","scripts":{"build":"a","buil\u0064":"capy run -- next build --name \"a\""}}"#,
        );
        is_wrapped(
            r#"{"scripts":{"build":"NODE_ENV=production CI=1 next build"}}"#,
            r#"{"scripts":{"build":"NODE_ENV=production CI=1 capy run -- next build"}}"#,
        );
        is_wrapped(
            r#"{"scripts":{"build":"cross-env A=1 next build","start":"next start"}}"#,
            r#"{"scripts":{"build":"capy run -- cross-env A=1 next build","start":"next start"}}"#,
        );
    }

    #[test]
    fn a_package_that_depends_on_capy_is_told_from_others() {
        for (dependencies, expected) in [
            (r#""devDependencies":{"capy":"1.0.0"}"#, true),
            (r#""dependencies":{"next":"16"}"#, false),
            (r#""devDependencies":["capy"]"#, false),
        ] {
            let text = format!(r#"{{"scripts":{{"build":"next build"}},{dependencies}}}"#);
            let Plan::Wrap(edit) = planned(&text) else { panic!("{text}") };
            assert_eq!(edit.has_capy, expected, "{text}");
        }
    }

    #[test]
    fn a_server_is_wrapped_where_no_build_is_known() {
        for build in ["", r#""build":"","#, r#""build":"tsc","#, r#""build":null,"#] {
            is_wrapped(
                &format!(r#"{{"scripts":{{{build}"start":"node server.js"}}}}"#),
                &format!(r#"{{"scripts":{{{build}"start":"capy run -- node server.js"}}}}"#),
            );
        }
    }

    #[test]
    fn what_runs_through_capy_or_is_empty_is_left_without_a_word() {
        for text in [
            "{}",
            "[]",
            r#"{"scripts":[]}"#,
            r#"{"scripts":{}}"#,
            r#"{"scripts":{"build":" "}}"#,
            r#"{"scripts":{"build":"capy run -- next build","start":"node server.js"}}"#,
            r#"{"scripts":{"build":"npx capy run -- next build"}}"#,
            r#"{"scripts":{"build":"tsc && capy run -- next build"}}"#,
            r#"{"scripts":{"start":"exec capy run -- node server.js"}}"#,
        ] {
            assert_eq!(planned(text), Plan::Leave(None), "{text}");
        }
    }

    #[test]
    fn what_is_not_one_command_is_left_with_the_reason() {
        for (command, why) in [
            ("tsc && next build", "operators of the shell"),
            ("next build; echo done", "operators of the shell"),
            ("next build | tee log", "operators of the shell"),
            ("(next build)", "operators of the shell"),
            ("exec next build", "`exec`, a word of the shell"),
            ("A='x y' next build", "begins with quotes"),
        ] {
            let text = serde_json::json!({"scripts": {"build": command}}).to_string();
            let Plan::Leave(Some(reason)) = planned(&text) else { panic!("{command}") };
            assert!(reason.contains(why) && reason.contains("`capy run --`"), "{reason}");
        }
        let Plan::Leave(Some(reason)) = planned(r#"{"scripts":{"build":"tsc"}}"#) else { panic!() };
        assert!(reason.contains("no start script"), "{reason}");
        let Plan::Leave(Some(reason)) = planned(r#"{"scripts":{"start":"next build && next start"}}"#) else {
            panic!()
        };
        assert!(reason.contains("start script"), "{reason}");
    }

    #[test]
    fn what_is_not_json_is_named_with_its_place() {
        for text in ["", "{", "{'scripts':{}}", "{} x"] {
            assert!(plan(text, Path::new(".")).unwrap_err().contains("line 1"), "{text}");
        }
    }
}

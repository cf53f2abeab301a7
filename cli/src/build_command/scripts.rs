//! Reads the commands in a shell script.
//!
//! Understands quotes, operators, comments, here-documents and `cd`, but no expansions. A command
//! whose name is a variable counts as unknown, and so does a script of several lines whose quotes
//! do not balance.

use super::uploads::Position;
use super::{At, Reader, files, options};

/// Stands for any operator. No argument can be this word.
const OPERATOR: &str = "\0";

impl Reader<'_> {
    /// Reads `sh …`: a script as an argument, or in a file.
    pub(super) fn shell(&mut self, words: &[&str], at: &At) {
        const VALUED: [&str; 4] = ["-o", "-O", "--rcfile", "--init-file"];
        let (flags, plain) = options::split(words, &VALUED);
        let own = &words[..words.len() - plain.len()];
        let is_value = |word: &&&str| !flags.iter().any(|(_, value)| *value == **word);
        let mut own = own.iter().filter(is_value);
        if own.any(|word| word.starts_with('-') && !word.starts_with("--") && word.contains('c')) {
            // The script, then its name, then its arguments.
            let Some((script, rest)) = plain.split_first() else { return };
            return self.script(script, &with_arguments(at, rest.get(1..).unwrap_or_default()));
        }
        if let Some((file, arguments)) = plain.split_first() {
            self.script_file(file, arguments, at);
        }
    }

    /// Reads a program that is named by its path.
    pub(super) fn program_file(&mut self, path: &str, rest: &[&str], at: &At) {
        if path.starts_with('$') {
            return self.note_unknown(None);
        }
        self.script_file(path, rest, at);
    }

    /// Reads a shell script in a file. Programs in other languages are not read.
    fn script_file(&mut self, path: &str, arguments: &[&str], at: &At) {
        let Some(text) = self.read(&files::join(&at.folder, path.as_ref())) else {
            return;
        };
        let is_shell = |line: &str| !line.starts_with("#!") || line.contains("sh");
        let first = text.lines().next().unwrap_or_default();
        let has_ending = [".sh", ".bash", ".zsh"].iter().any(|ending| path.ends_with(ending));
        if !is_shell(first) || !first.starts_with("#!") && !has_ending {
            return;
        }
        let before = (self.builds.len(), self.unknown);
        self.script(&text, &with_arguments(at, arguments));
        let name = path.rsplit('/').next().unwrap_or(path);
        if before == (self.builds.len(), false) && self.unknown {
            // The script's name decides what its text does not tell.
            if super::is_server_name(name.trim_end_matches(".sh")) {
                self.unknown = false;
            } else {
                self.note_unknown(Some(name));
            }
        }
    }

    /// Reads every simple command of a script, in order.
    pub(super) fn script(&mut self, script: &str, at: &At) {
        let Some(commands) = simple_commands(script) else {
            // The quotes do not balance here, though a shell may understand them.
            if script.contains('\n') {
                self.note_unknown(None);
            }
            return;
        };
        let mut at = at.deeper();
        let commands: Vec<Vec<&str>> = commands
            .iter()
            .filter(|command| !command.is_empty())
            .map(|command| command.iter().map(String::as_str).collect())
            .collect();
        let (whole, mut follows_changes) = (at.clone(), false);
        for (number, words) in commands.iter().enumerate() {
            let position =
                Position { is_first: number == 0, is_last: number + 1 == commands.len(), follows_changes };
            follows_changes |= changes_shell(words);
            at.place = whole.in_script(script, words, position);
            self.simple(words, &mut at);
        }
    }

    fn simple(&mut self, words: &[&str], at: &mut At) {
        let words = super::without_assignments(words);
        match words.split_first() {
            None => {}
            Some((&("cd" | "pushd"), rest)) => {
                let (_, rest) = options::split(rest, &[]);
                if let Some(folder) = rest.first().filter(|folder| !folder.starts_with(['$', '-', '~'])) {
                    *at = at.inside(folder);
                }
            }
            Some((&("." | "source"), rest)) => {
                if let Some((file, arguments)) = rest.split_first() {
                    let is_script = file.ends_with(".sh");
                    if is_script {
                        self.script_file(file, arguments, at);
                    }
                }
            }
            Some((&"eval", rest)) => self.script(&rest.join(" "), at),
            Some((&("$@" | "$*" | "${@}"), _)) => {
                let arguments = at.arguments.clone();
                self.command(&arguments.iter().map(String::as_str).collect::<Vec<_>>(), at);
            }
            // `$(…)`: its contents are a command of their own.
            Some((&"$", _)) => {}
            Some((word, _)) if word.starts_with('$') => self.note_unknown(None),
            Some((&("exec" | "then" | "do" | "else" | "{" | "!"), rest)) => self.simple(rest, at),
            Some(_) => self.command(words, at),
        }
    }
}

/// The words of each simple command of a script, those between operators; `None` if the quotes do
/// not balance.
pub(super) fn simple_commands(script: &str) -> Option<Vec<Vec<String>>> {
    let words = shell_words::split(&with_operators_apart(&without_documents(script))).ok()?;
    Some(words.split(|word| word == OPERATOR).map(<[String]>::to_vec).collect())
}

/// Whether a command changes variables, or the folder in a way that is not followed, for the
/// commands after it.
fn changes_shell(words: &[&str]) -> bool {
    const CHANGES: [&str; 13] = [
        ".", "alias", "declare", "eval", "export", "popd", "readonly", "set", "shopt", "source", "trap",
        "typeset", "unset",
    ];
    match super::without_assignments(words) {
        [] => !words.is_empty(),
        ["cd" | "pushd", folder] => folder.starts_with(['-', '~']),
        ["cd" | "pushd", ..] => true,
        [command, ..] => CHANGES.contains(command),
    }
}

fn with_arguments(at: &At, arguments: &[&str]) -> At {
    At { arguments: arguments.iter().map(|word| (*word).to_owned()).collect(), ..at.clone() }
}

/// A script without its here-documents, which are not commands.
fn without_documents(script: &str) -> String {
    let (mut kept, mut end) = (String::with_capacity(script.len()), None::<String>);
    for line in script.split_inclusive('\n') {
        match &end {
            Some(word) if line.trim() == word => end = None,
            Some(_) => {}
            None => {
                kept.push_str(line);
                end = document_end(line);
            }
        }
    }
    kept
}

/// The word that ends the here-document that a line begins.
fn document_end(line: &str) -> Option<String> {
    let (_, after) = line.split_once("<<").filter(|(_, after)| !after.starts_with('<'))?;
    let after = after.trim_start_matches('-').trim_start();
    let word: String = after.chars().take_while(|c| c.is_alphanumeric() || "_'\"".contains(*c)).collect();
    let word = word.trim_matches(['\'', '"']).to_owned();
    (!word.is_empty()).then_some(word)
}

/// Replaces each operator of a script by the word [`OPERATOR`], and leaves comments out.
fn with_operators_apart(script: &str) -> String {
    let (mut apart, mut quote, mut escaped) = (String::with_capacity(2 * script.len()), None, false);
    let (mut comment, mut last) = (false, ' ');
    for c in script.chars() {
        let is_plain = quote.is_none() && !escaped;
        if comment && c != '\n' {
            continue;
        }
        comment = is_plain && c == '#' && (last.is_whitespace() || ";&|(".contains(last));
        last = c;
        if comment {
            continue;
        }
        if is_plain && matches!(c, ';' | '&' | '|' | '(' | ')' | '\n') {
            apart.extend([" ", OPERATOR, " "]);
        } else {
            apart.push(c);
        }
        quote = match quote {
            None if is_plain && matches!(c, '\'' | '"') => Some(c),
            Some(open) if !escaped && c == open => None,
            same => same,
        };
        escaped = c == '\\' && !escaped && quote != Some('\'');
    }
    apart
}

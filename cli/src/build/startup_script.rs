//! The script for the container's standard input: it exports the secrets, then runs the build's
//! commands.
//!
//! The engine never sees a secret: its environment, its arguments and its record of the container
//! hold none. The shell reads the secrets from a pipe, which is empty before the first command
//! runs. The script is a single compound command, so that a shell runs nothing of an incomplete
//! script. It uses only what every POSIX shell has built in.

use capy_protocol::env_map::EnvMap;
use zeroize::Zeroizing;

/// Variables that some shell sets by itself, does not export, or does not accept text for: observed
/// with bash, dash and busybox.
const OWN_NAMES_OF_SHELLS: [&str; 39] = [
    "BASH",
    "BASHOPTS",
    "BASHPID",
    "BASH_ALIASES",
    "BASH_ARGC",
    "BASH_ARGV",
    "BASH_ARGV0",
    "BASH_CMDS",
    "BASH_COMMAND",
    "BASH_EXECUTION_STRING",
    "BASH_LINENO",
    "BASH_SOURCE",
    "BASH_SUBSHELL",
    "BASH_VERSINFO",
    "BASH_VERSION",
    "COMP_WORDBREAKS",
    "DIRSTACK",
    "EPOCHREALTIME",
    "EPOCHSECONDS",
    "EUID",
    "FUNCNAME",
    "GROUPS",
    "HISTCMD",
    "IFS",
    "LINENO",
    "OLDPWD",
    "OPTERR",
    "OPTIND",
    "PPID",
    "PS1",
    "PS2",
    "PS4",
    "PWD",
    "RANDOM",
    "SECONDS",
    "SHELLOPTS",
    "SHLVL",
    "SRANDOM",
    "UID",
];

/// Whether a shell may keep a variable of this name from the programs that it starts.
pub(super) fn is_own_of_shells(name: &str) -> bool {
    name == "_" || OWN_NAMES_OF_SHELLS.contains(&name)
}

/// Writes the script. Names consist of letters, digits and `_`; `commands` is a text for a shell.
pub(super) fn write(values: &EnvMap, commands: &str) -> Zeroizing<String> {
    let pairs = || values.iter().map(|(name, value)| (name, value.expose_secret()));
    // Reserves the whole capacity at once: a buffer that grows leaves copies that nobody wipes.
    let room = pairs().map(|(name, value)| 2 * (name.len() + quoted_len(value)) + 64).sum::<usize>();
    let mut script = Zeroizing::new(String::with_capacity(room + quoted_len(commands) + 128));
    // Finds `sh` first, as a secret may be named PATH.
    script.push_str("{ set -- \"$(command -v sh)\"\n");
    for (name, value) in pairs() {
        if is_own_of_shells(name) {
            // A shell that refuses the name exits, so a subshell tries first.
            script.push('(');
            push_export(&mut script, name, value);
            script.push_str(") 2>/dev/null && ");
        }
        push_export(&mut script, name, value);
        script.push('\n');
    }
    script.push_str("exec \"$1\" -c ");
    push_quoted(&mut script, commands);
    script.push_str(" sh </dev/null\n}\n");
    script
}

fn push_export(script: &mut String, name: &str, value: &str) {
    ["export ", name, "="].iter().for_each(|part| script.push_str(part));
    push_quoted(script, value);
}

/// Quotes a text for a shell: between single quotes, only the next single quote has a meaning.
///
/// Ctrl-P followed by Ctrl-Q detaches some engines from a container, even when it comes from a
/// pipe, so the two are kept apart.
fn push_quoted(script: &mut String, text: &str) {
    script.push('\'');
    let mut before = ' ';
    for letter in text.chars() {
        match letter {
            '\'' => script.push_str(r"'\''"),
            CTRL_Q if before == CTRL_P => script.push_str("''\u{11}"),
            _ => script.push(letter),
        }
        before = letter;
    }
    script.push('\'');
}

const CTRL_P: char = '\u{10}';
const CTRL_Q: char = '\u{11}';

fn quoted_len(text: &str) -> usize {
    text.len() + 3 * text.matches(['\'', CTRL_Q]).count() + 2
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::io::Write;
    use std::process::{Command, Stdio};

    use capy_protocol::env_map::SecretValue;
    use proptest::prelude::*;

    use super::*;

    fn map(values: &BTreeMap<String, String>) -> EnvMap {
        let mut map = EnvMap::new();
        values
            .iter()
            .for_each(|(name, value)| map.try_insert(name, SecretValue::new(value.clone())).unwrap());
        map
    }

    /// The environment of a program that the script's commands start, for each shell on this
    /// machine.
    fn arrives(values: &BTreeMap<String, String>) -> Vec<BTreeMap<String, String>> {
        let shells: [&[&str]; 3] = [&["sh", "-s"], &["bash", "--posix", "-s"], &["busybox", "sh", "-s"]];
        let script = write(&map(values), "exec cat /proc/self/environ");
        shells.into_iter().filter_map(|shell| environment_after(shell, &script)).collect()
    }

    fn environment_after(shell: &[&str], script: &str) -> Option<BTreeMap<String, String>> {
        let mut command = Command::new(shell[0]);
        command.args(&shell[1..]).env_clear().env("PATH", "/usr/bin:/bin");
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().ok()?;
        child.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{shell:?}");
        let pairs = output.stdout.split(|byte| *byte == 0).filter(|pair| !pair.is_empty());
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let pair = |pair: &[u8]| {
            let at = pair.iter().position(|byte| *byte == b'=').unwrap();
            (text(&pair[..at]), text(&pair[at + 1..]))
        };
        Some(pairs.map(pair).collect())
    }

    fn values(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn values_that_steer_a_shell_arrive_as_they_are() {
        let long = "'".repeat(100 * 1024);
        let values = values(&[
            ("A", "'; touch /tmp/x; '"),
            ("B", "$(id) `id` ${HOME} \\ \" ! * ~"),
            ("C", "}\nexit 1\n{\nEOF\n"),
            ("D", "\u{1}\u{10}\u{11}\u{7f}\u{85}\r\n\t"),
            ("E", ""),
            ("F", "🦫 naïve \u{202e}"),
            ("LONG", &long),
            ("PATH", "/usr/bin:/bin:/it's mine"),
            ("LC_ALL", "ja_JP.SJIS"),
            ("ENV", "/tmp/canary"),
        ]);
        let arrived = arrives(&values);
        assert!(!arrived.is_empty());
        for environment in arrived {
            for (name, value) in &values {
                assert!(environment.get(name) == Some(value), "{name}");
            }
        }
    }

    #[test]
    fn a_name_that_a_shell_refuses_stops_none_of_the_others() {
        let mut all: BTreeMap<String, String> =
            OWN_NAMES_OF_SHELLS.iter().map(|name| ((*name).to_owned(), "can a.x9".to_owned())).collect();
        // With these set, in whatever way, no shell starts at all.
        ["IFS", "OPTIND"].iter().for_each(|name| drop(all.remove(*name)));
        all.insert("_".into(), "can a.x9".into());
        all.insert("ZULU".into(), "1".into());
        for environment in arrives(&all) {
            assert_eq!(environment["ZULU"], "1");
        }
    }

    #[test]
    fn a_part_of_the_script_runs_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let mark = folder.path().join("mark");
        let script = write(&values_of_one(), &format!("touch '{}'", mark.display()));
        for end in [script.len() / 4, script.len() / 2, script.len() - 3] {
            let mut child =
                Command::new("sh").arg("-s").stdin(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
            child.stdin.take().unwrap().write_all(&script.as_bytes()[..end]).unwrap();
            assert!(!child.wait().unwrap().success() && !mark.exists(), "{end}");
        }
    }

    fn values_of_one() -> EnvMap {
        map(&values(&[("A", "1"), ("B", "two words")]))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn any_value_arrives_exactly(
            values in prop::collection::btree_map(
                "[A-Z][A-Z0-9]{0,3}_[A-Za-z0-9_]{0,8}",
                "[^\u{0}]{0,40}|['\"$`\\\\\n\r\t !{}()#&;|<>*?~%=-]{0,30}",
                1..12,
            ),
        ) {
            for environment in arrives(&values) {
                for (name, value) in &values {
                    prop_assert_eq!(environment.get(name), Some(value), "{}", name);
                }
            }
        }
    }
}

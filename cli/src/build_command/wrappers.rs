//! Wrappers: programs that run the command after them, such as `env` and `timeout`.
//!
//! Knows how many of a wrapper's words are its own. A program that is not known counts as a wrapper
//! where `--`, or `run` or `exec`, stands before a command.

use super::{At, Reader, options};

/// A program that runs the command after its own words.
struct Wrapper {
    name: &'static str,
    /// Words of which one must come first, as in `doppler run`. An empty one makes them optional.
    subcommands: &'static [&'static str],
    /// Flags that take the next word as their value.
    valued: &'static [&'static str],
    /// How many words stand before the command, as in `timeout 900`.
    words: usize,
    /// Those of `valued` whose value is the folder in which the command starts.
    folders: &'static [&'static str],
    /// Those of `valued` whose value is a script for a shell.
    scripts: &'static [&'static str],
}

const fn wrapper(name: &'static str, valued: &'static [&'static str], words: usize) -> Wrapper {
    Wrapper { name, subcommands: &[], valued, words, folders: &[], scripts: &[] }
}

const fn under(
    name: &'static str,
    subcommands: &'static [&'static str],
    valued: &'static [&'static str],
) -> Wrapper {
    Wrapper { subcommands, ..wrapper(name, valued, 0) }
}

const WRAPPERS: &[Wrapper] = &[
    Wrapper {
        folders: &["-C", "--chdir"],
        scripts: &["-S", "--split-string"],
        ..wrapper("env", &["-u", "--unset", "-C", "--chdir", "-S", "--split-string", "-a", "--argv0"], 0)
    },
    Wrapper {
        folders: &["-D", "--chdir"],
        ..wrapper(
            "sudo",
            &[
                "-u",
                "--user",
                "-g",
                "--group",
                "-h",
                "--host",
                "-p",
                "--prompt",
                "-C",
                "--close-from",
                "-r",
                "--role",
                "-t",
                "--type",
                "-T",
                "--command-timeout",
                "-U",
                "--other-user",
                "-D",
                "--chdir",
                "-R",
                "--chroot",
            ],
            0,
        )
    },
    wrapper("doas", &["-u", "-C"], 0),
    wrapper("timeout", &["-s", "--signal", "-k", "--kill-after"], 1),
    wrapper("gtimeout", &["-s", "--signal", "-k", "--kill-after"], 1),
    wrapper("nice", &["-n", "--adjustment"], 0),
    wrapper("ionice", &["-c", "--class", "-n", "--classdata"], 0),
    wrapper("chrt", &[], 1),
    wrapper("taskset", &[], 1),
    wrapper("stdbuf", &["-i", "--input", "-o", "--output", "-e", "--error"], 0),
    wrapper("nohup", &[], 0),
    wrapper("setsid", &[], 0),
    wrapper("unbuffer", &[], 0),
    wrapper("chronic", &[], 0),
    wrapper("caffeinate", &["-t", "-w"], 0),
    wrapper("faketime", &["-f"], 1),
    wrapper("time", &["-f", "--format", "-o", "--output"], 0),
    wrapper("exec", &["-a"], 0),
    wrapper("command", &[], 0),
    wrapper("builtin", &[], 0),
    wrapper("corepack", &[], 0),
    wrapper("strace", &["-o", "-e", "-s", "-u", "-E", "-P"], 0),
    wrapper("retry", &["-t", "-d", "--times", "--delay"], 0),
    wrapper("wait-on", &["-t", "--timeout"], 0),
    wrapper("tini", &["-p", "-e"], 0),
    wrapper("tini-static", &["-p", "-e"], 0),
    wrapper("dumb-init", &["-r", "--rewrite"], 0),
    wrapper("catatonit", &[], 0),
    wrapper("gosu", &[], 1),
    wrapper("su-exec", &[], 1),
    wrapper("s6-setuidgid", &[], 1),
    wrapper("setuidgid", &[], 1),
    wrapper("setpriv", &["--reuid", "--regid", "--groups"], 0),
    Wrapper { scripts: &["-c", "--command"], ..wrapper("su", &["-c", "--command", "-s", "--shell"], 1) },
    Wrapper { scripts: &["-c", "--command"], ..wrapper("runuser", &["-u", "-c", "--command"], 0) },
    Wrapper { scripts: &["-c", "--command"], ..wrapper("script", &["-c", "--command"], 1) },
    Wrapper {
        scripts: &["-c", "--command"],
        ..wrapper("flock", &["-w", "--timeout", "--wait", "-E", "-c", "--command"], 1)
    },
    wrapper(
        "xvfb-run",
        &[
            "-e",
            "--error-file",
            "-f",
            "--auth-file",
            "-n",
            "--server-num",
            "-p",
            "--xauth-protocol",
            "-s",
            "--server-args",
            "-w",
            "--wait",
        ],
        0,
    ),
    wrapper("dbus-run-session", &["--config-file", "--dbus-daemon"], 0),
    wrapper("cross-env", &[], 0),
    wrapper("env-cmd", &["-f", "--file", "-e", "-r", "--rc-file", "--environments"], 0),
    under("dotenv", &["", "run"], &["-e", "-f", "-v", "-p", "-c"]),
    under(
        "dotenvx",
        &["", "run"],
        &["-f", "--env-file", "-fk", "-fv", "--env-vault-file", "-e", "--env", "--convention"],
    ),
    under("varlock", &["", "run"], &["-p", "--path"]),
    Wrapper {
        scripts: &["--command"],
        ..under(
            "doppler",
            &["run"],
            &[
                "-p",
                "--project",
                "-c",
                "--config",
                "-t",
                "--token",
                "--scope",
                "--fallback",
                "--mount",
                "--command",
            ],
        )
    },
    under("op", &["run"], &["--env-file", "--account", "--session", "--environment"]),
    Wrapper {
        scripts: &["--command", "-c"],
        ..under(
            "infisical",
            &["run"],
            &["-e", "--env", "--path", "--projectId", "--token", "--tags", "--command", "-c"],
        )
    },
    under(
        "capy",
        &["run"],
        &[
            "--env-file",
            "--server",
            "--file",
            "--public",
            "--root",
            "--dynamic",
            "--allow-leak",
            "--allow-mention",
        ],
    ),
    under("bws", &["run"], &["--project-id", "-t", "--access-token"]),
    under("teller", &["run"], &["-c", "--config"]),
    Wrapper { words: 1, ..under("aws-vault", &["exec"], &["-d", "--duration", "--region"]) },
    Wrapper { words: 1, ..under("chamber", &["exec"], &[]) },
    Wrapper { words: 1, ..under("direnv", &["exec"], &[]) },
    wrapper("envchain", &[], 1),
    wrapper("summon", &["-f", "-e", "-p", "-D"], 0),
    under("volta", &["run"], &["--node", "--npm", "--yarn", "--pnpm"]),
    under("fnm", &["exec"], &["--using"]),
    Wrapper { words: 1, ..under("nvm", &["exec"], &[]) },
    Wrapper { words: 1, ..under("n", &["exec", "run"], &[]) },
    under("asdf", &["exec"], &[]),
    under("nodenv", &["exec"], &[]),
    Wrapper {
        scripts: &["-c", "--command"],
        ..under("nix", &["develop", "shell"], &["-c", "--command", "--profile", "-k", "--keep"])
    },
    Wrapper {
        scripts: &["--run", "--command"],
        ..wrapper("nix-shell", &["--run", "--command", "-p", "-I"], 0)
    },
    // Keywords of the shell.
    wrapper("{", &[], 0),
    wrapper("!", &[], 0),
    wrapper("if", &[], 0),
    wrapper("elif", &[], 0),
    wrapper("while", &[], 0),
    wrapper("until", &[], 0),
    wrapper("then", &[], 0),
    wrapper("do", &[], 0),
    wrapper("else", &[], 0),
];

/// Programs whose words are never a command for this machine, whatever follows `--`.
const NEVER: [&str; 24] = [
    "echo", "printf", "git", "gh", "ssh", "scp", "rsync", "curl", "cat", "grep", "rg", "find", "ls", "cp",
    "mv", "rm", "mkdir", "test", "[", "kubectl", "oc", "fly", "flyctl", "cargo",
];

impl Reader<'_> {
    /// Reads the wrapped command if the program is a known wrapper, and returns whether it is one.
    pub(super) fn wrapper(&mut self, name: &str, rest: &[&str], at: &At) -> bool {
        let mut known = false;
        for wrapper in WRAPPERS.iter().filter(|wrapper| wrapper.name == name) {
            known = true;
            let before = (self.unknown, self.says_build);
            self.wrapped(wrapper, rest, at);
            if wrapper.name == "capy" && self.passes_over_unknown_under_capy {
                (self.unknown, self.says_build) = before;
            }
        }
        known
    }

    fn wrapped(&mut self, wrapper: &Wrapper, rest: &[&str], at: &At) {
        let (outer, mut words) = options::split(rest, wrapper.valued);
        if !wrapper.subcommands.is_empty() {
            words = match words.split_first() {
                Some((word, inside)) if wrapper.subcommands.contains(word) => inside,
                _ if wrapper.subcommands.contains(&"") => words,
                _ => return,
            };
        }
        let is_capy = wrapper.name == "capy";
        self.capy_runs += usize::from(is_capy);
        let at = &At { under_capy: at.under_capy || is_capy, ..at.clone() };
        let (mut flags, words) = options::split(words, wrapper.valued);
        flags.extend(outer);
        let at =
            &options::value(&flags, wrapper.folders).map_or_else(|| at.clone(), |folder| at.inside(folder));
        let at = &match wrapper.name {
            "direnv" => words.first().map_or_else(|| at.clone(), |folder| at.inside(folder)),
            _ => at.clone(),
        };
        if let Some(script) = options::value(&flags, wrapper.scripts).filter(|_| wrapper.name != "nix") {
            return self.script(script, at);
        }
        // The flag may stand after other words: `su node -c '…'`. For nix, the words after the
        // flag are a command.
        if let Some(flag) = rest.iter().position(|word| wrapper.scripts.contains(word)) {
            let script = &rest[flag + 1..];
            return match wrapper.name {
                "nix" => self.command(script, at),
                _ => self.script(script.first().copied().unwrap_or_default(), at),
            };
        }
        if let Some(wrapped) = options::after_dashes(rest) {
            self.command(wrapped, at);
        }
        let words = words.get(wrapper.words..).unwrap_or_default();
        let (_, words) = options::split(words, wrapper.valued);
        self.command(words, at);
    }

    /// Reads what an unknown program may run: the words after `--`, or after `run`, `exec` or `x`.
    pub(super) fn command_after(&mut self, rest: &[&str], at: &At) {
        if let Some(wrapped) = options::after_dashes(rest) {
            return self.command(wrapped, at);
        }
        if let Some(("run" | "exec" | "x", wrapped)) = rest.split_first().map(|(word, rest)| (*word, rest)) {
            let (_, wrapped) = options::split(wrapped, &[]);
            self.command(wrapped, at);
        }
    }

    pub(super) fn is_never_a_wrapper(name: &str) -> bool {
        NEVER.contains(&name)
    }
}

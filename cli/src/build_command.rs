//! Detects from a command whether it builds a web application, so that inlining follows it.
//!
//! Reads command lines through wrappers, task runners and package managers, and into the scripts
//! that those name (`package.json`, shell scripts, makefiles). Nothing is run, and reading has
//! limits.
//!
//! | module | what it reads |
//! | --- | --- |
//! | `tools` | programs that build, and programs that may |
//! | `wrappers` | programs that run the command after them |
//! | `managers` | npm, pnpm, yarn, bun, deno and the like |
//! | `runners` | task runners: turbo, nx, make, just |
//! | `uploads` | commands that upload what they bundle |
//! | `wrangler_words` | wrangler's options |
//! | `scripts` | the text of a shell script |
//! | `files` | files of the project |
//! | `options` | flags in front of words |

mod files;
mod managers;
mod options;
mod runners;
mod scripts;
#[cfg(test)]
mod tests;
mod tools;
mod uploads;
mod wrangler_words;
mod wrappers;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

pub(crate) use uploads::{Upload, WranglerCommand, upload};
pub(crate) use wrangler_words::Keep;

/// What a command does, as far as reading tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Effect {
    /// It builds in these folders. They are relative to where the command starts, which is `.`.
    Build { folders: Vec<PathBuf> },
    /// It starts something that cannot be read: a makefile with a program of its own, a script with
    /// variables.
    Unknown {
        /// Whether the task's name says that it builds.
        says_build: bool,
    },
    /// Anything else: a server, a test, a program of the user's own.
    Other,
}

/// The effect of `command` when it starts in the folder `here`.
pub(crate) fn effect(command: &[OsString], here: &Path) -> Effect {
    let Some(words) = command.iter().map(|word| word.to_str()).collect::<Option<Vec<_>>>() else {
        return Effect::Other;
    };
    let mut reader = Reader::new(here);
    reader.command(&words, &At::default());
    reader.effect()
}

/// What a command runs through a `capy run` of its own, as far as reading tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Nested {
    /// It runs `capy run`, as a wrapped script of `package.json` does.
    pub(crate) runs_capy: bool,
    /// It also builds outside of that.
    pub(crate) builds_elsewhere: bool,
    /// It also starts something outside of that which cannot be read.
    pub(crate) is_unknown_elsewhere: bool,
}

/// Finds a `capy run` in what `command` runs when it starts in the folder `here`.
pub(crate) fn nested(command: &[OsString], here: &Path) -> Nested {
    let words: Vec<_> = command.iter().filter_map(|word| word.to_str()).collect();
    let mut reader = Reader { passes_over_unknown_under_capy: true, ..Reader::new(here) };
    reader.command(&words, &At::default());
    Nested {
        runs_capy: reader.capy_runs > 0,
        builds_elsewhere: reader.builds_without_capy,
        is_unknown_elsewhere: reader.unknown,
    }
}

/// Whether the text of a script is one command without operators of the shell.
pub(crate) fn is_one_command(script: &str) -> bool {
    scripts::simple_commands(script).is_some_and(|commands| commands.len() == 1)
}

/// The deepest nesting of commands that is followed. No build that a person wrote is deeper.
const MAX_DEPTH: usize = 16;
/// The most commands that are read for one command line, those in scripts included.
const MAX_COMMANDS: usize = 1000;

/// Where a command starts, and what is around it.
#[derive(Debug, Clone, Default)]
struct At {
    /// Relative to where the first command starts; empty for that folder itself.
    folder: PathBuf,
    /// How many commands are around it.
    depth: usize,
    /// The arguments of the script that the command is in, for `"$@"`.
    arguments: Vec<String>,
    /// Where in the first command line it stands.
    place: uploads::Place,
    /// Whether a `capy run` is around it.
    under_capy: bool,
}

impl At {
    fn deeper(&self) -> Self {
        Self { depth: self.depth + 1, ..self.clone() }
    }

    fn inside(&self, folder: &str) -> Self {
        Self { folder: files::join(&self.folder, Path::new(folder)), ..self.clone() }
    }
}

/// Reads one command line and everything that it leads to.
struct Reader<'h> {
    here: &'h Path,
    commands: usize,
    files: usize,
    builds: BTreeSet<PathBuf>,
    unknown: bool,
    says_build: bool,
    uploads: Vec<uploads::FoundUpload>,
    capy_runs: usize,
    builds_without_capy: bool,
    passes_over_unknown_under_capy: bool,
}

impl<'h> Reader<'h> {
    fn new(here: &'h Path) -> Self {
        Self {
            here,
            commands: 0,
            files: 0,
            builds: BTreeSet::new(),
            unknown: false,
            says_build: false,
            uploads: Vec::new(),
            capy_runs: 0,
            builds_without_capy: false,
            passes_over_unknown_under_capy: false,
        }
    }

    fn effect(self) -> Effect {
        let named = |folder: PathBuf| if folder.as_os_str().is_empty() { PathBuf::from(".") } else { folder };
        match self.builds.is_empty() {
            false => Effect::Build { folders: self.builds.into_iter().map(named).collect() },
            true if self.unknown => Effect::Unknown { says_build: self.says_build },
            true => Effect::Other,
        }
    }

    fn note_build(&mut self, at: &At) {
        self.builds_without_capy |= !at.under_capy;
        self.builds.insert(at.folder.clone());
    }

    /// Notes that the command may do anything, as reading ends here.
    fn note_unknown(&mut self, task: Option<&str>) {
        self.unknown = true;
        self.says_build |= task.is_some_and(is_build_name);
    }

    /// Reads a command and its arguments.
    fn command(&mut self, words: &[&str], at: &At) {
        self.commands += 1;
        let (words, at) = (without_assignments(words), &at.deeper());
        let Some((program, rest)) = words.split_first() else {
            return;
        };
        if at.depth > MAX_DEPTH || self.commands > MAX_COMMANDS {
            self.note_unknown(None);
            return;
        }
        match tools::name(program).as_str() {
            "sh" | "bash" | "dash" | "ash" | "zsh" | "ksh" => self.shell(rest, at),
            "node" | "nodejs" => self.node(rest, at),
            "npx" | "bunx" | "pnpx" | "npx-cli" => self.npx(rest, at),
            "npm" | "npm-cli" => self.manager("npm", rest, at),
            manager @ ("pnpm" | "yarn" | "bun") => self.manager(manager, rest, at),
            "deno" => self.deno(rest, at),
            "rushx" => self.package_script_of(rest, at),
            tool if tools::is_known(tool) => self.tool(tool, rest, at),
            other if Self::is_never_a_wrapper(other) => {}
            runner if self.runner(runner, rest, at) => {}
            wrapper if self.wrapper(wrapper, rest, at) => {}
            _ if program.contains('/') => self.program_file(program, rest, at),
            _ => self.command_after(rest, at),
        }
    }

    fn tool(&mut self, tool: &str, rest: &[&str], at: &At) {
        self.note_upload(tool, rest, at);
        match tools::effect(tool, rest) {
            tools::Does::Build => {
                self.note_build(&tools::folder(tool, rest).map_or(at.clone(), |folder| at.inside(folder)))
            }
            tools::Does::Bundle => self.note_unknown(None),
            // `vercel env run -- next build`.
            tools::Does::Else => {
                if let (Some(wrapped), "vercel" | "vc") = (options::after_dashes(rest), tool) {
                    self.command(wrapped, at);
                }
            }
        }
    }

    /// `node FILE`: FILE is a file of a tool, or a program of the user's own.
    fn node(&mut self, words: &[&str], at: &At) {
        const VALUED: [&str; 9] = [
            "-r",
            "--require",
            "--import",
            "--loader",
            "--experimental-loader",
            "--env-file",
            "-C",
            "--run",
            "--conditions",
        ];
        let (flags, rest) = options::split(words, &VALUED);
        if let Some(script) = options::value(&flags, &["--run"]) {
            return self.package_script(script, at);
        }
        let Some((file, rest)) = rest.split_first() else {
            return;
        };
        let name = tools::name(file);
        let is_installed = ["node_modules/", ".yarn/", ".bin/"].iter().any(|part| file.contains(part));
        match name.as_str() {
            "npm-cli" | "npx-cli" | "yarn" | "pnpm" | "corepack" => {
                self.command(&[&[name.as_str()], rest].concat(), at)
            }
            _ if is_installed => self.command(&[&[*file], rest].concat(), at),
            tool if tools::is_known(tool) => self.tool(tool, rest, at),
            _ => {}
        }
    }
}

/// Whether the name of a task says that it builds, for any kind of task runner.
fn is_build_name(name: &str) -> bool {
    let name = name.rsplit(['#']).next().unwrap_or(name);
    let mut parts = name.split([':', '/', '-', '_', '.']);
    let is_other = |part: &str| matches!(part, "pre" | "post" | "watch" | "clean" | "no" | "test");
    let says = parts.clone().any(|part| part == "build" || part == "rebuild");
    says && !parts.any(is_other)
}

/// Whether the name of a task says that it runs until it is ended, or leaves nothing behind.
fn is_server_name(name: &str) -> bool {
    const NAMES: [&str; 18] = [
        "start",
        "serve",
        "server",
        "dev",
        "develop",
        "run",
        "watch",
        "test",
        "tests",
        "lint",
        "check",
        "up",
        "logs",
        "preview",
        "migrate",
        "entrypoint",
        "worker",
        "fmt",
    ];
    name.split([':', '/', '-', '_', '.', '#']).any(|part| NAMES.contains(&part))
}

fn without_assignments<'a, 'b>(mut words: &'a [&'b str]) -> &'a [&'b str] {
    let is_assignment = |word: &str| {
        let name = word.split_once('=').map(|(name, _)| name);
        name.is_some_and(|name| {
            !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        })
    };
    while let Some((word, rest)) = words.split_first()
        && is_assignment(word)
    {
        words = rest;
    }
    words
}

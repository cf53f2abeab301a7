//! Commands that upload to Cloudflare what they bundle, or what was built before them.
//!
//! There is no time between such a command's bundling and its upload. Whoever wants to change the
//! bundle needs to know the words of wrangler's command: they are given as they are, or are the last
//! command of the package's script that the command names. Anywhere else they are hidden.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::wrangler_words::{Subcommand, WranglerWords};
use super::{At, Reader};

/// A command that uploads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Upload {
    /// `wrangler deploy`, `wrangler versions upload`.
    Worker(WranglerCommand),
    /// `wrangler pages deploy`.
    Pages(WranglerCommand),
    /// `opennextjs-cloudflare deploy` and `upload`, in this folder.
    OpenNext { folder: PathBuf },
    /// Such a command is one of several, or in a script that does not end with it.
    Hidden,
}

/// A command of wrangler's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WranglerCommand {
    /// The words that start wrangler: `wrangler`, `npx wrangler`, `node FILE`.
    pub(crate) program: Vec<String>,
    /// The words after those.
    pub(crate) words: WranglerWords,
    /// Where it starts, relative to where the whole command starts.
    pub(crate) folder: PathBuf,
    /// The script that it is the last command of.
    pub(crate) script: Option<Script>,
}

/// A package's script that a package manager runs, and that ends with a command of wrangler's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Script {
    /// The package manager's command, with what makes it hand further words to the script.
    pub(crate) command: Vec<String>,
    /// Variables that the script sets for wrangler.
    pub(crate) assignments: Vec<(String, String)>,
}

/// Where in a command line another command was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) enum Place {
    /// Its words are the last words of the command line.
    #[default]
    Command,
    /// A package manager is about to run a script.
    Run(Call),
    /// In the text of the script that the command line names.
    Text(Call),
    /// The last command of that text.
    Last(LastCommand),
    Elsewhere,
}

/// How a package manager was told to run a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Call {
    /// Words that the command line needs before words for the script.
    separator: Option<&'static str>,
    /// The words for the script.
    arguments: Vec<String>,
    /// Whether the manager runs nothing but the script itself.
    is_alone: bool,
}

/// The last command of a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LastCommand {
    call: Call,
    words: Vec<String>,
}

/// Words before a command that only a shell understands.
const SHELL_WORDS: [&str; 7] = ["exec", "then", "do", "else", "{", "!", "time"];

/// The upload that `command` does when it starts in the folder `here`.
pub(crate) fn upload(command: &[OsString], here: &Path) -> Option<Upload> {
    let words = command.iter().map(|word| word.to_str()).collect::<Option<Vec<_>>>()?;
    let mut reader = Reader::new(here);
    reader.command(&words, &At::default());
    let found = reader.uploads.pop()?;
    if !reader.uploads.is_empty() {
        return Some(Upload::Hidden);
    }
    let (FoundUpload { tool, rest, at }, words) = (found, &words[..]);
    let folder = if at.folder.as_os_str().is_empty() { PathBuf::from(".") } else { at.folder };
    let (program, arguments, script) = match at.place {
        Place::Command => (words.strip_suffix(&strs(&rest)[..]).map(owned), rest, None),
        Place::Last(LastCommand { call, words: last }) => {
            let added = call.separator.map(str::to_owned);
            let is_assignment = |word: &&String| word.contains('=');
            let assignments = last.iter().take_while(is_assignment).filter_map(|word| word.split_once('='));
            let assignments: Vec<_> =
                assignments.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
            let program = last.strip_suffix(&rest[..]).and_then(|words| words.get(assignments.len()..));
            let script = Script { command: owned(words).into_iter().chain(added).collect(), assignments };
            if !call.is_alone && tool != Tool::Worker {
                return Some(Upload::Hidden);
            }
            (program.map(<[String]>::to_vec), [rest, call.arguments].concat(), Some(script))
        }
        _ => return Some(Upload::Hidden),
    };
    let is_of_the_shell = |word: &String| SHELL_WORDS.contains(&word.as_str());
    let Some(program) = program.filter(|words| !words.first().is_some_and(is_of_the_shell)) else {
        return Some(Upload::Hidden);
    };
    let mut words = WranglerWords::parse(&arguments);
    words.upload();
    if script.is_some() && words.value("outdir").is_some() {
        // The script's words cannot be taken away, and wrangler accepts one folder.
        return Some(Upload::Hidden);
    }
    let command = WranglerCommand { program, words, folder: folder.clone(), script };
    Some(match tool {
        Tool::Worker => Upload::Worker(command),
        Tool::Pages => Upload::Pages(command),
        Tool::OpenNext => Upload::OpenNext { folder },
    })
}

/// A command that uploads, as the reader comes upon it.
pub(super) struct FoundUpload {
    tool: Tool,
    /// The words after the tool's own.
    rest: Vec<String>,
    at: At,
}

impl FoundUpload {
    fn is_same(&self, other: &Self) -> bool {
        let command = |found: &Self| (found.tool, found.rest.clone(), found.at.folder.clone());
        self.at.place != Place::Elsewhere
            && self.at.place == other.at.place
            && command(self) == command(other)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tool {
    Worker,
    Pages,
    OpenNext,
}

impl Reader<'_> {
    /// Notes a command if it uploads. A `capy run` around it sees to it itself.
    pub(super) fn note_upload(&mut self, tool: &str, rest: &[&str], at: &At) {
        if at.under_capy {
            return;
        }
        let mut arguments = owned(rest);
        if let Place::Last(last) = &at.place {
            arguments.extend(last.call.arguments.iter().cloned());
        }
        let found = match tool {
            "wrangler" => WranglerWords::parse(&arguments).upload().map(|subcommand| match subcommand {
                Subcommand::Worker => Tool::Worker,
                Subcommand::Pages => Tool::Pages,
            }),
            "opennextjs-cloudflare" => {
                let uploads = arguments.first().is_some_and(|word| word == "deploy" || word == "upload");
                uploads.then_some(Tool::OpenNext)
            }
            _ => None,
        };
        let Some(tool) = found else { return };
        let found = FoundUpload { tool, rest: owned(rest), at: at.clone() };
        // Words behind `--` are read once more as the words behind a wrapper's own.
        if !self.uploads.last().is_some_and(|last| last.is_same(&found)) {
            self.uploads.push(found);
        }
    }
}

impl At {
    /// For a script that `manager` is told to run with these words behind its name.
    pub(super) fn in_call(&self, manager: &str, behind: &[&str]) -> Self {
        let dashes = behind.iter().position(|word| *word == "--");
        let arguments = match dashes {
            Some(at) => owned(&behind[at + 1..]),
            None if manager == "npm" => Vec::new(),
            None => owned(behind),
        };
        let separator = (manager == "npm" && dashes.is_none()).then_some("--");
        let place = match &self.place {
            Place::Command => Place::Run(Call { separator, arguments, is_alone: true }),
            other => other.clone(),
        };
        Self { place, ..self.clone() }
    }

    /// For a program that a package manager runs in place of a script of that name.
    pub(super) fn in_program(&self) -> Self {
        let place = if matches!(self.place, Place::Run(_)) { Place::Command } else { self.place.clone() };
        Self { place, ..self.clone() }
    }

    /// For the text of a package's script, beside which these scripts run, too.
    pub(super) fn in_text(&self, before: bool, after: bool) -> Self {
        let place = match &self.place {
            Place::Run(call) if !after => Place::Text(Call { is_alone: !before, ..call.clone() }),
            _ => Place::Elsewhere,
        };
        Self { place, ..self.clone() }
    }

    /// The place of one of a script's commands.
    pub(super) fn in_script(&self, script: &str, words: &[&str], position: Position) -> Place {
        match &self.place {
            Place::Text(call) if position.is_last && !position.follows_changes && is_plain(script) => {
                let call = Call { is_alone: call.is_alone && position.is_first, ..call.clone() };
                Place::Last(LastCommand { call, words: owned(words) })
            }
            _ => Place::Elsewhere,
        }
    }
}

/// Where in a script a command stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Position {
    pub(super) is_first: bool,
    pub(super) is_last: bool,
    /// A command before it changed the shell that it runs in.
    pub(super) follows_changes: bool,
}

/// Whether a script's commands run one after the other, and each word is what it says.
fn is_plain(script: &str) -> bool {
    let rest = script.replace("&&", "").replace(';', "");
    !rest.contains(['|', '&', '(', ')', '`', '$', '\n', '<', '>', '#', '%'])
}

fn owned(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn strs(words: &[String]) -> Vec<&str> {
    words.iter().map(String::as_str).collect()
}

//! Instructions for a platform with the deployment's names filled in: steps, commands to paste, and
//! never a value.

use serde::Serialize;

use super::{Commands, Platform, Words};

/// Name of the file that the user saves the variables in, for commands that read them from a file.
pub(crate) const FILE: &str = "capy.env";

/// The names and commands that are filled in to a guide.
pub(crate) struct Setting<'a> {
    pub(crate) environment: Option<&'a str>,
    /// The first digits of the deployment's id.
    pub(crate) short_id: &'a str,
    /// The variables that the platform is to hold.
    pub(crate) names: &'a [&'a str],
    pub(crate) commands: &'a Commands,
}

/// Instructions for a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Guide {
    pub(crate) steps: Vec<String>,
    /// Where the user enters `command`.
    pub(crate) place: String,
    pub(crate) command: String,
    /// What to do, or to know, before the commands of `cli` are run.
    pub(crate) cli_note: Option<String>,
    /// Commands for a shell, to be pasted as a whole. They ask for each value, or read the values
    /// from a file.
    pub(crate) cli: Vec<String>,
}

impl Platform {
    /// Fills in the texts of the platform's file.
    pub(crate) fn guide(&self, setting: &Setting<'_>) -> Guide {
        let words = self.words_for(setting.environment);
        let entry = words.entry.as_deref().unwrap_or_default();
        let entries: Vec<_> = setting.names.iter().map(|name| entry.replace("{NAME}", name)).collect();
        let entries = entries.join(words.between.as_deref().unwrap_or("\n"));
        let fill = |text: &str, environment: &str| {
            text.replace("{environment}", environment)
                .replace("{short}", setting.short_id)
                .replace("{build}", &setting.commands.build)
                .replace("{start}", &setting.commands.start)
                .replace("{start_json}", &setting.commands.start_json())
                .replace("{entries}", &entries)
        };
        let environment = setting.environment.unwrap_or_default();
        let plain = |text: &str| fill(text, environment);
        let for_shell =
            |line: &String| per_name(&fill(line, &shell_words::quote(environment)), setting.names);
        let is_set = self.sets(setting.environment);
        let cli: Vec<_> = words.cli.iter().filter(|_| is_set).flat_map(for_shell).collect();
        Guide {
            steps: words.steps.iter().map(|step| plain(step)).collect(),
            place: words.place.clone(),
            command: plain(&words.command),
            cli_note: self.cli_note(words, &cli),
            cli,
        }
    }

    fn words_for(&self, environment: Option<&str>) -> &Words {
        self.in_environment.as_ref().filter(|_| environment.is_some()).unwrap_or(&self.words)
    }

    fn cli_note(&self, words: &Words, cli: &[String]) -> Option<String> {
        if let (Some(only), true) = (&self.only_environment, cli.is_empty()) {
            return Some(format!(
                "its own command line takes values of {only} only without showing them to every user"
            ));
        }
        let reads_file = cli.iter().any(|line| line.contains(FILE));
        let file = format!(
            "first save the variables, as lines, as {FILE}: readable by you alone, and kept out of git"
        );
        words.cli_note.clone().or_else(|| reads_file.then_some(file))
    }
}

/// The line once for each variable if it contains `{NAME}`, else once.
fn per_name(line: &str, names: &[&str]) -> Vec<String> {
    if line.contains("{NAME}") {
        names.iter().map(|name| line.replace("{NAME}", name)).collect()
    } else {
        vec![line.into()]
    }
}

//! A platform's steps with this deployment's names in them: what to do, what to paste, and never a value.

use serde::Serialize;

use super::{Commands, Platform};

/// What a guide is made for.
pub(crate) struct Setting<'a> {
    pub(crate) environment: Option<&'a str>,
    /// The variables that the platform is to hold.
    pub(crate) names: &'a [&'a str],
    pub(crate) commands: &'a Commands,
}

/// The steps to take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Guide {
    pub(crate) steps: Vec<String>,
    /// Where `command` goes.
    pub(crate) place: String,
    pub(crate) command: String,
    /// Lines for the platform's own command line. Each asks for its value, or reads it from a file.
    pub(crate) cli: Vec<String>,
}

impl Platform {
    /// Renders the platform's file.
    pub(crate) fn guide(&self, setting: &Setting<'_>) -> Guide {
        let entries: Vec<_> = setting.names.iter().map(|name| self.entry_for(name)).collect();
        let between = self.between.as_deref().unwrap_or("\n");
        let fill = |text: &str| {
            text.replace("{environment}", setting.environment.unwrap_or_default())
                .replace("{build}", &setting.commands.build)
                .replace("{start}", &setting.commands.start)
                .replace("{start_json}", &setting.commands.start_json())
                .replace("{entries}", &entries.join(between))
        };
        Guide {
            steps: self.steps.iter().map(|step| fill(step)).collect(),
            place: self.place.clone(),
            command: fill(&self.command),
            cli: self.cli.iter().flat_map(|line| per_name(&fill(line), setting.names)).collect(),
        }
    }

    fn entry_for(&self, name: &str) -> String {
        self.entry.as_deref().unwrap_or_default().replace("{NAME}", name)
    }
}

/// The line once, or once for each variable.
fn per_name(line: &str, names: &[&str]) -> Vec<String> {
    if line.contains("{NAME}") {
        names.iter().map(|name| line.replace("{NAME}", name)).collect()
    } else {
        vec![line.into()]
    }
}

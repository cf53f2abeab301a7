//! Reasons why a folder needs `capy allow` before a command goes on.

use std::fmt;

use capy_protocol::id::ProjectId;

/// What the command would do in a folder that nobody allowed.
#[derive(Debug, Default)]
pub(crate) struct Reasons {
    /// Variables of `.env` that run code, each with what it does.
    pub(crate) loaders: Vec<(String, &'static str)>,
    /// The project whose local key is asked for.
    pub(crate) key_of: Option<ProjectId>,
}

impl Reasons {
    pub(crate) fn is_empty(&self) -> bool {
        self.loaders.is_empty() && self.key_of.is_none()
    }
}

impl fmt::Display for Reasons {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let loaders: Vec<_> =
            self.loaders.iter().map(|(name, reason)| format!("{name} ({reason})")).collect();
        if !loaders.is_empty() {
            write!(f, "its .env sets {}", loaders.join(", "))?;
        }
        if let Some(project) = &self.key_of {
            let and = if loaders.is_empty() { "" } else { "; " };
            write!(f, "{and}its capy.toml asks for the key of project {project}, which is on this machine")?;
        }
        Ok(())
    }
}

//! Scopes of API tokens: what the bearer may do. Wire and database use the same text form:
//!
//! ```text
//! admin | deploy:<project id> | read:<project id> | build:<project id>
//! ```

use alloc::string::String;
use core::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::id::ProjectId;
use crate::{Error, Result};

/// A permission that a bearer has, or that an action needs.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Scope {
    /// Everything, in every project.
    Admin,
    /// Registers and revokes one project's deployments, changes its secrets and settings, and reads
    /// it.
    Deploy(ProjectId),
    /// Reads one project's deployments and audit trail.
    Read(ProjectId),
    /// Reads one project's sealed values and build settings from the store. Meant for a build host,
    /// which can decrypt the values.
    Build(ProjectId),
}

impl Scope {
    /// Parses the text form.
    ///
    /// # Errors
    /// [`Error::MalformedScope`].
    pub fn parse(text: &str) -> Result<Self> {
        if text == "admin" {
            return Ok(Self::Admin);
        }
        let (kind, project) = text.split_once(':').ok_or(Error::MalformedScope)?;
        let project = ProjectId::parse(project).map_err(|_| Error::MalformedScope)?;
        match kind {
            "deploy" => Ok(Self::Deploy(project)),
            "read" => Ok(Self::Read(project)),
            "build" => Ok(Self::Build(project)),
            _ => Err(Error::MalformedScope),
        }
    }

    /// Whether a bearer with this scope may do what needs the other scope.
    pub fn covers(&self, needed: &Self) -> bool {
        match (self, needed) {
            (Self::Admin, _) => true,
            (Self::Deploy(held), Self::Deploy(project) | Self::Read(project)) => held == project,
            (Self::Read(held), Self::Read(project)) => held == project,
            (Self::Build(held), Self::Build(project)) => held == project,
            (_, Self::Admin) | (Self::Read(_), Self::Deploy(_)) => false,
            // Only the build host needs sealed values; deploying does not.
            (_, Self::Build(_)) | (Self::Build(_), _) => false,
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Admin => f.write_str("admin"),
            Self::Deploy(project) => write!(f, "deploy:{project}"),
            Self::Read(project) => write!(f, "read:{project}"),
            Self::Build(project) => write!(f, "build:{project}"),
        }
    }
}

impl Serialize for Scope {
    fn serialize<S: Serializer>(&self, serializer: S) -> core::result::Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Scope {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> core::result::Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn scope_format_unchanged() {
        let project = ProjectId::parse("prj_a").unwrap();
        for (scope, text) in [
            (Scope::Admin, "admin"),
            (Scope::Deploy(project.clone()), "deploy:prj_a"),
            (Scope::Read(project.clone()), "read:prj_a"),
            (Scope::Build(project), "build:prj_a"),
        ] {
            assert_eq!(scope.to_string(), text);
            assert_eq!(Scope::parse(text), Ok(scope));
        }
        for bad in ["", "Admin", "admin ", "admin:", "deploy", "deploy:", "deploy:a/b", "read:a b", "write:a"]
        {
            assert_eq!(Scope::parse(bad), Err(Error::MalformedScope), "{bad:?}");
        }
    }

    #[test]
    fn a_scope_covers_itself_and_what_is_less_in_the_same_project() {
        let scopes = ["admin", "deploy:a", "read:a", "build:a", "deploy:b", "read:b", "build:b"]
            .map(|text| Scope::parse(text).unwrap());
        let rows = [
            ("admin", [true; 7]),
            ("deploy:a", [false, true, true, false, false, false, false]),
            ("read:a", [false, false, true, false, false, false, false]),
            ("build:a", [false, false, false, true, false, false, false]),
        ];
        for (held, expected) in rows {
            let held = Scope::parse(held).unwrap();
            let covered = scopes.each_ref().map(|needed| held.covers(needed));
            assert_eq!(covered, expected, "{held}");
        }
    }
}

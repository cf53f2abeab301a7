//! `capy deploy --check`: is what a platform holds still good?
//!
//! It opens the deployment as the platform would, which counts as a use, and compares what is inside with `.env`.
//! Names are told, values never.

use std::ffi::OsString;
use std::io::Read;
use std::path::Path;

use capy_client::{Credentials, Service};
use capy_protocol::env_map::EnvMap;
use zeroize::Zeroizing;

use crate::cli::Mint;
use crate::deployment::Workbench;
use crate::env_file::EnvFile;
use crate::error::{Error, Result};
use crate::printer;
use crate::project::deadline;

pub(super) fn run(arguments: &Mint) -> Result<()> {
    let held = arguments.held.as_deref().map(read_held).transpose()?;
    let lookup = |name: &str| match &held {
        Some(held) => value_of(held, name),
        None => std::env::var_os(name),
    };
    let credentials = Credentials::from_env(lookup)?.ok_or(Error::NothingHeld)?;
    let workbench = Workbench::open(arguments.file.env_file.clone())?;
    let url = capy_client::service_url(lookup, &workbench.project.folder())?;
    let inside = capy_client::open(&credentials, &Service::new(url), deadline()?)?;
    let expected = workbench.select(arguments.only.as_deref())?;
    let short = credentials.blob().deploy_id().short();
    let difference = Difference::between(&inside, &expected);
    if difference.is_none() {
        printer::note(&format!(
            "deployment {short} is good: it is live, and its {} variables are those of {}",
            inside.len(),
            workbench.env_path.display()
        ));
        return Ok(());
    }
    Err(Error::Stale { short, path: workbench.env_path, difference: difference.to_string() })
}

/// A file that the platform's own command line wrote, or `-` for stdin.
fn read_held(path: &Path) -> Result<EnvFile> {
    let text = if path == Path::new("-") {
        let mut text = Zeroizing::new(String::new());
        std::io::stdin().read_to_string(&mut text).map_err(Error::Input)?;
        text
    } else {
        std::fs::read_to_string(path).map(Zeroizing::new).map_err(Error::file("read", path))?
    };
    Ok(EnvFile::parse(text))
}

fn value_of(held: &EnvFile, name: &str) -> Option<OsString> {
    let found = held.effective().find(|entry| entry.name == name)?;
    Some(found.value.expose_secret().into())
}

/// How a deployment differs from `.env`, by name.
#[derive(Debug, Default, PartialEq, Eq)]
struct Difference<'a> {
    changed: Vec<&'a str>,
    missing: Vec<&'a str>,
    extra: Vec<&'a str>,
}

impl<'a> Difference<'a> {
    fn between(inside: &'a EnvMap, expected: &'a EnvMap) -> Self {
        let differs = |name: &&str| inside.get(name).is_some_and(|value| Some(value) != expected.get(name));
        Self {
            changed: expected.names().filter(differs).collect(),
            missing: expected.names().filter(|name| inside.get(name).is_none()).collect(),
            extra: inside.names().filter(|name| expected.get(name).is_none()).collect(),
        }
    }

    fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

impl core::fmt::Display for Difference<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let parts =
            [("changed", &self.changed), ("missing there", &self.missing), ("only there", &self.extra)];
        let parts = parts.into_iter().filter(|(_, names)| !names.is_empty());
        let parts: Vec<_> = parts.map(|(what, names)| format!("{what}: {}", names.join(", "))).collect();
        f.write_str(&parts.join("; "))
    }
}

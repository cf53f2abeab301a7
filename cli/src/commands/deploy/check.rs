//! `capy deploy --check`: checks that what a platform holds is still valid.
//!
//! The service's list says whether the deployment is live, and this machine's receipt says what is
//! inside. Without `--open` no key is asked for, so the check does not count as a use. Names are
//! printed, values never.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io::Read;
use std::path::{Path, PathBuf};

use capy_client::credentials::{self, Names};
use capy_client::{Credentials, Error as ClientError, Service, ServiceUrl};
use capy_protocol::env_map::EnvMap;
use capy_protocol::id::DeployId;
use zeroize::Zeroizing;

use crate::cli::Mint;
use crate::deployment::{DeployContext, Fingerprints, Refusal, refusal};
use crate::env_file::EnvFile;
use crate::error::{DeploymentFault, Error, Result};
use crate::local::deployments::{Receipt, Receipts};
use crate::printer;
use crate::settings::deadline;

pub(in crate::commands) fn run(arguments: &Mint) -> Result<()> {
    let held = arguments.held.as_deref().map(read_held).transpose()?;
    let lookup = |name: &str| {
        let value = match &held {
            Some(held) => value_of(held, name),
            None => std::env::var_os(name),
        };
        let is_file = [Names::PROJECT_KEY, Names::DEPLOY_KEY].iter().any(|names| names.blob_file == name);
        // The blob's file has another path on the platform than here.
        let here = arguments.blob_file.as_ref().filter(|_| is_file && value.is_some());
        here.map(|path| path.clone().into_os_string()).or(value)
    };
    let context = DeployContext::open(arguments.file.env_file.clone())?;
    let folders = folders(&context, arguments.held.as_deref());
    let credentials = Credentials::from_env_in(lookup, &folders)?;
    let credentials = credentials.ok_or_else(|| match credentials::blank(lookup) {
        names if names.is_empty() => Error::NothingHeld,
        names => Error::CredentialsEmpty { names },
    })?;
    let url = capy_client::service_url(lookup, &context.project.folder())?;
    check_live(&context, &credentials.blob().deploy_id(), &url)?;
    let difference = if arguments.open {
        let inside = capy_client::open(&credentials, &Service::new(url), deadline()?)?;
        let expected = context.select(arguments.only.as_deref())?;
        Difference::between(inside.names(), &expected, |name| inside.get(name) == expected.get(name))
    } else {
        compare_with_receipt(&context, &credentials, arguments.only.as_deref())?
    };
    report(&context, &credentials.blob().deploy_id(), &difference)
}

fn report(context: &DeployContext, id: &DeployId, difference: &Difference) -> Result<()> {
    let (short, path) = (id.short(), &context.env_path);
    if !difference.is_empty() {
        return Err(Error::Stale { short, path: path.clone(), difference: difference.to_string() });
    }
    let inside = match difference.same {
        1 => "its variable is that".into(),
        count => format!("its {count} variables are those"),
    };
    printer::note(&format!("deployment {short} is good: it is live, and {inside} of {}", path.display()));
    Ok(())
}

/// The folders for a relative path of a blob's file: this one, that of `capy.toml`, and that of the
/// `--held` file.
fn folders(context: &DeployContext, held: Option<&Path>) -> Vec<PathBuf> {
    let beside_held = held.and_then(Path::parent).map(Path::to_owned);
    [PathBuf::new(), context.project.folder()].into_iter().chain(beside_held).collect()
}

/// Checks in the service's list that the deployment is live. The token goes to the project's own
/// service only.
fn check_live(context: &DeployContext, id: &DeployId, url: &ServiceUrl) -> Result<()> {
    let service = &context.service;
    if url != service.url() {
        return Err(DeploymentFault::OtherService { there: url.clone(), here: service.url().clone() }.into());
    }
    let deploys = service.list(context.project.id(), deadline()?)?;
    let id = *id;
    let Some(deploy) = deploys.iter().find(|deploy| deploy.deploy_id == id) else {
        return Err(ClientError::DeployUnknown { url: url.clone(), id }.into());
    };
    match refusal(deploy, printer::now()) {
        None => Ok(()),
        Some(Refusal::Revoked { .. }) => Err(ClientError::DeployRevoked { id }.into()),
        Some(Refusal::Expired { .. }) => Err(ClientError::DeployExpired { id }.into()),
        Some(Refusal::UsedUp) => Err(ClientError::DeployUsedUp { id }.into()),
    }
}

/// Compares `.env` with what was put into the deployment when it was made here.
fn compare_with_receipt(
    context: &DeployContext,
    credentials: &Credentials,
    only: Option<&[String]>,
) -> Result<Difference> {
    let id = credentials.blob().deploy_id();
    let receipt = Receipts::find()?.read(&id)?;
    let receipt = receipt.ok_or_else(|| DeploymentFault::ContentsUnknown { short: id.short() })?;
    let fingerprints = Fingerprints::of(&context.project, id)?;
    if fingerprints.key(&credentials.serialize_key()) != receipt.key {
        return Err(credentials.wrong_key().into());
    }
    if fingerprints.blob(&credentials.blob().serialize()) != receipt.blob {
        return Err(credentials.tampered().into());
    }
    let Receipt { variables, only: recorded, .. } = receipt;
    let expected = context.select(only.or(recorded.as_deref()))?;
    let same = |name: &str| {
        let value = expected.get(name);
        let value = value.map(|value| fingerprints.variable(name, value.expose_secret()));
        value.as_ref() == variables.get(name)
    };
    Ok(Difference::between(variables.keys().map(String::as_str), &expected, same))
}

/// Reads a file that the platform's own command line wrote, or stdin for `-`.
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
struct Difference {
    same: usize,
    changed: Vec<String>,
    missing: Vec<String>,
    extra: Vec<String>,
}

impl Difference {
    fn between<'a>(
        inside: impl Iterator<Item = &'a str>,
        expected: &EnvMap,
        is_same: impl Fn(&str) -> bool,
    ) -> Self {
        let inside: BTreeSet<_> = inside.collect();
        let mut difference = Self::default();
        for name in expected.names() {
            match inside.contains(name) {
                false => difference.missing.push(name.to_owned()),
                true if is_same(name) => difference.same += 1,
                true => difference.changed.push(name.to_owned()),
            }
        }
        let extra = inside.into_iter().filter(|name| expected.get(name).is_none());
        difference.extra = extra.map(str::to_owned).collect();
        difference
    }

    fn is_empty(&self) -> bool {
        [&self.changed, &self.missing, &self.extra].iter().all(|names| names.is_empty())
    }
}

impl core::fmt::Display for Difference {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let parts =
            [("changed", &self.changed), ("missing there", &self.missing), ("only there", &self.extra)];
        let parts = parts.into_iter().filter(|(_, names)| !names.is_empty());
        let parts: Vec<_> = parts.map(|(what, names)| format!("{what}: {}", names.join(", "))).collect();
        f.write_str(&parts.join("; "))
    }
}

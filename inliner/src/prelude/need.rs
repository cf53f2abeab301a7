//! Which variables may be read in ways that static replacement did not account for.
//!
//! Owns the meaning of a finding for that question. A use of the whole environment, or of a computed name, may want any
//! variable, also one whose name is written nowhere; whatever else is open wants at most those that the server's output
//! or its packages name. A package that is no part of the output may read any variable by itself, whether a bundle reads
//! it as well or not: where some are loaded, all variables are wanted.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use rayon::prelude::*;

use super::site;
use crate::Error;
use crate::finding::{Finding, Reason, Severity};
use crate::footer;
use crate::layout::{Inventory, Runtime};
use crate::plan::Outcome;
use crate::tree::Tree;
use crate::words::Words;

/// Variables that have to be set.
pub(super) struct Need {
    pub(super) names: BTreeSet<String>,
    /// Those that packages beside the bundles name, and where first.
    pub(super) in_packages: BTreeMap<String, PathBuf>,
    /// Bundles that load packages from elsewhere.
    pub(super) loaders: BTreeSet<PathBuf>,
}

impl Need {
    /// Every variable that may be set at all.
    pub(super) fn all(able: &BTreeSet<&str>) -> Self {
        let names = able.iter().map(|name| (*name).to_owned()).collect();
        Self { names, in_packages: BTreeMap::new(), loaders: BTreeSet::new() }
    }

    pub(super) fn of(
        able: &BTreeSet<&str>,
        inventory: &Inventory<'_>,
        outcomes: &[Outcome],
    ) -> Result<Self, Error> {
        let findings = || outcomes.iter().flat_map(|outcome| &outcome.bundle.findings);
        let named = findings().filter_map(|finding| match sight(finding) {
            Sight::This(name) => Some(name),
            _ => None,
        });
        let mut names: BTreeSet<&str> = named.filter(|name| able.contains(name)).collect();
        let is_open = findings().any(|finding| sight(finding) != Sight::Nothing)
            // A Worker's program may take them from `env`, which is no read of the environment.
            || inventory.entries.values().any(|runtime| *runtime == Runtime::Workers);
        let loaders = outcomes.iter().map(|outcome| &outcome.bundle).filter(|bundle| bundle.loads_packages);
        let loaders: BTreeSet<PathBuf> = loaders.map(|bundle| bundle.real.clone()).collect();
        if findings().any(|finding| sight(finding) == Sight::Any) {
            return Ok(Self { loaders, ..Self::all(able) });
        }
        if !loaders.is_empty() {
            names.extend(able);
        } else if is_open {
            names.extend(written(&inventory.tree, able, outcomes)?);
        }
        let mut names: BTreeSet<String> = names.into_iter().map(str::to_owned).collect();
        let words = Words::new(able.iter().copied());
        let in_packages = in_packages(&words, inventory)?;
        names.extend(in_packages.keys().cloned());
        Ok(Self { names, in_packages, loaders })
    }
}

/// Variables whose names are written out in the bundles once the reads that hold a value are gone.
fn written<'n>(
    tree: &Tree<'_>,
    able: &BTreeSet<&'n str>,
    outcomes: &[Outcome],
) -> Result<BTreeSet<&'n str>, Error> {
    let words = Words::new(able.iter().copied());
    let one = |outcome: &Outcome| Ok(words.within(footer::body(&new_text(tree, outcome)?)));
    let merge = |mut all: BTreeSet<&'n str>, one| {
        all.extend(one);
        Ok(all)
    };
    outcomes.par_iter().map(one).try_reduce(BTreeSet::new, merge)
}

/// A bundle's text as it will be.
fn new_text(tree: &Tree<'_>, Outcome { bundle, rewritten, .. }: &Outcome) -> Result<Vec<u8>, Error> {
    match (&rewritten.text, bundle.text(tree)?) {
        (Some(new), Some(source)) => Ok(new.pieces(&source).concat().into_bytes()),
        (_, Some(source)) => Ok(source.into_bytes()),
        (_, None) => tree.read(&bundle.real),
    }
}

/// Names in packages that are part of the output. They are not rewritten, so that a name there may be a read.
fn in_packages(words: &Words<'_>, inventory: &Inventory<'_>) -> Result<BTreeMap<String, PathBuf>, Error> {
    let one = |path: &PathBuf| {
        let text = inventory.tree.read(path)?;
        Ok(words.within(&text).into_iter().map(|name| (name.to_owned(), path.clone())).collect())
    };
    let merge = |mut all: BTreeMap<String, PathBuf>, one: BTreeMap<String, PathBuf>| {
        for (name, path) in one {
            let first = all.entry(name).or_insert_with(|| path.clone());
            if path < *first {
                *first = path;
            }
        }
        Ok(all)
    };
    site::packages(inventory)?.par_iter().map(one).try_reduce(BTreeMap::new, merge)
}

/// What a finding may see of the environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sight<'f> {
    /// Any variable, written out somewhere or not.
    Any,
    /// This one.
    This(&'f str),
    /// One that is named somewhere, perhaps.
    Perhaps,
    Nothing,
}

fn sight(finding: &Finding) -> Sight<'_> {
    match (&finding.name, finding.reason) {
        _ if !is_open(finding) => Sight::Nothing,
        (Some(name), _) => Sight::This(name),
        (None, Reason::WholeObject | Reason::DynamicKey | Reason::In | Reason::OpenPattern) => Sight::Any,
        (None, Reason::UnprovenKey | Reason::ChildProcess) => Sight::Any,
        (None, _) => Sight::Perhaps,
    }
}

/// Whether a finding is a use of something that may be the environment.
pub(super) fn is_open(finding: &Finding) -> bool {
    match finding.reason {
        Reason::Mentioned | Reason::ReadByClient | Reason::OtherValues => false,
        Reason::WithheldFromChild | Reason::EnvFileOverrides => false,
        // Nobody knows what the file needs: that is no reason to set anything, and nothing makes it good.
        Reason::NestedTooDeeply | Reason::NotUnderstood => false,
        Reason::NotJavaScript => finding.name.is_some(),
        _ => true,
    }
}

/// Variables that client code names stay unset, whatever uses there are of the whole environment.
pub(super) fn unset(named_by_client: &BTreeSet<String>, outcomes: &[Outcome]) -> Vec<Finding> {
    let mut findings = outcomes.iter().flat_map(|outcome| &outcome.bundle.findings);
    let Some(first) = findings.find(|finding| sight(finding) == Sight::Any) else {
        return Vec::new();
    };
    let unset = |name: &String| Finding {
        severity: Severity::Warning,
        name: Some(name.clone()),
        reason: Reason::ReadByClient,
        ..first.clone()
    };
    named_by_client.iter().map(unset).collect()
}

//! Variables that are set before the program starts.
//!
//! Owns everything that static replacement cannot prove: which variables may still be read, and which files have to set
//! them before anything else runs. It refuses a variable that client code names (its server-rendered copy would print it
//! into a page) and one that the framework decides.
//!
//! | module | owns |
//! |---|---|
//! | `need` | from findings to variables |
//! | `site` | from a file that needs them to the files that run first |
//! | `insert`, `text` | where a bundle begins, and what is put there |

mod insert;
mod need;
mod site;
mod text;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use swc_atoms::Atom;

use crate::finding::{Finding, Reason, Severity};
use crate::footer::Parts;
use crate::layout::{Inventory, Runtime};
use crate::plan::Outcome;
use crate::rewrite::{Context, Prologue};
use crate::variables::is_left_alone;
use crate::{Dynamic, Error, Request, footer};
use insert::InsertionPoint;
use need::Need;
use site::Reach;
pub(crate) use site::loads_packages;
pub(crate) use text::is_file_name;
use text::{GLOBAL, Target, Wording};

/// What is set, and where.
pub(crate) struct Prelude {
    /// The variables, in order.
    pub(crate) names: Vec<String>,
    /// Files that set them before anything else, by real path.
    pub(crate) sites: BTreeMap<PathBuf, Runtime>,
    /// Variables that packages beside the bundles name, and where first.
    in_packages: BTreeMap<String, PathBuf>,
    /// Variables that are wanted and may not be set.
    unset: Vec<Finding>,
}

impl Prelude {
    /// What the outcomes of static replacement leave to be set; `None` when that is nothing.
    pub(crate) fn plan(
        request: &Request<'_>,
        inventory: &Inventory<'_>,
        outcomes: &[Outcome],
        named_by_client: &BTreeSet<String>,
    ) -> Result<Option<Self>, Error> {
        if !matches!(request.dynamic, Dynamic::Auto | Dynamic::Prelude) {
            return Ok(None);
        }
        let names = request.values.names();
        let able: BTreeSet<&str> =
            names.filter(|name| !is_left_alone(name) && !named_by_client.contains(*name)).collect();
        let need = if request.dynamic == Dynamic::Prelude {
            Need::all(&able)
        } else {
            Need::of(&able, inventory, outcomes)?
        };
        if need.names.is_empty() {
            return Ok(None);
        }
        let reach = match request.dynamic {
            Dynamic::Prelude => Reach::Everything,
            _ if need.in_packages.is_empty() => Reach::Uses,
            _ => Reach::Packages,
        };
        let sites = site::sites(inventory, outcomes, reach, &need.loaders);
        let unset = need::unset(named_by_client, outcomes);
        Ok(Some(Self {
            names: need.names.into_iter().collect(),
            sites,
            in_packages: need.in_packages,
            unset,
        }))
    }

    /// What a bundle has to do first; `None` when nothing can be put there.
    pub(crate) fn prologue(
        &self,
        real: &Path,
        parts: &Parts<'_>,
        context: &Context<'_>,
        inventory: &Inventory<'_>,
    ) -> Option<Prologue> {
        let start = InsertionPoint::of(parts.body)?;
        let is_worker = self.sites.get(real) == Some(&Runtime::Workers) && start.is_module;
        let target = if is_worker { Target::Workers } else { Target::Process };
        let wording = Wording { prefix: &context.prefix, names: &self.names, target, global: GLOBAL };
        if start.is_module && site::needs_an_import(real, &start.imports, inventory) {
            return import(real, &start, parts, &wording, context, inventory);
        }
        let global = target.globals().into_iter().find(|name| !start.taken.contains(&Atom::from(*name)))?;
        let wording = Wording { global, ..wording };
        let is_held = parts.functions.iter().any(|function| wording.is_held_by(function));
        Some(Prologue {
            edit: (!is_held).then(|| start.insert(&wording.call())),
            names: self.names.clone(),
            function: Some((wording.function_name(), wording.function())).filter(|_| !is_held),
            module: None,
        })
    }

    /// Whether the variables are set before the code at a finding runs.
    pub(crate) fn covers(&self, finding: &Finding, real: &Path, placed: &Placed) -> bool {
        let is_set = finding.name.as_ref().is_none_or(|name| self.names.contains(name));
        is_set && need::is_open(finding) && placed.covers(real)
    }

    /// Whether a variable is set anywhere.
    pub(crate) fn sets(&self, name: &str, placed: &Placed) -> bool {
        self.names.iter().any(|set| set == name) && !placed.sites.is_empty()
    }

    /// What could not be done, where it is not said already.
    pub(crate) fn findings(&self, placed: &Placed, known: &[Finding]) -> Vec<Finding> {
        let mut found = self.unset.clone();
        if !placed.covers_packages() {
            let named = self.in_packages.iter();
            found.extend(named.map(|(name, file)| Finding::of_file(Reason::InPackage, Some(name), file)));
        }
        let fails = |path: &Path| {
            known.iter().any(|finding| finding.file == path && finding.severity == Severity::Failure)
        };
        let without = placed.without.iter().filter(|path| !fails(path));
        found.extend(without.map(|path| Finding::of_file(Reason::NoPrelude, None, path)));
        found
    }
}

fn import(
    real: &Path,
    start: &InsertionPoint,
    parts: &Parts<'_>,
    wording: &Wording<'_>,
    context: &Context<'_>,
    inventory: &Inventory<'_>,
) -> Option<Prologue> {
    let (folder, relative) = site::folder(real, &start.imports, inventory)?;
    let extension = real.extension().and_then(|extension| extension.to_str());
    let name = wording.file_name(extension.filter(|_| relative == "./").unwrap_or("mjs"));
    let path = folder.join(&name);
    if inventory.tree.read_text(&path).is_ok_and(|text| !footer::is_inlined(&text)) {
        return None;
    }
    let statement = format!("import\"{relative}{name}\";");
    let is_held = parts.body.contains(&statement);
    let value = |name: &str| context.values.get(name).map(|value| value.expose_secret());
    Some(Prologue {
        edit: (!is_held).then(|| start.insert(&statement)),
        names: Vec::new(),
        function: None,
        module: Some((path, wording.module(value))),
    })
}

/// The files that set the variables now.
#[derive(Debug, Default)]
pub(crate) struct Placed {
    /// Sites where it could be done, by real path.
    pub(crate) sites: BTreeSet<PathBuf>,
    /// The other ones, by the path they were found by.
    pub(crate) without: Vec<PathBuf>,
    /// Entries of the layout that are bundles.
    pub(crate) entries: Vec<PathBuf>,
}

impl Placed {
    pub(crate) fn new(inventory: &Inventory<'_>) -> Self {
        Self { entries: site::entries(inventory).cloned().collect(), ..Self::default() }
    }

    /// Whether everything that may load this file sets them first, or the file itself does.
    fn covers(&self, real: &Path) -> bool {
        let mut above = site::above(self.entries.iter(), real).peekable();
        self.sites.contains(real) || above.peek().is_some() && above.all(|entry| self.sites.contains(entry))
    }

    /// Whether every entry sets them, so that packages find them too.
    pub(crate) fn covers_packages(&self) -> bool {
        !self.entries.is_empty() && self.entries.iter().all(|entry| self.sites.contains(entry))
    }
}

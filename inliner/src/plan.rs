//! All bundles together.
//!
//! Owns what only the whole tree can tell: a variable that is written anywhere keeps all its reads, and so does one that
//! client code names. It refuses to write: it hands out changes in the order in which they must be made.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use capy_protocol::env_map::EnvMap;
use rayon::prelude::*;

use crate::bundle::{Bundle, Reader};
use crate::finding::{Finding, Reason, Severity};
use crate::footer::Parts;
use crate::layout::Inventory;
use crate::leaks::{Redactor, Search, SearchedFiles, search_files};
use crate::line_index::lines_and_columns;
use crate::link::{self, Links};
use crate::map_file::MapFiles;
use crate::prefilter::Prefilter;
use crate::prelude::{Placed, Prelude};
use crate::progress::{Phase, Run};
use crate::report::{Report, Variable};
use crate::rewrite::{Context, MapAt, Prologue, Rewritten, rewrite};
use crate::snapshot::Fingerprint;
use crate::variables::{InlinedVariables, is_left_alone};
use crate::write::{Change, Contents};
use crate::{Dynamic, Error, Request, helpers};

/// One bundle, and what it becomes.
pub(crate) struct Outcome {
    pub(crate) bundle: Bundle,
    pub(crate) rewritten: Rewritten,
    /// The file that holds its map, if the map changes.
    map: Option<PathBuf>,
}

/// What all bundles are planned with.
struct Planner<'a> {
    inventory: &'a Inventory<'a>,
    reader: Reader<'a>,
    context: Context<'a>,
    /// Somebody's `env` may be the environment.
    hands_on: bool,
    maps: MapFiles<'a>,
}

/// Reads everything and decides everything.
pub(crate) fn plan(
    request: &Request<'_>,
    inventory: &Inventory<'_>,
    run: &Run<'_>,
) -> Result<(Report, Vec<Change>), Error> {
    let variables = InlinedVariables::of(request.values);
    let search = Search::new(request.values);
    let redactor = Redactor::new(request.values);
    let searched = search_files(inventory, &search, &redactor, &variables, run)?;
    let prefilter = Prefilter::new(variables.iter());
    let nothing = Links::default();
    let tree = &inventory.tree;
    let reader =
        Reader { wanted: &variables, prefilter: &prefilter, search: &search, links: &nothing, tree, run };
    let mut bundles = read_all(inventory, &reader)?;
    let links = link::link(&mut bundles, &reader)?;
    let reader = Reader { links: &links, ..reader };
    let named: BTreeSet<String> =
        searched.named_by_client.difference(&request.allow_mention).cloned().collect();
    let context = context(request.values, &bundles, &named);
    let claims: Vec<PathBuf> = bundles.iter().filter_map(|bundle| bundle.map.clone()).collect();
    let maps = MapFiles::new(inventory, claims.iter().map(PathBuf::as_path));
    let hands_on = bundles.iter().any(|bundle| bundle.hands_on);
    let planner = Planner { inventory, reader, context, hands_on, maps };
    run.begin(Phase::Edit, bundles.len());
    let outcomes: Vec<Outcome> = bundles
        .into_par_iter()
        .map(|bundle| {
            run.file(Phase::Edit, || {
                let source = bundle.text(tree)?;
                Ok(planner.outcome(bundle, source.as_deref(), |_| None))
            })
        })
        .collect::<Result<_, Error>>()?;
    let prelude = Prelude::plan(request, inventory, &outcomes, &named)?;
    let (outcomes, placed) = match &prelude {
        Some(prelude) => planner.with_prelude(prelude, outcomes)?,
        None => (outcomes, Placed::default()),
    };
    let (mut report, changes) = gather(inventory, searched, outcomes, |finding, real| {
        prelude.as_ref().is_some_and(|prelude| prelude.covers(finding, real, &placed))
    });
    finish(request, &search, prelude.as_ref(), &placed, &mut report);
    Ok((report, changes))
}

impl Planner<'_> {
    fn outcome(
        &self,
        mut bundle: Bundle,
        source: Option<&str>,
        prologue: impl FnOnce(&Parts<'_>) -> Option<Prologue>,
    ) -> Outcome {
        let mut map = None;
        let rewritten = source.map_or_else(Rewritten::default, |source| {
            let real = bundle.real.clone();
            let find = |trailer: &str| {
                let (found, path) = self.maps.find(&real, trailer);
                map = path;
                found
            };
            rewrite_bundle(&mut bundle, source, &self.context, prologue, find)
        });
        bundle.settle(self.hands_on);
        Outcome { bundle, rewritten, map }
    }

    /// Plans the bundles again that have to set the variables first.
    fn with_prelude(
        &self,
        prelude: &Prelude,
        outcomes: Vec<Outcome>,
    ) -> Result<(Vec<Outcome>, Placed), Error> {
        let again = |outcome: Outcome| match prelude.sites.contains_key(&outcome.bundle.real) {
            true => self.again(prelude, &outcome.bundle),
            false => Ok(outcome),
        };
        let outcomes: Vec<Outcome> = outcomes.into_par_iter().map(again).collect::<Result<_, _>>()?;
        let mut placed = Placed::new(self.inventory);
        for Outcome { bundle, rewritten, .. } in &outcomes {
            if rewritten.starts_first {
                placed.sites.insert(bundle.real.clone());
            } else if prelude.sites.contains_key(&bundle.real) {
                placed.without.push(bundle.path.clone());
            }
        }
        Ok((outcomes, placed))
    }

    fn again(&self, prelude: &Prelude, bundle: &Bundle) -> Result<Outcome, Error> {
        let Bundle { real, path, map, .. } = bundle;
        let Ok(source) = String::from_utf8(self.inventory.tree.read(real)?) else {
            return Ok(Outcome {
                bundle: self.reader.read(real, path)?,
                rewritten: Rewritten::default(),
                map: None,
            });
        };
        let run = self.reader.run;
        let read = run.time(Phase::Scan, || self.reader.understand(&source, real, path));
        let fingerprint = Some(Fingerprint::of(&source));
        let bundle = Bundle { real: real.clone(), map: map.clone(), fingerprint, ..read };
        let prologue = |parts: &Parts<'_>| prelude.prologue(real, parts, &self.context, self.inventory);
        Ok(run.time(Phase::Edit, || self.outcome(bundle, Some(&source), prologue)))
    }
}

/// What a bundle's text becomes, whoever finds its map; what stays is added to its findings.
fn rewrite_bundle(
    bundle: &mut Bundle,
    source: &str,
    context: &Context<'_>,
    prologue: impl FnOnce(&Parts<'_>) -> Option<Prologue>,
    find_map: impl FnOnce(&str) -> MapAt,
) -> Rewritten {
    let rewritten = rewrite(source, &bundle.reads, context, prologue, find_map);
    note_what_stays(bundle, &rewritten, source);
    if !rewritten.stale.is_empty() {
        bundle.add(Reason::OtherValues, None, (1, 1));
    }
    rewritten
}

/// Every server file, the largest first so that no thread ends up alone with it.
fn read_all(inventory: &Inventory<'_>, reader: &Reader<'_>) -> Result<Vec<Bundle>, Error> {
    let size = |real: &Path| inventory.tree.metadata(real).map_or(0, |metadata| metadata.len());
    let mut files: Vec<_> = inventory.server.iter().map(|(real, path)| (size(real), real, path)).collect();
    files.sort_by(|a, b| b.cmp(a));
    reader.run.begin(Phase::Scan, files.len());
    let mut bundles: Vec<Bundle> = files
        .par_iter()
        .with_max_len(1)
        .map(|(_, real, path)| reader.run.file(Phase::Scan, || reader.read(real, path)))
        .collect::<Result<_, _>>()?;
    bundles.sort_by(|a, b| a.real.cmp(&b.real));
    Ok(bundles)
}

fn context<'a>(values: &'a EnvMap, bundles: &[Bundle], named_by_client: &BTreeSet<String>) -> Context<'a> {
    let by_client = named_by_client.iter().map(|name| (name.clone(), Reason::ReadByClient));
    let replaced = bundles.iter().any(|bundle| bundle.reads.replaces_process);
    let all = values.names().filter(|_| replaced).map(|name| (name.to_owned(), Reason::Replaced));
    let written = bundles.iter().flat_map(|bundle| &bundle.reads.writes);
    let written = written.map(|(name, _, reason)| (name.clone(), *reason));
    let hands_on = bundles.iter().any(|bundle| bundle.hands_on);
    let perhaps = bundles.iter().flat_map(|bundle| {
        let elsewhere = bundle.reads.assigned_somewhere.iter().filter(move |_| hands_on);
        bundle.reads.perhaps_written.iter().chain(elsewhere)
    });
    let perhaps = perhaps.map(|name| (name.clone(), Reason::PerhapsAssigned));
    let copied = bundles.iter().any(|bundle| bundle.reads.writes_all);
    let copied = values.names().filter(|_| copied).map(|name| (name.to_owned(), Reason::PerhapsAssigned));
    let kept = given_to_children(values, bundles)
        .chain(run_as_text(values, bundles))
        .chain(copied)
        .chain(all)
        .chain(by_client)
        .chain(perhaps)
        .chain(written)
        .collect();
    let prefix = helpers::choose_prefix(bundles.iter().map(|bundle| &bundle.helper_names));
    Context { values, prefix, kept }
}

/// Variables that children may be given with another value, where children are started.
fn given_to_children<'a>(
    values: &'a EnvMap,
    bundles: &'a [Bundle],
) -> impl Iterator<Item = (String, Reason)> + use<'a> {
    let elsewhere = || bundles.iter().map(|bundle| &bundle.elsewhere);
    let starts = elsewhere().any(|one| one.starts_children);
    let is_any = elsewhere().any(|one| one.gives_any);
    let is_given = move |name: &str| starts && (is_any || elsewhere().any(|one| one.given.contains(name)));
    let given = values.names().filter(move |name| is_given(name));
    given.map(|name| (name.to_owned(), Reason::GivenToChild))
}

/// All variables, where some file runs the text of functions that others may give to it.
fn run_as_text<'a>(
    values: &'a EnvMap,
    bundles: &[Bundle],
) -> impl Iterator<Item = (String, Reason)> + use<'a> {
    let is_any = bundles.iter().any(|bundle| bundle.elsewhere.runs_any_text);
    let all = values.names().filter(move |_| is_any);
    all.map(|name| (name.to_owned(), Reason::FunctionText))
}

/// Writes of variables, and reads that were left alone.
fn note_what_stays(bundle: &mut Bundle, rewritten: &Rewritten, source: &str) {
    let writes = std::mem::take(&mut bundle.reads.writes).into_iter();
    let writes = writes.map(|(name, at, reason)| (reason, name, at as usize));
    let stays: Vec<(Reason, String, usize)> = writes.chain(rewritten.left.iter().cloned()).collect();
    let places = lines_and_columns(source, stays.iter().map(|(_, _, at)| *at));
    for ((reason, name, _), place) in stays.into_iter().zip(places) {
        bundle.add(reason, Some(name), place);
    }
}

fn gather(
    inventory: &Inventory<'_>,
    searched: SearchedFiles,
    outcomes: Vec<Outcome>,
    is_covered: impl Fn(&Finding, &Path) -> bool,
) -> (Report, Vec<Change>) {
    let mut report = Report {
        roots: inventory.roots.clone(),
        server_files: inventory.server.len(),
        scanned_files: searched.scanned,
        unscanned_files: searched.unscanned,
        leaks: searched.leaks,
        ..Report::default()
    };
    let mut replaced: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    let (mut modules, mut changes) = (BTreeMap::new(), Vec::new());
    for Outcome { mut bundle, rewritten, map } in outcomes {
        for finding in &mut bundle.findings {
            finding.prelude = is_covered(finding, &bundle.real);
        }
        for (name, reads) in rewritten.replaced {
            let (all, files) = replaced.entry(name).or_default();
            *all += reads;
            *files += 1;
        }
        report.parsed_files += usize::from(bundle.parsed);
        report.findings.append(&mut bundle.findings);
        report.leaks.append(&mut bundle.leaks);
        if rewritten.starts_first {
            report.preludes.push(bundle.path);
        }
        modules.extend(rewritten.module);
        if let (Some(text), Some(path)) = (rewritten.map, map) {
            changes.push(Change { path, contents: Contents::Whole(text) });
        }
        if let (Some(new), Some(fingerprint)) = (rewritten.text, bundle.fingerprint) {
            report.changed_files += 1;
            changes.push(Change { path: bundle.real, contents: Contents::Edited(new, fingerprint) });
        }
    }
    for (name, (reads, files)) in replaced {
        report.variables.push(Variable { replaced: reads, files, ..Variable::named(name) });
    }
    // A bundle that imports a module must never be without it.
    let is_new =
        |(path, text): &(PathBuf, String)| inventory.tree.read(path).ok().as_deref() != Some(text.as_bytes());
    let modules = modules.into_iter().filter(is_new);
    let modules = modules.map(|(path, text)| Change { path, contents: Contents::Whole(text) });
    (report, modules.chain(changes).collect())
}

/// Applies the caller's policy and completes the table of variables.
fn finish(
    request: &Request<'_>,
    search: &Search,
    prelude: Option<&Prelude>,
    placed: &Placed,
    report: &mut Report,
) {
    if let Some(prelude) = prelude {
        report.findings.extend(prelude.findings(placed, &report.findings));
    }
    for finding in &mut report.findings {
        finding.severity = judged(finding, request.dynamic);
    }
    for leak in &mut report.leaks {
        leak.allowed = request.allow_leak.contains(&leak.name);
    }
    report.findings.sort();
    report.findings.dedup();
    report.leaks.sort();
    report.unscanned_files.sort();
    let mut read: BTreeMap<String, Variable> =
        report.variables.drain(..).map(|variable| (variable.name.clone(), variable)).collect();
    for name in request.values.names() {
        let certain = |finding: &&Finding| {
            let is_named = finding.name.as_deref() == Some(name);
            is_named && !finding.prelude && finding.reason.severity(true) == Severity::Failure
        };
        report.variables.push(Variable {
            missing: report.findings.iter().filter(certain).count(),
            prelude: prelude.is_some_and(|prelude| prelude.sets(name, placed)),
            left_alone: is_left_alone(name),
            not_searched: search
                .not_searched
                .iter()
                .find(|(other, _)| other == name)
                .map(|(_, reason)| *reason),
            ..read.remove(name).unwrap_or_else(|| Variable::named(name.to_owned()))
        });
    }
}

fn judged(finding: &Finding, dynamic: Dynamic) -> Severity {
    match (dynamic, finding.severity) {
        (Dynamic::Error, Severity::Warning) => Severity::Failure,
        // Other values are in the files already: no policy makes that a build.
        (Dynamic::Warn, Severity::Failure) if finding.reason != Reason::OtherValues => Severity::Warning,
        (_, _) if finding.prelude => Severity::Note,
        (_, severity) => severity,
    }
}

//! All bundles together.
//!
//! Owns what only the whole tree can tell: a variable that is written anywhere keeps all its reads, and so does one that
//! client code names. It refuses to write: it hands out changes in the order in which they must be made.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use capy_protocol::env_map::EnvMap;
use rayon::prelude::*;

use crate::bundle::{Bundle, Reader};
use crate::layout::Inventory;
use crate::leak::Search;
use crate::map_file::MapFiles;
use crate::prefilter::Prefilter;
use crate::public::{self, Public};
use crate::report::{Finding, Reason, Report, Severity, Variable};
use crate::rewrite::{Context, MapAt, Rewritten, rewrite};
use crate::subject::{Subjects, is_left_alone};
use crate::write::Change;
use crate::{Error, Policy, Request, place, tail};

/// Reads everything and decides everything.
pub(crate) fn plan(request: &Request<'_>, inventory: &Inventory) -> Result<(Report, Vec<Change>), Error> {
    let subjects = Subjects::of(request.values);
    let search = Search::new(request.values);
    let public = public::scan(inventory, &search, &subjects)?;
    let bundles = read_all(inventory, &subjects, &search)?;
    let named: BTreeSet<String> =
        public.named_by_client.difference(&request.allow_mention).cloned().collect();
    let context = context(request.values, &bundles, &named);
    let claims: Vec<PathBuf> = bundles.iter().filter_map(|bundle| bundle.map.clone()).collect();
    let maps = MapFiles::new(inventory, claims.iter().map(PathBuf::as_path));
    let rewritten: Vec<(Bundle, Rewritten, Option<PathBuf>)> = bundles
        .into_par_iter()
        .map(|mut bundle| {
            let mut map = None;
            let rewritten = bundle.source.take().map_or_else(Rewritten::default, |source| {
                let rewritten = rewrite(&source, &bundle.reads, &context, |trailer| {
                    let (found, path) = maps.find(&bundle.real, trailer);
                    map = path;
                    found
                });
                note_writes(&mut bundle, &source);
                rewritten
            });
            (bundle, rewritten, map)
        })
        .collect();
    Ok(gather(request, inventory, &search, public, rewritten))
}

/// Every server file, the largest first so that no thread ends up alone with it.
fn read_all(inventory: &Inventory, subjects: &Subjects, search: &Search) -> Result<Vec<Bundle>, Error> {
    let prefilter = Prefilter::new(subjects.iter());
    let reader = Reader { wanted: subjects, prefilter: &prefilter, search };
    let size = |real: &Path| fs::metadata(real).map_or(0, |metadata| metadata.len());
    let mut files: Vec<_> = inventory.server.iter().map(|(real, path)| (size(real), real, path)).collect();
    files.sort_by(|a, b| b.cmp(a));
    let mut bundles: Vec<Bundle> = files
        .par_iter()
        .with_max_len(1)
        .map(|(_, real, path)| reader.read(real, path))
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
    let kept = all.chain(by_client).chain(written).collect();
    let taken = bundles.iter().any(|bundle| bundle.uses_our_prefix);
    // Somebody's own `__capy…` is in the way: ours must differ from it in every file.
    let prefix = if taken { "__capyInlined_" } else { "__capy_" }.to_owned();
    Context { values, prefix, kept }
}

fn note_writes(bundle: &mut Bundle, source: &str) {
    for (name, at, reason) in std::mem::take(&mut bundle.reads.writes) {
        bundle.add(reason, Some(name), place::of(source, at as usize));
    }
}

fn gather(
    request: &Request<'_>,
    inventory: &Inventory,
    search: &Search,
    public: Public,
    rewritten: Vec<(Bundle, Rewritten, Option<PathBuf>)>,
) -> (Report, Vec<Change>) {
    let mut report = Report {
        roots: inventory.roots.clone(),
        server_files: inventory.server.len(),
        scanned_files: public.scanned,
        unscanned_files: public.unscanned,
        leaks: public.leaks,
        ..Report::default()
    };
    let mut replaced: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    let mut changes = Vec::new();
    for (mut bundle, rewritten, map) in rewritten {
        for (reason, name, at) in rewritten.left {
            bundle.add(reason, Some(name), at);
        }
        if !rewritten.stale.is_empty() {
            bundle.add(Reason::OtherValues, None, (1, 1));
        }
        for (name, reads) in rewritten.replaced {
            let (all, files) = replaced.entry(name).or_default();
            *all += reads;
            *files += 1;
        }
        report.parsed_files += usize::from(bundle.parsed);
        report.findings.append(&mut bundle.findings);
        report.leaks.append(&mut bundle.leaks);
        if let (Some(text), Some(path)) = (rewritten.map, map) {
            changes.push(Change { path, text });
        }
        if let Some(text) = rewritten.text {
            report.changed_files += 1;
            changes.push(Change { path: bundle.real, text });
        }
    }
    finish(request, search, &replaced, &mut report);
    (report, changes)
}

/// Applies the caller's policy and makes the table of variables.
fn finish(
    request: &Request<'_>,
    search: &Search,
    replaced: &BTreeMap<String, (usize, usize)>,
    report: &mut Report,
) {
    for finding in &mut report.findings {
        finding.severity = judged(finding, request.policy);
    }
    for leak in &mut report.leaks {
        leak.allowed = request.allow_leak.contains(&leak.name);
    }
    report.findings.sort();
    report.findings.dedup();
    report.leaks.sort();
    report.unscanned_files.sort();
    for name in request.values.names() {
        let (reads, files) = replaced.get(name).copied().unwrap_or_default();
        let certain = |finding: &&Finding| {
            finding.name.as_deref() == Some(name) && finding.reason.severity(true) == Severity::Failure
        };
        report.variables.push(Variable {
            name: name.to_owned(),
            replaced: reads,
            files,
            missing: report.findings.iter().filter(certain).count(),
            left_alone: is_left_alone(name),
            not_searched: search
                .not_searched
                .iter()
                .find(|(other, _)| other == name)
                .map(|(_, reason)| *reason),
        });
    }
}

fn judged(finding: &Finding, policy: Policy) -> Severity {
    match (policy, finding.severity) {
        (Policy::Strict, Severity::Warning) => Severity::Failure,
        // Other values are in the files already: no policy makes that a build.
        (Policy::Lenient, Severity::Failure) if finding.reason != Reason::OtherValues => Severity::Warning,
        (_, severity) => severity,
    }
}

/// What one text becomes, for tests.
#[doc(hidden)]
#[derive(Debug, PartialEq, Eq)]
pub struct Inlined {
    /// The whole new text, or the old one.
    pub text: String,
    pub map: Option<String>,
    pub findings: Vec<Finding>,
}

/// Inlines a text that is in no folder.
pub(crate) fn inline_text(text: &str, map: Option<&str>, values: &EnvMap) -> Inlined {
    let subjects = Subjects::of(values);
    let search = Search::new(values);
    let prefilter = Prefilter::new(subjects.iter());
    let reader = Reader { wanted: &subjects, prefilter: &prefilter, search: &search };
    let mut bundles = vec![reader.understand(text.to_owned(), Path::new("input.js"))];
    let context = context(values, &bundles, &BTreeSet::new());
    let mut bundle = bundles.remove(0);
    let rewritten = match bundle.source.take() {
        Some(source) => {
            let find = |trailer: &str| match (map, tail::map_url(trailer)) {
                (Some(map), _) => MapAt::File(map.to_owned()),
                (None, Some(url)) if url.starts_with("data:") => MapAt::Inline,
                _ => MapAt::Nowhere,
            };
            let rewritten = rewrite(&source, &bundle.reads, &context, find);
            note_writes(&mut bundle, &source);
            rewritten
        }
        None => Rewritten::default(),
    };
    for (reason, name, at) in rewritten.left {
        bundle.add(reason, Some(name), at);
    }
    for _ in rewritten.stale {
        bundle.add(Reason::OtherValues, None, (1, 1));
    }
    let mut findings = bundle.findings;
    findings.sort();
    Inlined { text: rewritten.text.unwrap_or_else(|| text.to_owned()), map: rewritten.map, findings }
}

//! `cargo xtask house`: whether the files of the workspace can be read one after the other. Fails
//! on files that need each other in a circle, on sibling modules that do, and on a room that names
//! one above it.

mod circles;
mod floors;
mod sources;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};

use crate::steps::say;
use crate::workspace_root;
use circles::{Graph, circles};
use sources::{Module, ModuleId, Reference, Sources};

/// Looks at all crates of the workspace.
///
/// # Errors
/// When a source cannot be read, and when one of the rules does not hold.
pub fn run() -> Result<()> {
    let root = workspace_root();
    let crates = crates()?;
    let sources = Sources::read(&root, &crates)?;
    let findings = findings(&sources);
    for finding in &findings {
        say(finding);
    }
    ensure!(findings.is_empty(), "the house is not in order: {} findings", findings.len());
    let (modules, crates, engines) = (sources.modules.len(), crates.len(), floors::ENGINES.len());
    say(format!(
        "{modules} modules of {crates} crates: no circle, and no room names one above it; {engines} files of the \
         inliner are not looked at"
    ));
    Ok(())
}

/// The libraries of the workspace: name and root file.
fn crates() -> Result<Vec<(String, PathBuf)>> {
    let root = workspace_root();
    let output = crate::setup::cargo()
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .output()
        .context("cargo metadata does not start")?;
    ensure!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout)?;
    let mut crates = Vec::new();
    for package in metadata["packages"].as_array().into_iter().flatten() {
        for target in package["targets"].as_array().into_iter().flatten() {
            let is_library = target["kind"].as_array().is_some_and(|kinds| {
                kinds.iter().any(|kind| matches!(kind.as_str(), Some("lib" | "rlib" | "cdylib")))
            });
            if let (true, Some(name), Some(file)) =
                (is_library, target["name"].as_str(), target["src_path"].as_str())
            {
                let file = PathBuf::from(file);
                let file = file.strip_prefix(&root).map(PathBuf::from).unwrap_or(file);
                crates.push((name.replace('-', "_"), file));
            }
        }
    }
    Ok(crates)
}

fn findings(sources: &Sources) -> Vec<String> {
    let mut findings = above(sources);
    let mut graph = Graph::new();
    let mut places = BTreeMap::new();
    for reference in references(sources) {
        let [from, to] = [reference.from, reference.to].map(|id| sources.modules[id].file.as_path());
        if from != to {
            graph.entry(from).or_insert_with(BTreeSet::new).insert(to);
            places.entry((from, to)).or_insert(reference.line);
        }
    }
    for circle in circles(&graph) {
        findings.push(report("files", &circle, |from, to| {
            let line = places.get(&(*from, *to))?;
            Some(format!("  {}:{line} names {}", from.display(), to.display()))
        }));
    }
    for outer in 0..sources.modules.len() {
        siblings(sources, outer, &mut findings);
    }
    findings
}

/// All references but those of the inliner's engines.
fn references(sources: &Sources) -> impl Iterator<Item = &Reference> {
    let is_engine = |id: ModuleId| {
        let file = sources.modules[id].file.to_str().unwrap_or_default();
        floors::ENGINES.contains(&file)
    };
    sources.references.iter().filter(move |at| !is_engine(at.from) && !is_engine(at.to))
}

/// Rooms that name one above them, and modules on no floor.
fn above(sources: &Sources) -> Vec<String> {
    let mut findings = Vec::new();
    for module in &sources.modules {
        let [name, room] = &module.path[..] else { continue };
        let floors = floors::MODULES.iter().find(|(of, _)| of == name);
        if floors.is_some_and(|(_, floors)| floors::floor(floors, room).is_none()) {
            findings.push(format!("{}: {name}::{room} is on no floor", module.file.display()));
        }
    }
    for at in &sources.references {
        let [from, to] = [at.from, at.to].map(|id| &sources.modules[id]);
        let floors = match from.path[0] == to.path[0] {
            true => floors::MODULES.iter().find(|(name, _)| *name == from.path[0]).map(|(_, floors)| *floors),
            false => Some(floors::CRATES),
        };
        let depth = usize::from(from.path[0] == to.path[0]);
        let floor = |module: &Module| floors::floor(floors?, module.path.get(depth)?);
        if let (Some(lower), Some(upper)) = (floor(from), floor(to))
            && lower < upper
        {
            let (from, to) = (from.file.display(), to.path.join("::"));
            findings.push(format!("{from}:{} names {to}, which is above it", at.line));
        }
    }
    findings
}

/// Circles among the modules of one module, each taken with all that is in it.
fn siblings(sources: &Sources, outer: ModuleId, findings: &mut Vec<String>) {
    let children: Vec<_> = sources.modules[outer].children.values().copied().collect();
    let room = |id: ModuleId| children.iter().copied().find(|child| sources.is_within(id, *child));
    let mut graph = Graph::new();
    let mut places: BTreeMap<(ModuleId, ModuleId), Vec<&Reference>> = BTreeMap::new();
    for reference in references(sources) {
        if let (Some(from), Some(to)) = (room(reference.from), room(reference.to))
            && from != to
        {
            graph.entry(from).or_insert_with(BTreeSet::new).insert(to);
            places.entry((from, to)).or_default().push(reference);
        }
    }
    for circle in circles(&graph) {
        let what = format!("modules of {}", sources.modules[outer].path.join("::"));
        findings.push(report(&what, &circle, |from, to| {
            let lines: Vec<_> = places
                .get(&(*from, *to))?
                .iter()
                .map(|at| {
                    let [from, to] = [at.from, at.to].map(|id| &sources.modules[id]);
                    format!("  {}:{} names {}", from.file.display(), at.line, to.path.join("::"))
                })
                .collect();
            Some(lines.join("\n"))
        }));
    }
}

fn report<N>(what: &str, circle: &[N], place: impl Fn(&N, &N) -> Option<String>) -> String {
    let mut lines = vec![format!("circle of {} {what}:", circle.len())];
    for from in circle {
        lines.extend(circle.iter().filter_map(|to| place(from, to)));
    }
    lines.join("\n")
}

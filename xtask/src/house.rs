//! `cargo xtask house`: checks dependencies between modules, so that the workspace's files can be
//! read one after the other. It fails on cycles between files, on cycles between sibling modules,
//! on a module that names one on a floor above its own, and on a module without a floor.

mod circles;
mod floors;
mod sources;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use anyhow::{Result, ensure};

use crate::steps::say;
use crate::{setup, workspace_root};
use circles::{Graph, circles};
use sources::{Module, ModuleId, Reference, Sources};

/// Checks all crates of the workspace.
///
/// # Errors
/// If a source cannot be read, or a rule does not hold.
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

/// The libraries of the workspace: the name and the root file of each.
fn crates() -> Result<Vec<(String, PathBuf)>> {
    let root = workspace_root();
    let metadata = setup::cargo_metadata()?;
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
    let file = |id: ModuleId| Some(sources.modules[id].file.as_path());
    findings.extend(circles_among("files", sources, file));
    for outer in &sources.modules {
        // Each child stands for everything that is in it.
        let child = |id| outer.children.values().copied().find(|child| sources.is_within(id, *child));
        let what = format!("modules of {}", outer.path.join("::"));
        findings.extend(circles_among(&what, sources, child));
    }
    findings
}

/// Finds cycles among the nodes that modules belong to. References within a node, and those of
/// modules without a node, do not count.
fn circles_among<N: Ord + Copy>(
    what: &str,
    sources: &Sources,
    node: impl Fn(ModuleId) -> Option<N>,
) -> Vec<String> {
    let mut graph = Graph::new();
    let mut places: BTreeMap<(N, N), Vec<&Reference>> = BTreeMap::new();
    for reference in references(sources) {
        if let (Some(from), Some(to)) = (node(reference.from), node(reference.to))
            && from != to
        {
            graph.entry(from).or_insert_with(BTreeSet::new).insert(to);
            places.entry((from, to)).or_default().push(reference);
        }
    }
    let report = |circle: Vec<N>| {
        let mut lines = vec![format!("circle of {} {what}:", circle.len())];
        for from in &circle {
            let named = circle.iter().filter_map(|to| places.get(&(*from, *to)));
            lines.extend(named.flatten().map(|reference| place(sources, reference)));
        }
        lines.join("\n")
    };
    circles(&graph).into_iter().map(report).collect()
}

/// Where a reference is, and what it names.
fn place(sources: &Sources, at: &Reference) -> String {
    let [from, to] = [at.from, at.to].map(|id| &sources.modules[id]);
    format!("  {}:{} names {} ({})", from.file.display(), at.line, to.path.join("::"), to.file.display())
}

/// All references but those from or to the inliner's engines.
fn references(sources: &Sources) -> impl Iterator<Item = &Reference> {
    let is_engine = |id: ModuleId| {
        let file = sources.modules[id].file.to_str().unwrap_or_default();
        floors::ENGINES.contains(&file)
    };
    sources.references.iter().filter(move |at| !is_engine(at.from) && !is_engine(at.to))
}

/// Finds modules that name one on a floor above their own, and modules without a floor.
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

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// The findings in a crate of these files, the first of which is its root.
    fn found(name: &str, files: &[(&str, &str)]) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let crates = [(name.to_owned(), PathBuf::from(files[0].0))];
        findings(&Sources::read(folder.path(), &crates).unwrap())
    }

    /// Whether a cycle is found if `a.rs` holds `of_b` and `b.rs` holds `of_a`.
    fn circle_of(of_b: &str, of_a: &str) -> bool {
        let root = ("src/lib.rs", "mod a;\nmod b;\npub use a::A;\n");
        let findings = found("planted", &[root, ("src/a.rs", of_b), ("src/b.rs", of_a)]);
        let is_named = findings.iter().any(|finding| {
            finding.starts_with("circle of 2 files")
                && finding.contains("src/b.rs:1 names planted")
                && finding.contains("(src/a.rs)")
        });
        assert_eq!(findings.len(), if is_named { 2 } else { 0 }, "{findings:?}");
        is_named
    }

    #[test]
    fn a_planted_circle_is_found_however_it_is_written() {
        let of_b = "use crate::b::B;\npub struct A(B);\n";
        for of_a in [
            "use super::a::A;\n",
            "use crate::{a::A as Other};\n",
            // By way of the root, which re-exports it.
            "use crate::A;\n",
            "fn f(_: &crate::a::A) {}\n",
            "use planted::a;\n",
            "fn f() { println!(\"{}\", crate::a::A) }\n",
            "#[derive(serde::Serialize)] struct S { #[serde(with = \"x\", default(crate::a::A))] s: u8 }\n",
            "mod inner { use super::super::a::A; }\n",
        ] {
            assert!(circle_of(of_b, of_a), "{of_a}");
        }
    }

    #[test]
    fn what_only_tests_name_is_no_circle() {
        let of_b = "use crate::b::B;\npub struct A(B);\n";
        for of_a in [
            "#[cfg(test)] mod tests { use crate::a::A; }\n",
            "#[cfg(test)] use crate::a::A;\n",
            "#[cfg(all(test, unix))] fn f(_: crate::a::A) {}\n",
            "pub struct B; // crate::a::A\n",
        ] {
            assert!(!circle_of(of_b, of_a), "{of_a}");
        }
        assert!(circle_of(of_b, "#[cfg(not(test))] use crate::a::A;\n"));
    }

    #[test]
    fn rooms_whose_files_form_no_circle_may_still_be_in_one() {
        let findings = found(
            "planted",
            &[
                ("src/lib.rs", "mod a;\nmod b;\n"),
                ("src/a.rs", "pub mod low;\npub mod high;\n"),
                ("src/a/low.rs", "pub struct Low;\n"),
                ("src/a/high.rs", "use crate::b::B;\n"),
                ("src/b.rs", "pub struct B(crate::a::low::Low);\n"),
            ],
        );
        assert_eq!(findings.len(), 1, "{findings:?}");
        assert!(findings[0].starts_with("circle of 2 modules of planted"), "{findings:?}");
    }

    #[test]
    fn a_room_that_names_one_above_it_is_found() {
        let files = [
            ("src/lib.rs", "mod names;\nmod push;\n"),
            ("src/names.rs", "use crate::push::Push;\n"),
            ("src/push.rs", "pub struct Push;\n"),
        ];
        assert_eq!(found("capy_cli", &files), ["src/names.rs:1 names capy_cli::push, which is above it"]);
        let unknown = [("src/lib.rs", "mod attic;\n"), ("src/attic.rs", "")];
        assert_eq!(found("capy_cli", &unknown), ["src/attic.rs: capy_cli::attic is on no floor"]);
    }
}

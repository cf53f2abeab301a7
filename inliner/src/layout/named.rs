//! Folders and files that the caller names.
//!
//! Owns what is known of them all the same: the builds inside, and those that they belong to, keep their public files. It
//! refuses a broken manifest only where the named folder is concerned: what lies beside it may be anybody's.

use std::path::Path;

use super::{DETECTORS, Layout, detect_in, find, next};
use crate::Error;
use crate::tree::Tree;

/// The folder of a project has one of these. Builds beside the named folder are looked for no further up.
const PROJECT: [&str; 2] = ["package.json", ".git"];

/// A folder that the caller vouches for. What builds in it and around it serve to the public stays public all the same.
pub(super) fn layout(tree: &Tree<'_>, folder: &Path) -> Result<Layout, Error> {
    if !tree.is_dir(folder) {
        tree.refuse_faults()?;
        return Err(Error::NoFolder { path: folder.to_owned() });
    }
    let mut named =
        Layout { server: vec![folder.to_owned()], is_served: may_be_served, ..Layout::new("named", folder) };
    let real = tree.real(folder)?;
    let mut layouts = inside(tree, folder)?;
    layouts.extend(nearest(tree, &real, of_next)?);
    layouts.extend(nearest(tree, &real, of_others)?);
    for layout in layouts {
        named.public.extend(layout.public);
        named.served_files.extend(layout.served_files);
        named.withheld.extend(layout.withheld);
    }
    Ok(named)
}

fn inside(tree: &Tree<'_>, folder: &Path) -> Result<Vec<Layout>, Error> {
    let found = detect_in(tree, &find::below(tree, folder, usize::MAX)?, None)?;
    let mut layouts = next::below(tree, folder)?;
    layouts.extend(found.into_iter().map(|found| found.layout));
    Ok(layouts)
}

/// The nearest builds that a folder belongs to, or lies beside in its project. Some builds have a `package.json` of their
/// own, so those that the folder lies in are looked for above it, too.
fn nearest(tree: &Tree<'_>, real: &Path, at: Finder) -> Result<Vec<Layout>, Error> {
    // Without a project, whatever lies beside the folder may be anybody's.
    let project = find::up_to(tree, real, &PROJECT).pop();
    let project = project.filter(|last| last.parent().is_some() && find::has_any(tree, last, &PROJECT));
    for above in real.ancestors().skip(1).take_while(|above| tree.holds(above)) {
        let in_project = project.is_some_and(|project| above.starts_with(project));
        let mut layouts = Vec::new();
        for candidate in find::below(tree, above, 1)? {
            layouts.extend(at(tree, &candidate, real)?);
        }
        layouts.retain(|layout| in_project || is_inside(tree, real, &layout.tree));
        if !layouts.is_empty() {
            return Ok(layouts);
        }
    }
    Ok(Vec::new())
}

/// The builds that a folder is or has, without faults that do not concern the named one.
type Finder = fn(&Tree<'_>, &Path, &Path) -> Result<Vec<Layout>, Error>;

fn of_next(tree: &Tree<'_>, candidate: &Path, named: &Path) -> Result<Vec<Layout>, Error> {
    Ok(unless_strange(tree, named, || next::at(tree, candidate))?.flatten().into_iter().collect())
}

fn of_others(tree: &Tree<'_>, candidate: &Path, named: &Path) -> Result<Vec<Layout>, Error> {
    let mut layouts = Vec::new();
    for detect in DETECTORS {
        let found = unless_strange(tree, named, || detect(tree, candidate, None))?.into_iter().flatten();
        layouts.extend(found.map(|found| found.layout));
    }
    Ok(layouts)
}

/// Leaves a fault out that lies in a build to which the folder does not belong.
fn unless_strange<T>(
    tree: &Tree<'_>,
    named: &Path,
    detect: impl FnOnce() -> Result<T, Error>,
) -> Result<Option<T>, Error> {
    match tree.without_refusals(detect) {
        Err(
            Error::Manifest { path, .. }
            | Error::Read { path, .. }
            | Error::LinkLeavesTree { path, .. }
            | Error::TooLarge { path, .. },
        ) if !path.parent().is_some_and(|build| is_inside(tree, named, build)) => Ok(None),
        other => other.map(Some),
    }
}

fn is_inside(tree: &Tree<'_>, real: &Path, folder: &Path) -> bool {
    tree.real(folder).is_ok_and(|folder| real.starts_with(folder))
}

/// Nothing says what becomes of the files beside the bundles, so none of them may hold a value.
fn may_be_served(inside: &Path) -> bool {
    let extension = inside.extension().and_then(|extension| extension.to_str());
    !matches!(extension, Some("js" | "mjs" | "cjs" | "map" | "wasm" | "node"))
}

//! Layout of folders and files that the caller names.
//!
//! Builds inside a named folder, and builds that it belongs to, still keep their public files
//! public. A broken manifest is an error only in a build that the named folder belongs to, because
//! what lies beside it may be unrelated.

use std::path::Path;

use super::{DETECTORS, Layout, detect_in, find, next};
use crate::Error;
use crate::tree::Tree;

/// A project's folder contains one of these. Builds beside the named folder are searched no further
/// up.
const PROJECT: [&str; 2] = ["package.json", ".git"];

/// The layout of a folder that the caller vouches for. Public files of the builds in it and around
/// it stay public.
pub(super) fn layout(tree: &Tree<'_>, folder: &Path) -> Result<Layout, Error> {
    if !tree.is_dir(folder) {
        tree.refuse_faults()?;
        return Err(Error::NoFolder { path: folder.to_owned() });
    }
    let mut named =
        Layout { server: vec![folder.to_owned()], is_served: may_be_served, ..Layout::new("named", folder) };
    named.add_pages_worker(tree, folder);
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

/// The nearest builds that contain the folder, or lie beside it in its project. Some builds have
/// their own `package.json`, so builds that contain the folder are also searched above the nearest
/// `package.json`.
fn nearest(tree: &Tree<'_>, real: &Path, at: Finder) -> Result<Vec<Layout>, Error> {
    // Without a project, whatever lies beside the folder may be unrelated.
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

/// Finds the builds in a folder, ignoring errors in builds that the named folder does not belong
/// to.
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

/// Ignores an error in a build that the named folder does not belong to.
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

/// Whether a file may be served: nothing says what happens to the files beside the bundles, so all
/// but scripts, maps, `.wasm` and `.node` count as public.
fn may_be_served(inside: &Path) -> bool {
    let extension = inside.extension().and_then(|extension| extension.to_str());
    !matches!(extension, Some("js" | "mjs" | "cjs" | "map" | "wasm" | "node"))
}

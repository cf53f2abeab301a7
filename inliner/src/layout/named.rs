//! Folders and files that the caller names.
//!
//! Owns what is known of them all the same: the builds inside, and those that they belong to, keep their public files. It
//! refuses a broken manifest only where the named folder is concerned: what lies beside it may be anybody's.

use std::path::Path;

use super::{DETECTORS, Layout, detect_in, find, next, tree};
use crate::Error;

/// The folder of a project has one of these. Builds beside the named folder are looked for no further up.
const PROJECT: [&str; 2] = ["package.json", ".git"];

/// A folder that the caller vouches for. What builds in it and around it serve to the public stays public all the same.
pub(super) fn layout(folder: &Path) -> Result<Layout, Error> {
    if !folder.is_dir() {
        return Err(Error::NoFolder { path: folder.to_owned() });
    }
    let mut named =
        Layout { server: vec![folder.to_owned()], is_served: may_be_served, ..Layout::new("named", folder) };
    let real = tree::real(folder)?;
    let mut layouts = inside(folder)?;
    layouts.extend(nearest(&real, of_next)?);
    layouts.extend(nearest(&real, of_others)?);
    for layout in layouts {
        named.public.extend(layout.public);
        named.served_files.extend(layout.served_files);
        named.withheld.extend(layout.withheld);
    }
    Ok(named)
}

fn inside(folder: &Path) -> Result<Vec<Layout>, Error> {
    let found = detect_in(&find::below(folder, usize::MAX), None)?;
    let mut layouts = next::below(folder)?;
    layouts.extend(found.into_iter().map(|found| found.layout));
    Ok(layouts)
}

/// The nearest builds that a folder belongs to, or lies beside in its project. Some builds have a `package.json` of their
/// own, so those that the folder lies in are looked for above it, too.
fn nearest(real: &Path, at: Finder) -> Result<Vec<Layout>, Error> {
    // Without a project, whatever lies beside the folder may be anybody's.
    let project = find::up_to(real, &PROJECT).last().filter(|last| last.parent().is_some());
    for above in real.ancestors().skip(1) {
        let in_project = project.is_some_and(|project| above.starts_with(project));
        let mut layouts = Vec::new();
        for candidate in find::below(above, 1) {
            layouts.extend(at(&candidate, real)?);
        }
        layouts.retain(|layout| in_project || is_inside(real, &layout.tree));
        if !layouts.is_empty() {
            return Ok(layouts);
        }
    }
    Ok(Vec::new())
}

/// The builds that a folder is or has, without faults that do not concern the named one.
type Finder = fn(&Path, &Path) -> Result<Vec<Layout>, Error>;

fn of_next(candidate: &Path, named: &Path) -> Result<Vec<Layout>, Error> {
    Ok(unless_strange(next::at(candidate), named)?.flatten().into_iter().collect())
}

fn of_others(candidate: &Path, named: &Path) -> Result<Vec<Layout>, Error> {
    let mut layouts = Vec::new();
    for detect in DETECTORS {
        let found = unless_strange(detect(candidate, None), named)?.into_iter().flatten();
        layouts.extend(found.map(|found| found.layout));
    }
    Ok(layouts)
}

/// Leaves a fault out that lies in a build to which the folder does not belong.
fn unless_strange<T>(result: Result<T, Error>, named: &Path) -> Result<Option<T>, Error> {
    match result {
        Err(Error::Manifest { path, .. } | Error::Read { path, .. } | Error::LinkLeavesTree { path })
            if !path.parent().is_some_and(|build| is_inside(named, build)) =>
        {
            Ok(None)
        }
        other => other.map(Some),
    }
}

fn is_inside(real: &Path, folder: &Path) -> bool {
    folder.canonicalize().is_ok_and(|folder| real.starts_with(folder))
}

/// Nothing says what becomes of the files beside the bundles, so none of them may hold a value.
fn may_be_served(inside: &Path) -> bool {
    let extension = inside.extension().and_then(|extension| extension.to_str());
    !matches!(extension, Some("js" | "mjs" | "cjs" | "map" | "wasm" | "node"))
}

//! Determines the outermost folder of the tree.
//!
//! The folders that the caller names are the tree. The nearest repository around each, or else the
//! project around a framework's output folder, is included if it has the same owner; `--root` names
//! another folder instead.

use std::io;
use std::path::{Path, PathBuf};

use cap_std::ambient_authority;
use cap_std::fs::Dir;

use super::{Limits, Root, Tree, Watch};
use crate::Error;

/// Marks a repository's root folder.
const REPOSITORY: &str = ".git";
/// Marks a project's root folder.
const PROJECT: &str = "package.json";

/// Output folders whose names inside a project are not configurable.
const OUTPUTS: [&str; 5] = [".vercel/output", ".next", ".output", ".open-next", ".svelte-kit"];

/// How far outside the named folders a run may go.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Within {
    /// To the nearest repository around each, or to the project around a framework's output folder,
    /// if it has the same owner.
    #[default]
    Repository,
    /// No further than the named folders.
    Named,
    /// To this folder, which must contain all of them.
    Root(PathBuf),
}

impl<'a> Tree<'a> {
    /// The tree of a run. `named` are folders, or files in them; `bundles` are those that the
    /// caller names as server bundles, without a manifest.
    pub(crate) fn of(
        named: &[PathBuf],
        bundles: &[PathBuf],
        within: &Within,
        watch: Watch<'a>,
        limits: Limits,
    ) -> Result<Self, Error> {
        let here =
            std::env::current_dir().map_err(|source| Error::Read { path: PathBuf::from("."), source })?;
        let looks_outside = *within != Within::Named;
        let mut tree = Self { here, watch, limits, looks_outside, ..Self::default() };
        if let Within::Root(root) = within {
            tree.hold(real_folder(root)?, true)?;
        }
        for path in named {
            let (folder, real) = named_folder(path)?;
            if let Within::Root(root) = within {
                if !tree.roots.iter().any(|root| real.starts_with(&root.real)) {
                    return Err(Error::LinkLeavesTree { path: path.clone(), outermost: Some(root.clone()) });
                }
            } else {
                let around = || repository(&real).or_else(|| project(&real));
                let around = if *within == Within::Repository { around() } else { None };
                tree.hold(around.unwrap_or_else(|| real.clone()), true)?;
            }
            tree.name(folder, &real);
        }
        if *within == Within::Repository {
            tree.look_around(named, bundles)?;
        }
        Ok(tree)
    }

    /// Opens, for reading only, folders whose manifests may say what is served: the nearest project
    /// around each named folder, or, for a server bundle that the caller names, the outermost
    /// ancestor with the same owner.
    fn look_around(&mut self, named: &[PathBuf], bundles: &[PathBuf]) -> Result<(), Error> {
        for path in named {
            let (_, real) = named_folder(path)?;
            let own: Vec<&Path> = real.ancestors().take_while(|above| is_same_owner(above, &real)).collect();
            let is_project = |above: &&&Path| above.join(PROJECT).symlink_metadata().is_ok();
            let around = if bundles.contains(path) { own.last() } else { own.iter().find(is_project) };
            if let Some(around) = around {
                self.hold((*around).to_owned(), false)?;
            }
        }
        Ok(())
    }

    /// Opens a folder, unless an open one contains it and allows as much.
    fn hold(&mut self, real: PathBuf, may_write: bool) -> Result<(), Error> {
        let is_known = |root: &Root| real.starts_with(&root.real) && (root.may_write || !may_write);
        if self.roots.iter().any(is_known) {
            return Ok(());
        }
        // Roots inside the new one are merged into it.
        let inside = |root: &mut Root| may_write && root.may_write && root.real.starts_with(&real);
        let names: Vec<_> = self
            .roots
            .extract_if(.., inside)
            .flat_map(|root| {
                let real = root.real;
                root.names.into_iter().map(move |(name, at)| (name, real.join(at)))
            })
            .collect();
        let dir = Dir::open_ambient_dir(&real, ambient_authority())
            .map_err(|source| Error::Read { path: real.clone(), source })?;
        let relative = |at: PathBuf| at.strip_prefix(&real).unwrap_or(&at).to_owned();
        let names = names.into_iter().map(|(name, at)| (name, relative(at))).collect();
        self.roots.push(Root { dir, real, names, may_write });
        Ok(())
    }

    /// Maps paths that begin with `name` to the root that contains `real`.
    fn name(&mut self, name: PathBuf, real: &Path) {
        let roots = self.roots.iter_mut().filter(|root| root.may_write);
        for root in roots {
            if let Ok(inside) = real.strip_prefix(&root.real) {
                root.names.push((name, inside.to_owned()));
                return;
            }
        }
    }
}

/// A named folder, or the folder of a named file: as written, and without links.
fn named_folder(path: &Path) -> Result<(PathBuf, PathBuf), Error> {
    let of_file = || {
        let folder = path.parent()?;
        Some(if folder.as_os_str().is_empty() { PathBuf::from(".") } else { folder.to_owned() })
    };
    let folder = if path.is_dir() { path.to_owned() } else { of_file().unwrap_or_else(|| path.to_owned()) };
    let no_folder = |error| match error {
        Error::NoFolder { .. } => Error::NoFolder { path: path.to_owned() },
        error => error,
    };
    let real = real_folder(&folder).map_err(no_folder)?;
    Ok((folder, real))
}

fn real_folder(path: &Path) -> Result<PathBuf, Error> {
    match path.canonicalize() {
        Ok(real) if real.is_dir() => Ok(real),
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(Error::Read { path: path.to_owned(), source })
        }
        _ => Err(Error::NoFolder { path: path.to_owned() }),
    }
}

/// The nearest ancestor that is a repository, if both have the same owner.
fn repository(real: &Path) -> Option<PathBuf> {
    let nearest = real.ancestors().find(|above| above.join(REPOSITORY).symlink_metadata().is_ok())?;
    let is_own = is_same_owner(nearest, real) && is_same_owner(&nearest.join(REPOSITORY), real);
    is_own.then(|| nearest.to_owned())
}

/// The project that contains a framework's output folder: naming the output folder also names its
/// project.
fn project(real: &Path) -> Option<PathBuf> {
    let output = OUTPUTS.iter().find(|output| real.ends_with(output))?;
    let around = real.ancestors().nth(Path::new(output).components().count())?;
    is_same_owner(around, real).then(|| around.to_owned())
}

#[cfg(unix)]
fn is_same_owner(a: &Path, b: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let owner = |path: &Path| path.symlink_metadata().map(|metadata| metadata.uid()).ok();
    owner(a).is_some_and(|a| Some(a) == owner(b))
}

/// Windows has access lists in place of owners; whoever may write around a folder may write into
/// it.
#[cfg(not(unix))]
fn is_same_owner(_: &Path, _: &Path) -> bool {
    true
}

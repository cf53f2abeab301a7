//! Builds that leave files to serve and no server: Vite, static exports, site generators.
//!
//! Owns how such an output is told from other folders: pages of HTML that this run wrote, in whatever folder below the
//! application's; or, when the run wrote no output at all, pages in a folder that build tools usually write to. It
//! refuses to take a folder that belongs to another layout, and finds nothing to inline.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::manifest::is_written_since;
use super::{Detected, Layout, find};
use crate::Error;
use crate::tree::{Entry, Kind, Tree};

/// Where build tools write static sites to, unless they are told otherwise.
const USUAL: [&str; 12] = [
    "dist",
    "out",
    "build",
    "public",
    "_site",
    "www",
    "site",
    "export",
    "storybook-static",
    ".output/public",
    ".vitepress/dist",
    ".vuepress/dist",
];
/// Hidden folders that may hold such an output; all others are tools' own.
const HIDDEN: [&str; 3] = [".output", ".vitepress", ".vuepress"];
/// Angular writes `dist/<name>/browser/index.html`.
const DEEPEST_PAGE: usize = 3;

/// The static sites below a folder that belong to none of the outputs already found.
pub(super) fn detect(
    tree: &Tree<'_>,
    folder: &Path,
    written_since: Option<SystemTime>,
    found: &[Detected],
) -> Result<Vec<Detected>, Error> {
    let folders = find::below(tree, folder, find::DEEPEST)?.into_iter().filter(|path| path != folder);
    let visible: Vec<PathBuf> = folders.filter(|path| !is_hidden(folder, path)).collect();
    let mut sites: Vec<Detected> = Vec::new();
    for path in visible {
        let is_inside = sites.iter().any(|site| site.fresh && path.starts_with(&site.layout.tree));
        if is_inside || found.iter().any(|other| belongs_to(tree, &path, &other.layout)) {
            continue;
        }
        let is_usual = USUAL.iter().any(|usual| path.ends_with(usual));
        let pages = pages(tree, &path, if is_usual { DEEPEST_PAGE } else { 1 })?;
        let fresh = written_since.is_none_or(|since| pages.iter().any(|page| is_fresh(tree, page, since)));
        if let Some(page) = pages.first().filter(|_| fresh || is_usual) {
            sites.push(Detected { layout: layout(&path, &page.path), fresh });
        }
    }
    let wrote_something = sites.iter().chain(found).any(|output| output.fresh);
    if wrote_something {
        sites.retain(|site| site.fresh);
    }
    // A search does no harm to what is older, and there is nothing to inline that could be missing.
    sites.iter_mut().for_each(|site| site.fresh = true);
    Ok(sites)
}

fn layout(folder: &Path, page: &Path) -> Layout {
    Layout {
        public: vec![folder.to_owned()],
        evidence: vec![(page.to_owned(), "pages, and no server that is known".to_owned())],
        ..Layout::new("static", folder)
    }
}

/// Pages of HTML in a folder, so many levels deep.
fn pages(tree: &Tree<'_>, folder: &Path, depth: usize) -> Result<Vec<Entry>, Error> {
    let entries = tree.below(folder, depth, |entry| entry.name() != "node_modules")?.into_iter();
    let is_page = |entry: &Entry| entry.path.extension().is_some_and(|end| end == "html" || end == "htm");
    Ok(entries.filter(|entry| entry.kind == Kind::File && is_page(entry)).collect())
}

fn is_fresh(tree: &Tree<'_>, page: &Entry, since: SystemTime) -> bool {
    tree.metadata(&page.path).is_ok_and(|metadata| is_written_since(&metadata, since))
}

fn is_hidden(folder: &Path, path: &Path) -> bool {
    let inside = path.strip_prefix(folder).unwrap_or(path).components();
    let mut names = inside.map(|part| part.as_os_str().to_string_lossy());
    names.any(|name| name.starts_with('.') && !HIDDEN.contains(&name.as_ref()))
}

/// Whether another layout owns the folder, or something inside of it.
fn belongs_to(tree: &Tree<'_>, path: &Path, layout: &Layout) -> bool {
    let real = |path: &Path| tree.real(path).unwrap_or_else(|_| path.to_owned());
    let path = real(path);
    let mut roots = layout.server.iter().chain(&layout.server_files).map(|root| real(root));
    let holds_server = roots.any(|root| root.starts_with(&path) || path.starts_with(&root));
    let mut public = layout.public.iter().map(|root| real(root));
    holds_server || public.any(|root| path.starts_with(&root) || root.starts_with(&path) && root != path)
}

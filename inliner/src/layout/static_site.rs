//! Layout of static sites, which have files to serve and no server: Vite, static exports, site
//! generators.
//!
//! Recognises an output by HTML pages that this run wrote, in any folder below the application's;
//! or, if the run wrote no output at all, by pages in a folder that build tools usually write to.
//! Folders that belong to another layout are skipped. Nothing is inlined.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::manifest::is_written_since;
use super::{Detected, Layout, find};
use crate::Error;
use crate::tree::{Entry, Kind, Tree};

/// Default output folders of build tools for static sites.
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
/// Hidden folders that may hold such an output; all others belong to tools.
const HIDDEN: [&str; 3] = [".output", ".vitepress", ".vuepress"];
/// Angular writes `dist/<name>/browser/index.html`.
const DEEPEST_PAGE: usize = 3;

/// The static sites below a folder that belong to none of the outputs found so far.
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
    // Searching older sites does no harm, and they have nothing to inline that could be missing.
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

/// HTML pages in a folder, down to this depth.
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

/// Whether another layout owns the folder, or something inside it.
fn belongs_to(tree: &Tree<'_>, path: &Path, layout: &Layout) -> bool {
    let real = |path: &Path| tree.real(path).unwrap_or_else(|_| path.to_owned());
    let path = real(path);
    let mut roots = layout.server.iter().chain(&layout.server_files).map(|root| real(root));
    let holds_server = roots.any(|root| root.starts_with(&path) || path.starts_with(&root));
    let mut public = layout.public.iter().map(|root| real(root));
    holds_server || public.any(|root| path.starts_with(&root) || root.starts_with(&path) && root != path)
}

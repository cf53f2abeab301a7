//! Which source map file belongs to a bundle, and whether it may be written.
//!
//! Resolves a bundle's `sourceMappingURL` comment to a file. A map is rejected if another bundle
//! names it too (it could not be right for both), if the public can fetch it, if it is a link, or
//! if it lies outside the server's folders.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use percent_encoding::percent_decode_str;

use crate::footer;
use crate::layout::{Inventory, RootKind};
use crate::rewrite::MapAt;
use crate::tree::{Kind, Tree};

/// The source maps of all bundles of a run.
pub(crate) struct MapFiles<'a> {
    inventory: &'a Inventory<'a>,
    roots: Vec<PathBuf>,
    /// How many bundles name each map.
    claims: BTreeMap<&'a Path, usize>,
}

impl<'a> MapFiles<'a> {
    pub(crate) fn new(inventory: &'a Inventory<'a>, claims: impl Iterator<Item = &'a Path>) -> Self {
        let server = inventory.roots.iter().filter(|root| root.kind == RootKind::Server);
        let roots = server.filter_map(|root| inventory.tree.real(&root.path).ok()).collect();
        let claims = claims.fold(BTreeMap::new(), |mut claims, map| {
            *claims.entry(map).or_default() += 1;
            claims
        });
        Self { inventory, roots, claims }
    }

    /// A bundle's map, and the path of its file.
    pub(crate) fn find(&self, bundle: &Path, trailer: &str) -> (MapAt, Option<PathBuf>) {
        let url = footer::map_url(trailer);
        if url.is_some_and(|url| url.starts_with("data:")) {
            return (MapAt::Inline, None);
        }
        let Some(named) = path(bundle, url) else {
            return (MapAt::Elsewhere, None);
        };
        let tree = &self.inventory.tree;
        let path = match tree.find(&named) {
            Ok(Some(Kind::File)) => tree.real(&named).ok(),
            Ok(None) => return (MapAt::Nowhere, None),
            _ => None,
        };
        let is_link = || tree.link_metadata(&named).is_ok_and(|metadata| metadata.is_symlink());
        let own = path.filter(|path| self.is_own(bundle, path) && !is_link());
        match own.and_then(|path| Some((tree.read_text(&path).ok()?, path))) {
            Some((map, path)) => (MapAt::File(map), Some(path)),
            None => (MapAt::Elsewhere, None),
        }
    }

    fn is_own(&self, bundle: &Path, map: &Path) -> bool {
        let is_inside =
            self.roots.iter().any(|root| map.starts_with(root)) || map.parent() == bundle.parent();
        let is_shared = self.claims.get(map).is_some_and(|bundles| *bundles > 1);
        is_inside && !is_shared && !self.inventory.public.contains_key(map)
    }
}

/// The map file that a bundle names, if it exists; computed for every bundle, including those
/// without replacements.
pub(crate) fn claim(tree: &Tree<'_>, bundle: &Path, source: &str) -> Option<PathBuf> {
    let map = path(bundle, footer::nearby_map_url(source))?;
    // Checks existence first, because most bundles have no map.
    tree.find(&map).ok()??;
    tree.real(&map).ok()
}

/// The path of the map at a URL, or of the one beside the bundle; `None` if the URL is not a
/// relative path.
pub(crate) fn path(bundle: &Path, url: Option<&str>) -> Option<PathBuf> {
    let Some(url) = url else {
        let mut beside = bundle.as_os_str().to_owned();
        beside.push(".map");
        return Some(beside.into());
    };
    if url.starts_with("data:") || url.contains("://") || url.starts_with('/') {
        return None;
    }
    let url = url.split(['?', '#']).next().unwrap_or(url);
    Some(bundle.parent()?.join(&*percent_decode_str(url).decode_utf8().ok()?))
}

//! Which source map belongs to a bundle, and whether it may be written.
//!
//! Owns the way from a bundle's last comment to a file. It refuses a map that another bundle names too (it cannot be
//! right for both afterwards), that the public can fetch, that is a link, or that lies outside the server's folders.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use percent_encoding::percent_decode_str;

use crate::layout::Inventory;
use crate::report::RootKind;
use crate::rewrite::MapAt;
use crate::tail;
use crate::tree::{Kind, Tree};

/// The maps of all bundles of a run.
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

    /// The map of a bundle, and the file that it is in.
    pub(crate) fn find(&self, bundle: &Path, trailer: &str) -> (MapAt, Option<PathBuf>) {
        let url = tail::map_url(trailer);
        if url.is_some_and(|url| url.starts_with("data:")) {
            return (MapAt::Inline, None);
        }
        let Some(named) = named(bundle, url) else {
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

/// The map that a bundle names, if it is there; for every bundle, also those that nothing is replaced in.
pub(crate) fn claim(tree: &Tree<'_>, bundle: &Path, source: &str) -> Option<PathBuf> {
    let map = named(bundle, tail::nearby_map_url(source))?;
    // Most have none, and that is quickly asked.
    tree.find(&map).ok()??;
    tree.real(&map).ok()
}

/// The map at an address, or the one that lies beside the bundle; `None` for what is no path.
fn named(bundle: &Path, url: Option<&str>) -> Option<PathBuf> {
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

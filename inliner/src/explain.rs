//! The answer to `--explain`: what a run would work on, without values and without writing.
//!
//! Lists the manifests that were read, the server and public folders, and how many files each
//! holds.

use std::io::{self, Write};
use std::path::PathBuf;

use serde::Serialize;

use crate::layout::{self, Evidence, Inventory, RootKind, Runtime};
use crate::{Error, Request, printable};

/// The recognised layouts, and the files that follow from them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Explanation {
    pub evidence: Vec<Evidence>,
    pub roots: Vec<CountedRoot>,
    pub entries: Vec<EntryFile>,
    /// Paths inside public folders that are not served.
    #[serde(serialize_with = "printable::serialize_paths")]
    pub withheld: Vec<PathBuf>,
    /// Paths that are neither run nor served, but are searched for values.
    #[serde(serialize_with = "printable::serialize_paths")]
    pub searched: Vec<PathBuf>,
    /// Counts: server bundles, files that the public can fetch, source maps, and other files that
    /// are searched.
    pub server_files: usize,
    pub public_files: usize,
    pub map_files: usize,
    pub searched_files: usize,
}

/// A root folder, its kind, and how many files of that kind it holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct CountedRoot {
    #[serde(serialize_with = "printable::serialize_path")]
    pub path: PathBuf,
    pub kind: RootKind,
    pub layout: &'static str,
    pub files: usize,
}

/// A bundle that a platform loads first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[non_exhaustive]
pub struct EntryFile {
    #[serde(serialize_with = "printable::serialize_path")]
    pub path: PathBuf,
    /// `node`, `edge` or `workers`.
    pub runtime: &'static str,
}

/// Finds the same files as a run would, but reads no bundle and writes nothing.
///
/// # Errors
/// When the files cannot be listed, or the layout is refused: see [`Error`].
pub fn explain(request: &Request<'_>) -> Result<Explanation, Error> {
    let inventory = layout::inventory(request)?;
    Ok(Explanation {
        roots: counted(&inventory),
        entries: entries(&inventory),
        server_files: inventory.server.len(),
        public_files: inventory.public.len(),
        map_files: inventory.maps.len(),
        searched_files: inventory.searched.len(),
        evidence: inventory.evidence,
        withheld: inventory.withheld,
        searched: inventory.searched_roots,
    })
}

fn counted(inventory: &Inventory<'_>) -> Vec<CountedRoot> {
    let count = |root: &crate::Root| {
        let files = match root.kind {
            RootKind::Server => &inventory.server,
            RootKind::Public => &inventory.public,
        };
        files.values().filter(|path| path.starts_with(&root.path)).count()
    };
    let roots = inventory.roots.iter().map(|root| CountedRoot {
        path: root.path.clone(),
        kind: root.kind,
        layout: root.layout,
        files: count(root),
    });
    roots.collect()
}

fn entries(inventory: &Inventory<'_>) -> Vec<EntryFile> {
    let entries = inventory.entries.iter().map(|(real, runtime)| EntryFile {
        path: inventory.server.get(real).unwrap_or(real).clone(),
        runtime: match runtime {
            Runtime::Node => "node",
            Runtime::Edge => "edge",
            Runtime::Workers => "workers",
        },
    });
    entries.collect()
}

impl Explanation {
    /// Prints the explanation as text, one fact per line.
    pub fn print(&self, out: &mut impl Write) -> io::Result<()> {
        for Evidence { layout, file, says } in &self.evidence {
            writeln!(out, "{layout}: {}: {}", printable::path(file), printable::name(says))?;
        }
        for root in &self.roots {
            let (kind, what) = match root.kind {
                RootKind::Server => ("server", "bundles"),
                RootKind::Public => ("public", "files"),
            };
            writeln!(out, "  {kind}    {} ({} {what})", printable::path(&root.path), root.files)?;
        }
        for EntryFile { path, runtime } in &self.entries {
            writeln!(out, "  entry     {} ({runtime})", printable::path(path))?;
        }
        for path in &self.withheld {
            writeln!(out, "  withheld  {} (in a public folder, not served)", printable::path(path))?;
        }
        for path in &self.searched {
            writeln!(out, "  searched  {} (neither run nor served)", printable::path(path))?;
        }
        let (server, public, maps) = (self.server_files, self.public_files, self.map_files);
        writeln!(
            out,
            "{server} server bundles; {public} public files, {maps} source maps and {} others to search",
            self.searched_files
        )
    }
}

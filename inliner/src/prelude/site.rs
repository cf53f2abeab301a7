//! Which files run before the ones that need variables, and where a module of ours may lie.
//!
//! Owns the reach of a layout's entries: an entry answers for its folder and everything below. A file that none answers
//! for sets the variables itself. It refuses a folder that the public can fetch.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

use memchr::memmem;

use super::need::is_open;
use crate::Error;
use crate::layout::{Inventory, RootKind, Runtime};
use crate::plan::Outcome;

/// Modules that are part of Node, without the prefix that says so.
const BUILT_IN: [&str; 43] = [
    "assert",
    "async_hooks",
    "buffer",
    "child_process",
    "cluster",
    "console",
    "constants",
    "crypto",
    "dgram",
    "diagnostics_channel",
    "dns",
    "domain",
    "events",
    "fs",
    "http",
    "http2",
    "https",
    "inspector",
    "module",
    "net",
    "os",
    "path",
    "perf_hooks",
    "process",
    "punycode",
    "querystring",
    "readline",
    "repl",
    "stream",
    "string_decoder",
    "sys",
    "timers",
    "tls",
    "trace_events",
    "tty",
    "url",
    "util",
    "v8",
    "vm",
    "wasi",
    "worker_threads",
    "zlib",
    "sqlite",
];

/// The layout's entries that are bundles to rewrite.
pub(super) fn entries<'i>(inventory: &'i Inventory<'_>) -> impl Iterator<Item = &'i PathBuf> {
    inventory.entries.keys().filter(|entry| inventory.server.contains_key(*entry))
}

/// Those that may load a file.
pub(super) fn above<'e>(
    entries: impl Iterator<Item = &'e PathBuf>,
    file: &Path,
) -> impl Iterator<Item = &'e PathBuf> {
    entries.filter(move |entry| entry.parent().is_some_and(|folder| file.starts_with(folder)))
}

/// Which files need the variables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// Those with uses that may be of the environment.
    Uses,
    /// These, and packages that any entry may load.
    Packages,
    /// All.
    Everything,
}

/// The files that set the variables: entries above each file that needs them, else the file itself.
pub(super) fn sites(
    inventory: &Inventory<'_>,
    outcomes: &[Outcome],
    reach: Reach,
    loaders: &BTreeSet<PathBuf>,
) -> BTreeMap<PathBuf, Runtime> {
    let runtime = |entry: &PathBuf| (entry.clone(), inventory.entries[entry]);
    let workers = entries(inventory).filter(|entry| inventory.entries[*entry] == Runtime::Workers);
    let mut sites: BTreeMap<PathBuf, Runtime> = workers.map(runtime).collect();
    if reach != Reach::Uses {
        sites.extend(entries(inventory).map(runtime));
    }
    for outcome in outcomes {
        let file = &outcome.bundle.real;
        let uses = outcome.bundle.findings.iter().any(is_open) || loaders.contains(file);
        if reach != Reach::Everything && !uses {
            continue;
        }
        let mut above = above(entries(inventory), file).peekable();
        if above.peek().is_none() {
            sites.entry(file.clone()).or_insert_with(|| runtime_of(file));
        }
        sites.extend(above.map(runtime));
    }
    sites
}

/// Who runs a file that no entry answers for: only Node gives these extensions a meaning, all else may be a sandbox.
fn runtime_of(file: &Path) -> Runtime {
    match file.extension().and_then(|extension| extension.to_str()) {
        Some("cjs" | "mjs") => Runtime::Node,
        _ => Runtime::Edge,
    }
}

/// Scripts of packages inside the server's folders, and beside its entries: a standalone copy has them there.
pub(super) fn packages(inventory: &Inventory<'_>) -> Result<Vec<PathBuf>, Error> {
    let roots = inventory.roots.iter().filter(|root| root.kind == RootKind::Server);
    let inside = roots.map(|root| root.path.clone());
    let beside = entries(inventory).filter_map(|entry| Some(entry.parent()?.join("node_modules")));
    let folders: BTreeSet<PathBuf> =
        inside.chain(beside.filter(|folder| inventory.tree.is_dir(folder))).collect();
    let mut found = Vec::new();
    for folder in folders {
        found.extend(crate::layout::packages(&inventory.tree, &folder)?);
    }
    found.sort();
    found.dedup();
    Ok(found)
}

/// Whether modules that may read the environment run before this one's first statement. A single bundle that was named
/// without its folder may be all that is deployed: only files beside it are surely there too.
pub(super) fn needs_an_import(real: &Path, imports: &[String], inventory: &Inventory<'_>) -> bool {
    let roots = inventory.roots.iter().filter(|root| root.kind == RootKind::Server);
    let in_folder =
        roots.filter_map(|root| inventory.tree.real(&root.path).ok()).any(|root| real.starts_with(root));
    imports.iter().any(|name| is_path(name) || in_folder && !is_of_the_runtime(name))
}

fn is_path(specifier: &str) -> bool {
    specifier.starts_with(['.', '/']) || specifier.starts_with("file:")
}

/// `node:fs`, `cloudflare:workers`, `fs/promises`.
fn is_of_the_runtime(specifier: &str) -> bool {
    let name = specifier.split('/').next().unwrap_or_default();
    specifier.contains(':') || BUILT_IN.contains(&name)
}

/// Whether a bundle loads a package, as far as its text tells: `require("x")`, `import("x")`, `from"x"`, `import"x"`, or
/// by a function that stands for `require` under a name of its own.
pub(crate) fn loads_packages(text: &[u8]) -> bool {
    let makes_require = MAKE_REQUIRE.iter().any(|word| memmem::find(text, word.as_bytes()).is_some());
    makes_require
        || [&b"require("[..], b"import", b"from"].into_iter().any(|word| {
            memmem::find_iter(text, word).any(|at| {
                specifier(&text[at + word.len()..]).is_some_and(|name| {
                    let package = name.split('/').next().unwrap_or_default();
                    !is_path(name) && !is_of_the_runtime(name) && !QUIET.contains(&package)
                })
            })
        })
}

/// Node's maker of a `require`, and what esbuild's own one says when there is none.
const MAKE_REQUIRE: [&str; 2] = ["createRequire", "Dynamic require of"];

/// Packages that are loaded by frameworks everywhere and read no variable of the program's.
const QUIET: [&str; 3] = ["next", "react", "react-dom"];

fn specifier(after: &[u8]) -> Option<&str> {
    const LONGEST: usize = 214;
    let after = after.trim_ascii_start();
    let after = after.strip_prefix(b"(").unwrap_or(after).trim_ascii_start();
    let (quote @ (b'"' | b'\'' | b'`'), rest) = after.split_first()? else { return None };
    let end = rest.iter().take(LONGEST).position(|byte| byte == quote)?;
    let is_name =
        |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'@' | b'.' | b'_' | b'-' | b'/' | b':');
    let name = &rest[..end];
    (!name.is_empty() && name.iter().all(is_name)).then(|| std::str::from_utf8(name).ok())?
}

/// Where the module of a prelude may lie, and the way there: beside the bundle, or, where that folder is served, beside a
/// bundle that it imports.
pub(super) fn folder(
    real: &Path,
    imports: &[String],
    inventory: &Inventory<'_>,
) -> Option<(PathBuf, String)> {
    let own = real.parent()?;
    if !inventory.serves(own) {
        return Some((own.to_owned(), "./".to_owned()));
    }
    let imported = imports.iter().filter(|name| name.starts_with('.'));
    imported.filter_map(|name| inventory.tree.real(&own.join(name)).ok()).find_map(|file| {
        let folder = file.parent().filter(|_| inventory.server.contains_key(&file))?;
        let relative = relative(own, folder)?;
        (!inventory.serves(folder)).then(|| (folder.to_owned(), relative))
    })
}

/// The specifier's way between two folders; `None` where it would have to be escaped.
fn relative(from: &Path, to: &Path) -> Option<String> {
    let shared = from.components().zip(to.components()).take_while(|(a, b)| a == b).count();
    let mut way = "../".repeat(from.components().count() - shared);
    if way.is_empty() {
        way.push_str("./");
    }
    for part in to.components().skip(shared) {
        let Component::Normal(name) = part else { return None };
        let name = name.to_str()?;
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b'@');
        if !name.bytes().all(is_plain) {
            return None;
        }
        way.push_str(name);
        way.push('/');
    }
    Some(way)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::Root;
    use crate::tree::Tree;

    #[test]
    fn the_way_between_folders_is_relative() {
        let way = |from: &str, to: &str| relative(Path::new(from), Path::new(to));
        assert_eq!(way("/a/b", "/a/b/c").as_deref(), Some("./c/"));
        assert_eq!(way("/a/b", "/a/.c/d").as_deref(), Some("../.c/d/"));
        assert_eq!(way("/a/b", "/a/c d"), None);
    }

    #[test]
    fn no_module_of_ours_lies_where_the_public_can_fetch_it() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        for name in ["public/_worker.js", "public/app.js", "server/index.js"] {
            std::fs::create_dir_all(root.join(name).parent().unwrap()).unwrap();
            std::fs::write(root.join(name), "").unwrap();
        }
        let tree = Tree::alone(&root, Default::default(), Default::default()).unwrap();
        let mut inventory = Inventory { tree, ..Inventory::default() };
        inventory.roots.push(Root { path: root.join("public"), kind: RootKind::Public, layout: "named" });
        for name in ["public/_worker.js", "server/index.js"] {
            inventory.server.insert(root.join(name), root.join(name));
        }
        let of = |file: &str, imports: &[&str]| {
            let imports: Vec<String> = imports.iter().map(|import| (*import).to_owned()).collect();
            super::folder(&root.join(file), &imports, &inventory)
        };
        assert_eq!(of("server/index.js", &[]), Some((root.join("server"), "./".to_owned())));
        let beside = Some((root.join("server"), "../server/".to_owned()));
        assert_eq!(of("public/_worker.js", &["./app.js", "x", "../server/index.js"]), beside);
        assert_eq!(of("public/_worker.js", &["./app.js"]), None);
    }

    #[test]
    fn what_loads_a_package_is_seen() {
        for text in [
            "require(\"pg\")",
            "e.x('pg-1a2b',()=>require( 'pg-1a2b' ))",
            "import a from '@x/y/z'",
            "import{a}from\"pg\"",
            "import\"pg\"",
            "await import('pg')",
            "import(`pg`)",
            "createRequire(import.meta.url)('pg')",
        ] {
            assert!(loads_packages(text.as_bytes()), "{text}");
        }
        for text in [
            "require('./pg')",
            "require(\"node:fs\")",
            "require('next/dist/server')",
            "from 'fs/promises'",
            "import(name)",
            "from = 'pg'",
            "important('pg x')",
            "require",
        ] {
            assert!(!loads_packages(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn modules_of_the_runtime_read_nothing_of_the_programs() {
        for name in ["node:fs", "fs", "fs/promises", "cloudflare:workers"] {
            assert!(is_of_the_runtime(name), "{name}");
        }
        for name in ["pg", "./fs", "@scope/fs", "dotenv/config"] {
            assert!(!is_of_the_runtime(name), "{name}");
        }
    }
}

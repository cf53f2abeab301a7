//! Whether a build's output is a server or static files alone.
//!
//! An output is a server if the inliner knows its layout as one, or if it holds what the package's
//! own `start` runs, a script with a server's name, scripts without any page, a program, or a file
//! that a web server runs. Any other output is static: the public can read every file of it, so no
//! secret belongs there.

use std::io::Read;
use std::path::{Path, PathBuf};

use capy_inliner::tree::{Entry, File, Kind as Found, Tree};
use capy_inliner::{Request, RootKind, Within};
use capy_protocol::env_map::EnvMap;
use serde::{Deserialize, Serialize};

use super::tree;
use crate::error::BuildFault as Fault;
use crate::process::cancellation::Cancellation;

/// The kind of a build's output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum OutputKind {
    Static,
    Server,
}

impl OutputKind {
    /// The word for the kind, as in the record.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Static => "static",
            Self::Server => "server",
        }
    }
}

/// Programs that run the script that is named after them.
const RUNTIMES: [&str; 8] = ["node", "bun", "deno", "tsx", "ts-node", "nodemon", "pm2", "forever"];
const SCRIPTS: [&str; 3] = ["js", "mjs", "cjs"];
/// Scripts of these names in the output's own folder are servers, whatever lies next to them.
const SERVERS: [&str; 4] = ["server.js", "server.mjs", "server.cjs", "_worker.js"];
/// Extensions of files that a web server runs instead of sending them.
const RUN_BY_SERVERS: [&str; 9] = ["php", "phar", "py", "rb", "jar", "war", "jsp", "aspx", "cgi"];

/// The server bundles that the inliner recognises in a source's folder: files, and folders of them.
pub(super) fn server_places(folder: &Path, cancellation: &Cancellation) -> Result<Vec<PathBuf>, Fault> {
    let nothing = EnvMap::new();
    let mut request = Request::new(&nothing);
    request.apps.push(folder.into());
    request.within = Within::Named;
    request.stop = Some(cancellation.flag());
    let found = capy_inliner::explain(&request);
    cancellation.check()?;
    // A layout that is not understood counts as none here: `--inline` says what is wrong with it.
    let Ok(found) = found else { return Ok(Vec::new()) };
    let tree = tree::open(folder, cancellation)?;
    let roots = found.roots.into_iter().filter(|root| root.kind == RootKind::Server && root.files > 0);
    let entries = found.entries.into_iter().map(|entry| entry.path);
    Ok(roots.map(|root| root.path).chain(entries).filter_map(|path| tree.real(&path).ok()).collect())
}

/// The kind of `output`, a folder inside the source's `folder`. Both are real paths.
pub(super) fn of(folder: &Path, output: &Path, cancellation: &Cancellation) -> Result<OutputKind, Fault> {
    let tree = &tree::open(folder, cancellation)?;
    let overlaps = |place: &PathBuf| place.starts_with(output) || output.starts_with(place);
    let is_server = server_places(folder, cancellation)?.iter().any(overlaps)
        || SERVERS.iter().any(|name| is_file(tree, &output.join(name)))
        || package_starts(tree, folder, output)
        || package_starts(tree, output, output)
        || holds_server(tree, output).map_err(|error| tree::fault(error, cancellation))?;
    cancellation.check()?;
    Ok(if is_server { OutputKind::Server } else { OutputKind::Static })
}

fn is_file(tree: &Tree<'_>, path: &Path) -> bool {
    tree.find(path).is_ok_and(|found| found == Some(Found::File))
}

/// Whether `package.json` starts a script in the output, by its `start` script or its `main`.
fn package_starts(tree: &Tree<'_>, folder: &Path, output: &Path) -> bool {
    let text = tree.read(&folder.join("package.json")).unwrap_or_default();
    let package: serde_json::Value = serde_json::from_slice(&text).unwrap_or_default();
    let start = package["scripts"]["start"].as_str().unwrap_or_default();
    let words: Vec<&str> = start.split_whitespace().collect();
    let runs = |at: usize| words[..at].iter().any(|word| RUNTIMES.contains(word));
    let started = (0..words.len()).filter(|at| runs(*at)).map(|at| words[at]);
    // `npm init` writes `main` into every package, so `main` counts only where the output has no
    // page.
    let main = package["main"].as_str().filter(|_| !is_file(tree, &output.join("index.html")));
    started.chain(main).any(|word| is_script_in(tree, folder, word, output))
}

/// Whether a word names a script in the output, resolved as Node does.
fn is_script_in(tree: &Tree<'_>, folder: &Path, word: &str, output: &Path) -> bool {
    if word.starts_with('-') {
        return false;
    }
    ["", ".js", ".mjs", ".cjs", "/index.js", "/index.mjs"].iter().any(|end| {
        let path = folder.join(format!("{word}{end}"));
        is_file(tree, &path)
            && tree.real(&path).is_ok_and(|real| real.starts_with(output) && has_extension(&real, &SCRIPTS))
    })
}

/// Whether the output holds programs, files that web servers run, or scripts but no page.
fn holds_server(tree: &Tree<'_>, output: &Path) -> Result<bool, capy_inliner::Error> {
    let (mut scripts, mut pages) = (false, false);
    let wanted = |entry: &Entry| entry.name() != "node_modules";
    for entry in tree.below(output, usize::MAX, wanted)?.iter().filter(|entry| entry.kind == Found::File) {
        let path = &entry.path;
        if has_extension(path, &RUN_BY_SERVERS) || is_program(tree, path) {
            return Ok(true);
        }
        scripts |= has_extension(path, &SCRIPTS);
        pages |= has_extension(path, &["html", "htm"]);
    }
    Ok(scripts && !pages)
}

fn has_extension(path: &Path, extensions: &[&str]) -> bool {
    path.extension()
        .and_then(|extension| extension.to_str())
        .is_some_and(|extension| extensions.contains(&extension))
}

/// Whether a file is a program for Linux (ELF). Scripts do not count: in many repositories they are
/// executable by accident.
fn is_program(tree: &Tree<'_>, path: &Path) -> bool {
    let mut magic = [0; 4];
    let begins = |mut file: File<'_>| file.mode() & 0o111 != 0 && file.read_exact(&mut magic).is_ok();
    tree.open(path).is_ok_and(begins) && magic == *b"\x7fELF"
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn kind(files: &[(&str, &str)], output: &str) -> OutputKind {
        let folder = tempfile::tempdir().unwrap();
        for (file, text) in files {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, text).unwrap();
            if text.starts_with("\x7fELF") {
                fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
            }
        }
        let tree = folder.path().canonicalize().unwrap();
        of(&tree, &tree.join(output).canonicalize().unwrap(), &Cancellation::default()).unwrap()
    }

    #[test]
    fn sites_are_static_and_servers_are_not() {
        let page = ("dist/index.html", "<script src=a.js>");
        let script = ("dist/assets/a.js", "1");
        let package = |text: &'static str| ("package.json", text);
        for (files, output, expected) in [
            (vec![page, script], "dist", OutputKind::Static),
            (vec![("dist/data.json", "{}")], "dist", OutputKind::Static),
            (
                vec![page, script, package(r#"{"scripts":{"start":"vite preview","build":"vite build"}}"#)],
                "dist",
                OutputKind::Static,
            ),
            (
                vec![
                    page,
                    script,
                    package(r#"{"scripts":{"start":"serve dist"},"main":"dist/assets/a.js"}"#),
                ],
                "dist",
                OutputKind::Static,
            ),
            (
                vec![("index.html", ""), ("index.js", ""), package(r#"{"main":"index.js"}"#)],
                ".",
                OutputKind::Static,
            ),
            (
                vec![page, script, package(r#"{"scripts":{"start":"PORT=1 node --flag dist/assets/a"}}"#)],
                "dist",
                OutputKind::Server,
            ),
            (
                vec![page, ("server/index.js", ""), package(r#"{"scripts":{"start":"node server"}}"#)],
                "dist",
                OutputKind::Static,
            ),
            (
                vec![
                    ("server/index.js", ""),
                    ("server/a.html", ""),
                    package(r#"{"scripts":{"start":"node server"}}"#),
                ],
                "server",
                OutputKind::Server,
            ),
            (vec![("index.js", ""), ("a.html", ""), package(r#"{"main":"index"}"#)], ".", OutputKind::Server),
            (vec![("dist/main.js", "1")], "dist", OutputKind::Server),
            (vec![page, ("dist/server.mjs", "1")], "dist", OutputKind::Server),
            (vec![page, ("dist/_worker.js", "1")], "dist", OutputKind::Server),
            (vec![page, ("dist/api.php", "")], "dist", OutputKind::Server),
            (vec![page, ("dist/bin/app", "\x7fELF")], "dist", OutputKind::Server),
            (vec![("dist/node_modules/a/b.js", "")], "dist", OutputKind::Static),
        ] {
            assert_eq!(kind(&files, output), expected, "{files:?}");
        }
    }
}

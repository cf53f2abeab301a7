//! Whether a build's output is a server or static files alone.
//!
//! Owns the signs. Frameworks' layouts are the inliner's to know; beside them a server is what the package's own `start`
//! runs, a script without any page, a program, or a file that a web server runs. What shows none of them is static: every
//! file is there for the public to read, and no secret has anything to do in it.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use capy_inliner::{Request, RootKind};
use capy_protocol::env_map::EnvMap;
use serde::{Deserialize, Serialize};
use walkdir::WalkDir;

/// What an output is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    Static,
    Server,
}

impl Kind {
    /// The word for it, as in the record.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Static => "static",
            Self::Server => "server",
        }
    }
}

/// What runs a script that is named behind it.
const RUNTIMES: [&str; 8] = ["node", "bun", "deno", "tsx", "ts-node", "nodemon", "pm2", "forever"];
const SCRIPTS: [&str; 3] = ["js", "mjs", "cjs"];
/// Scripts of this name in the output's own folder are servers whatever lies beside them.
const SERVERS: [&str; 4] = ["server.js", "server.mjs", "server.cjs", "_worker.js"];
/// What a web server runs in place of sending it.
const RUN_BY_SERVERS: [&str; 9] = ["php", "phar", "py", "rb", "jar", "war", "jsp", "aspx", "cgi"];

/// Server bundles that the inliner knows in a source's folder: files, and folders of them.
pub(super) fn server_places(tree: &Path) -> Vec<PathBuf> {
    let nothing = EnvMap::new();
    let mut request = Request::new(&nothing);
    request.apps.push(tree.into());
    // A layout that is not understood is none: `--inline` says what is wrong with it.
    let Ok(found) = capy_inliner::explain(&request) else { return Vec::new() };
    let roots = found.roots.into_iter().filter(|root| root.kind == RootKind::Server && root.files > 0);
    let entries = found.entries.into_iter().map(|entry| entry.path);
    roots.map(|root| root.path).chain(entries).filter_map(|path| path.canonicalize().ok()).collect()
}

/// What lies in `output`, a folder in the source's folder `tree`; both are real paths.
pub(super) fn of(tree: &Path, output: &Path) -> Kind {
    let overlaps = |place: &PathBuf| place.starts_with(output) || output.starts_with(place);
    let is_server = server_places(tree).iter().any(overlaps)
        || SERVERS.iter().any(|name| output.join(name).is_file())
        || package_starts(tree, output)
        || package_starts(output, output)
        || holds_server(output);
    if is_server { Kind::Server } else { Kind::Static }
}

/// Whether `package.json` starts a script in the output.
fn package_starts(folder: &Path, output: &Path) -> bool {
    let path = folder.join("package.json");
    // Nobody waits for the other end of a pipe.
    let text = if path.is_file() { fs::read(path).unwrap_or_default() } else { Vec::new() };
    let package: serde_json::Value = serde_json::from_slice(&text).unwrap_or_default();
    let start = package["scripts"]["start"].as_str().unwrap_or_default();
    let words: Vec<&str> = start.split_whitespace().collect();
    let runs = |at: usize| words[..at].iter().any(|word| RUNTIMES.contains(word));
    let started = (0..words.len()).filter(|at| runs(*at)).map(|at| words[at]);
    // A package that is made by `npm init` has a `main` whatever it is; a site has a page beside it.
    let main = package["main"].as_str().filter(|_| !output.join("index.html").is_file());
    started.chain(main).any(|word| is_script_in(folder, word, output))
}

/// Whether a word names a script in the output, as Node would find it.
fn is_script_in(folder: &Path, word: &str, output: &Path) -> bool {
    if word.starts_with('-') {
        return false;
    }
    ["", ".js", ".mjs", ".cjs", "/index.js", "/index.mjs"].iter().any(|end| {
        let path = folder.join(format!("{word}{end}"));
        path.is_file()
            && path
                .canonicalize()
                .is_ok_and(|real| real.starts_with(output) && has_extension(&real, &SCRIPTS))
    })
}

/// Programs, files that web servers run, or scripts where no page uses them.
fn holds_server(output: &Path) -> bool {
    let (mut scripts, mut pages) = (false, false);
    let entries = WalkDir::new(output).into_iter().filter_entry(|entry| entry.file_name() != "node_modules");
    for entry in entries.flatten().filter(|entry| entry.file_type().is_file()) {
        let path = entry.path();
        if has_extension(path, &RUN_BY_SERVERS) || is_program(path) {
            return true;
        }
        scripts |= has_extension(path, &SCRIPTS);
        pages |= has_extension(path, &["html", "htm"]);
    }
    scripts && !pages
}

fn has_extension(path: &Path, extensions: &[&str]) -> bool {
    path.extension()
        .and_then(|extension| extension.to_str())
        .is_some_and(|extension| extensions.contains(&extension))
}

/// An executable file for Linux: ELF. Scripts with the same bit set are in many repositories by accident.
fn is_program(path: &Path) -> bool {
    let is_executable = fs::metadata(path).is_ok_and(|data| data.permissions().mode() & 0o111 != 0);
    let mut magic = [0; 4];
    is_executable
        && File::open(path).and_then(|mut file| file.read_exact(&mut magic)).is_ok()
        && magic == *b"\x7fELF"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(files: &[(&str, &str)], output: &str) -> Kind {
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
        of(&tree, &tree.join(output).canonicalize().unwrap())
    }

    #[test]
    fn sites_are_static_and_servers_are_not() {
        let page = ("dist/index.html", "<script src=a.js>");
        let script = ("dist/assets/a.js", "1");
        let package = |text: &'static str| ("package.json", text);
        for (files, output, expected) in [
            (vec![page, script], "dist", Kind::Static),
            (vec![("dist/data.json", "{}")], "dist", Kind::Static),
            (
                vec![page, script, package(r#"{"scripts":{"start":"vite preview","build":"vite build"}}"#)],
                "dist",
                Kind::Static,
            ),
            (
                vec![
                    page,
                    script,
                    package(r#"{"scripts":{"start":"serve dist"},"main":"dist/assets/a.js"}"#),
                ],
                "dist",
                Kind::Static,
            ),
            (
                vec![("index.html", ""), ("index.js", ""), package(r#"{"main":"index.js"}"#)],
                ".",
                Kind::Static,
            ),
            (
                vec![page, script, package(r#"{"scripts":{"start":"PORT=1 node --flag dist/assets/a"}}"#)],
                "dist",
                Kind::Server,
            ),
            (
                vec![page, ("server/index.js", ""), package(r#"{"scripts":{"start":"node server"}}"#)],
                "dist",
                Kind::Static,
            ),
            (
                vec![
                    ("server/index.js", ""),
                    ("server/a.html", ""),
                    package(r#"{"scripts":{"start":"node server"}}"#),
                ],
                "server",
                Kind::Server,
            ),
            (vec![("index.js", ""), ("a.html", ""), package(r#"{"main":"index"}"#)], ".", Kind::Server),
            (vec![("dist/main.js", "1")], "dist", Kind::Server),
            (vec![page, ("dist/server.mjs", "1")], "dist", Kind::Server),
            (vec![page, ("dist/_worker.js", "1")], "dist", Kind::Server),
            (vec![page, ("dist/api.php", "")], "dist", Kind::Server),
            (vec![page, ("dist/bin/app", "\x7fELF")], "dist", Kind::Server),
            (vec![("dist/node_modules/a/b.js", "")], "dist", Kind::Static),
        ] {
            assert_eq!(kind(&files, output), expected, "{files:?}");
        }
    }
}

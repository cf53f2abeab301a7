//! The key service bundled as `wrangler deploy` would upload it, and once more with the names of
//! its functions.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, bail, ensure};

use capy_test_support::build_worker::{Build, build_worker};
use capy_test_support::desk::with_stdin;
use capy_test_support::node::Node;
use capy_test_support::workspace_root;

/// The folders of both bundles, and the upload's size as wrangler prints it.
#[derive(Debug)]
pub(super) struct Upload {
    pub(super) folder: PathBuf,
    pub(super) named: PathBuf,
    pub(super) size: String,
}

impl Upload {
    /// Bundles both.
    ///
    /// # Errors
    /// If the wasm code sections of the two differ in any byte.
    pub(super) fn bundle(node: &Node, scratch: &Path) -> Result<Self> {
        let (folder, named) = (scratch.join("upload"), scratch.join("named"));
        let size = bundle(node, &folder, &[])?;
        let entry = build_worker(&Build::named_service())?;
        bundle(node, &named, &[entry.as_os_str(), "--no-minify".as_ref()])?;
        let (plain, with_names) = (wasm(&folder)?, wasm(&named)?);
        ensure!(code(&plain)? == code(&with_names)?, "the names are those of other code than the upload's");
        Ok(Self { folder, named, size })
    }
}

/// Bundles the key service as `wrangler deploy` would, and returns its size as wrangler prints it.
fn bundle(node: &Node, out: &Path, options: &[&OsStr]) -> Result<String> {
    let mut wrangler = node.wrangler();
    wrangler
        .arg("deploy")
        .args(options)
        .args(["--dry-run", "--outdir"])
        .arg(out)
        .current_dir(workspace_root());
    let output = with_stdin(wrangler.stdout(Stdio::piped()).stderr(Stdio::piped()), "")?;
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = printed.lines().find(|line| line.contains("gzip")).context("wrangler tells no size")?;
    Ok(line.trim().to_owned())
}

/// Reads the upload's one wasm file.
fn wasm(upload: &Path) -> Result<Vec<u8>> {
    let files = fs::read_dir(upload)?.collect::<Result<Vec<_>, _>>()?;
    let mut files = files.into_iter().map(|file| file.path());
    let wasm = files.find(|file| file.extension().is_some_and(|kind| kind == "wasm"));
    Ok(fs::read(wasm.context("the upload has no wasm")?)?)
}

/// The code section of a module (WebAssembly 3.0, 5.5: each section is its id, its length in
/// LEB128, its bytes).
fn code(wasm: &[u8]) -> Result<&[u8]> {
    const CODE: u8 = 10;
    let mut rest = wasm.get(8..).context("no module")?;
    while let Some((&id, after)) = rest.split_first() {
        let digits = after.iter().position(|digit| digit & 0x80 == 0).context("a length without an end")? + 1;
        let length = after[..digits].iter().rev().fold(0, |sum, digit| sum << 7 | usize::from(digit & 0x7f));
        let body = after.get(digits..digits + length).context("a section is cut off")?;
        if id == CODE {
            return Ok(body);
        }
        rest = &after[digits + length..];
    }
    bail!("a module without code")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_of_a_module_is_found_between_its_other_sections() {
        let long = [vec![10, 0x82, 0x01], vec![7; 130]].concat();
        let module = |sections: &[&[u8]]| [b"\0asm\x01\0\0\0", sections.concat().as_slice()].concat();
        let custom: &[u8] = &[0, 2, 1, b'n'];
        assert_eq!(code(&module(&[&[1, 1, 0], &long, custom])).unwrap(), [7; 130]);
        assert_eq!(code(&module(&[&[10, 1, 3]])).unwrap(), [3]);
        for broken in [module(&[custom]), module(&[&[10, 9, 1]]), module(&[&[10, 0x80]]), Vec::new()] {
            assert!(code(&broken).is_err(), "{broken:?}");
        }
    }
}

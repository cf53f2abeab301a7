//! `cargo xtask book` builds the book from `docs/`; `cargo xtask reference` writes its generated
//! pages anew.
//!
//! mdBook is a program that cargo installs once into the cache folder, at one version. As library
//! crates behind a feature, it would be a hundred more crates in the lock file under another
//! licence (MPL), and compiled in every checkout.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use capy_test_support::reference;

use crate::steps::{loud, say};
use crate::{setup, workspace_root};

/// The version of mdBook.
const VERSION: &str = "0.5.4";
/// The tests that make pages, by their packages and targets.
const GENERATORS: [&[&str]; 2] =
    [&["--package", "capy", "--lib"], &["--package", "capy-worker", "--test", "it"]];

/// Builds the book, and prints where it is.
///
/// # Errors
/// If mdBook cannot be installed, or finds a fault in the book.
pub fn build() -> Result<()> {
    let mut mdbook = Command::new(installed()?);
    loud("mdbook build docs", mdbook.args(["build", "docs"]).current_dir(workspace_root()))?;
    let page = workspace_root().join("target/book/index.html");
    ensure!(page.is_file(), "mdbook wrote no {}", page.display());
    say(format!("   the book is {}", page.display()));
    Ok(())
}

/// mdBook in the cache folder. Installs it if this version is not there.
fn installed() -> Result<PathBuf> {
    let folder = setup::cache()?.join(format!("mdbook-{VERSION}"));
    let program = folder.join("bin/mdbook");
    if !program.is_file() {
        let mut cargo = setup::cargo();
        cargo.args(["install", "mdbook", "--version", VERSION, "--locked", "--root"]).arg(&folder);
        // Without the server and the watcher.
        cargo.args(["--no-default-features", "--features", "search"]).env_remove("CARGO_TARGET_DIR");
        loud(&format!("cargo install mdbook {VERSION}"), &mut cargo)?;
    }
    Ok(program)
}

/// Runs the tests that make pages of the book, so that they write the pages.
///
/// # Errors
/// If a test cannot be compiled, or fails.
pub fn reference() -> Result<()> {
    for generator in GENERATORS {
        let mut cargo = setup::cargo();
        cargo.arg("test").args(generator).arg("the_reference_of_").env(reference::UPDATE, "1");
        let what = format!("cargo test {}", generator.join(" "));
        loud(&what, cargo.current_dir(workspace_root())).context("the pages of docs/reference")?;
    }
    Ok(())
}

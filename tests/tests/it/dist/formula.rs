//! Homebrew's formula: an address and a sum for each system, of the archives that are in the
//! release's folder.

use std::fs;

use sha2::{Digest, Sha256};
use xtask::dist::{Arguments, Part};

use crate::dist::version;

const TRIPLES: [&str; 4] = [
    "aarch64-apple-darwin",
    "x86_64-apple-darwin",
    "aarch64-unknown-linux-musl",
    "x86_64-unknown-linux-musl",
];

#[test]
fn formula_names_each_archive_with_its_sum() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().to_owned();
    let make = || {
        let arguments =
            Arguments { only: vec![Part::Formula], out: Some(out.clone()), ..Arguments::default() };
        xtask::dist::run(arguments)
    };
    for triple in TRIPLES {
        fs::write(out.join(format!("capy-{triple}.tar.gz")), triple).unwrap();
    }
    make().unwrap();
    let formula = fs::read_to_string(out.join("capy.rb")).unwrap();
    for triple in TRIPLES {
        let sum = hex::encode(Sha256::digest(triple));
        let place =
            format!("/releases/download/v{}/capy-{triple}.tar.gz\"\n      sha256 \"{sum}\"\n", version());
        assert!(formula.contains(&place), "{triple}: {formula}");
    }
    assert!(!formula.contains('@') || !formula.contains("@URL"), "{formula}");

    fs::remove_file(out.join("capy.rb")).unwrap();
    fs::remove_file(out.join("capy-x86_64-apple-darwin.tar.gz")).unwrap();
    make().unwrap_err();
    assert!(!out.join("capy.rb").exists(), "half a formula installs nothing");
}

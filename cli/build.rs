//! Lists the files of `platforms/` for `src/platforms.rs`: a platform is added by adding its file.

use std::path::Path;
use std::{env, fs};

fn main() {
    let folder = Path::new(&env::var("CARGO_MANIFEST_DIR").expect("cargo sets it")).join("platforms");
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut files: Vec<_> = fs::read_dir(&folder)
        .expect("platforms/ is a part of this crate")
        .map(|entry| entry.expect("platforms/ can be read").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .collect();
    files.sort();
    let mut list = String::from("[\n");
    for path in files {
        let id = path.file_stem().and_then(|stem| stem.to_str()).expect("an id is plain text");
        list += &format!("    ({id:?}, include_str!({:?})),\n", path.display().to_string());
    }
    list.push(']');
    let out = Path::new(&env::var("OUT_DIR").expect("cargo sets it")).join("platforms.rs");
    fs::write(out, list).expect("the build's own folder can be written");
}

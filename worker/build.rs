//! Takes comments and indentation out of the migrations, which the service carries along: they are for who reads the files.

use std::path::Path;
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let made = env::var_os("OUT_DIR").ok_or(io::ErrorKind::NotFound)?;
    println!("cargo::rerun-if-changed=migrations");
    for file in fs::read_dir("migrations")? {
        let file = file?;
        fs::write(Path::new(&made).join(file.file_name()), bare(&fs::read_to_string(file.path())?))?;
    }
    Ok(())
}

/// A comment has its lines to itself.
fn bare(text: &str) -> String {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("--"));
    lines.flat_map(|line| [line, "\n"]).collect()
}

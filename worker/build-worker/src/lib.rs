//! Builds a crate of the current workspace for Cloudflare Workers: `index_bg.wasm`, its JavaScript
//! glue `index.js`, and the entry module that `wrangler` bundles.
//!
//! Does what `worker-build` does, without downloading tools: `wasm-bindgen-cli-support` is the
//! library behind wasm-bindgen's command line. The path of the wasm file comes from cargo's JSON
//! messages, not from a guess at the target folder.

use std::env;
use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use wasm_bindgen_cli_support::Bindgen;

/// Options of a build.
#[derive(Clone, Debug)]
pub struct Build {
    /// The package that holds the crate.
    pub package: String,
    /// The example to build instead of the package's library.
    pub example: Option<String>,
    /// The cargo profile.
    pub profile: String,
    /// The output folder. Anything already in it is deleted.
    pub out_dir: PathBuf,
    /// The module that `wrangler` starts from. Copied next to `index.js`, which it imports.
    pub entry: PathBuf,
    /// Whether the wasm keeps function names, for profiling. The code is the same either way.
    pub names: bool,
}

/// Builds the Worker and returns the path of the copied entry module.
///
/// # Errors
/// When cargo fails, when cargo reports no wasm file for the crate, and when a file cannot be read
/// or written.
pub fn build_worker(build: &Build) -> Result<PathBuf> {
    let wasm = compile(build)?;
    let name = build.entry.file_name().context("the entry is not a file")?;
    let entry = build.out_dir.join(name);
    let (_lock, stamp) = (lock(&build.out_dir)?, stamp(&wasm, &build.entry)?);
    let stamp_file = build.out_dir.join("stamp");
    if fs::read_to_string(&stamp_file).is_ok_and(|made_from| made_from == stamp) {
        return Ok(entry);
    }
    generate(&wasm, build)?;
    fs::copy(&build.entry, &entry)?;
    fs::write(&stamp_file, stamp)?;
    Ok(entry)
}

/// Runs cargo and returns the path of the wasm file that cargo built.
fn compile(build: &Build) -> Result<PathBuf> {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.stderr(Stdio::inherit());
    // The crate type is passed here instead of in `Cargo.toml`: for a library that declares
    // `cdylib` there, cargo writes one file regardless of the enabled features, so that builds of
    // dependent crates overwrite each other's output.
    cargo.args(["rustc", "--locked", "--crate-type", "cdylib", "--target", "wasm32-unknown-unknown"]);
    cargo.args(["--package", &build.package, "--profile", &build.profile]);
    cargo.args(["--message-format", "json-render-diagnostics"]);
    match &build.example {
        Some(example) => cargo.args(["--example", example]),
        None => cargo.arg("--lib"),
    };
    cargo.env("CARGO_ENCODED_RUSTFLAGS", flags()?.join("\u{1f}"));
    let output = cargo.output().context("cargo could not be started")?;
    ensure!(output.status.success(), "cargo could not build {}", build.package);
    let messages = String::from_utf8(output.stdout)?;
    let name = build.example.clone().unwrap_or_else(|| build.package.replace('-', "_"));
    find_wasm(&messages, &name).with_context(|| format!("cargo named no wasm of {}", build.package))
}

/// The rustc flags: the same for everyone who builds with the same toolchain. These flags override
/// the machine's own, and remove its paths and the name of its crate registry from the uploaded
/// wasm. SHA-2 and AES use their compact implementations, since a release hashes only a few hundred
/// bytes.
fn flags() -> Result<Vec<String>> {
    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(env::home_dir()?.join(".cargo"))).unwrap_or_default();
    let mut flags = vec![
        r#"--cfg=sha2_backend_soft="compact""#.to_owned(),
        r#"--cfg=aes_backend_soft="compact""#.to_owned(),
        format!("--remap-path-prefix={}=", home.display()),
    ];
    // rustc applies the last matching prefix. Each registry, also a mirror, has its own folder.
    for registry in fs::read_dir(home.join("registry/src")).into_iter().flatten() {
        flags.push(format!("--remap-path-prefix={}=crates", registry?.path().display()));
    }
    Ok(flags)
}

/// Finds the wasm file of the target named `target` in cargo's JSON messages.
fn find_wasm(messages: &str, target: &str) -> Option<PathBuf> {
    let artifacts = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    artifacts
        .filter(|message| message["reason"] == "compiler-artifact" && message["target"]["name"] == target)
        .flat_map(|message| message["filenames"].as_array().cloned().unwrap_or_default())
        .filter_map(|file| file.as_str().map(PathBuf::from))
        .find(|file| file.extension().is_some_and(|extension| extension == "wasm"))
}

/// Locks the output folder, because tests in several processes build the same Worker.
fn lock(out_dir: &Path) -> Result<File> {
    fs::create_dir_all(out_dir)?;
    let file = File::create(out_dir.with_extension("lock"))?;
    file.lock()?;
    Ok(file)
}

/// A hash of everything that an output is made from. When it has not changed, the output is not
/// rewritten, since a running server may be reading it.
fn stamp(wasm: &Path, entry: &Path) -> Result<String> {
    let this_program = include_str!("lib.rs");
    let mut hasher = DefaultHasher::new();
    let inputs = [fs::read(wasm), fs::read(entry), Ok(this_program.into())];
    for input in inputs {
        input.with_context(|| format!("{} or {}", wasm.display(), entry.display()))?.hash(&mut hasher);
    }
    Ok(format!("{:016x}", hasher.finish()))
}

fn generate(wasm: &Path, Build { out_dir, names, .. }: &Build) -> Result<()> {
    fs::remove_dir_all(out_dir)?;
    let mut bindgen = Bindgen::new();
    bindgen
        .input_path(wasm)
        .out_name("index")
        .typescript(false)
        .remove_name_section(!names)
        .remove_producers_section(true)
        .reset_state_function(true)
        .force_enable_abort_handler(true);
    bindgen.module(true)?.generate(out_dir)?;
    let glue = out_dir.join("index.js");
    let script = fs::read_to_string(&glue)?;
    fs::write(&glue, announce_abort(&plain_import(&script)?)?)?;
    Ok(())
}

/// Replaces `import source x from "x.wasm"`, a proposal that bundlers do not parse yet. On Workers,
/// a plain import of wasm already yields the compiled module.
fn plain_import(script: &str) -> Result<String> {
    replace_once(script, "import source ", "import ")
}

/// Adds `__on_abort` to the glue, so that the entry module learns of a wasm trap. The glue notices
/// every trap, wherever in the event loop it happens, but reports it only to wasm, while the calls
/// in flight belong to the entry module. Declared with `var`, because a trap during start-up comes
/// before the last line runs.
fn announce_abort(script: &str) -> Result<String> {
    let hook = "function __wbg_call_abort_hook() {";
    let calling = format!("{hook}\n    __abort_listener?.();");
    let listener = "\nvar __abort_listener;\n\
        export function __on_abort(listener) { __abort_listener = listener; }\n";
    Ok(replace_once(script, hook, &calling)? + listener)
}

/// Replaces `from`, which must occur exactly once. The versions of wasm-bindgen and of its command
/// line library are pinned, so glue of another shape is an error.
fn replace_once(script: &str, from: &str, to: &str) -> Result<String> {
    match script.matches(from).count() {
        1 => Ok(script.replace(from, to)),
        found => bail!("expected `{from}` once in the glue, found it {found} times"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn glue_of_another_shape_is_refused() {
        let glue = "import source m from \"./x.wasm\";\nfunction __wbg_call_abort_hook() {\n}\n";
        let patched = announce_abort(&plain_import(glue).unwrap()).unwrap();
        assert!(patched.starts_with("import m from"));
        assert!(patched.contains("{\n    __abort_listener?.();\n}"));
        assert!(plain_import("import m from").is_err());
        assert!(announce_abort("").is_err());
    }

    #[test]
    fn the_wasm_is_found_by_the_targets_name() {
        let line = |name: &str, file: &str| {
            let message = serde_json::json!({
                "reason": "compiler-artifact", "target": { "name": name }, "filenames": ["/t/lib.rlib", file],
            });
            message.to_string()
        };
        let messages =
            [line("other", "/t/other.wasm"), "not json".into(), line("capy_worker", "/t/w.wasm")].join("\n");
        assert_eq!(find_wasm(&messages, "capy_worker"), Some(PathBuf::from("/t/w.wasm")));
        assert_eq!(find_wasm(&messages, "absent"), None);
    }
}

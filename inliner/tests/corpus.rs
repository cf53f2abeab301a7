//! Thousands of real scripts from npm: tokens and tree agree, and nothing but the reads changes.
//!
//! The packages are those of `xtask/corpus` and the example's Next, as `cargo xtask test` installs them; without them there
//! is nothing to do. Every script is inlined with the names that it reads itself.

#![expect(clippy::print_stderr, reason = "a skipped test and the counts are told on stderr")]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use capy_inliner::testing::{Agreement, inline, parses, tokens_and_tree};
use rayon::prelude::*;

use support::{MARK, map};

/// Parsers of tests are slow: larger scripts are for the benchmark.
const LARGEST: u64 = 1 << 20;

fn scripts() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let folders = ["xtask/corpus/node_modules", "examples/next/node_modules/next/dist"];
    let mut found = Vec::new();
    for folder in folders.map(|folder| root.join(folder)) {
        let files = walkdir::WalkDir::new(folder).sort_by_file_name().into_iter().filter_map(Result::ok);
        let is_script =
            |path: &Path| path.extension().is_some_and(|kind| kind == "js" || kind == "mjs" || kind == "cjs");
        let files = files.filter(|file| file.file_type().is_file() && is_script(file.path()));
        let small = files.filter(|file| file.metadata().is_ok_and(|metadata| metadata.len() <= LARGEST));
        found.extend(small.map(walkdir::DirEntry::into_path));
    }
    found
}

/// The names after `process.env.`. The one that everybody reads is never inlined, so that it is called something else.
fn with_names(path: &Path) -> Option<(String, BTreeSet<String>)> {
    let text = std::fs::read_to_string(path).ok()?.replace("NODE_ENV", "APPL_ENV").replace("NEXT_", "APPL_");
    let names = text.split("process.env.").skip(1).filter_map(|rest| {
        let length = rest.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count();
        let name = &rest[..length];
        (length > 2 && name.bytes().all(|byte| !byte.is_ascii_lowercase())).then(|| name.to_owned())
    });
    let names = names.collect();
    Some((text, names))
}

#[test]
fn real_scripts_are_read_alike_by_tokens_and_by_tree_and_change_in_nothing_but_their_reads() {
    let scripts = scripts();
    if scripts.len() < 1000 {
        assert!(std::env::var_os("CI").is_none(), "the packages of xtask/corpus are needed in CI");
        eprintln!("skipped: the packages of xtask/corpus are not installed");
        return;
    }
    let seen: Vec<(&'static str, Option<String>)> = scripts.par_iter().map(|path| check(path)).collect();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    seen.iter().for_each(|(kind, _)| *counts.entry(kind).or_default() += 1);
    let wrong: Vec<&String> = seen.iter().filter_map(|(_, wrong)| wrong.as_ref()).collect();
    assert!(wrong.is_empty(), "{} of {}:\n{:#?}", wrong.len(), scripts.len(), &wrong[..wrong.len().min(20)]);
    eprintln!("{} scripts: {counts:?}", scripts.len());
    let at_least = |kind: &str, share: usize| {
        assert!(counts.get(kind).copied().unwrap_or_default() * share > scripts.len(), "{kind}: {counts:?}");
    };
    at_least("certain", 2);
    at_least("inlined", 50);
}

/// What became of a script, and what is wrong with that.
fn check(path: &Path) -> (&'static str, Option<String>) {
    let Some((text, names)) = with_names(path) else { return ("not text", None) };
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let values = map(&names);
    let wrong = |what: String| Some(format!("{}: {what}", path.display()));
    let is_certain = match tokens_and_tree(&text, &values) {
        Agreement::Same(_) => true,
        Agreement::NotSure(_) => false,
        // A dialect, with nothing in it that concerns us.
        Agreement::Different(_, None) if names.is_empty() => return ("not JavaScript", None),
        Agreement::Different(tokens, tree) => return ("different", wrong(format!("{tokens} {tree:?}"))),
    };
    let inlined = inline(&text, &values).text;
    if inlined == text {
        return (if is_certain { "certain" } else { "left to the tree" }, None);
    }
    let fault = if !parses(&inlined) {
        wrong("does not parse afterwards".to_owned())
    } else if inline(&inlined, &values).text != inlined {
        wrong("a second pass changes it".to_owned())
    } else {
        only_reads_changed(&text, &inlined, &names).and_then(wrong)
    };
    ("inlined", fault)
}

/// Goes through both texts side by side; says where they part otherwise than by a call in place of a read.
fn only_reads_changed(old: &str, new: &str, names: &[&str]) -> Option<String> {
    let (mut old, mut new) = (old, new.split(MARK).next().unwrap_or_default());
    let mut wrapped = 0;
    loop {
        let same = old.bytes().zip(new.bytes()).take_while(|(a, b)| a == b).count();
        let same = (0..=same).rev().find(|at| old.is_char_boundary(*at) && new.is_char_boundary(*at))?;
        (old, new) = (&old[same..], &new[same..]);
        if let Some(call) = new.strip_prefix("__capy_$") {
            new = call.split_once('(')?.1;
            wrapped += 1;
        } else if let Some(call) = new.strip_prefix("__capy_") {
            let (name, after) = call.split_once("()")?;
            let read = names.contains(&name).then(|| read_of(old, name)).flatten();
            let Some(length) = read else { return Some(format!("no read of {name} at {}", start(old))) };
            let spaces = length.saturating_sub("__capy_()".len() + name.len());
            let Some(rest) = after.strip_prefix(&*" ".repeat(spaces)) else {
                return Some(format!("not padded at {}", start(old)));
            };
            (old, new) = (&old[length..], rest);
        } else if wrapped > 0 && new.starts_with(')') {
            wrapped -= 1;
            new = &new[1..];
        } else if is_trailer(old) && new.trim().is_empty() {
            return None;
        } else {
            return Some(format!("{} became {}", start(old), start(new)));
        }
    }
}

/// The length of a plain expression that ends with the variable's name.
fn read_of(text: &str, name: &str) -> Option<usize> {
    let at = text.find(name)?;
    let object = &text[..at];
    let quote = object.ends_with(['"', '\'', '`']);
    let plain = |letter: char| letter.is_alphanumeric() || " _$?.()[]\"'`".contains(letter);
    object.chars().all(plain).then_some(at + name.len() + if quote { 2 } else { 0 })
}

/// Nothing is left but what goes behind our own lines.
fn is_trailer(text: &str) -> bool {
    text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with("//"))
}

fn start(text: &str) -> String {
    format!("{:?}", text.chars().take(60).collect::<String>())
}

//! Values in every form in which a file may hold them, and parts of values that are secrets of
//! their own.

use crate::hiding;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use capy_inliner::{Encoding, Origin, Report, Request, inline};
use capy_protocol::env_map::{EnvMap, SecretValue};

fn values(pairs: &[(&str, &str)]) -> EnvMap {
    let mut values = EnvMap::new();
    for (name, value) in pairs {
        values.try_insert(name, SecretValue::new((*value).to_owned())).unwrap();
    }
    values
}

/// What is found in these public files.
fn search(values: &EnvMap, files: &[(&str, &[u8])], allow: &[&str]) -> Report {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        let path = folder.path().join("public").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    fs::create_dir(folder.path().join("server")).unwrap();
    fs::write(folder.path().join("server/x.js"), "f()").unwrap();
    let mut request = Request::new(values);
    request.server.push(folder.path().join("server"));
    request.public.push(folder.path().join("public"));
    request.allow_leak = allow.iter().map(|name| (*name).to_owned()).collect();
    inline(&request).unwrap()
}

fn labels(report: &Report) -> BTreeSet<String> {
    report.leaks.iter().map(|leak| leak.part.clone().unwrap_or_default()).collect()
}

const LINES: [&str; 3] = [
    "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj",
    "MzEfYyjiWA4R4/M2bS1GB4t7NXp98C3SC6dVMvDuictGeurT8jNbvJZHtCSuYEvu",
    "NMoSfm76oqFvAp8Gy0iz5sxjZmSnXyCdPEovGhLa0VzMaQ8s+CLOyS56YyCFGeJZ",
];

#[test]
fn a_key_of_several_lines_is_found_however_its_lines_are_written() {
    let key = format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", LINES.join("\n"));
    let values = values(&[("PRIVATE_KEY", &key)]);
    let joined = LINES.concat();
    let rewrapped: Vec<&str> =
        joined.as_bytes().chunks(76).map(|line| std::str::from_utf8(line).unwrap()).collect();
    for (what, text) in [
        ("as it is", key.clone()),
        ("CRLF", key.replace('\n', "\r\n")),
        ("indented", key.replace('\n', "\n      ")),
        ("joined", key.replace('\n', "")),
        ("body alone", joined.clone()),
        ("escapes", key.replace('\n', "\\n")),
        ("escapes of escapes", key.replace('\n', "\\\\n")),
        ("one line", LINES[1].to_owned()),
        ("literals", format!("\"{}\"", key.trim().replace('\n', "\\n\" +\n  \""))),
        ("other lines", rewrapped.join("\n")),
        ("JSON", format!("[\"{}\"]", LINES.join("\",\""))),
        ("percent signs", key.replace('\n', "%0A").replace('+', "%2B").replace('/', "%2F")),
    ] {
        let report = search(&values, &[("x.txt", text.as_bytes())], &[]);
        assert!(!report.written && report.leaks.iter().any(|leak| leak.name == "PRIVATE_KEY"), "{what}");
        let mut out = Vec::new();
        report.print(&mut out).unwrap();
        let told = format!("{report:?}{}", String::from_utf8(out).unwrap());
        assert!(!LINES.iter().any(|line| told.contains(line)), "{what}");
    }
    for text in
        ["-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----", "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSj"]
    {
        assert!(search(&values, &[("x.txt", text.as_bytes())], &[]).written, "{text}");
    }
}

#[test]
fn parts_of_a_value_are_named_by_their_way_and_allowed_with_it() {
    let document = r#"{"type":"service_account","project_id":"shop-12345","client_email":"a@shop-12345.test",
        "private_token":"tk_9aB8c7D6","list":[{"password":"hunter-zwei"}]}"#;
    let values = values(&[
        ("DATABASE_URL", "postgres://app:p%40ss_5Ge2@db.test/app"),
        ("GOOGLE_CREDENTIALS", document),
    ]);
    for (text, name, part) in [
        ("p%40ss_5Ge2", "DATABASE_URL", "password"),
        ("x p@ss_5Ge2 y", "DATABASE_URL", "password"),
        ("tk_9aB8c7D6", "GOOGLE_CREDENTIALS", "private_token"),
        ("a: hunter-zwei", "GOOGLE_CREDENTIALS", "list[0].password"),
    ] {
        let report = search(&values, &[("x.txt", text.as_bytes())], &[]);
        let [leak] = &report.leaks[..] else { panic!("{text}: {:?}", report.leaks) };
        assert_eq!((leak.name.as_str(), leak.part.as_deref()), (name, Some(part)), "{text}");
        let mut out = Vec::new();
        report.print(&mut out).unwrap();
        let told = String::from_utf8(out).unwrap();
        assert!(told.contains(&format!("contains a part of {name} ({part}): ")), "{told}");
        assert!(search(&values, &[("x.txt", text.as_bytes())], &[name]).written, "{text}");
    }
    let public = b"service_account shop-12345 db.test postgres://db.test/app app";
    assert!(search(&values, &[("x.txt", public)], &[]).written);
    let whole = search(&values, &[("x.txt", b"postgres://app:p%40ss_5Ge2@db.test/app")], &[]);
    assert_eq!(labels(&whole), BTreeSet::from([String::new()]), "the whole value is one finding");
}

#[test]
fn what_is_public_by_another_name_is_no_leak_as_a_part() {
    let values = values(&[
        ("ANALYTICS", r#"{"write_key":"wk_9aB8c7D6e5"}"#),
        ("NEXT_PUBLIC_WRITE_KEY", "wk_9aB8c7D6e5"),
    ]);
    assert!(search(&values, &[("x.txt", b"wk_9aB8c7D6e5")], &[]).written);
}

#[test]
fn a_value_in_the_name_of_a_public_file_or_folder_is_found_and_not_told() {
    let values = values(&[("KEY", "sk_live_9aB8c7D6")]);
    for name in [
        "sk_live_9aB8c7D6.txt",
        "a/sk_live_9aB8c7D6/x.js",
        "a-sk%5Flive%5F9aB8c7D6",
        "c2tfbGl2ZV85YUI4YzdENg",
        "sk_live_9aB8c7D6.gz",
    ] {
        let report = search(&values, &[(name, b"console.log(1)")], &[]);
        assert!(
            !report.written && report.leaks.iter().any(|leak| leak.origin == Origin::FileName),
            "{name}: {report:?}"
        );
        let mut out = Vec::new();
        report.print(&mut out).unwrap();
        let told = format!("{}{}", serde_json::to_string(&report).unwrap(), String::from_utf8(out).unwrap());
        for secret in ["9aB8c7D6", "ZV85YUI4"] {
            assert!(!told.contains(secret), "{told}");
        }
        assert!(told.contains("the name of a file or a folder"), "{told}");
        assert!(search(&values, &[(name, b"console.log(1)")], &["KEY"]).written, "{name}");
    }
}

#[test]
fn packed_files_are_known_by_their_first_bytes() {
    let values = values(&[("KEY", "sk_live_9aB8c7D6")]);
    let text = format!("{}sk_live_9aB8c7D6", "a b ".repeat(100));
    let zstandard =
        ruzstd::encoding::compress_to_vec(text.as_bytes(), ruzstd::encoding::CompressionLevel::Fastest);
    let gzip = hiding::gzip(text.as_bytes());
    let mut deep = gzip.clone();
    for _ in 0..4 {
        deep = hiding::gzip(&deep);
    }
    let in_zip = [&b"PK\x03\x04"[..], text.as_bytes()].concat();
    for (what, bytes, found, named) in [
        ("gzip", gzip.clone(), true, false),
        ("zstandard", zstandard.clone(), true, false),
        ("gzip in gzip", hiding::gzip(&gzip), true, false),
        ("zstandard in gzip", hiding::gzip(&zstandard), true, false),
        ("five times gzip", deep, false, true),
        ("a zip archive", b"PK\x03\x04\x14\0\0\0\x08\0".to_vec(), false, true),
        ("a zip archive that stores files as they are", in_zip.clone(), true, true),
        ("a zip archive in gzip", hiding::gzip(&in_zip), false, true),
        ("half a gzip", gzip[..gzip.len() - 12].to_vec(), false, true),
        ("text that is called otherwise", text.clone().into_bytes(), true, true),
    ] {
        let name = if what.starts_with("text") { "a.gz" } else { "a.bin" };
        let report = search(&values, &[(name, &bytes)], &[]);
        assert_eq!((!report.leaks.is_empty(), !report.unscanned_files.is_empty()), (found, named), "{what}");
    }
}

#[test]
fn bytes_and_pieces_are_put_together() {
    let values = values(&[("KEY", "sk_live_9aB8c7D6")]);
    let list = |between: &str, write: fn(u8) -> String| {
        "sk_live_9aB8c7D6".bytes().map(write).collect::<Vec<_>>().join(between)
    };
    for (text, encoding) in [
        (format!("[{}]", list(",", |byte| byte.to_string())), Encoding::Bytes),
        (format!("Uint8Array.from([{}])", list(", ", |byte| byte.to_string())), Encoding::Bytes),
        (format!("{{\n  {}\n}}", list(",\n  ", |byte| format!("0x{byte:02x}"))), Encoding::Bytes),
        (format!("String.fromCharCode({})", list(",", |byte| byte.to_string())), Encoding::Bytes),
        ("\"sk_li\" + 've_9aB' +\n `8c7D6`".to_owned(), Encoding::Plain),
        (list("", |byte| format!("\\x{byte:02x}")), Encoding::Json),
        (list("", |byte| format!("\\u{{{byte:x}}}")), Encoding::Json),
        (list("", |byte| format!("\\{byte:03o}")), Encoding::Json),
        (list(":", |byte| format!("{byte:02X}")), Encoding::Hex),
    ] {
        let report = search(&values, &[("x.txt", format!("f({text})").as_bytes())], &[]);
        let [leak] = &report.leaks[..] else { panic!("{text}: {:?}", report.leaks) };
        assert_eq!(leak.encoding, encoding, "{text}");
    }
}

/// Numbers from a seed (xorshift64*).
fn choices(mut state: u64) -> impl FnMut(usize) -> usize {
    move |sides| {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        (state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % sides
    }
}

#[test]
fn a_value_in_any_form_is_found_or_its_file_is_named() {
    const FOLDERS: u64 = 40;
    const FILES: usize = 100;
    let mut missed = Vec::new();
    for seed in 1..=FOLDERS {
        let mut choose = choices(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let hidden: Vec<hiding::Hidden> = (0..FILES).map(|_| hiding::hidden(&mut choose)).collect();
        let names: Vec<String> = (0..FILES).map(|index| format!("KEY_{index}")).collect();
        let pairs: Vec<(&str, &str)> =
            names.iter().zip(&hidden).map(|(name, hidden)| (name.as_str(), hidden.value.as_str())).collect();
        let files: Vec<(&str, &[u8])> =
            names.iter().zip(&hidden).map(|(name, hidden)| (name.as_str(), hidden.file.as_slice())).collect();
        let report = search(&values(&pairs), &files, &[]);
        for (name, hidden) in names.iter().zip(&hidden) {
            let is_here = |file: &Path| file.ends_with(name);
            let is_found = report.leaks.iter().any(|leak| leak.name == *name && is_here(&leak.file));
            if !is_found && !report.unscanned_files.iter().any(|file| is_here(&file.file)) {
                missed.push(format!("{:?}: {:?}", hidden.how, String::from_utf8_lossy(&hidden.file)));
            }
        }
    }
    assert!(missed.is_empty(), "{} missed, such as {:#?}", missed.len(), &missed[..missed.len().min(12)]);
}

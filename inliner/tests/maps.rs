//! Every original token of a file maps to the same source position after an edit, checked with an independent decoder.

mod support;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use capy_inliner::testing::{inline, inline_with_map};
use proptest::prelude::*;
use sourcemap::{DecodedMap, SourceMapBuilder, decode_slice};
use support::{body, values};

/// Words of a text with their zero-based lines and columns, in UTF-16 units.
fn words(text: &str) -> Vec<(u32, u32, String)> {
    let (mut line, mut column) = (0, 0);
    let mut words: Vec<(u32, u32, String)> = Vec::new();
    let mut inside = false;
    for letter in text.chars() {
        let is_word = letter.is_alphanumeric() || matches!(letter, '_' | '$');
        match (is_word, inside) {
            (true, false) => words.push((line, column, letter.to_string())),
            (true, true) => words.last_mut().unwrap().2.push(letter),
            _ => {}
        }
        inside = is_word;
        if letter == '\n' {
            (line, column) = (line + 1, 0);
        } else {
            column += letter.len_utf16() as u32;
        }
    }
    words
}

/// A map in which the n-th word comes from line n of the source.
fn map_of(text: &str) -> Vec<u8> {
    let mut builder = SourceMapBuilder::new(Some("a.js"));
    for (index, (line, column, _)) in words(text).iter().enumerate() {
        builder.add(*line, *column, index as u32, 7, Some("source.ts"), None, false);
    }
    let mut out = Vec::new();
    builder.into_sourcemap().to_writer(&mut out).unwrap();
    out
}

/// Where the word at each place of the old text comes from must be where it comes from in the new one.
#[track_caller]
fn assert_exact(old: &str, new: &str, map: &[u8]) {
    let map = match decode_slice(map).unwrap() {
        DecodedMap::Regular(map) => map,
        DecodedMap::Index(index) => index.flatten().unwrap(),
        DecodedMap::Hermes(_) => unreachable!("nobody writes these here"),
    };
    let moved = words(body(new));
    let mut found = 0;
    for (index, (_, _, word)) in words(old).iter().enumerate() {
        // Words outside the reads are numbered, so that each stands once.
        let Some((line, column, _)) =
            moved.iter().find(|(_, _, other)| word.starts_with('w') && other == word)
        else {
            continue;
        };
        let token = map.lookup_token(*line, *column).expect("a token at every word");
        assert_eq!((token.get_dst_line(), token.get_dst_col()), (*line, *column), "{word} in {new}");
        assert_eq!(token.get_src_line(), index as u32, "{word} in {new}");
        found += 1;
    }
    assert_eq!(found, words(old).iter().filter(|(_, _, word)| word.starts_with('w')).count());
}

const PROGRAM: &str = "let w0=process.env,w1=w2(w0x.STRIPE_KEY),é='😀',w3=e.A+w4;w5(e.B,w6)\r\nw7(e.A,process.env.A,w8);\nvar{A:w9}=process.env,w10";

fn program() -> String {
    PROGRAM.replace("w0=", "e=").replace("w0x", "e")
}

#[test]
fn an_external_map_stays_exact() {
    let old = program();
    let map = String::from_utf8(map_of(&old)).unwrap();
    let out = inline_with_map(&old, &map, &values());
    assert_eq!(out.findings, [], "{}", out.text);
    assert_exact(&old, &out.text, out.map.expect("columns moved").as_bytes());
}

#[test]
fn an_inline_map_stays_exact() {
    let old = program();
    let url = format!(
        "//# sourceMappingURL=data:application/json;charset=utf-8;base64,{}",
        STANDARD.encode(map_of(&old))
    );
    let out = inline(&format!("{old}\n{url}\n"), &values());
    let data = out.text.lines().last().unwrap().split_once(";base64,").unwrap().1;
    assert_exact(&old, &out.text, &STANDARD.decode(data).unwrap());
}

#[test]
fn an_indexed_map_stays_exact() {
    let old = program();
    let whole = String::from_utf8(map_of(&old)).unwrap();
    // The same tokens, in sections of one line each; and one that starts in the middle of the first line.
    let lines: Vec<&str> = old.split_inclusive('\n').collect();
    let mut sections = Vec::new();
    let mut first_word = 0;
    for (line, text) in lines.iter().enumerate() {
        let cut = if line == 0 { text.find("w3").unwrap() } else { 0 };
        for (start, part) in [(0, &text[..cut]), (cut, &text[cut..])] {
            let column = text[..start].encode_utf16().count();
            let mut builder = SourceMapBuilder::new(None);
            for (_, column, _) in words(part) {
                builder.add(0, column, first_word, 7, Some("source.ts"), None, false);
                first_word += 1;
            }
            let mut map = Vec::new();
            builder.into_sourcemap().to_writer(&mut map).unwrap();
            let map = String::from_utf8(map).unwrap();
            if !part.is_empty() {
                sections
                    .push(format!("{{\"offset\":{{\"line\":{line},\"column\":{column}}},\"map\":{map}}}"));
            }
        }
    }
    let map = format!("{{\"version\":3,\"sections\":[{}]}}", sections.join(","));
    assert_ne!(map, whole);
    let out = inline_with_map(&old, &map, &values());
    assert_eq!(out.findings, [], "{}", out.text);
    assert_exact(&old, &out.text, out.map.expect("columns moved").as_bytes());
}

#[test]
fn a_map_that_cannot_be_kept_exact_keeps_the_read() {
    let out = inline_with_map("const e=process.env;f(e.A,process.env.B)", "{}", &values());
    assert_eq!(body(&out.text), "const e=process.env;f(e.A,__capy_B()   )\n");
    assert_eq!(support::reasons_of(&out), ["SourceMap A"]);
}

proptest! {
    #[test]
    fn any_line_of_reads_keeps_its_map(parts in prop::collection::vec(0usize..9, 1..40)) {
        let mut old = "var e=process.env;".to_owned();
        for (index, part) in parts.iter().enumerate() {
            let text = match part {
                0 => "e.A;",
                1 => "process.env.STRIPE_KEY;",
                2 => "\n",
                3 => "'é😀';",
                4 => "(t=process.env).B;",
                5 => "{let{A:x}=process.env}",
                6 => "e\n.A;",
                7 => "new process.env.B;",
                _ => "\r\n",
            };
            old.push_str(&format!("w{index}x();{text}"));
        }
        let map = String::from_utf8(map_of(&old)).unwrap();
        let out = inline_with_map(&old, &map, &values());
        assert_exact(&old, &out.text, out.map.as_deref().unwrap_or(&map).as_bytes());
    }
}

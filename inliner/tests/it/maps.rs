//! Every original token of a file maps to the same source position after an edit, as an
//! independent decoder reads the map.

use crate::support;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use capy_inliner::{InlinedText, inline_text};
use capy_protocol::env_map::EnvMap;
use proptest::prelude::*;
use sourcemap::{DecodedMap, SourceMapBuilder, decode_slice};
use support::{body, inline, values};

fn inline_with_map(text: &str, map: &str, values: &EnvMap) -> InlinedText {
    inline_text(text, Some(map), values).unwrap()
}

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
    assert_eq!(out.report.findings, [], "{}", out.text);
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
    assert_eq!(out.report.findings, [], "{}", out.text);
    assert_exact(&old, &out.text, out.map.expect("columns moved").as_bytes());
}

/// The map of a text in sections, each of which starts at one of these words.
fn sections(text: &str, starts: &[usize]) -> String {
    let words = words(text);
    let ends = starts.iter().skip(1).copied().chain([words.len()]);
    let section = |(first, end): (&usize, usize)| {
        let (line, column, _) = words[*first];
        let mut builder = SourceMapBuilder::new(None);
        for (index, (at_line, at_column, _)) in words.iter().enumerate().take(end).skip(*first) {
            let at_column = if *at_line == line { at_column - column } else { *at_column };
            builder.add(at_line - line, at_column, index as u32, 7, Some("source.ts"), None, false);
        }
        let mut map = Vec::new();
        builder.into_sourcemap().to_writer(&mut map).unwrap();
        let map = String::from_utf8(map).unwrap();
        format!("{{\"offset\":{{\"line\":{line},\"column\":{column}}},\"map\":{map}}}")
    };
    let sections: Vec<String> = starts.iter().zip(ends).map(section).collect();
    format!("{{\"version\":3,\"sections\":[{}]}}", sections.join(","))
}

/// Only generated columns move: names, ignored sources, ids and whatever else a tool wrote stay to the byte.
#[test]
fn every_other_byte_of_a_map_stays() {
    let old = program();
    let map = String::from_utf8(map_of(&old)).unwrap();
    let more =
        r#"{ "debugId" : "1-2", "x_google_ignoreList":[0],"ignoreList":[ 0 ], "x_é":{"a":[1e3,"\u0041"]},"#;
    for guard in ["", ")]}'\n"] {
        let map = format!("{guard}{}", map.replacen('{', more, 1));
        let moved = inline_with_map(&old, &map, &values()).map.expect("columns moved");
        let (before, after) = map.split_once("\"mappings\":\"").unwrap();
        let rest = moved.replacen(
            &moved[moved.find("\"x_capy\"").unwrap()..moved.find(" \"debugId\"").unwrap()],
            "",
            1,
        );
        let (start, end) = rest.split_once("\"mappings\":\"").unwrap();
        assert_eq!(start, before);
        assert_eq!(end.split_once('"').unwrap().1, after.split_once('"').unwrap().1);
    }
}

/// A decoder removes the mark of byte order before it counts: what stands right behind a read moves with it.
#[test]
fn a_mark_of_byte_order_takes_no_column() {
    let old = "let e=process.env;f(e.A,1)";
    let comma = old.find(',').unwrap() as u32;
    let mut builder = SourceMapBuilder::new(None);
    builder.add(0, comma, 5, 7, Some("source.ts"), None, false);
    let mut map = Vec::new();
    builder.into_sourcemap().to_writer(&mut map).unwrap();
    let out = inline_with_map(&format!("\u{feff}{old}"), &String::from_utf8(map).unwrap(), &values());
    let Ok(DecodedMap::Regular(moved)) = decode_slice(out.map.unwrap().as_bytes()) else { panic!() };
    let text = out.text.strip_prefix('\u{feff}').unwrap();
    assert!(text.starts_with("let e=process.env;f(__capy_A(),1)"), "{text}");
    assert_eq!(moved.tokens().next().unwrap().get_dst(), (0, text.find(',').unwrap() as u32));
}

#[test]
fn a_map_inside_a_bundle_stays_exact_however_it_is_written() {
    let old = program();
    let map = String::from_utf8(map_of(&old)).unwrap();
    let percent: String = map.bytes().map(|byte| format!("%{byte:02X}")).collect();
    for head in ["data:application/json,", "data:application/json;charset=utf-8,", "data:,"] {
        let out = inline(&format!("{old}\n//# sourceMappingURL={head}{percent}\n"), &values());
        assert_eq!(out.report.findings, []);
        let url = out.text.lines().last().unwrap();
        let data = url.strip_prefix(&format!("//# sourceMappingURL={head}")).unwrap();
        assert!(!data.contains([' ', '"', '\'', '*', '{']), "{data}");
        let moved: Vec<u8> = percent_encoding::percent_decode_str(data).collect();
        assert_exact(&old, &out.text, &moved);
    }
}

#[test]
fn a_map_that_cannot_be_kept_exact_keeps_the_read() {
    let out = inline_with_map("const e=process.env;f(e.A,process.env.B)", "{}", &values());
    assert_eq!(body(&out.text), "const e=process.env;f(e.A,__capy_B()   )\n");
    assert_eq!(support::reasons_of(&out), ["SourceMap A"]);
}

proptest! {
    #[test]
    fn any_line_of_reads_keeps_its_map(
        parts in prop::collection::vec(0usize..9, 1..40),
        cuts in prop::collection::btree_set(1usize..60, 0..6),
        kind in 0..3,
    ) {
        let old = any_program(&parts);
        let plain = String::from_utf8(map_of(&old)).unwrap();
        let map = match kind {
            0 => plain,
            1 => {
                let last = words(&old).len();
                let starts: Vec<usize> = [0].into_iter().chain(cuts.into_iter().filter(|cut| *cut < last)).collect();
                sections(&old, &starts)
            }
            _ => {
                let url = format!("//# sourceMappingURL=data:application/json;base64,{}", STANDARD.encode(plain));
                let out = inline(&format!("{old}\n{url}"), &values());
                let data = out.text.lines().last().unwrap().split_once(";base64,").unwrap().1;
                assert_exact(&old, &out.text, &STANDARD.decode(data).unwrap());
                return Ok(());
            }
        };
        let out = inline_with_map(&old, &map, &values());
        assert_exact(&old, &out.text, out.map.as_deref().unwrap_or(&map).as_bytes());
    }
}

/// Lines of reads and of other words, each of which is numbered.
fn any_program(parts: &[usize]) -> String {
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
    old
}

//! Source maps of bundles that set variables first: every original token keeps its position.

use crate::bundles;
use crate::support;

use bundles::Bundles;
use capy_inliner::{Dynamic, Reason};
use sourcemap::{DecodedMap, SourceMapBuilder, decode_slice};
use support::body;

/// Numbered words of a text, with zero-based lines and columns in UTF-16 units.
fn words(text: &str) -> Vec<(u32, u32, String)> {
    let mut words = Vec::new();
    for (line, row) in text.split('\n').enumerate() {
        for (at, _) in row.match_indices('w') {
            let word: String = row[at..].chars().take_while(char::is_ascii_alphanumeric).collect();
            if word.len() > 1 && word[1..].bytes().all(|byte| byte.is_ascii_digit()) {
                words.push((line as u32, row[..at].encode_utf16().count() as u32, word));
            }
        }
    }
    words
}

fn map_of(text: &str) -> String {
    let mut builder = SourceMapBuilder::new(Some("a.js"));
    for (line, column, word) in words(text) {
        builder.add(line, column, word[1..].parse().unwrap(), 7, Some("source.ts"), None, false);
    }
    let mut out = Vec::new();
    builder.into_sourcemap().to_writer(&mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[track_caller]
fn assert_exact(text: &str, map: &str, expected: usize) {
    let DecodedMap::Regular(map) = decode_slice(map.as_bytes()).unwrap() else { unreachable!("a plain map") };
    let words = words(body(text));
    assert_eq!(words.len(), expected, "{text}");
    for (line, column, word) in words {
        let token = map.lookup_token(line, column).unwrap();
        let found = (token.get_dst_line(), token.get_dst_col(), token.get_src_line());
        assert_eq!(found, (line, column, word[1..].parse().unwrap()), "{word} in {text}");
    }
}

const PROGRAMS: [&str; 7] = [
    "w1(process.env[w2],e.A);w3({...process.env})\nw4(process.env.A)",
    "\"use strict\";w1(process.env[w2]);const w3={...process.env},w4=process.env.B",
    "\"use strict\";\nw1(process.env[w2]);const w3={...process.env},w4=process.env.B",
    "#!/usr/bin/env node\nw1('😀é',process.env[w2]);w3(process.env.A,w4)",
    "/*! w1 */\nw2(process.env[w3]);w4()",
    "/* a\n */ 'use client' /* b */ ;w1();w2(process.env[w3]);w4(process.env?.B)",
    "process.env.A.w1(process.env[w2]);w3();w4()",
];

#[test]
fn a_map_beside_a_bundle_stays_exact() {
    for program in PROGRAMS {
        let text = format!("{program}\n//# sourceMappingURL=a.js.map\n");
        let bundles = Bundles::new(&[("a.js", &text), ("a.js.map", &map_of(program))]);
        let report = bundles.inlined(Dynamic::Auto);
        assert_eq!(report.preludes.len(), 1, "{report:?}");
        assert_exact(&bundles.read("a.js"), &bundles.read("a.js.map"), 4);
    }
}

#[test]
fn a_map_of_a_module_that_imports_its_prelude_stays_exact() {
    for program in PROGRAMS {
        let program = format!("{program};import './b.mjs';w5()");
        let text = format!("{program}\n//# sourceMappingURL=a.mjs.map\n");
        let bundles = Bundles::new(&[("a.mjs", &text), ("a.mjs.map", &map_of(&program)), ("b.mjs", "")]);
        bundles.inlined(Dynamic::Auto);
        assert!(bundles.read("a.mjs").contains("import\"./capy-prelude.mjs\";"));
        assert_exact(&bundles.read("a.mjs"), &bundles.read("a.mjs.map"), 5);
    }
}

#[test]
fn a_run_killed_between_a_map_and_its_bundle_is_finished() {
    let program = PROGRAMS[0].replace("e.A", "1");
    let text = format!("{program}\n//# sourceMappingURL=a.js.map\n");
    let bundles = Bundles::new(&[("a.js", &text), ("a.js.map", &map_of(&program))]);
    bundles.inlined(Dynamic::Auto);
    let after = bundles.contents();
    std::fs::write(bundles.path("a.js"), &text).unwrap();
    bundles.inlined(Dynamic::Auto);
    assert_eq!(bundles.contents(), after);
}

#[test]
fn a_map_that_cannot_be_moved_leaves_the_file_and_fails() {
    let program = "w1(process.env[w2])\n//# sourceMappingURL=";
    let bundles = Bundles::new(&[("a.js", &format!("{program}https://maps.example/a.js.map\n"))]);
    let report = bundles.inline(|_| {});
    assert!(!report.written && bundles.read("a.js").starts_with(program));
    assert!(report.findings.iter().any(|finding| finding.reason == Reason::NoPrelude), "{report:?}");
    // At the end of a line no column moves.
    let bundles =
        Bundles::new(&[("a.js", &format!("'use strict';\n{program}https://maps.example/a.js.map\n"))]);
    bundles.inlined(Dynamic::Auto);
    assert!(bundles.read("a.js").contains("'use strict';__capy_$prelude_"));
}

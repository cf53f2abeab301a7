//! Any text: the token scan finds the same as the syntax tree, or reports that it is not sure.
//!
//! A byte below 128 is a character, another one a piece of JavaScript, so that few bytes make a
//! long program.
#![no_main]

use capy_inliner::testing::{Agreement, tokens_and_tree};
use capy_protocol::env_map::{EnvMap, SecretValue};
use libfuzzer_sys::fuzz_target;

#[path = "../../tests/support/pieces.rs"]
mod pieces;

use pieces::PIECES;

/// What a single byte of text cannot be.
const LETTERS: [&str; 4] = ["é", "\u{2028}", "\u{a0}", "😀"];

fn text(bytes: &[u8]) -> String {
    let mut text = String::new();
    for byte in bytes {
        match byte.checked_sub(128).map(usize::from) {
            None => text.push(char::from(*byte)),
            Some(piece) if piece < PIECES.len() => {
                text.push_str(PIECES[piece]);
                text.push(' ');
            }
            Some(other) => text.push_str(LETTERS[other % LETTERS.len()]),
        }
    }
    text
}

fuzz_target!(|bytes: &[u8]| {
    let mut values = EnvMap::new();
    values.try_insert("A", SecretValue::new("canary.A.x9".to_owned())).expect("a name");
    let text = text(bytes);
    for text in [format!("{text};process.env.A"), format!("x = {{ a: [{text}] }}; f({text})"), text] {
        let answer = tokens_and_tree(&text, &values);
        // What does not parse has no tree to differ from.
        assert!(!matches!(answer, Agreement::Different(_, Some(_))), "{text}\n{answer:#?}");
    }
});

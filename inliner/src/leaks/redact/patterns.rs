//! The texts that a redactor searches for: how each value appears in each view of a text.
//!
//! A value is searched whole, line by line, and part by part. Escapes, quotes and colours that a
//! program adds need no text of their own, because the views undo them. Long texts are cut into
//! pieces, so that little of the stream is held back.

use capy_protocol::env_map::EnvMap;
use zeroize::Zeroizing;

use super::super::search::{self, MIN_LENGTH, forms};
use super::parts;
use super::views::{Undo, undone};

/// Longer texts are searched in pieces of this length.
pub(super) const MAX_PIECE_LENGTH: usize = 256;

/// The sorted texts of all values worth redacting, and the names of the other variables.
pub(super) fn of_all(values: &EnvMap) -> (Vec<Zeroizing<Vec<u8>>>, Vec<String>) {
    let (searched, not_searched) = search::searched(values);
    let mut texts = Vec::new();
    for (_, value) in searched {
        add_lines(value, &mut texts);
        parts::parts(value).iter().for_each(|part| add_lines(part, &mut texts));
    }
    (sorted(texts), not_searched.into_iter().map(|(name, _)| name).collect())
}

/// Sorts the texts and removes duplicates.
pub(super) fn sorted(mut texts: Vec<Zeroizing<Vec<u8>>>) -> Vec<Zeroizing<Vec<u8>>> {
    texts.sort_unstable_by(|a, b| a.as_slice().cmp(b));
    texts.dedup();
    texts
}

fn add_lines(value: &str, texts: &mut Vec<Zeroizing<Vec<u8>>>) {
    let is_worth = |line: &&str| line.len() >= MIN_LENGTH && !forms::is_common(line.as_bytes());
    let lines = value.lines().map(str::trim).filter(is_worth);
    std::iter::once(value).chain(lines).for_each(|text| add(text, texts));
}

fn add(value: &str, texts: &mut Vec<Zeroizing<Vec<u8>>>) {
    for (text, _) in forms::forms(value) {
        if text.len() >= MIN_LENGTH {
            texts.extend(pieces(&text));
        }
    }
    let value = if value.trim().len() >= MIN_LENGTH { value.trim() } else { value };
    // How a value appears in the views that undo its own escapes, quotes and colours.
    let mut layers = vec![value.as_bytes().to_vec()];
    for _ in 0..super::MAX_LAYERS {
        layers.push(undone(&layers[layers.len() - 1], Undo::Escapes));
    }
    layers.extend([undone(value.as_bytes(), Undo::Sequences), latin_1(value)]);
    // If a value consists of escapes, almost nothing may be left of it.
    let mut put = |text: Vec<u8>| {
        let letters = text.iter().filter(|byte| byte.is_ascii_graphic() || !byte.is_ascii()).count();
        if letters >= MIN_LENGTH && !forms::is_common(&text) {
            texts.extend(pieces(&text));
        }
    };
    for layer in layers {
        put(undone(&layer, Undo::Quotes));
        put(undone(&layer, Undo::Lines));
        put(layer);
    }
}

/// Characters up to U+00FF as one byte each, as the view reads `\xfc`.
fn latin_1(value: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(value.len());
    for letter in value.chars() {
        match u8::try_from(u32::from(letter)) {
            Ok(byte) => bytes.push(byte),
            Err(_) => bytes.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    bytes
}

/// Overlapping pieces that together cover a text; the last one ends where the text ends. Each
/// begins in the middle of the previous one, so that no text is passed on between two of them.
fn pieces(text: &[u8]) -> impl Iterator<Item = Zeroizing<Vec<u8>>> + use<'_> {
    (0..text.len().max(1))
        .step_by(MAX_PIECE_LENGTH / 2)
        .take_while(move |start| *start == 0 || start + MAX_PIECE_LENGTH / 2 < text.len())
        .map(|start| {
            let end = (start + MAX_PIECE_LENGTH).min(text.len());
            Zeroizing::new(text[end.saturating_sub(MAX_PIECE_LENGTH).min(start)..end].to_vec())
        })
}

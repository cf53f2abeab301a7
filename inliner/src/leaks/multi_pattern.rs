//! Multi-pattern search that skips most bytes.
//!
//! Optimised for a set of patterns that almost never occur: the last bytes of a window tell how far
//! away the next possible occurrence is, and most windows are skipped almost entirely (Wu and
//! Manber, "A fast algorithm for multi-pattern searching", 1994). Its speed grows with the length
//! of the shortest pattern. Any set of patterns is accepted, and overlapping occurrences are found.

use std::collections::HashMap;

use zeroize::Zeroizing;

/// Finds every occurrence of every pattern of a set.
pub(crate) struct Finder {
    texts: Vec<Zeroizing<Vec<u8>>>,
    /// Length of the window: that of the shortest pattern, at most 255.
    window: usize,
    /// How many bytes at the end of a window are hashed.
    block: usize,
    /// By the hash of a block: how far a window can move on. Zero if a pattern may be there.
    skips: Vec<u8>,
    bits: u32,
    /// By the same hash: the patterns whose first window ends with the block.
    ends: HashMap<usize, Vec<usize>>,
}

impl Finder {
    /// A search for these patterns; an empty one never occurs.
    pub(crate) fn new(texts: Vec<Zeroizing<Vec<u8>>>) -> Self {
        let filled = || texts.iter().enumerate().filter(|(_, text)| !text.is_empty());
        let window = filled().map(|(_, text)| text.len()).min().unwrap_or(1).min(usize::from(u8::MAX));
        let block = if window < 6 { window.min(2) } else { 3 };
        // Eight slots for each block avoid most collisions.
        let bits = (texts.len() * window * 8).max(1 << 12).ilog2().min(18);
        let mut skips = vec![(window - block + 1) as u8; 1 << bits];
        let mut ends: HashMap<usize, Vec<usize>> = HashMap::new();
        for (index, text) in filled() {
            for end in block..=window {
                let hash = hash(&text[end - block..end], bits);
                skips[hash] = skips[hash].min((window - end) as u8);
            }
            ends.entry(hash(&text[window - block..window], bits)).or_default().push(index);
        }
        Self { window, block, skips, bits, ends, texts }
    }

    /// Calls `found` with the start and the pattern's index of each occurrence.
    pub(crate) fn each(&self, text: &[u8], mut found: impl FnMut(usize, usize)) {
        if self.ends.is_empty() {
            return;
        }
        let mut end = self.window;
        while let Some(block) = text.get(end - self.block..end) {
            let hash = hash(block, self.bits);
            let skip = self.skips[hash];
            if skip > 0 {
                end += usize::from(skip);
                continue;
            }
            let start = end - self.window;
            let here = self.ends.get(&hash).into_iter().flatten();
            here.filter(|index| text[start..].starts_with(&self.texts[**index]))
                .for_each(|index| found(start, *index));
            end += 1;
        }
    }

    /// The patterns, in the order in which they were given.
    pub(crate) fn texts(&self) -> &[Zeroizing<Vec<u8>>] {
        &self.texts
    }
}

fn hash(block: &[u8], bits: u32) -> usize {
    let number = match *block {
        [a, b, c] => u32::from_le_bytes([a, b, c, 0]),
        [a, b] => u32::from_le_bytes([a, b, 0, 0]),
        _ => u32::from(block[0]),
    };
    (number.wrapping_mul(0x9e37_79b1) >> (32 - bits)) as usize
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn found(texts: &[&str], text: &str) -> Vec<(usize, usize)> {
        let finder = Finder::new(texts.iter().map(|text| Zeroizing::new(text.as_bytes().to_vec())).collect());
        let mut found = Vec::new();
        finder.each(text.as_bytes(), |start, index| found.push((start, index)));
        found.sort();
        found
    }

    #[test]
    fn overlapping_and_repeated_texts_are_all_found() {
        assert_eq!(found(&["abcabc", "bcabca", "abcabcab"], "xabcabcabx"), [(1, 0), (1, 2), (2, 1)]);
        assert_eq!(found(&["a", "aa", ""], "aab"), [(0, 0), (0, 1), (1, 0)]);
        assert_eq!(found(&["", ""], "ab"), []);
        assert_eq!(found(&[], "ab"), []);
        assert_eq!(found(&["abcdef"], "abcde"), []);
    }

    proptest! {
        #[test]
        fn nothing_is_skipped(
            texts in prop::collection::vec("[ab]{0,9}|[a-d]{1,3}|[abc]{6,12}", 1..6),
            text in "[abcd]{0,80}",
        ) {
            let mut expected = Vec::new();
            for (index, part) in texts.iter().enumerate().filter(|(_, part)| !part.is_empty()) {
                expected.extend((0..text.len()).filter(|at| text[*at..].starts_with(part.as_str())).map(|at| (at, index)));
            }
            expected.sort();
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            prop_assert_eq!(found(&texts, &text), expected);
        }
    }
}

//! Values taken out of a text that passes by in pieces, such as a program's output.
//!
//! Owns the streaming: what is certain is handed on at once, and only the beginning of what may become a value is kept
//! back. A value that ends in another one's beginning is masked to the last byte. It refuses the values that the search
//! of public files leaves out, too: short ones and common words would make any text unreadable. A value in escapes of
//! escapes, or in base64 with line breaks, passes: who keeps the text searches it afterwards.

use std::collections::BTreeSet;

use capy_protocol::env_map::EnvMap;
use zeroize::Zeroizing;

use crate::leak::{self, forms};
use crate::skip::Finder;

/// What stands in place of a value.
const MASK: &[u8] = b"***";

/// All values in the forms in which programs print them.
pub struct Mask {
    /// Texts in order, so that those with one beginning stand together.
    finder: Finder,
    longest: usize,
    /// Whether any text begins with this byte.
    begins: [bool; 256],
    not_masked: Vec<String>,
}

impl Mask {
    /// A mask for these values.
    pub fn new(values: &EnvMap) -> Self {
        let (searched, not_searched) = leak::searched(values);
        let texts: BTreeSet<Vec<u8>> = searched.iter().flat_map(|(_, value)| forms::printed(value)).collect();
        let texts: Vec<_> = texts.into_iter().map(Zeroizing::new).collect();
        let longest = texts.iter().map(|text| text.len()).max().unwrap_or(0);
        let mut begins = [false; 256];
        texts.iter().filter_map(|text| text.first()).for_each(|first| begins[usize::from(*first)] = true);
        let not_masked = not_searched.into_iter().map(|(name, _)| name).collect();
        Self { finder: Finder::new(texts), longest, begins, not_masked }
    }

    /// The names of the variables whose values are left as they are.
    pub fn not_masked(&self) -> &[String] {
        &self.not_masked
    }

    /// A text that begins.
    pub fn begin(&self) -> Masking<'_> {
        Masking { mask: self, kept: Zeroizing::new(Vec::new()), covered: 0 }
    }

    /// Where the longest end of `text` starts with which some value may begin.
    fn open_end(&self, text: &[u8]) -> usize {
        let earliest = text.len().saturating_sub(self.longest.saturating_sub(1));
        let may_begin =
            |start: &usize| self.begins[usize::from(text[*start])] && self.is_beginning(&text[*start..]);
        (earliest..text.len()).find(may_begin).unwrap_or(text.len())
    }

    /// Whether some text begins with this one and goes on.
    fn is_beginning(&self, part: &[u8]) -> bool {
        let texts = self.finder.texts();
        let at = texts.partition_point(|text| text.as_slice() <= part);
        texts.get(at).is_some_and(|text| text.starts_with(part))
    }
}

/// One text on its way through the mask.
pub struct Masking<'m> {
    mask: &'m Mask,
    kept: Zeroizing<Vec<u8>>,
    /// So many bytes at the beginning of `kept` belong to a value whose mask was handed on already.
    covered: usize,
}

impl Masking<'_> {
    /// Takes the next piece and appends what is certain to `out`.
    pub fn push(&mut self, piece: &[u8], out: &mut Vec<u8>) {
        self.kept.extend_from_slice(piece);
        let end = self.mask.open_end(&self.kept);
        self.hand_on(end, out);
    }

    /// Appends the rest: nothing comes any more.
    pub fn finish(mut self, out: &mut Vec<u8>) {
        let end = self.kept.len();
        self.hand_on(end, out);
    }

    fn hand_on(&mut self, end: usize, out: &mut Vec<u8>) {
        let (mut at, mut covered) = (0, self.covered);
        for (start, stop) in self.values() {
            if start >= end {
                break;
            }
            if start > covered {
                out.extend_from_slice(&self.kept[covered.max(at)..start]);
            }
            // One that only goes on where another one ended was masked with it.
            if start > covered || covered == 0 {
                out.extend_from_slice(MASK);
            }
            at = stop;
            covered = covered.max(stop);
        }
        let from = covered.min(end);
        out.extend_from_slice(&self.kept[from..end]);
        self.covered = covered.saturating_sub(end);
        self.kept.drain(..end);
    }

    /// Where values stand, in order; those that touch are one.
    fn values(&self) -> Vec<(usize, usize)> {
        let mut found = Vec::new();
        let texts = self.mask.finder.texts();
        self.mask.finder.each(&self.kept, |start, index| found.push((start, start + texts[index].len())));
        found.sort_unstable();
        let mut joined: Vec<(usize, usize)> = Vec::new();
        for (start, stop) in found {
            match joined.last_mut() {
                Some(last) if start <= last.1 => last.1 = last.1.max(stop),
                _ => joined.push((start, stop)),
            }
        }
        joined
    }
}

#[cfg(test)]
mod tests {
    use capy_protocol::env_map::SecretValue;
    use proptest::prelude::*;

    use super::*;

    fn mask(values: &[&str]) -> Mask {
        let mut map = EnvMap::new();
        for (index, value) in values.iter().enumerate() {
            map.try_insert(&format!("NAME_{index}"), SecretValue::new((*value).to_owned())).unwrap();
        }
        Mask::new(&map)
    }

    fn masked(mask: &Mask, pieces: &[&str]) -> String {
        let (mut masking, mut out) = (mask.begin(), Vec::new());
        pieces.iter().for_each(|piece| masking.push(piece.as_bytes(), &mut out));
        masking.finish(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_value_is_masked_wherever_it_is_cut() {
        let mask = mask(&["canary.A.x9"]);
        for at in 0..=15 {
            let (one, two) = "a canary.A.x9 b".split_at(at);
            assert_eq!(masked(&mask, &[one, two]), "a *** b", "{at}");
        }
        assert_eq!(masked(&mask, &["canary.A.x", "8canary.A.x9"]), "canary.A.x8***");
    }

    #[test]
    fn what_cannot_become_a_value_is_handed_on_at_once() {
        let mask = mask(&["canary.A.x9"]);
        let (mut masking, mut out) = (mask.begin(), Vec::new());
        masking.push(b"installing can", &mut out);
        assert_eq!(out, b"installing ");
        masking.push(b"vas", &mut out);
        assert_eq!(out, b"installing canvas");
    }

    #[test]
    fn values_that_overlap_and_that_begin_alike_are_masked_whole() {
        let overlapping = mask(&["abcdef-one", "one-ghijkl"]);
        assert_eq!(masked(&overlapping, &["<abcdef-one-ghijkl>"]), "<***>");
        assert_eq!(masked(&overlapping, &["<abcdef-one", "-gh>"]), "<***-gh>");
        let alike = mask(&["abcdef", "abcdefgh"]);
        assert_eq!(masked(&alike, &["abcdef", "gh abcdef", "g"]), "*** ***g");
        let long = mask(&["aaaaaa"]);
        assert_eq!(masked(&long, &["aaaaaaaaaa", "aaa", "aaaaaaa", "b", "aaaaa"]), "***baaaaa");
    }

    #[test]
    fn a_value_is_masked_in_every_usual_form_and_line_by_line() {
        let value = "p&\"s/<w'o>\\rd +ü😀~x";
        let mask = mask(&[value, "first line 1\n  second line 2\nx\n"]);
        for text in [
            value.to_owned(),
            serde_json::to_string(value).unwrap().trim_matches('"').to_owned(),
            r#"p&\"s/<w'o>\\rd +\u00fc\ud83d\ude00~x"#.to_owned(),
            "p%26%22s%2F%3Cw'o%3E%5Crd%20%2B%C3%BC%F0%9F%98%80~x".to_owned(),
            "p%26%22s%2f%3cw'o%3e%5crd%20%2b%c3%bc%f0%9f%98%80~x".to_owned(),
            "p&amp;&quot;s/&lt;w'o&gt;\\rd +ü😀~x".to_owned(),
            r#"p&"s/<w'\''o>\rd +ü😀~x"#.to_owned(),
            "first line 1".to_owned(),
            "second line 2".to_owned(),
            r"first line 1\n  second line 2\nx".to_owned(),
        ] {
            assert_eq!(masked(&mask, &[&text]), "***", "{text}");
        }
        // The last letter says two bits of the value's last byte, and six of what follows.
        assert_eq!(masked(&mask, &["eA== cCYicy88dydvPlxyZCArw7zwn5iAfng="]), "eA== ***g=");
        assert_eq!(masked(&mask, &["a", "\nx\n"]), "a\nx\n");
    }

    #[test]
    fn short_and_common_values_are_named_and_left() {
        let mask = mask(&["1234", "production", "canary.A.x9"]);
        assert_eq!(mask.not_masked(), ["NAME_0", "NAME_1"]);
        assert_eq!(masked(&mask, &["1234 production"]), "1234 production");
    }

    proptest! {
        #[test]
        fn no_value_passes_and_nothing_else_is_lost(
            values in prop::collection::vec("[ab]{6,9}", 1..4),
            pieces in prop::collection::vec("[ab.]{0,12}", 0..8),
        ) {
            let values: Vec<&str> = values.iter().map(String::as_str).collect();
            let pieces: Vec<&str> = pieces.iter().map(String::as_str).collect();
            let mask = mask(&values);
            let out = masked(&mask, &pieces);
            prop_assert_eq!(&out, &masked(&mask, &[&pieces.concat()]));
            prop_assert!(!values.iter().any(|value| out.contains(value)));
            if !values.iter().any(|value| pieces.concat().contains(value)) {
                prop_assert_eq!(pieces.concat(), out);
            }
        }
    }
}

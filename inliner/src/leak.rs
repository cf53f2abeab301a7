//! The scan of everything public for values.
//!
//! Owns the ways in which a value can be written, and which values are not worth a search: a finding that means nothing
//! hides the one that does. One pass over a file looks for all of them. A finding never holds the value.

use std::collections::BTreeSet;

use aho_corasick::AhoCorasick;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use capy_protocol::env_map::EnvMap;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use zeroize::Zeroizing;

use crate::report::{Encoding, NotSearched};
use crate::subject::is_public;

/// Shorter values are found everywhere and mean nothing.
const SHORTEST: usize = 6;
/// A base64 fragment needs this many letters to be told from chance.
const SHORTEST_BASE64: usize = 8;

/// Words that stand in public files whatever anybody's secrets are.
const COMMON: [&str; 24] = [
    "production",
    "development",
    "staging",
    "preview",
    "localhost",
    "default",
    "enabled",
    "disabled",
    "postgres",
    "primary",
    "public",
    "private",
    "secret",
    "password",
    "nodejs",
    "vercel",
    "cloudflare",
    "127.0.0.1",
    "0.0.0.0",
    "us-east-1",
    "eu-west-1",
    "eu-central-1",
    "Europe/Berlin",
    "undefined",
];

/// What `encodeURIComponent` leaves as it is.
const COMPONENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'!')
    .remove(b'~')
    .remove(b'*')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')');

/// One value found in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Found {
    pub(crate) at: usize,
    /// Index into [`Search::names`].
    pub(crate) name: usize,
    pub(crate) encoding: Encoding,
}

/// All values in all their forms.
pub(crate) struct Search {
    pub(crate) names: Vec<String>,
    pub(crate) not_searched: Vec<(String, NotSearched)>,
    patterns: AhoCorasick,
    meaning: Vec<(usize, Encoding)>,
}

impl Search {
    pub(crate) fn new(values: &EnvMap) -> Self {
        let declared_public: BTreeSet<&str> = values
            .iter()
            .filter(|(name, _)| is_public(name))
            .map(|(_, value)| value.expose_secret())
            .collect();
        let (mut names, mut not_searched) = (Vec::new(), Vec::new());
        let (mut patterns, mut meaning) = (Vec::new(), Vec::new());
        for (name, value) in values.iter() {
            let value = value.expose_secret();
            if let Some(reason) = is_not_searched(name, value, &declared_public) {
                not_searched.push((name.to_owned(), reason));
                continue;
            }
            for (pattern, encoding) in forms(value) {
                patterns.push(pattern);
                meaning.push((names.len(), encoding));
            }
            names.push(name.to_owned());
        }
        let texts = patterns.iter().map(|pattern| pattern.as_bytes());
        let patterns = AhoCorasick::new(texts).expect("the values of one environment fit an automaton");
        Self { names, not_searched, patterns, meaning }
    }

    /// Every place where a value stands, once per place and name.
    pub(crate) fn scan(&self, text: &[u8]) -> Vec<Found> {
        let mut found: Vec<Found> = Vec::new();
        for hit in self.patterns.find_overlapping_iter(text) {
            let (name, encoding) = self.meaning[hit.pattern().as_usize()];
            found.push(Found { at: hit.start(), name, encoding });
        }
        found.sort();
        found.dedup_by_key(|found| (found.at, found.name));
        found
    }
}

fn is_not_searched(name: &str, value: &str, declared_public: &BTreeSet<&str>) -> Option<NotSearched> {
    if declared_public.contains(value) || is_public(name) {
        Some(NotSearched::Public)
    } else if value.len() < SHORTEST {
        Some(NotSearched::Short)
    } else if COMMON.iter().any(|word| word.eq_ignore_ascii_case(value)) {
        Some(NotSearched::Common)
    } else {
        None
    }
}

/// Every way in which the value may be written, without repetition.
fn forms(value: &str) -> Vec<(Zeroizing<String>, Encoding)> {
    let mut forms: Vec<(Zeroizing<String>, Encoding)> = Vec::new();
    let mut add = |text: String, encoding| {
        if !text.is_empty() && !forms.iter().any(|(known, _)| **known == text) {
            forms.push((Zeroizing::new(text), encoding));
        }
    };
    add(value.to_owned(), Encoding::Plain);
    for text in json_forms(value) {
        add(text, Encoding::Json);
    }
    for text in url_forms(value) {
        add(text, Encoding::Url);
    }
    for text in html_forms(value) {
        add(text, Encoding::Html);
    }
    for text in base64_forms(value.as_bytes()) {
        add(text, Encoding::Base64);
    }
    forms
}

/// As a JSON string, with the escapes that are safe inside HTML, in ASCII, and as JSON inside JSON (a React payload).
fn json_forms(value: &str) -> Vec<String> {
    let plain = json(value);
    let safe = plain.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026");
    let safe_lines = safe.replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029");
    let slashes = plain.replace('/', "\\/");
    let ascii = ascii_escapes(&plain);
    let ascii_safe = ascii_escapes(&safe_lines);
    let mut forms = vec![plain, safe, safe_lines, slashes, ascii, ascii_safe];
    let twice: Vec<String> = forms.iter().map(|form| json(form)).collect();
    forms.extend(twice);
    forms.push(value.replace('\\', "\\\\").replace('\'', "\\'").replace('\n', "\\n"));
    forms
}

/// The inside of a JSON string.
fn json(text: &str) -> String {
    let quoted = serde_json::to_string(text).expect("a string is always JSON");
    quoted[1..quoted.len() - 1].to_owned()
}

fn ascii_escapes(text: &str) -> String {
    let mut out = String::new();
    for letter in text.chars() {
        if letter.is_ascii() {
            out.push(letter);
        } else {
            let mut units = [0; 2];
            letter.encode_utf16(&mut units).iter().for_each(|unit| out.push_str(&format!("\\u{unit:04x}")));
        }
    }
    out
}

fn url_forms(value: &str) -> Vec<String> {
    let component = utf8_percent_encode(value, COMPONENT).to_string();
    let strict = utf8_percent_encode(value, NON_ALPHANUMERIC).to_string();
    let form = component.replace("%20", "+").replace('~', "%7E").replace('\'', "%27");
    let lower = component.split('%').enumerate().map(|(index, part)| match (index, part.get(..2)) {
        (0, _) | (_, None) => part.to_owned(),
        (_, Some(digits)) => format!("%{}{}", digits.to_ascii_lowercase(), &part[2..]),
    });
    let lower: String = lower.collect();
    vec![component, strict, form, lower]
}

fn html_forms(value: &str) -> Vec<String> {
    let base = value.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let double = ["&quot;", "&#34;", "\""];
    let single = ["&#x27;", "&#39;", "&apos;", "'"];
    let pairs = double.iter().flat_map(|double| single.iter().map(move |single| (double, single)));
    pairs.map(|(double, single)| base.replace('"', double).replace('\'', single)).collect()
}

/// Base64 of the value at each of the three places it can have within a longer text: only the letters that do not
/// depend on its neighbours.
fn base64_forms(value: &[u8]) -> Vec<String> {
    let mut forms = Vec::new();
    for lead in 0..3 {
        let mut padded = vec![0; lead];
        padded.extend_from_slice(value);
        let first = [0, 2, 3][lead];
        let last = padded.len() / 3 * 4 + [0, 1, 2][padded.len() % 3];
        for text in [STANDARD_NO_PAD.encode(&padded), URL_SAFE_NO_PAD.encode(&padded)] {
            if last >= first + SHORTEST_BASE64 {
                forms.push(text[first..last].to_owned());
            }
        }
    }
    forms
}

/// The line, from one, that holds a byte.
pub(crate) fn line_of(text: &[u8], at: usize) -> usize {
    memchr::memchr_iter(b'\n', &text[..at.min(text.len())]).count() + 1
}

#[cfg(test)]
mod tests {
    use capy_protocol::env_map::SecretValue;

    use super::*;

    const VALUE: &str = "p&\"s/<w'o>\\rd +ü😀\n~x";

    fn search(values: &[(&str, &str)]) -> Search {
        let mut map = EnvMap::new();
        for (name, value) in values {
            map.try_insert(name, SecretValue::new((*value).to_owned())).unwrap();
        }
        Search::new(&map)
    }

    fn encodings(text: &str) -> Vec<Encoding> {
        search(&[("KEY", VALUE)]).scan(text.as_bytes()).into_iter().map(|found| found.encoding).collect()
    }

    #[test]
    fn a_value_is_found_in_every_encoding() {
        let json = serde_json::to_string(VALUE).unwrap();
        assert_eq!(encodings(&format!("a{VALUE}b")), [Encoding::Plain]);
        assert_eq!(encodings(&json), [Encoding::Json]);
        assert_eq!(encodings(&serde_json::to_string(&json).unwrap()), [Encoding::Json]);
        assert_eq!(encodings(r#"p\u0026\"s/\u003cw'o\u003e\\rd +\u00fc\ud83d\ude00\n~x"#), [Encoding::Json]);
        assert_eq!(encodings("p%26%22s%2F%3Cw'o%3E%5Crd%20%2B%C3%BC%F0%9F%98%80%0A~x"), [Encoding::Url]);
        assert_eq!(encodings("p%26%22s%2f%3cw'o%3e%5crd%20%2b%c3%bc%f0%9f%98%80%0a~x"), [Encoding::Url]);
        assert_eq!(encodings("p%26%22s%2F%3Cw%27o%3E%5Crd+%2B%C3%BC%F0%9F%98%80%0A%7Ex"), [Encoding::Url]);
        assert_eq!(encodings("p&amp;&quot;s/&lt;w&#x27;o&gt;\\rd +ü😀\n~x"), [Encoding::Html]);
        assert_eq!(encodings("p&amp;\"s/&lt;w&#39;o&gt;\\rd +ü😀\n~x"), [Encoding::Html]);
    }

    #[test]
    fn base64_is_found_whatever_stands_around_it() {
        for before in ["", "a", "ab", "abc"] {
            for after in ["", "y", "yz"] {
                let text = format!("{before}{VALUE}{after}");
                assert_eq!(
                    encodings(&STANDARD_NO_PAD.encode(&text)),
                    [Encoding::Base64],
                    "{before:?} {after:?}"
                );
                assert_eq!(
                    encodings(&URL_SAFE_NO_PAD.encode(&text)),
                    [Encoding::Base64],
                    "{before:?} {after:?}"
                );
            }
        }
    }

    #[test]
    fn short_common_and_public_values_are_not_searched() {
        let search = search(&[
            ("DEBUG", "true"),
            ("PORT", "3000"),
            ("MODE", "production"),
            ("SITE_URL", "https://shop.example"),
            ("NEXT_PUBLIC_SITE_URL", "https://shop.example"),
        ]);
        let reasons: Vec<NotSearched> = search.not_searched.iter().map(|(_, reason)| *reason).collect();
        use NotSearched::*;
        assert_eq!(reasons, [Short, Common, Public, Short, Public]);
        assert!(search.scan(b"true 3000 production https://shop.example").is_empty());
    }
}

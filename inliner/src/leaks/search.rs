//! Searches one text for all values, in all the forms in which a file may hold them.
//!
//! Leaves out values that are not worth searching for, because meaningless findings hide the real
//! ones. One pass looks for all forms of all values. Only where the text
//! contains escapes that may spell a value, one more pass follows for each layer of escapes: a
//! Flight payload is JSON in JSON in HTML, and any mixture may hold a value. Values that a text
//! holds in pieces (`pieces`) are joined before the search. A finding never contains the value.
//!
//! | module | content |
//! |---|---|
//! | `forms` | the texts that stand for a value |
//! | `parts` | the parts of a value that are secrets of their own |
//! | `pieces` | joins pieces: base64 in lines, lists of bytes, joined literals, payloads, CSS |

pub(super) mod forms;
pub(super) mod parts;
mod pieces;

pub(super) use pieces::PAYLOAD_CALLS;

use std::collections::{BTreeMap, BTreeSet};

use capy_protocol::env_map::EnvMap;
use capy_protocol::variable_name::is_public;

use zeroize::Zeroizing;

use super::multi_pattern::Finder;
use super::{Encoding, NotSearched};
use crate::unescape::{self, Kind};
use forms::{forms, rare_forms};

/// Shorter values occur everywhere by chance.
pub(super) const MIN_LENGTH: usize = 6;
/// Layers of escapes that are undone; real files have fewer.
const MAX_LAYERS: usize = 6;

/// One value found in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Hit {
    pub(super) at: usize,
    /// Index into [`Search::names`].
    pub(super) name: usize,
    /// Index into [`Search::parts`], if only a part of the value was found.
    pub(super) part: Option<usize>,
    pub(super) encoding: Encoding,
}

/// What a search pattern stands for.
#[derive(Debug, Clone, Copy)]
struct Meaning {
    name: usize,
    part: Option<usize>,
    encoding: Encoding,
}

/// A search for all values in all their forms.
pub(crate) struct Search {
    pub(super) names: Vec<String>,
    /// Labels of the parts of values.
    pub(super) parts: Vec<String>,
    pub(crate) not_searched: Vec<(String, NotSearched)>,
    forms: Finder,
    meaning: Vec<Meaning>,
    /// Bytes that make an escape worth undoing: those of the values, and those that further escapes
    /// consist of.
    letters: [bool; 256],
    /// Length of the longest form.
    longest: usize,
}

impl Search {
    pub(crate) fn new(values: &EnvMap) -> Self {
        let (searched, not_searched) = searched(values);
        let public: Vec<&str> = not_searched
            .iter()
            .filter(|(_, reason)| *reason == NotSearched::Public)
            .filter_map(|(name, _)| values.get(name).map(|value| value.expose_secret()))
            .collect();
        let (mut names, mut labels) = (Vec::new(), Vec::new());
        let (mut patterns, mut meaning) = (Vec::new(), Vec::new());
        for (name, value) in searched {
            let name_at = names.len();
            let mut add = |part, forms: Vec<(Zeroizing<Vec<u8>>, Encoding)>| {
                for (pattern, encoding) in forms {
                    patterns.push(pattern);
                    meaning.push(Meaning { name: name_at, part, encoding });
                }
            };
            add(None, forms(value));
            add(None, rare_forms(value));
            // A part that also occurs in a value that is public by its name is public.
            let is_secret =
                |part: &parts::Part| !public.iter().any(|public| public.contains(part.text.as_str()));
            for part in parts::parts(value).into_iter().filter(is_secret) {
                add(Some(labels.len()), forms(&part.text));
                add(Some(labels.len()), rare_forms(&part.text));
                labels.push(part.label);
            }
            names.push(name.to_owned());
        }
        let mut letters: [bool; 256] = std::array::from_fn(|byte| (byte as u8).is_ascii_alphanumeric());
        let escapes = br"\%&#;{}".iter();
        patterns.iter().flat_map(|pattern| pattern.iter()).chain(escapes).for_each(|byte| {
            letters[usize::from(*byte)] = true;
        });
        let longest = patterns.iter().map(|pattern| pattern.len()).max().unwrap_or(0);
        Self { names, parts: labels, not_searched, forms: Finder::new(patterns), meaning, letters, longest }
    }

    /// How many bytes of a text a value can take up, however it is escaped.
    pub(super) fn reach(&self) -> usize {
        // `\u0041` takes six bytes for each byte; files are read in parts that overlap by this
        // much.
        self.longest * 6 + 64
    }

    /// All values in a text, once per place and name.
    pub(super) fn scan(&self, text: &[u8]) -> Vec<Hit> {
        let mut found = self.hits(text);
        found.extend(self.escaped(text));
        pieces::each(text, |joined| {
            let mut inside = self.hits(&joined.text);
            inside.extend(self.escaped(&joined.text));
            found.extend(inside.into_iter().map(|found| Hit {
                at: joined.origin(found.at),
                encoding: match found.encoding {
                    Encoding::Plain | Encoding::Json => joined.encoding,
                    encoding => encoding,
                },
                ..found
            }));
        });
        found.sort();
        found.dedup_by_key(|found| (found.at, found.name));
        found
    }

    /// Occurrences of forms in the text as it is.
    fn hits(&self, text: &[u8]) -> Vec<Hit> {
        let mut hits = Vec::new();
        self.forms.each(text, |at, form| {
            let Meaning { name, part, encoding } = self.meaning[form];
            hits.push(Hit { at, name, part, encoding });
        });
        hits
    }

    /// Occurrences of forms that are written with escapes.
    fn escaped(&self, text: &[u8]) -> Vec<Hit> {
        let regions = unescape::regions(text, &self.letters, self.longest);
        let inside = |start: usize, found: Hit| Hit { at: start + found.at, ..found };
        let found = regions.into_iter().flat_map(|region| {
            let start = region.start;
            self.layers(&text[region]).into_iter().map(move |found| inside(start, found))
        });
        found.collect()
    }

    /// Occurrences after each pass over the escapes: after one, after two, and so on.
    fn layers(&self, text: &[u8]) -> Vec<Hit> {
        let mut found = Vec::new();
        let mut layers: Vec<Vec<u8>> = Vec::new();
        while let Some(next) = unescape::once(layers.last().map_or(text, Vec::as_slice)) {
            layers.push(next);
            let top = layers.last().map_or(text, Vec::as_slice);
            let mut hits = Vec::new();
            self.forms
                .each(top, |start, form| hits.push((start, start + self.forms.texts()[form].len(), form)));
            let places = origins(text, &layers, hits.iter().flat_map(|(start, end, _)| [*start, *end]));
            for (start, end, pattern) in hits {
                let Meaning { name, part, encoding } = self.meaning[pattern];
                let at = places[&start];
                let encoding = match encoding {
                    Encoding::Plain => encoding_of(&text[at..places[&end]]),
                    encoding => encoding,
                };
                found.push(Hit { at, name, part, encoding });
            }
            if layers.len() == MAX_LAYERS {
                break;
            }
        }
        found
    }
}

/// Maps places in the last layer to places in the original text.
fn origins(text: &[u8], layers: &[Vec<u8>], places: impl Iterator<Item = usize>) -> BTreeMap<usize, usize> {
    let places: Vec<usize> = places.collect::<BTreeSet<_>>().into_iter().collect();
    let mut there = places.clone();
    if !places.is_empty() {
        let below =
            layers.iter().rev().skip(1).map(Vec::as_slice).chain((!layers.is_empty()).then_some(text));
        below.for_each(|layer| unescape::origins(layer, &mut there));
    }
    places.into_iter().zip(there).collect()
}

fn encoding_of(written: &[u8]) -> Encoding {
    match unescape::first(written) {
        None => Encoding::Plain,
        Some(Kind::Backslash) => Encoding::Json,
        Some(Kind::Percent) => Encoding::Url,
        Some(Kind::Reference) => Encoding::Html,
    }
}

type NamesAndValues<'v> = Vec<(&'v str, &'v str)>;

/// The values that are searched for, and for each of the others the reason why not.
pub(super) fn searched(values: &EnvMap) -> (NamesAndValues<'_>, Vec<(String, NotSearched)>) {
    let declared_public: BTreeSet<&str> =
        values.iter().filter(|(name, _)| is_public(name)).map(|(_, value)| value.expose_secret()).collect();
    let (mut searched, mut not_searched) = (Vec::new(), Vec::new());
    for (name, value) in values.iter() {
        let value = value.expose_secret();
        match is_not_searched(name, value, &declared_public) {
            Some(reason) => not_searched.push((name.to_owned(), reason)),
            None => searched.push((name, value)),
        }
    }
    (searched, not_searched)
}

fn is_not_searched(name: &str, value: &str, declared_public: &BTreeSet<&str>) -> Option<NotSearched> {
    if declared_public.contains(value) || is_public(name) {
        Some(NotSearched::Public)
    } else if value.len() < MIN_LENGTH {
        Some(NotSearched::Short)
    } else if forms::is_common(value.as_bytes()) {
        Some(NotSearched::Common)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use capy_protocol::env_map::SecretValue;

    use base64::Engine as _;
    use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

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

    /// As Next writes a page, its payload and its attributes.
    #[test]
    fn a_value_is_found_in_escapes_of_escapes() {
        let search = search(&[("KEY", r#"can"ary<&sec.x9"#)]);
        for (text, expected) in [
            (r#"self.__next_f.push([1,"a\\\"can\\\"ary\u003c\u0026sec.x9"])"#, Encoding::Json),
            (r#"push([1,"can\\\"ary\\u003C\\u0026sec.x9"])"#, Encoding::Json),
            (r"'can\x22ary\x3c\x26sec.x9'", Encoding::Json),
            ("<p>can&#34;ary&#60;&#38;sec.x9", Encoding::Html),
            ("<p>can&quot;ary&#x3c;&#x26;sec.x9", Encoding::Html),
            ("<p data-x='can\\&quot;ary&lt;&amp;sec.x9'>", Encoding::Json),
            ("<p>can&amp;quot;ary&amp;lt;&amp;amp;sec.x9", Encoding::Html),
            ("<a href='?k=can%22ary%3C%26sec.x9'>", Encoding::Url),
            ("<a href='?k=can%2522ary%253c%2526sec%2ex9'>", Encoding::Url),
            (r#""can%22ary\u003c&amp;sec.x9""#, Encoding::Url),
            ("63616e226172793c267365632e7839", Encoding::Hex),
            ("63616E226172793C267365632E7839", Encoding::Hex),
            ("Y2FuImFyeTwmc2VjLng5", Encoding::Base64),
            // Base64 of the value's JSON text.
            ("ImNhblwiYXJ5PCZzZWMueDki", Encoding::Base64),
        ] {
            let found = search.scan(format!("<html>%41\\n{text}").as_bytes());
            let encodings: Vec<Encoding> = found.iter().map(|found| found.encoding).collect();
            assert_eq!(encodings, [expected], "{text}");
        }
        assert!(search.scan(br#"can\"ary<sec.x9 can%22ary"#).is_empty());
    }

    #[test]
    fn a_value_is_found_without_the_blanks_around_it() {
        let search = search(&[("KEY", " can\"ary\n"), ("BLANK", "      ")]);
        for text in ["can\"ary", " can\"ary\n", r#"can\"ary"#, "Y2FuImFyeQ", "63616e22617279"] {
            assert_eq!(search.scan(text.as_bytes()).len(), 1, "{text}");
        }
    }

    #[test]
    fn a_value_that_looks_escaped_is_found_in_escapes() {
        let values = [
            "50%25&x\"yz",
            r"C:\new\u0041pp",
            "a b+c d",
            "&lt;&amp;lt;tag&gt;",
            "x%",
            r"secret\",
            "p%C3%BCss%",
        ];
        for value in values.into_iter().filter(|value| value.len() >= MIN_LENGTH) {
            let search = search(&[("KEY", value)]);
            let json = forms::json(value);
            let percent: String = value.bytes().map(|byte| format!("%{byte:02x}")).collect();
            let html = value.replace('&', "&amp;").replace('"', "&quot;");
            let form = value.replace('%', "%25").replace('+', "%2B").replace('&', "%26").replace(' ', "+");
            let twice = forms::json(&json);
            for text in
                [value, &json, &twice, &percent, &html, &form, &forms::json(&html), &forms::json(&percent)]
            {
                assert_eq!(search.scan(format!("k=\"{text}\"").as_bytes()).len(), 1, "{value}: {text}");
            }
        }
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

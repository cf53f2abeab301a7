//! Streaming filter that redacts values in text, such as a program's output.
//!
//! Text is passed on as soon as it is certain; only a possible beginning of a value is held back.
//! The text is searched in several views at once (`views`): as it is, without terminal colours,
//! with escapes undone once or more often, without shell quotes, and with lines joined. A value
//! found in any view is redacted in the text. Where a value ends in the beginning of another one,
//! both are redacted. Values that the search of public files skips are not redacted either, because
//! redacting short values and common words would make any text unreadable.
//!
//! Time grows with the text, and memory with the values: long values are searched in pieces
//! (`patterns`), and held-back text is bounded; beyond the bound it is redacted to be safe.

mod parts;
mod patterns;
mod views;

use capy_protocol::env_map::EnvMap;
use zeroize::Zeroizing;

use super::multi_pattern::Finder;
use views::{Stage, TracedBytes, Undo};

/// The text in place of a value.
const MARK: &[u8] = b"***";

/// How many layers of escapes are undone: JSON in JSON in HTML.
const MAX_LAYERS: usize = 3;

/// Limit of held-back bytes. Undecided text of that length is nested escapes or terminal sequences.
const MAX_HELD_BACK: usize = 64 * 1024;

/// How many bytes of a value must precede a line break before its continuation in the next line is
/// awaited. Otherwise every line that ends with any value's first character would be held back.
const MIN_BEFORE_LINE_BREAK: usize = 8;

/// All values in the forms in which programs print them.
pub struct Redactor {
    /// The texts, sorted, so that those with a common prefix are adjacent.
    finder: Finder,
    longest: usize,
    /// Whether any text begins with these two bytes; for one-byte texts the second byte is zero.
    begins: Vec<bool>,
    not_redacted: Vec<String>,
    mark: &'static [u8],
}

impl Redactor {
    /// A redactor of these values.
    pub fn new(values: &EnvMap) -> Self {
        let (texts, not_redacted) = patterns::of_all(values);
        Self { not_redacted, ..Self::of_texts(texts, MARK) }
    }

    /// A redactor of every part of these texts with `least` bytes, because a text may be printed
    /// truncated or broken.
    pub fn of_parts(whole: &[&str], least: usize, mark: &'static str) -> Self {
        let parts = whole.iter().flat_map(|text| text.as_bytes().windows(least.max(1)));
        Self::of_texts(
            patterns::sorted(parts.map(|part| Zeroizing::new(part.to_vec())).collect()),
            mark.as_bytes(),
        )
    }

    fn of_texts(texts: Vec<Zeroizing<Vec<u8>>>, mark: &'static [u8]) -> Self {
        let longest = texts.iter().map(|text| text.len()).max().unwrap_or(0);
        let mut begins = vec![false; 1 << 16];
        texts.iter().for_each(|text| begins[pair(text)] = true);
        Self { finder: Finder::new(texts), longest, begins, not_redacted: Vec::new(), mark }
    }

    /// The names of variables whose values are not redacted.
    pub fn not_redacted(&self) -> &[String] {
        &self.not_redacted
    }

    /// Redacts a complete text.
    pub fn redact(&self, text: &[u8]) -> Vec<u8> {
        let (mut stream, mut out) = (self.stream(), Vec::with_capacity(text.len()));
        stream.push(text, &mut out);
        stream.finish(&mut out);
        out
    }

    /// Starts with a new stream.
    pub fn stream(&self) -> RedactedStream<'_> {
        RedactedStream::new(self)
    }

    /// The start of the longest suffix of `text` with which some value may begin.
    fn open_end(&self, text: &[u8]) -> usize {
        let earliest = text.len().saturating_sub(self.longest.saturating_sub(1));
        let may_begin = |start: &usize| {
            let rest = &text[*start..];
            (rest.len() == 1 || self.begins[pair(rest)]) && self.is_beginning(rest)
        };
        (earliest..text.len()).find(may_begin).unwrap_or(text.len())
    }

    /// Whether this text is a proper prefix of some text.
    fn is_beginning(&self, part: &[u8]) -> bool {
        let texts = self.finder.texts();
        let at = texts.partition_point(|text| text.as_slice() <= part);
        texts.get(at).is_some_and(|text| text.starts_with(part))
    }
}

fn pair(text: &[u8]) -> usize {
    usize::from(text[0]) << 8 | text.get(1).map_or(0, |byte| usize::from(*byte))
}

/// One view of the text: the output of a stage that reads another view.
struct View {
    /// The index of the view that is read; `None` for the text itself.
    of: Option<usize>,
    stage: Option<Stage>,
    joins_lines: bool,
    /// Whether its kept text is equal to that of its source.
    is_as_source: bool,
    /// Text that may be the beginning of a value.
    kept: TracedBytes,
}

/// A text that is redacted piece by piece.
pub struct RedactedStream<'r> {
    redactor: &'r Redactor,
    views: Vec<View>,
    /// Text that was not passed on yet, and its offset in the whole stream.
    kept: Zeroizing<Vec<u8>>,
    begin: u64,
    /// Start and end offsets of the values found.
    found: Vec<(u64, u64)>,
    /// The end offset of the last mark that was written.
    covered: Option<u64>,
}

impl<'r> RedactedStream<'r> {
    fn new(redactor: &'r Redactor) -> Self {
        let view = |of: Option<usize>, undo: Option<Undo>| View {
            of,
            stage: undo.map(Stage::new),
            joins_lines: undo == Some(Undo::Lines),
            is_as_source: true,
            kept: TracedBytes::default(),
        };
        // Each view reads one that precedes it.
        let mut views = vec![view(None, None), view(Some(0), Some(Undo::Sequences))];
        views.push(view(Some(1), Some(Undo::Lines)));
        let mut last = 1;
        for _ in 0..MAX_LAYERS {
            views.push(view(Some(last), Some(Undo::Escapes)));
            last = views.len() - 1;
            views.push(view(Some(last), Some(Undo::Quotes)));
        }
        Self { redactor, views, kept: Zeroizing::default(), begin: 0, found: Vec::new(), covered: None }
    }

    /// Reads the next piece, and appends everything that is certain to `out`.
    pub fn push(&mut self, piece: &[u8], out: &mut Vec<u8>) {
        // Splits long pieces, so that memory use stays bounded.
        piece.chunks(MAX_HELD_BACK / 4).for_each(|piece| self.read(piece, false, out));
    }

    /// Appends the rest at the end of the stream.
    pub fn finish(mut self, out: &mut Vec<u8>) {
        self.read(&[], true, out);
    }

    fn read(&mut self, piece: &[u8], is_end: bool, out: &mut Vec<u8>) {
        let mut letters = TracedBytes::default();
        for byte in piece {
            let at = self.begin + self.kept.len() as u64;
            self.kept.push(*byte);
            letters.push(*byte, (at, at + 1));
        }
        let mut made: Vec<TracedBytes> = Vec::with_capacity(self.views.len());
        let mut certain = self.begin + self.kept.len() as u64;
        for at in 0..self.views.len() {
            let (before, rest) = self.views.split_at_mut(at);
            let view = &mut rest[0];
            let source = view.of.map(|of| (&before[of], &made[of]));
            let (read, open) = view.read(&mut letters, source, is_end, self.redactor, &mut self.found);
            made.push(read);
            certain = if is_end { certain } else { certain.min(open.unwrap_or(certain)) };
        }
        if self.kept.len() > MAX_HELD_BACK && !is_end {
            certain = self.begin + self.kept.len() as u64;
            self.found.push((self.begin, certain));
            self.views.iter_mut().for_each(View::clear);
        }
        self.write_until(certain, out);
    }

    /// Passes on everything before an offset, with a single mark for adjacent or overlapping
    /// values.
    fn write_until(&mut self, certain: u64, out: &mut Vec<u8>) {
        self.found.sort_unstable();
        let kept = |from: u64, to: u64| &self.kept[(from - self.begin) as usize..(to - self.begin) as usize];
        let mut covered = self.covered;
        let mut at = covered.map_or(self.begin, |covered| covered.clamp(self.begin, certain));
        for (start, end) in &self.found {
            let is_joined = covered.is_some_and(|covered| *start <= covered);
            if *start >= certain && !is_joined {
                break;
            }
            if !is_joined {
                if *start > at {
                    out.extend_from_slice(kept(at, *start));
                }
                out.extend_from_slice(self.redactor.mark);
            }
            let until = covered.map_or(*end, |covered| covered.max(*end));
            covered = Some(until);
            at = at.max(until.min(certain));
        }
        if at < certain {
            out.extend_from_slice(kept(at, certain));
        }
        self.covered = covered;
        self.found.retain(|(_, end)| *end > certain);
        self.kept.drain(..(certain - self.begin) as usize);
        self.begin = certain;
    }
}

impl View {
    /// Reads more of its source, or of the text itself; returns the new output and the stream
    /// offset where undecided text begins.
    fn read(
        &mut self,
        text: &mut TracedBytes,
        source: Option<(&Self, &TracedBytes)>,
        is_end: bool,
        redactor: &Redactor,
        found: &mut Vec<(u64, u64)>,
    ) -> (TracedBytes, Option<u64>) {
        let (Some(stage), Some((of, letters))) = (&mut self.stage, source) else {
            let read = std::mem::take(text);
            self.kept.append(&read);
            let open = self.find(redactor, found);
            return (read, open);
        };
        let read = stage.read(letters, is_end);
        let is_decided = stage.open().is_none();
        // Most text has nothing to undo, so a view that equals its source is not searched again.
        if self.is_as_source && is_decided && read.bytes == letters.bytes {
            self.kept = of.kept.clone();
            return (read, None);
        }
        self.kept.append(&read);
        let open = self.find(redactor, found);
        self.is_as_source = is_decided && self.kept == of.kept;
        (read, open)
    }

    /// Records the values found and keeps a possible beginning of one; returns the stream offset of
    /// that beginning, if any.
    fn find(&mut self, redactor: &Redactor, found: &mut Vec<(u64, u64)>) -> Option<u64> {
        let (spans, texts) = (&self.kept.spans, redactor.finder.texts());
        redactor.finder.each(&self.kept.bytes, |start, index| {
            let spans = &spans[start..start + texts[index].len()];
            // Line breaks inside a value are not redacted.
            let is_one_line = |a: &(u64, u64), b: &(u64, u64)| !self.joins_lines || b.0 <= a.1;
            for line in spans.chunk_by(is_one_line) {
                found.push((line[0].0, line[line.len() - 1].1));
            }
        });
        let open = redactor.open_end(&self.kept.bytes);
        self.kept.drop_first(open);
        let counts = !self.joins_lines || self.kept.bytes.len() >= MIN_BEFORE_LINE_BREAK;
        let first = self.kept.spans.first().filter(|_| counts).map(|span| span.0);
        let undecided = self.stage.as_ref().and_then(Stage::open);
        first.into_iter().chain(undecided).min()
    }

    fn clear(&mut self) {
        self.kept.clear();
        self.stage.iter_mut().for_each(Stage::clear);
        self.is_as_source = true;
    }
}

#[cfg(test)]
mod tests {
    use capy_protocol::env_map::SecretValue;
    use proptest::prelude::*;

    use super::*;

    fn redactor(values: &[&str]) -> Redactor {
        let mut map = EnvMap::new();
        for (index, value) in values.iter().enumerate() {
            map.try_insert(&format!("NAME_{index}"), SecretValue::new((*value).to_owned())).unwrap();
        }
        Redactor::new(&map)
    }

    fn redacted(redactor: &Redactor, pieces: &[&str]) -> String {
        let (mut stream, mut out) = (redactor.stream(), Vec::new());
        pieces.iter().for_each(|piece| stream.push(piece.as_bytes(), &mut out));
        stream.finish(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_value_is_redacted_wherever_it_is_cut() {
        let redactor = redactor(&["canary.A.x9"]);
        for at in 0..=15 {
            let (one, two) = "a canary.A.x9 b".split_at(at);
            assert_eq!(redacted(&redactor, &[one, two]), "a *** b", "{at}");
        }
        assert_eq!(redacted(&redactor, &["canary.A.x", "8canary.A.x9"]), "canary.A.x8***");
    }

    #[test]
    fn what_cannot_become_a_value_is_handed_on_at_once() {
        let redactor = redactor(&["canary.A.x9"]);
        let (mut stream, mut out) = (redactor.stream(), Vec::new());
        stream.push(b"installing can", &mut out);
        assert_eq!(out, b"installing ");
        stream.push(b"vas", &mut out);
        assert_eq!(out, b"installing canvas");
    }

    #[test]
    fn values_that_overlap_and_that_begin_alike_are_redacted_whole() {
        let overlapping = redactor(&["abcdef-one", "one-ghijkl"]);
        assert_eq!(redacted(&overlapping, &["<abcdef-one-ghijkl>"]), "<***>");
        assert_eq!(redacted(&overlapping, &["<abcdef-one", "-gh>"]), "<***-gh>");
        let alike = redactor(&["abcdef", "abcdefgh"]);
        assert_eq!(redacted(&alike, &["abcdef", "gh abcdef", "g"]), "*** ***g");
        let long = redactor(&["aaaaaa"]);
        assert_eq!(redacted(&long, &["aaaaaaaaaa", "aaa", "aaaaaaa", "b", "aaaaa"]), "***baaaaa");
    }

    #[test]
    fn a_value_is_redacted_in_every_usual_form_and_line_by_line() {
        let value = "p&\"s/<w'o>\\rd +ü😀~x";
        let redactor = redactor(&[value, "first line 1\n  second line 2\nx\n"]);
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
            assert_eq!(redacted(&redactor, &[&text]), "***", "{text}");
        }
        // The last base64 character holds four bits of the value's last byte, and two of what
        // follows.
        assert_eq!(redacted(&redactor, &["eA== cCYicy88dydvPlxyZCArw7zwn5iAfng="]), "eA== ***g=");
        assert_eq!(redacted(&redactor, &["a", "\nx\n"]), "a\nx\n");
    }

    /// Spellings of values, generated with the programs that builds run.
    #[test]
    fn a_value_is_redacted_as_other_programs_spell_it() {
        let value = "it's a \"k&y\" <x>/+ü\u{1b}[1m$HOME\tend";
        let redactor = redactor(&[value]);
        for (by, text) in [
            ("Python html.escape", "it&#x27;s a &quot;k&amp;y&quot; &lt;x&gt;/+ü\u{1b}[1m$HOME\tend"),
            ("numeric", "it&#39;s a &#34;k&#38;y&#34; &#60;x&#62;/+ü\u{1b}[1m$HOME\tend"),
            ("upper case", "it&#X27;s a &#X22;k&#X26;y&QUOT; &LT;x&#X3E;/+&#XFC;&#X1B;[1m$HOME&#9;end"),
            ("urllib quote_plus", "it%27s+a+%22k%26y%22+%3Cx%3E%2F%2B%C3%BC%1B%5B1m%24HOME%09end"),
            ("Python repr", r#"it\'s a "k&y" <x>/+ü\x1b[1m$HOME\tend"#),
            ("Python repr of bytes", r#"it\'s a "k&y" <x>/+\xc3\xbc\x1b[1m$HOME\tend"#),
            ("Python ascii", r#"it\'s a "k&y" <x>/+\xfc\x1b[1m$HOME\tend"#),
            ("bash printf %q", r#"$'it\'s a "k&y" <x>/+ü\E[1m$HOME\tend'"#),
            ("octal", r#"$'it\'s a "k&y" <x>/+\303\274\033[1m$HOME\tend'"#),
            ("coreutils", "'it'\\''s a \"k&y\" <x>/+ü'$'\\033''[1m$HOME'$'\\t''end'"),
            ("zsh", "it\\'s\\ a\\ \\\"k\\&y\\\"\\ \\<x\\>/+ü$'\\033'\\[1m\\$HOME$'\\t'end"),
            ("JSON in JSON", r#"it's a \\\"k&y\\\" <x>/+ü\\u001b[1m$HOME\\tend"#),
            ("HTML in JSON", r"it&#x27;s a \u0026quot;k&amp;y&quot; &lt;x&gt;/+ü\u001b[1m$HOME\tend"),
            ("colours", "\u{1b}[32mit's\u{1b}[0m a \"k&y\u{1b}[1;31m\" <x>/+ü\u{1b}[1m$HOME\tend"),
            ("grep", "it's a \"\u{1b}[01;31m\u{1b}[Kk&y\u{1b}[m\u{1b}[K\" <x>/+ü\u{1b}[1m$HOME\tend"),
        ] {
            let shown = redacted(&redactor, &[&format!("a {text} z")]);
            assert!(shown.starts_with("a ") && shown.ends_with(" z"), "{by}: {shown}");
            let rest = shown[2..shown.len() - 2].replace("***", "");
            assert!(rest.chars().all(|letter| "'$\u{1b}[032m".contains(letter)), "{by}: {shown}");
            // Also wherever the text is cut into pieces.
            for at in (0..text.len()).filter(|at| text.is_char_boundary(*at)) {
                let (one, two) = text.split_at(at);
                assert_eq!(redacted(&redactor, &["a ", one, two, " z"]), shown, "{by}, {at}");
            }
        }
    }

    #[test]
    fn fields_of_json_and_passwords_of_urls_are_redacted_on_their_own() {
        let redactor = redactor(&[
            r#"{"type":"account","private_key":"-----BEGIN-----\nMIIfirstline\nsecondline9\n","deep":[{"pw":"pw_5Ge2x9"}]}"#,
            "postgres://app:p%40ss_9Qk2@db.test/app",
        ]);
        let text = "key MIIfirstline and secondline9, pw_5Ge2x9; p@ss_9Qk2 p%40ss_9Qk2 db.test app\n";
        assert_eq!(redacted(&redactor, &[text]), "key *** and ***, ***; *** *** db.test app\n");
    }

    #[test]
    fn base64_and_values_in_lines_are_redacted_and_no_line_waits_for_the_next() {
        // The length is a multiple of three bytes, so that the last base64 character belongs to the
        // value alone.
        let value: String = (0..300).map(|number| format!("canary.{number:02}.xyz9")).collect();
        let value = &value[..3000];
        let redactor = redactor(&[value]);
        let encoded: String = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, value);
        let lines = |text: &str| {
            let lines = text.as_bytes().chunks(76).map(|line| String::from_utf8_lossy(line).into_owned());
            lines.collect::<Vec<_>>().join("\n  ")
        };
        for text in [lines(&encoded), lines(value)] {
            let expected = format!("a ***{}\nb", "\n  ***".repeat(text.lines().count() - 1));
            assert_eq!(redacted(&redactor, &["a ", &text, "\nb"]), expected, "{text}");
            // In pieces of any size.
            let pieces: Vec<String> = format!("a {text}\nb").chars().map(String::from).collect();
            let pieces: Vec<&str> = pieces.iter().map(String::as_str).collect();
            assert_eq!(redacted(&redactor, &pieces), expected, "{text}");
        }
        let (mut stream, mut out) = (redactor.stream(), Vec::new());
        stream.push(b"installing c\n", &mut out);
        assert_eq!(out, b"installing c\n");
    }

    #[test]
    fn a_part_of_a_text_is_redacted_if_that_is_asked_for() {
        let redactor = Redactor::of_parts(&["0123456789abcdef", "short"], 8, "…");
        let shown =
            String::from_utf8(redactor.redact("a 3456789abc&#x64; 0123456 short".as_bytes())).unwrap();
        assert_eq!(shown, "a … 0123456 short");
    }

    /// Byte by byte, with self-similar values, unterminated terminal sequences and nested escapes.
    #[test]
    fn time_grows_with_the_text_and_memory_does_not() {
        let periodic = "a".repeat(100 * 1024);
        let redactor = redactor(&[&periodic, &"ab".repeat(5000), "canary.A.x9"]);
        let time = |text: &str, piece: usize| {
            let start = std::time::Instant::now();
            let (mut stream, mut out) = (redactor.stream(), Vec::new());
            for part in text.as_bytes().chunks(piece) {
                stream.push(part, &mut out);
                assert!(stream.kept.len() <= MAX_HELD_BACK + piece);
            }
            stream.finish(&mut out);
            start.elapsed()
        };
        for (unit, piece) in
            [("a", 16), ("ab", 8192), ("\u{1b}[1m", 8192), ("c\u{1b}[m", 100), ("\\\\u0061", 8192), ("&", 1)]
        {
            let (short, long) = (unit.repeat(1500), unit.repeat(15_000));
            let (short, long) = (time(&short, piece), time(&long, piece));
            assert!(
                long < short * 40 + std::time::Duration::from_millis(200),
                "{unit:?}: {short:?}, {long:?}"
            );
        }
    }

    #[test]
    fn short_and_common_values_are_named_and_left() {
        let redactor = redactor(&["1234", "production", "canary.A.x9"]);
        assert_eq!(redactor.not_redacted(), ["NAME_0", "NAME_1"]);
        assert_eq!(redacted(&redactor, &["1234 production"]), "1234 production");
    }

    proptest! {
        #[test]
        fn no_value_passes_and_nothing_else_is_lost(
            values in prop::collection::vec("[ab]{6,9}", 1..4),
            pieces in prop::collection::vec("[ab.]{0,12}", 0..8),
        ) {
            let values: Vec<&str> = values.iter().map(String::as_str).collect();
            let pieces: Vec<&str> = pieces.iter().map(String::as_str).collect();
            let redactor = redactor(&values);
            let out = redacted(&redactor, &pieces);
            prop_assert_eq!(&out, &redacted(&redactor, &[&pieces.concat()]));
            prop_assert!(!values.iter().any(|value| out.contains(value)));
            if !values.iter().any(|value| pieces.concat().contains(value)) {
                prop_assert_eq!(pieces.concat(), out);
            }
        }
    }
}

//! Adjusts source maps after columns have moved, and takes them out of `data:` URLs.
//!
//! Generated columns are relative within a line, so an edit that makes a line longer changes one
//! number in one segment. Every other byte of the map is copied. Plain and indexed maps (ECMA-426)
//! are supported; anything else is rejected, never approximated.
//!
//! An adjusted map records the bundle texts that it was moved between in `x_capy: "from-to"`, two
//! digests of the bundle without its values. This identifies a run that was killed between writing
//! the map and writing the bundle, so that the map is not moved twice.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde::Deserialize;
use serde_json::value::RawValue;

/// On `line`, everything from `column` on moves right by `by`; zero-based, in UTF-16 units of the
/// old text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shift {
    pub(crate) line: u32,
    pub(crate) column: u32,
    pub(crate) by: u32,
}

/// The map cannot be adjusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unsupported;

#[derive(Deserialize)]
struct Map<'a> {
    #[serde(borrow)]
    mappings: Option<&'a RawValue>,
    #[serde(borrow)]
    sections: Option<Vec<Section<'a>>>,
    #[serde(borrow)]
    x_capy: Option<&'a str>,
}

#[derive(Deserialize)]
struct Section<'a> {
    #[serde(borrow)]
    offset: Offset<'a>,
    #[serde(borrow)]
    map: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Offset<'a> {
    line: u32,
    #[serde(borrow)]
    column: &'a RawValue,
}

/// Replacements in the map's own text: start, end, new text.
type Patches = Vec<(usize, usize, String)>;

/// The digests of the bundle texts that a map was moved between, if it was moved.
pub(crate) fn stamp(map: &str) -> Option<(String, String)> {
    let parsed: Map<'_> = serde_json::from_str(strip_guard(map)).ok()?;
    let (from, to) = parsed.x_capy?.split_once('-')?;
    Some((from.to_owned(), to.to_owned()))
}

/// Moves the generated columns of `map`. `shifts` are sorted, and their columns refer to the text
/// before any of them.
pub(crate) fn shift(map: &str, shifts: &[Shift], from: &str, to: &str) -> Result<String, Unsupported> {
    let parsed: Map<'_> = serde_json::from_str(strip_guard(map)).map_err(|_| Unsupported)?;
    let mut patches = Patches::new();
    match (&parsed.sections, parsed.mappings) {
        (Some(sections), None) => shift_sections(map, sections, shifts, &mut patches)?,
        (None, Some(mappings)) => patches.push(shift_mappings(map, mappings, shifts)?),
        _ => return Err(Unsupported),
    }
    let stamp = format!("{from}-{to}");
    match parsed.x_capy {
        Some(old) => {
            let start = offset_in(map, old);
            patches.push((start, start + old.len(), stamp));
        }
        None => {
            let brace = map.find('{').ok_or(Unsupported)? + 1;
            patches.push((brace, brace, format!("\"x_capy\":\"{stamp}\",")));
        }
    }
    patches.sort();
    Ok(apply(map, &patches))
}

fn apply(map: &str, patches: &Patches) -> String {
    let mut out = String::with_capacity(map.len() + 256);
    let mut copied = 0;
    for (start, end, text) in patches {
        out.push_str(&map[copied..*start]);
        out.push_str(text);
        copied = *end;
    }
    out.push_str(&map[copied..]);
    out
}

/// Removes the prefix `)]}'`, with which maps may guard against cross-site script inclusion.
fn strip_guard(map: &str) -> &str {
    match map.strip_prefix(")]}") {
        Some(rest) => rest.split_once('\n').map_or("", |(_, rest)| rest),
        None => map,
    }
}

fn offset_in(whole: &str, part: &str) -> usize {
    part.as_ptr() as usize - whole.as_ptr() as usize
}

fn shift_sections(
    map: &str,
    sections: &[Section<'_>],
    shifts: &[Shift],
    patches: &mut Patches,
) -> Result<(), Unsupported> {
    let starts = sections
        .iter()
        .map(|section| number(section.offset.column).map(|column| (section.offset.line, column)));
    let starts: Vec<(u32, u32)> = starts.collect::<Result<_, _>>()?;
    if !starts.is_sorted() {
        return Err(Unsupported);
    }
    for (index, section) in sections.iter().enumerate() {
        let start = starts[index];
        let next = starts.get(index + 1).copied().unwrap_or((u32::MAX, u32::MAX));
        // This relies on sorted shifts.
        let after = |place: (u32, u32)| shifts.partition_point(|shift| (shift.line, shift.column) <= place);
        let line = shifts.partition_point(|shift| shift.line < start.0);
        let before = &shifts[line..after(start).max(line)];
        let moved: u32 = before.iter().map(|shift| shift.by).sum();
        if moved > 0 {
            let raw = section.offset.column.get();
            let at = offset_in(map, raw);
            patches.push((at, at + raw.len(), (start.1 + moved).to_string()));
        }
        let end = shifts.partition_point(|shift| (shift.line, shift.column) < next);
        let own = &shifts[after(start).min(end)..end];
        let inner: Vec<Shift> = own.iter().map(|shift| relative(*shift, start)).collect();
        if inner.is_empty() {
            continue;
        }
        // A section that references another file, or is itself indexed, is not supported.
        let inner_map: Map<'_> =
            serde_json::from_str(section.map.ok_or(Unsupported)?.get()).map_err(|_| Unsupported)?;
        patches.push(shift_mappings(map, inner_map.mappings.ok_or(Unsupported)?, &inner)?);
    }
    Ok(())
}

fn relative(shift: Shift, start: (u32, u32)) -> Shift {
    let column = if shift.line == start.0 { shift.column - start.1 } else { shift.column };
    Shift { line: shift.line - start.0, column, by: shift.by }
}

fn number(raw: &RawValue) -> Result<u32, Unsupported> {
    raw.get().parse().map_err(|_| Unsupported)
}

fn shift_mappings(
    map: &str,
    raw: &RawValue,
    shifts: &[Shift],
) -> Result<(usize, usize, String), Unsupported> {
    let quoted = raw.get();
    let mappings = quoted
        .strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'))
        // Escapes would make offsets differ from the copied text; no tool writes any here.
        .filter(|text| !text.contains('\\'))
        .ok_or(Unsupported)?;
    let start = offset_in(map, mappings);
    let mut out = String::with_capacity(mappings.len() + shifts.len() * 2);
    let mut shifts = shifts;
    for (line, segments) in mappings.split(';').enumerate() {
        if line > 0 {
            out.push(';');
        }
        let here = shifts.iter().take_while(|shift| shift.line as usize == line).count();
        let (now, later) = shifts.split_at(here);
        shifts = later;
        if now.is_empty() {
            out.push_str(segments);
        } else {
            shift_line(segments, now, &mut out)?;
        }
    }
    Ok((start, start + mappings.len(), out))
}

/// The first segment at or after a shift's column absorbs the whole shift, because the following
/// segments are relative to it.
fn shift_line(segments: &str, mut shifts: &[Shift], out: &mut String) -> Result<(), Unsupported> {
    let mut column: i64 = 0;
    for (index, segment) in segments.split(',').enumerate() {
        if index > 0 {
            out.push(',');
        }
        if segment.is_empty() {
            continue;
        }
        let (delta, rest) = decode(segment)?;
        column += delta;
        let passed = shifts.iter().take_while(|shift| i64::from(shift.column) <= column).count();
        let (now, later) = shifts.split_at(passed);
        shifts = later;
        if now.is_empty() {
            out.push_str(segment);
        } else {
            encode(delta + now.iter().map(|shift| i64::from(shift.by)).sum::<i64>(), out);
            out.push_str(rest);
        }
    }
    Ok(())
}

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// The first VLQ number of a segment, and the rest of the segment.
fn decode(segment: &str) -> Result<(i64, &str), Unsupported> {
    let mut value: i64 = 0;
    for (index, letter) in segment.bytes().enumerate() {
        let digit = DIGITS.iter().position(|digit| *digit == letter).ok_or(Unsupported)? as i64;
        if index > 6 {
            return Err(Unsupported);
        }
        value |= (digit & 31) << (5 * index);
        if digit & 32 == 0 {
            let magnitude = value >> 1;
            return Ok((if value & 1 == 1 { -magnitude } else { magnitude }, &segment[index + 1..]));
        }
    }
    Err(Unsupported)
}

fn encode(number: i64, out: &mut String) {
    let mut rest = (number.unsigned_abs() << 1) | u64::from(number < 0);
    loop {
        let digit = rest & 31;
        rest >>= 5;
        let more = if rest > 0 { 32 } else { 0 };
        out.push(char::from(DIGITS[(digit | more) as usize]));
        if rest == 0 {
            return;
        }
    }
}

const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Percent-encodes what JavaScript's `encodeURIComponent` does, and also the characters that could
/// end a comment or a string.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'!').remove(b'~');

/// A `data:` URL (RFC 2397), in which a bundle carries an inline source map: `data:`, a media type
/// with parameters, an optional `;base64`, a comma, the data in base64 or percent-encoding.
/// Everything before the comma stays as it is.
pub(crate) struct DataUrl<'a> {
    head: &'a str,
    data: &'a str,
    is_base64: bool,
}

impl<'a> DataUrl<'a> {
    pub(crate) fn parse(url: &'a str) -> Option<Self> {
        let (head, data) = url.split_once(',').filter(|(head, _)| head.starts_with("data:"))?;
        let last = head.rsplit(';').next().unwrap_or_default();
        Some(Self { head, data, is_base64: last.trim().eq_ignore_ascii_case("base64") })
    }

    /// The decoded text, if it is UTF-8.
    pub(crate) fn decode(&self) -> Option<String> {
        let data = percent_decode_str(self.data);
        if !self.is_base64 {
            return data.decode_utf8().ok().map(String::from);
        }
        let data: Vec<u8> = data.collect();
        String::from_utf8(LENIENT.decode(data).ok()?).ok()
    }

    /// The same URL with another text as its data.
    pub(crate) fn encode(&self, text: &str) -> String {
        if self.is_base64 {
            format!("{},{}", self.head, LENIENT.encode(text))
        } else {
            format!("{},{}", self.head, utf8_percent_encode(text, ESCAPED))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(line: u32, column: u32, by: u32) -> Shift {
        Shift { line, column, by }
    }

    #[test]
    fn numbers_survive_both_ways() {
        for number in [0, 1, -1, 15, 16, -16, 31, 32, 1023, -1024, 1 << 20, 0x7fff_ffff] {
            let mut text = String::new();
            encode(number, &mut text);
            assert_eq!(decode(&text), Ok((number, "")), "{number}");
        }
    }

    #[test]
    fn one_number_per_edit_changes() {
        let map = r#"{"version":3,"sources":["a"],"names":[],"mappings":"AAAA,IAAI,MAAM;AACA"}"#;
        let moved = shift(map, &[at(0, 9, 3)], "f", "t").unwrap();
        assert!(moved.contains(r#""mappings":"AAAA,IAAI,SAAM;AACA""#), "{moved}");
        assert!(moved.contains(r#""x_capy":"f-t""#), "{moved}");
    }

    #[test]
    fn a_section_on_the_same_line_moves_as_a_whole() {
        let map = r#"{"version":3,"sections":[{"offset":{"line":0,"column":0},"map":{"mappings":"AAAA,IAAI"}},
            {"offset":{"line":0,"column":20},"map":{"mappings":"AAAA"}}]}"#;
        let moved = shift(map, &[at(0, 3, 2)], "f", "t").unwrap();
        assert!(moved.contains(r#""mappings":"AAAA,MAAI""#), "{moved}");
        assert!(moved.contains(r#""column":22"#), "{moved}");
    }

    #[test]
    fn a_map_that_is_not_understood_is_refused() {
        for map in ["", "[]", r#"{"version":3}"#, r#"{"mappings":"!"}"#, r#"{"mappings":"AA\u0041A"}"#] {
            assert_eq!(shift(map, &[at(0, 0, 1)], "f", "t"), Err(Unsupported), "{map}");
        }
    }

    #[test]
    fn a_stamped_map_keeps_one_stamp() {
        let once = shift(r#"{"mappings":"AAAA"}"#, &[at(0, 0, 1)], "a", "b").unwrap();
        let twice = shift(&once, &[at(0, 0, 1)], "b", "c").unwrap();
        assert_eq!(stamp(&twice), Some(("b".to_owned(), "c".to_owned())));
        assert_eq!(twice.matches("x_capy").count(), 1);
    }

    #[test]
    fn both_ways_are_read_and_written() {
        for (url, text) in [
            ("data:application/json;base64,eyJhIjoiw6kifQ==", r#"{"a":"é"}"#),
            ("data:application/json;charset=utf-8;base64,eyJhIjoiw6kifQ==", r#"{"a":"é"}"#),
            ("data:application/json;charset=utf-8,%7B%22a%22%3A%22%C3%A9%22%7D", r#"{"a":"é"}"#),
            ("data:,%7B%7D", "{}"),
        ] {
            let parsed = DataUrl::parse(url).unwrap();
            assert_eq!(parsed.decode().as_deref(), Some(text), "{url}");
            assert_eq!(parsed.encode(text), url);
        }
        let read = |url| DataUrl::parse(url).and_then(|url| url.decode());
        assert_eq!(read("data:application/json;BASE64,eyJhIjoiw6kifQ").as_deref(), Some(r#"{"a":"é"}"#));
        assert_eq!(read("data:;base64,eyJhIjoiw6kifQ%3D%3D").as_deref(), Some(r#"{"a":"é"}"#));
        assert_eq!(read("data:application/json,{\"a\":\"b c\"}").as_deref(), Some(r#"{"a":"b c"}"#));
        for url in ["data:application/json;base64", "x.map", "data:;base64,=", "data:,%ff"] {
            assert_eq!(read(url), None, "{url}");
        }
    }
}

//! Finds the leaks in one text, once per line and variable.
//!
//! Converts UTF-16 and UTF-32 before the search, and decodes inline source maps.

use std::collections::BTreeMap;
use std::path::Path;

use memchr::memmem;

use super::origin::Origin;
use super::search::Search;
use super::{Encoding, Leak};
use crate::line_index::LineIndex;
use crate::map::DataUrl;

/// The values in one text, once per line and variable.
pub(super) fn leaks_in(text: &[u8], path: &Path, origin: Origin, search: &Search) -> Vec<Leak> {
    let mut found = BTreeMap::new();
    match utf16(text) {
        Some(text) => note_all(&text, Some(Encoding::Utf16), search, &mut found),
        None => note_all(text, None, search, &mut found),
    }
    if let Some(text) = utf32(text) {
        note_all(&text, Some(Encoding::Utf32), search, &mut found);
    }
    let leak = |((line, name), (part, encoding)): ((usize, usize), PartAndEncoding)| Leak {
        file: path.to_owned(),
        line,
        name: search.names[name].clone(),
        part: part.map(|part| search.parts[part].clone()),
        encoding,
        origin,
        allowed: false,
    };
    found.into_iter().map(leak).collect()
}

/// The part of a value, if it is not the whole, and the encoding.
type PartAndEncoding = (Option<usize>, Encoding);

fn note_all(
    text: &[u8],
    as_a_whole: Option<Encoding>,
    search: &Search,
    found: &mut BTreeMap<(usize, usize), PartAndEncoding>,
) {
    let mut lines = LineIndex::new(text);
    for hit in search.scan(text) {
        let encoding = as_a_whole.unwrap_or(hit.encoding);
        let (part, first) = found.entry((lines.line(hit.at), hit.name)).or_insert((hit.part, encoding));
        // A finding of the whole value takes precedence over a part of it.
        *part = part.filter(|_| hit.part.is_some());
        *first = encoding.min(*first);
    }
}

/// Leaks in an inline source map, which carries the sources with it. They are reported at the line
/// of the map's comment.
pub(crate) fn leaks_in_inline_map(text: &[u8], path: &Path, search: &Search) -> Vec<Leak> {
    const COMMENT: &[u8] = b"sourceMappingURL=data:";
    let Some(at) = memmem::find_iter(text, COMMENT).last() else {
        return Vec::new();
    };
    let url = &text[at + COMMENT.len() - "data:".len()..];
    let end = memchr::memchr2(b'\n', b'\r', url).unwrap_or(url.len());
    let map = std::str::from_utf8(&url[..end]).ok().and_then(|url| DataUrl::parse(url.trim())?.decode());
    let mut leaks =
        map.map_or_else(Vec::new, |map| leaks_in(map.as_bytes(), path, Origin::SourceMap, search));
    if !leaks.is_empty() {
        let line = LineIndex::new(text).line(at);
        leaks.iter_mut().for_each(|leak| leak.line = line);
    }
    leaks
}

/// The text of a UTF-16 file, recognised by its byte order mark.
fn utf16(text: &[u8]) -> Option<Vec<u8>> {
    let unit = match text.get(..2)? {
        b"\xff\xfe" => u16::from_le_bytes,
        b"\xfe\xff" => u16::from_be_bytes,
        _ => return None,
    };
    let units = text[2..].chunks_exact(2).map(|pair| unit([pair[0], pair[1]]));
    let letters = char::decode_utf16(units).map(|letter| letter.unwrap_or(char::REPLACEMENT_CHARACTER));
    Some(letters.collect::<String>().into_bytes())
}

/// UTF-8 conversion, in both byte orders, of a file that looks like UTF-32. The byte order is
/// certain only with a mark, and the file may be something else. Searching for values in UTF-32
/// form instead would slow down every file with many zero bytes.
fn utf32(text: &[u8]) -> Option<Vec<u8>> {
    let is_start =
        |at: &usize| matches!(text.get(*at..*at + 8), Some([a, 0, 0, 0, b, 0, 0, 0]) if *a != 0 && *b != 0);
    let start = (0..8).find(is_start)?;
    let mut out = String::new();
    for (unit, start) in [(u32::from_le_bytes as fn([u8; 4]) -> u32, start), (u32::from_be_bytes, start + 1)]
    {
        let letters =
            text[start % 4..].chunks_exact(4).map(|four| unit([four[0], four[1], four[2], four[3]]));
        out.extend(letters.map(|letter| char::from_u32(letter).unwrap_or(char::REPLACEMENT_CHARACTER)));
    }
    Some(out.into_bytes())
}

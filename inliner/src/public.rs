//! Searches all files that must not hold a value, and collects the variables that client code
//! names.
//!
//! Reads public files, source maps and other files of a build. Each file is read once, in parts
//! that overlap by as much as a value can take up, so that memory stays small even for large files
//! and for small files that unpack to large ones.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use memchr::memmem;
use rayon::prelude::*;

use crate::Error;
use crate::data_url::DataUrl;
use crate::how::{Found, How};
use crate::layout::{Inventory, is_script};
use crate::leak::unpack::{self, Packed};
use crate::leak::{Lines, Search, line_of};
use crate::mask::Mask;
use crate::mention::Mentions;
use crate::report::{Encoding, Leak, NotScanned, Unscanned};
use crate::subject::Subjects;
use crate::tree::Tree;
use crate::work::{Phase, Work};

/// How many bytes of a file are searched at a time.
const PART: usize = 8 << 20;

/// Results from all files together.
#[derive(Debug, Default)]
pub(crate) struct Public {
    pub(crate) leaks: Vec<Leak>,
    /// Variables that client code names.
    pub(crate) named_by_client: BTreeSet<String>,
    pub(crate) scanned: usize,
    /// Files that were not searched, or only in part.
    pub(crate) unscanned: Vec<Unscanned>,
}

impl Public {
    fn merge(mut self, other: Self) -> Self {
        self.leaks.extend(other.leaks);
        self.named_by_client.extend(other.named_by_client);
        self.scanned += other.scanned;
        self.unscanned.extend(other.unscanned);
        self
    }
}

/// Searches every public file, every source map, and every other file to search, once.
pub(crate) fn scan(
    inventory: &Inventory<'_>,
    search: &Search,
    mask: &Mask,
    subjects: &Subjects,
    work: &Work<'_>,
) -> Result<Public, Error> {
    let mentions = Mentions::of(subjects);
    let known = |real: &PathBuf| inventory.public.contains_key(real);
    let public = inventory.public.iter().map(|file| (file, Found::Public));
    let maps = inventory.maps.iter().map(|file| (file, Found::Map));
    let searched = inventory.searched.iter().map(|file| (file, Found::Searched));
    let others = maps.chain(searched.filter(|((real, _), _)| !inventory.maps.contains_key(*real)));
    let files: Vec<_> = public.chain(others.filter(|((real, _), _)| !known(real))).collect();
    let reader = Reader { tree: &inventory.tree, search, mentions: &mentions, mask };
    work.begin(Phase::Search, files.len());
    let one = |((real, path), found): &((&PathBuf, &PathBuf), Found)| {
        work.file(Phase::Search, || reader.read(real, path, *found))
    };
    let special = |file: &PathBuf| Unscanned { file: file.clone(), reason: NotScanned::Special };
    let special = Public { unscanned: inventory.special.iter().map(special).collect(), ..Public::default() };
    let found = files.par_iter().map(one).try_reduce(Public::default, |all, one| Ok(all.merge(one)))?;
    Ok(special.merge(found))
}

struct Reader<'a> {
    tree: &'a Tree<'a>,
    search: &'a Search,
    mentions: &'a Mentions,
    /// Masks values in file names before they are reported.
    mask: &'a Mask,
}

/// One file that is being searched.
struct Subject<'a> {
    path: &'a Path,
    how: How,
    /// Whether browsers run the file.
    is_client: bool,
    /// Whether browsers run scripts inside the file.
    is_page: bool,
}

impl Reader<'_> {
    fn read(&self, real: &Path, path: &Path, found: Found) -> Result<Public, Error> {
        let mut file = self.tree.open(real)?;
        let size = file.size();
        let how = How::of(path, found);
        let is_public = found == Found::Public;
        let (is_client, is_page) = (is_public && is_script(path), is_public && is_page(path));
        let mut public = Public { scanned: 1, ..Public::default() };
        let named = self.named(path, &mut public);
        let path = named.as_deref().unwrap_or(path);
        let subject = Subject { path, how, is_client, is_page };
        let (head, fault) = unpack::head(&mut file);
        if let Some(source) = fault {
            self.tree.watch().goes_on()?;
            return Err(Error::Read { path: path.to_owned(), source });
        }
        let packed = Packed::of(path, &head);
        let whole = io::Cursor::new(head).chain(file);
        let fault = match packed {
            None => self.plain(whole, size, &subject, &mut public)?,
            Some(packed) => self.packed(packed, whole, &subject, &mut public),
        };
        // A decompressing reader does not say why it ended.
        self.tree.watch().goes_on()?;
        // A file that does not unpack may be uncompressed, whatever its name says; an archive may
        // store files uncompressed.
        let is_plain = matches!(fault, Some(NotScanned::Damaged | NotScanned::Unknown));
        let again =
            if is_plain { self.plain(self.tree.open(real)?, size, &subject, &mut public)? } else { None };
        let fault = fault.or(again);
        public.unscanned.extend(fault.map(|reason| Unscanned { file: path.to_owned(), reason }));
        Ok(public)
    }

    /// Records values in the names of a file and its folders, and returns the path with these
    /// values masked.
    fn named(&self, path: &Path, public: &mut Public) -> Option<PathBuf> {
        let name = path.as_os_str().as_encoded_bytes();
        let mut leaks = leaks(name, path, How::FileName, self.search);
        if leaks.is_empty() {
            return None;
        }
        let mut masked = Vec::new();
        let mut masking = self.mask.begin();
        masking.push(name, &mut masked);
        masking.finish(&mut masked);
        let masked = String::from_utf8_lossy(&masked).into_owned();
        // The mask does not know all forms that the search finds; if any value remains, the whole
        // path is hidden.
        let is_told = self.search.scan(masked.as_bytes()).is_empty();
        let known = PathBuf::from(if is_told { masked } else { "***".to_owned() });
        leaks.iter_mut().for_each(|leak| leak.file.clone_from(&known));
        public.leaks.append(&mut leaks);
        Some(known)
    }

    fn plain(
        &self,
        file: impl Read,
        size: u64,
        subject: &Subject<'_>,
        public: &mut Public,
    ) -> Result<Option<NotScanned>, Error> {
        let is_over = Cell::new(false);
        let one_file = self.tree.limits().one_file;
        let mut counted = Counted::new(file, one_file, |bytes| self.tree.may_read(bytes), &is_over);
        match self.parts(&mut counted, size, subject, public) {
            Err(source) if !is_over.get() => {
                self.tree.watch().goes_on()?;
                Err(Error::Read { path: subject.path.to_owned(), source })
            }
            _ => Ok(is_over.get().then_some(NotScanned::TooLarge)),
        }
    }

    fn packed(
        &self,
        packed: Packed,
        file: impl Read,
        subject: &Subject<'_>,
        public: &mut Public,
    ) -> Option<NotScanned> {
        let is_over = Cell::new(false);
        let may_unpack = |bytes| self.tree.may_unpack(bytes);
        let most = self.tree.limits().one_unpacked;
        let searched = packed
            .open(file, |layer| Box::new(Counted::new(layer, most, may_unpack, &is_over)))
            .and_then(|mut contents| {
                let read = self.parts(&mut contents, PART as u64, subject, public);
                read.map_err(|_| NotScanned::Damaged)
            });
        if is_over.get() { Some(NotScanned::TooLarge) } else { searched.err() }
    }

    /// Reads to the end or to the first read error; what was read until then has been searched.
    fn parts(
        &self,
        from: &mut dyn Read,
        size: u64,
        subject: &Subject<'_>,
        public: &mut Public,
    ) -> io::Result<()> {
        let overlap = self.search.reach();
        let part = PART.max(overlap * 4);
        let mut buffer = vec![0; part.min(usize::try_from(size).map_or(part, |size| size + 1))];
        let (mut kept, mut lines) = (0, 0);
        loop {
            let (filled, fault) = fill(from, &mut buffer[kept..]);
            let text = &buffer[..kept + filled];
            self.look_at(text, lines, subject, public);
            if let Some(fault) = fault {
                return Err(fault);
            }
            if text.len() < buffer.len() {
                return Ok(());
            }
            let passed = text.len().saturating_sub(overlap);
            lines += line_of(text, passed) - 1;
            kept = text.len() - passed;
            buffer.copy_within(passed.., 0);
            // Only a file that grew since it was listed is longer than its buffer.
            buffer.resize(part, 0);
        }
    }

    fn look_at(&self, text: &[u8], lines: usize, subject: &Subject<'_>, public: &mut Public) {
        let mut found = leaks(text, subject.path, subject.how, self.search);
        if subject.is_client {
            self.mentions.note(text, &mut public.named_by_client);
            found.extend(inline_map_leaks(text, subject.path, self.search));
        }
        if subject.is_page {
            self.mentions.note_page(text, &mut public.named_by_client);
        }
        found.iter_mut().for_each(|leak| leak.line += lines);
        public.leaks.append(&mut found);
        public.leaks.sort();
        let is_name = |leak: &Leak| leak.how == How::FileName;
        public.leaks.dedup_by(|a, b| (a.line, &a.name, is_name(a)) == (b.line, &b.name, is_name(b)));
    }
}

/// Limits the bytes that are read from one file and from all files together.
struct Counted<'c, R, M> {
    from: R,
    left: u64,
    may_read: M,
    /// Set if a limit was exceeded.
    is_over: &'c Cell<bool>,
}

impl<'c, R: Read, M: Fn(u64) -> bool> Counted<'c, R, M> {
    fn new(from: R, most: u64, may_read: M, is_over: &'c Cell<bool>) -> Self {
        Self { from, left: most, may_read, is_over }
    }
}

impl<R: Read, M: Fn(u64) -> bool> Read for Counted<'_, R, M> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.from.read(buffer)?;
        if read as u64 > self.left || !(self.may_read)(read as u64) {
            self.is_over.set(true);
        }
        self.left = self.left.saturating_sub(read as u64);
        // Bytes beyond the limit are dropped, and nothing more is read.
        Ok(if self.is_over.get() { 0 } else { read })
    }
}

fn is_page(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "html" || extension == "htm")
}

/// Reads until the buffer is full or the input ends.
fn fill(from: &mut dyn Read, buffer: &mut [u8]) -> (usize, Option<io::Error>) {
    let mut filled = 0;
    while filled < buffer.len() {
        match from.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(length) => filled += length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return (filled, Some(error)),
        }
    }
    (filled, None)
}

/// Leaked values in one text, once per line and variable.
pub(crate) fn leaks(text: &[u8], path: &Path, how: How, search: &Search) -> Vec<Leak> {
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
        how,
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
    let mut lines = Lines::new(text);
    for hit in search.scan(text) {
        let encoding = as_a_whole.unwrap_or(hit.encoding);
        let (part, first) = found.entry((lines.of(hit.at), hit.name)).or_insert((hit.part, encoding));
        // A finding of the whole value takes precedence over a part of it.
        *part = part.filter(|_| hit.part.is_some());
        *first = encoding.min(*first);
    }
}

/// Leaks in an inline source map, which carries the sources with it. They are reported at the line
/// of the map's comment.
pub(crate) fn inline_map_leaks(text: &[u8], path: &Path, search: &Search) -> Vec<Leak> {
    const COMMENT: &[u8] = b"sourceMappingURL=data:";
    let Some(at) = memmem::find_iter(text, COMMENT).last() else {
        return Vec::new();
    };
    let url = &text[at + COMMENT.len() - "data:".len()..];
    let end = memchr::memchr2(b'\n', b'\r', url).unwrap_or(url.len());
    let map = std::str::from_utf8(&url[..end]).ok().and_then(|url| DataUrl::parse(url.trim())?.decode());
    let mut leaks = map.map_or_else(Vec::new, |map| leaks(map.as_bytes(), path, How::SourceMap, search));
    leaks.iter_mut().for_each(|leak| leak.line = line_of(text, at));
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

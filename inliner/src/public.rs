//! Everything that must not hold a value: does it, and which variables does client code name?
//!
//! Owns the reading of public files, of source maps and of what lies around a build. A file is read once, in parts that
//! overlap by as much as a value can take up, so that neither a large file nor a small one that unpacks to a large one
//! takes much memory.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use memchr::memmem;
use rayon::prelude::*;

use crate::Error;
use crate::data_url::DataUrl;
use crate::how::{Found, How};
use crate::layout::{Inventory, is_script};
use crate::leak::unpack::Packed;
use crate::leak::{Lines, Search, line_of};
use crate::mention::Mentions;
use crate::report::{Encoding, Leak, NotScanned, Unscanned};
use crate::subject::Subjects;
use crate::tree::Tree;
use crate::work::{Phase, Work};

/// How much of a file is looked at together.
const PART: usize = 8 << 20;

/// What was found in all files together.
#[derive(Debug, Default)]
pub(crate) struct Public {
    pub(crate) leaks: Vec<Leak>,
    /// Variables that client code names.
    pub(crate) named_by_client: BTreeSet<String>,
    pub(crate) scanned: usize,
    /// Files that were not searched, or not whole.
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

/// Reads every public file, every source map, and what else is to be searched, once.
pub(crate) fn scan(
    inventory: &Inventory<'_>,
    search: &Search,
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
    let reader = Reader { tree: &inventory.tree, search, mentions: &mentions };
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
}

/// One file on its way through the search.
struct Subject<'a> {
    path: &'a Path,
    how: How,
    /// Whether browsers run it.
    is_client: bool,
    /// Whether browsers run the scripts inside it.
    is_page: bool,
}

impl Reader<'_> {
    fn read(&self, real: &Path, path: &Path, found: Found) -> Result<Public, Error> {
        let file = self.tree.open(real)?;
        let (size, limits) = (file.size(), self.tree.limits());
        let how = How::of(path, found);
        let is_public = found == Found::Public;
        let (is_client, is_page) = (is_public && is_script(path), is_public && is_page(path));
        let subject = Subject { path, how, is_client, is_page };
        let mut public = Public { scanned: 1, ..Public::default() };
        let fault = match Packed::of(path) {
            None => {
                let mut counted = Counted::new(file, limits.one_file, |bytes| self.tree.may_read(bytes));
                match self.parts(&mut counted, size, &subject, &mut public) {
                    Err(source) if !counted.is_over => {
                        self.tree.watch().goes_on()?;
                        return Err(Error::Read { path: path.to_owned(), source });
                    }
                    _ => counted.is_over.then_some(NotScanned::TooLarge),
                }
            }
            Some(packed) => match packed.open(file) {
                Err(reason) => Some(reason),
                Ok(unpacked) => {
                    let mut counted =
                        Counted::new(unpacked, limits.one_unpacked, |bytes| self.tree.may_unpack(bytes));
                    match self.parts(&mut counted, PART as u64, &subject, &mut public) {
                        _ if counted.is_over => Some(NotScanned::TooLarge),
                        Err(_) => Some(NotScanned::Damaged),
                        Ok(()) => None,
                    }
                }
            },
        };
        // A reader of packed files does not tell why it ended.
        self.tree.watch().goes_on()?;
        public.unscanned.extend(fault.map(|reason| Unscanned { file: path.to_owned(), reason }));
        Ok(public)
    }

    /// Reads to the end, or to where reading fails: what was there until then was searched.
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
        public.leaks.dedup_by(|a, b| (a.line, &a.name) == (b.line, &b.name));
    }
}

/// Reads no more than one file and all files together may give.
struct Counted<R, M> {
    from: R,
    left: u64,
    may_read: M,
    /// There was more.
    is_over: bool,
}

impl<R: Read, M: Fn(u64) -> bool> Counted<R, M> {
    fn new(from: R, most: u64, may_read: M) -> Self {
        Self { from, left: most, may_read, is_over: false }
    }
}

impl<R: Read, M: Fn(u64) -> bool> Read for Counted<R, M> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.from.read(buffer)?;
        self.is_over |= read as u64 > self.left || !(self.may_read)(read as u64);
        self.left = self.left.saturating_sub(read as u64);
        // What was over the limit is not looked at, and nothing more is read.
        Ok(if self.is_over { 0 } else { read })
    }
}

fn is_page(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "html" || extension == "htm")
}

/// Reads on until the buffer is full or nothing is left.
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

/// Values in one text, once per line and variable.
pub(crate) fn leaks(text: &[u8], path: &Path, how: How, search: &Search) -> Vec<Leak> {
    let decoded = utf16(text);
    let text = decoded.as_deref().unwrap_or(text);
    let mut lines = Lines::new(text);
    let mut found: BTreeMap<(usize, usize), Encoding> = BTreeMap::new();
    for hit in search.scan(text) {
        let encoding = if decoded.is_some() { Encoding::Utf16 } else { hit.encoding };
        let first = found.entry((lines.of(hit.at), hit.name)).or_insert(encoding);
        *first = encoding.min(*first);
    }
    let leak = |((line, name), encoding): ((usize, usize), Encoding)| Leak {
        file: path.to_owned(),
        line,
        name: search.names[name].clone(),
        encoding,
        how,
        allowed: false,
    };
    found.into_iter().map(leak).collect()
}

/// A map inside a bundle carries the sources with it. Its lines are none of the file's but the last.
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

/// The text of a file that says by its first bytes that it is UTF-16.
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

//! Searches all files that must not hold a value, and collects the variables that client code
//! names.
//!
//! Reads public files, source maps and other files of a build. Each file is read once, in parts
//! that overlap by as much as a value can take up, so that memory stays small even for large files
//! and for small files that unpack to large ones.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::client_names::ClientNames;
use super::decompress::{self, Compression};
use super::origin::{FoundIn, Origin};
use super::redact::Redactor;
use super::search::Search;
use super::text::{leaks_in, leaks_in_inline_map};
use super::{Leak, NotScanned, Unscanned};
use crate::Error;
use crate::layout::{Inventory, is_script};
use crate::line_index::LineIndex;
use crate::progress::{Phase, Run};
use crate::tree::Tree;
use crate::variables::InlinedVariables;

/// How many bytes of a file are searched at a time.
const PART_LENGTH: usize = 8 << 20;

/// Results from all files together.
#[derive(Debug, Default)]
pub(crate) struct SearchedFiles {
    pub(crate) leaks: Vec<Leak>,
    /// Variables that client code names.
    pub(crate) named_by_client: BTreeSet<String>,
    pub(crate) scanned: usize,
    /// Files that were not searched, or only in part.
    pub(crate) unscanned: Vec<Unscanned>,
}

impl SearchedFiles {
    fn merge(mut self, other: Self) -> Self {
        self.leaks.extend(other.leaks);
        self.named_by_client.extend(other.named_by_client);
        self.scanned += other.scanned;
        self.unscanned.extend(other.unscanned);
        self
    }
}

/// Searches every public file, every source map, and every other file to search, once.
pub(crate) fn search_files(
    inventory: &Inventory<'_>,
    search: &Search,
    redactor: &Redactor,
    variables: &InlinedVariables,
    run: &Run<'_>,
) -> Result<SearchedFiles, Error> {
    let client_names = ClientNames::of(variables);
    let known = |real: &PathBuf| inventory.public.contains_key(real);
    let public = inventory.public.iter().map(|file| (file, FoundIn::Public));
    let maps = inventory.maps.iter().map(|file| (file, FoundIn::Map));
    let searched = inventory.searched.iter().map(|file| (file, FoundIn::Searched));
    let others = maps.chain(searched.filter(|((real, _), _)| !inventory.maps.contains_key(*real)));
    let files: Vec<_> = public.chain(others.filter(|((real, _), _)| !known(real))).collect();
    let searcher = Searcher { tree: &inventory.tree, search, client_names: &client_names, redactor };
    run.begin(Phase::Search, files.len());
    let one = |((real, path), found): &((&PathBuf, &PathBuf), FoundIn)| {
        run.file(Phase::Search, || searcher.file(real, path, *found))
    };
    let special = |file: &PathBuf| Unscanned { file: file.clone(), reason: NotScanned::Special };
    let unscanned = inventory.special.iter().map(special).collect();
    let special = SearchedFiles { unscanned, ..SearchedFiles::default() };
    let found =
        files.par_iter().map(one).try_reduce(SearchedFiles::default, |all, one| Ok(all.merge(one)))?;
    Ok(special.merge(found))
}

struct Searcher<'a> {
    tree: &'a Tree<'a>,
    search: &'a Search,
    client_names: &'a ClientNames,
    /// Redacts values in file names before the names are reported.
    redactor: &'a Redactor,
}

/// One file that is being searched.
struct FileInfo<'a> {
    path: &'a Path,
    origin: Origin,
    /// Whether browsers run the file.
    is_client: bool,
    /// Whether browsers run scripts inside the file.
    is_page: bool,
}

impl Searcher<'_> {
    fn file(&self, real: &Path, path: &Path, found: FoundIn) -> Result<SearchedFiles, Error> {
        let mut file = self.tree.open(real)?;
        let size = file.size();
        let origin = Origin::of(path, found);
        let is_public = found == FoundIn::Public;
        let (is_client, is_page) = (is_public && is_script(path), is_public && is_page(path));
        let mut results = SearchedFiles { scanned: 1, ..SearchedFiles::default() };
        let redacted = self.search_name(path, &mut results);
        let path = redacted.as_deref().unwrap_or(path);
        let info = FileInfo { path, origin, is_client, is_page };
        let (head, fault) = decompress::head(&mut file);
        if let Some(source) = fault {
            self.tree.watch().goes_on()?;
            return Err(Error::Read { path: path.to_owned(), source });
        }
        let compression = Compression::of(path, &head);
        let whole = io::Cursor::new(head).chain(file);
        let fault = match compression {
            None => self.plain(whole, size, &info, &mut results)?,
            Some(compression) => self.compressed(compression, whole, &info, &mut results),
        };
        // A decompressing reader does not say why it ended.
        self.tree.watch().goes_on()?;
        // A file that does not unpack may be uncompressed, whatever its name says; an archive may
        // store files uncompressed.
        let is_plain = matches!(fault, Some(NotScanned::Damaged | NotScanned::Unknown));
        let again =
            if is_plain { self.plain(self.tree.open(real)?, size, &info, &mut results)? } else { None };
        let fault = fault.or(again);
        results.unscanned.extend(fault.map(|reason| Unscanned { file: path.to_owned(), reason }));
        Ok(results)
    }

    /// Records values in the names of a file and its folders, and returns the path with these
    /// values redacted.
    fn search_name(&self, path: &Path, results: &mut SearchedFiles) -> Option<PathBuf> {
        let name = path.as_os_str().as_encoded_bytes();
        let mut leaks = leaks_in(name, path, Origin::FileName, self.search);
        if leaks.is_empty() {
            return None;
        }
        let redacted = String::from_utf8_lossy(&self.redactor.redact(name)).into_owned();
        // The redactor does not know all forms that the search finds; if any value remains, the
        // whole path is hidden.
        let is_clean = self.search.scan(redacted.as_bytes()).is_empty();
        let shown = PathBuf::from(if is_clean { redacted } else { "***".to_owned() });
        leaks.iter_mut().for_each(|leak| leak.file.clone_from(&shown));
        results.leaks.append(&mut leaks);
        Some(shown)
    }

    fn plain(
        &self,
        file: impl Read,
        size: u64,
        info: &FileInfo<'_>,
        results: &mut SearchedFiles,
    ) -> Result<Option<NotScanned>, Error> {
        let is_over = Cell::new(false);
        let one_file = self.tree.limits().one_file;
        let mut counted = Counted::new(file, one_file, |bytes| self.tree.may_read(bytes), &is_over);
        match self.parts(&mut counted, size, info, results) {
            Err(source) if !is_over.get() => {
                self.tree.watch().goes_on()?;
                Err(Error::Read { path: info.path.to_owned(), source })
            }
            _ => Ok(is_over.get().then_some(NotScanned::TooLarge)),
        }
    }

    fn compressed(
        &self,
        compression: Compression,
        file: impl Read,
        info: &FileInfo<'_>,
        results: &mut SearchedFiles,
    ) -> Option<NotScanned> {
        let is_over = Cell::new(false);
        let may_unpack = |bytes| self.tree.may_unpack(bytes);
        let most = self.tree.limits().one_unpacked;
        let searched = compression
            .open(file, |layer| Box::new(Counted::new(layer, most, may_unpack, &is_over)))
            .and_then(|mut contents| {
                let read = self.parts(&mut contents, PART_LENGTH as u64, info, results);
                read.map_err(|_| NotScanned::Damaged)
            });
        if is_over.get() { Some(NotScanned::TooLarge) } else { searched.err() }
    }

    /// Reads to the end or to the first read error; what was read until then has been searched.
    fn parts(
        &self,
        from: &mut dyn Read,
        size: u64,
        info: &FileInfo<'_>,
        results: &mut SearchedFiles,
    ) -> io::Result<()> {
        let overlap = self.search.reach();
        let part = PART_LENGTH.max(overlap * 4);
        let mut buffer = vec![0; part.min(usize::try_from(size).map_or(part, |size| size + 1))];
        let (mut kept, mut lines) = (0, 0);
        loop {
            let (filled, fault) = fill(from, &mut buffer[kept..]);
            let text = &buffer[..kept + filled];
            self.search_part(text, lines, info, results);
            if let Some(fault) = fault {
                return Err(fault);
            }
            if text.len() < buffer.len() {
                return Ok(());
            }
            let passed = text.len().saturating_sub(overlap);
            lines += LineIndex::new(text).line(passed) - 1;
            kept = text.len() - passed;
            buffer.copy_within(passed.., 0);
            // Only a file that grew since it was listed is longer than its buffer.
            buffer.resize(part, 0);
        }
    }

    /// Searches one part of a file, which follows this many lines.
    fn search_part(&self, text: &[u8], lines: usize, info: &FileInfo<'_>, results: &mut SearchedFiles) {
        let mut found = leaks_in(text, info.path, info.origin, self.search);
        if info.is_client {
            self.client_names.add_from_script(text, &mut results.named_by_client);
            found.extend(leaks_in_inline_map(text, info.path, self.search));
        }
        if info.is_page {
            self.client_names.add_from_page(text, &mut results.named_by_client);
        }
        found.iter_mut().for_each(|leak| leak.line += lines);
        results.leaks.append(&mut found);
        results.leaks.sort();
        let is_name = |leak: &Leak| leak.origin == Origin::FileName;
        results.leaks.dedup_by(|a, b| (a.line, &a.name, is_name(a)) == (b.line, &b.name, is_name(b)));
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

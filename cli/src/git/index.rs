//! Reader of git's index, which lists the files that a repository tracks.
//!
//! It uses no library: `gix-index` would bring 36 crates for one yes or no. Source:
//! gitformat-index(5), versions 2 to 4, SHA-1 and SHA-256, and the shared part of a split index.

use std::path::Path;

use capy_client::regular_file;

/// Size limit of an index: 1 GiB. The index of a million files has a tenth of that.
const MAX_BYTES: u64 = 1 << 30;
/// Length of an entry's times, device, inode, mode, owner and size, in bytes.
const STAT_LEN: usize = 40;
const HASH_LENS: [usize; 2] = [20, 32];
/// The "extended" bit of an entry's flags: two more bytes of flags follow.
const EXTENDED: u16 = 0x4000;

/// Whether the index has the file. `file` is its path from the work tree's root, with `/`. `None`
/// if the index cannot be read.
pub(super) fn names(git_dir: &Path, file: &[u8]) -> Option<bool> {
    let path = git_dir.join("index");
    if path.symlink_metadata().is_err() {
        return Some(false);
    }
    let index = parse(&regular_file::read(&path, MAX_BYTES).ok()?, file)?;
    let Some(shared) = index.shared else {
        return Some(index.has_file);
    };
    // The shared part still has entries that were removed since: one false warning is better than a
    // missing one.
    let shared = regular_file::read(&git_dir.join(format!("sharedindex.{shared}")), MAX_BYTES).ok()?;
    Some(index.has_file || parse(&shared, file)?.has_file)
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Index {
    has_file: bool,
    /// Hash of the shared part of a split index, in hex.
    shared: Option<String>,
}

/// Parses an index with each length of a hash. Only the repository's configuration says which one
/// it has, and with the wrong one the parts do not fit together.
fn parse(bytes: &[u8], file: &[u8]) -> Option<Index> {
    HASH_LENS.into_iter().find_map(|hash_len| Reader { rest: bytes, hash_len }.read(file))
}

struct Reader<'a> {
    rest: &'a [u8],
    hash_len: usize,
}

impl<'a> Reader<'a> {
    fn read(mut self, file: &[u8]) -> Option<Index> {
        let checksum_at = self.rest.len().checked_sub(self.hash_len)?;
        self.rest = &self.rest[..checksum_at];
        if self.take(4)? != b"DIRC" {
            return None;
        }
        let version = self.number()?;
        if !(2..=4).contains(&version) {
            return None;
        }
        let mut index = Index::default();
        let mut name = Vec::new();
        for _ in 0..self.number()? {
            self.read_entry(version, &mut name)?;
            index.has_file |= name == file;
        }
        while !self.rest.is_empty() {
            let signature = self.take(4)?;
            let len = usize::try_from(self.number()?).ok()?;
            let content = self.take(len)?;
            if signature == b"link" {
                let hash = content.get(..self.hash_len)?;
                index.shared = hash.iter().any(|byte| *byte != 0).then(|| hex::encode(hash));
            }
        }
        Some(index)
    }

    fn read_entry(&mut self, version: u32, name: &mut Vec<u8>) -> Option<()> {
        let before = self.rest.len();
        self.take(STAT_LEN + self.hash_len)?;
        let flags = u16::from_be_bytes(self.take(2)?.try_into().ok()?);
        if flags & EXTENDED != 0 {
            self.take(2)?;
        }
        // Version 4 omits the beginning that a name shares with the name before.
        let kept = if version == 4 { name.len().checked_sub(self.variable_number()?)? } else { 0 };
        name.truncate(kept);
        let end = self.rest.iter().position(|byte| *byte == 0)?;
        name.extend(self.take(end)?);
        let len = before - self.rest.len();
        let padding = if version == 4 { 1 } else { 8 - len % 8 };
        self.take(padding)?.iter().all(|byte| *byte == 0).then_some(())
    }

    /// Reads an integer in the offset encoding of pack files: seven bits in each byte, and one is
    /// added for each byte that follows.
    fn variable_number(&mut self) -> Option<usize> {
        let mut number = 0_usize;
        loop {
            let byte = self.take(1)?[0];
            number = number.checked_mul(128)?.checked_add(usize::from(byte & 0x7f))?;
            if byte & 0x80 == 0 {
                return Some(number);
            }
            number = number.checked_add(1)?;
        }
    }

    fn number(&mut self) -> Option<u32> {
        Some(u32::from_be_bytes(self.take(4)?.try_into().ok()?))
    }

    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(len)?;
        self.rest = rest;
        Some(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_that_is_cut_or_altered_is_read_without_a_panic() {
        let mut entry = vec![0; STAT_LEN + 20];
        entry.extend([0, 4]);
        entry.extend(b".env");
        entry.extend(vec![0; 8 - entry.len() % 8]);
        let mut index = b"DIRC\0\0\0\x02\0\0\0\x01".to_vec();
        index.extend(entry);
        index.extend([7; 20]);
        assert_eq!(parse(&index, b".env"), Some(Index { has_file: true, shared: None }));
        assert_eq!(parse(&index, b"other"), Some(Index::default()));
        for len in 0..index.len() {
            assert_eq!(parse(&index[..len], b".env"), None, "{len}");
        }
        for at in 0..index.len() {
            for byte in [0, 1, 0x40, 0x7f, 0x80, 0xff] {
                let mut altered = index.clone();
                altered[at] = byte;
                let _ = parse(&altered, b".env");
            }
        }
    }
}

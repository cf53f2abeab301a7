//! Compressed files, read bit by bit.
//!
//! Owns which compressions are undone, and how much of a file's contents is looked at: a small file may stand for more
//! bytes than the machine has. It refuses to be silent about what it did not read.

use std::io::{self, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;

use crate::report::NotScanned;

const BUFFER: usize = 64 << 10;

/// More layers of packing than anybody makes.
const MOST_LAYERS: usize = 4;
/// How many of a file's first bytes say what it is.
pub(crate) const HEAD: usize = 8;

/// How a file is packed, by its first bytes, or else by its name: Brotli has no bytes of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Packed {
    Gzip,
    Brotli,
    Zstandard,
    /// In a way that is not undone here.
    Otherwise,
}

impl Packed {
    pub(crate) fn of(path: &Path, head: &[u8]) -> Option<Self> {
        Self::of_bytes(head).or_else(|| Self::of_name(path))
    }

    fn of_bytes(head: &[u8]) -> Option<Self> {
        // ZIP (also JAR, DOCX, APK), xz, bzip2, 7z, LZ4, RAR, and the older compress.
        const OTHERS: [&[u8]; 8] = [
            b"PK\x03\x04",
            b"PK\x05\x06",
            b"\xfd7zXZ\0",
            b"BZh",
            b"7z\xbc\xaf\x27\x1c",
            b"\x04\x22\x4d\x18",
            b"Rar!\x1a\x07",
            b"\x1f\x9d",
        ];
        match head {
            [0x1f, 0x8b, 8, ..] => Some(Self::Gzip),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(Self::Zstandard),
            _ => OTHERS.iter().any(|magic| head.starts_with(magic)).then_some(Self::Otherwise),
        }
    }

    fn of_name(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "gz" | "tgz" => Some(Self::Gzip),
            "br" => Some(Self::Brotli),
            "zst" => Some(Self::Zstandard),
            // `sst` are the tables of Turbopack's cache.
            "zip" | "7z" | "xz" | "bz2" | "lz4" | "sst" => Some(Self::Otherwise),
            _ => None,
        }
    }

    /// The contents, if they can be had, through all layers that say by their first bytes that they are some. What comes out
    /// of each layer goes through `limited`: little may become much, and next to nothing again.
    pub(crate) fn open<'f>(
        self,
        from: impl Read + 'f,
        limited: impl Fn(Box<dyn Read + 'f>) -> Box<dyn Read + 'f>,
    ) -> Result<Box<dyn Read + 'f>, NotScanned> {
        let (mut packed, mut from): (Self, Box<dyn Read + 'f>) = (self, Box::new(from));
        for _ in 0..MOST_LAYERS {
            let mut contents = limited(packed.layer(from)?);
            let (head, fault) = head(&mut contents);
            let inner = Self::of_bytes(&head);
            from = Box::new(io::Cursor::new(head).chain(Fault(fault)).chain(contents));
            match inner {
                None => return Ok(from),
                Some(inner) => packed = inner,
            }
        }
        Err(NotScanned::Unknown)
    }

    fn layer<'f>(self, from: Box<dyn Read + 'f>) -> Result<Box<dyn Read + 'f>, NotScanned> {
        let from = io::BufReader::with_capacity(BUFFER, from);
        Ok(match self {
            Self::Gzip => Box::new(MultiGzDecoder::new(from)),
            Self::Brotli => Box::new(brotli_decompressor::Decompressor::new(from, BUFFER)),
            Self::Zstandard => {
                Box::new(ruzstd::decoding::StreamingDecoder::new(from).map_err(|_| NotScanned::Damaged)?)
            }
            Self::Otherwise => return Err(NotScanned::Unknown),
        })
    }
}

/// Fails where reading failed before: a decoder tells of its fault once.
struct Fault(Option<io::Error>);

impl Read for Fault {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        self.0.take().map_or(Ok(0), Err)
    }
}

/// The first bytes, and why there are no more of them.
pub(crate) fn head(from: &mut dyn Read) -> (Vec<u8>, Option<io::Error>) {
    let mut head = Vec::with_capacity(HEAD);
    let fault = from.take(HEAD as u64).read_to_end(&mut head).err();
    (head, fault)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_packed_as_its_first_bytes_say_or_else_its_name() {
        use Packed::{Brotli, Gzip, Otherwise, Zstandard};
        for (name, head, expected) in [
            ("a.txt", &b"\x1f\x8b\x08\0"[..], Some(Gzip)),
            ("a.br", b"\x28\xb5\x2f\xfd", Some(Zstandard)),
            ("a.docx", b"PK\x03\x04", Some(Otherwise)),
            ("a.gz", b"BZh9", Some(Otherwise)),
            ("a.br", b"\x1b\x57", Some(Brotli)),
            ("a.gz", b"plain", Some(Gzip)),
            ("a.zip", b"", Some(Otherwise)),
            ("a.js", b"PK = 1", None),
            ("a", b"", None),
        ] {
            assert_eq!(Packed::of(Path::new(name), head), expected, "{name} {head:?}");
        }
    }
}

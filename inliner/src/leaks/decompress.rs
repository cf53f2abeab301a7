//! Streaming decompression of compressed files for the search.
//!
//! Identifies a file's compression, and applies limits, because a small file may unpack to more
//! bytes than the machine has. Whatever is not read is reported.

use std::io::{self, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;

use super::NotScanned;

const BUFFER_LENGTH: usize = 64 << 10;

/// Nested compressions that are undone; real files have fewer.
const MAX_LAYERS: usize = 4;
/// How many leading bytes identify a file's compression.
pub(super) const HEAD_LENGTH: usize = 8;

/// The compression of a file, by its first bytes, or else by its extension: Brotli has no magic
/// bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compression {
    Gzip,
    Brotli,
    Zstandard,
    /// A compression that is not supported here.
    Unsupported,
}

impl Compression {
    pub(super) fn of(path: &Path, head: &[u8]) -> Option<Self> {
        Self::of_bytes(head).or_else(|| Self::of_name(path))
    }

    fn of_bytes(head: &[u8]) -> Option<Self> {
        // ZIP (also JAR, DOCX, APK), empty ZIP, xz, bzip2, 7z, LZ4, RAR, and `compress`.
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
            _ => OTHERS.iter().any(|magic| head.starts_with(magic)).then_some(Self::Unsupported),
        }
    }

    fn of_name(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "gz" | "tgz" => Some(Self::Gzip),
            "br" => Some(Self::Brotli),
            "zst" => Some(Self::Zstandard),
            // `sst` files are the tables of Turbopack's cache.
            "zip" | "7z" | "xz" | "bz2" | "lz4" | "sst" => Some(Self::Unsupported),
            _ => None,
        }
    }

    /// The decompressed contents, through all nested layers that their first bytes identify. Each
    /// layer's output goes through `limited`, because a small input may become large and then small
    /// again.
    pub(super) fn open<'f>(
        self,
        from: impl Read + 'f,
        limited: impl Fn(Box<dyn Read + 'f>) -> Box<dyn Read + 'f>,
    ) -> Result<Box<dyn Read + 'f>, NotScanned> {
        let (mut packed, mut from): (Self, Box<dyn Read + 'f>) = (self, Box::new(from));
        for _ in 0..MAX_LAYERS {
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
        let from = io::BufReader::with_capacity(BUFFER_LENGTH, from);
        Ok(match self {
            Self::Gzip => Box::new(MultiGzDecoder::new(from)),
            Self::Brotli => Box::new(brotli_decompressor::Decompressor::new(from, BUFFER_LENGTH)),
            Self::Zstandard => {
                Box::new(ruzstd::decoding::StreamingDecoder::new(from).map_err(|_| NotScanned::Damaged)?)
            }
            Self::Unsupported => return Err(NotScanned::Unknown),
        })
    }
}

/// Replays a read error after the bytes before it, because a decoder reports an error only once.
struct Fault(Option<io::Error>);

impl Read for Fault {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        self.0.take().map_or(Ok(0), Err)
    }
}

/// The first bytes, and the error that ended them, if any.
pub(super) fn head(from: &mut dyn Read) -> (Vec<u8>, Option<io::Error>) {
    let mut head = Vec::with_capacity(HEAD_LENGTH);
    let fault = from.take(HEAD_LENGTH as u64).read_to_end(&mut head).err();
    (head, fault)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_packed_as_its_first_bytes_say_or_else_its_name() {
        use Compression::{Brotli, Gzip, Unsupported, Zstandard};
        for (name, head, expected) in [
            ("a.txt", &b"\x1f\x8b\x08\0"[..], Some(Gzip)),
            ("a.br", b"\x28\xb5\x2f\xfd", Some(Zstandard)),
            ("a.docx", b"PK\x03\x04", Some(Unsupported)),
            ("a.gz", b"BZh9", Some(Unsupported)),
            ("a.br", b"\x1b\x57", Some(Brotli)),
            ("a.gz", b"plain", Some(Gzip)),
            ("a.zip", b"", Some(Unsupported)),
            ("a.js", b"PK = 1", None),
            ("a", b"", None),
        ] {
            assert_eq!(Compression::of(Path::new(name), head), expected, "{name} {head:?}");
        }
    }
}

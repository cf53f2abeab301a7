//! Compressed files, read bit by bit.
//!
//! Owns which compressions are undone, and how much of a file's contents is looked at: a small file may stand for more
//! bytes than the machine has. It refuses to be silent about what it did not read.

use std::io::{self, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;

use crate::report::NotScanned;
use crate::tree::File;

const BUFFER: usize = 64 << 10;

/// How a file is packed, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Packed {
    Gzip,
    Brotli,
    Zstandard,
    /// In a way that is not undone here.
    Otherwise,
}

impl Packed {
    pub(crate) fn of(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "gz" | "tgz" => Some(Self::Gzip),
            "br" => Some(Self::Brotli),
            "zst" => Some(Self::Zstandard),
            // `sst` are the tables of Turbopack's cache.
            "zip" | "7z" | "xz" | "bz2" | "lz4" | "sst" => Some(Self::Otherwise),
            _ => None,
        }
    }

    /// The contents of `file`, if they can be had.
    pub(crate) fn open<'f>(self, file: File<'f>) -> Result<Box<dyn Read + 'f>, NotScanned> {
        Ok(match self {
            Self::Gzip => Box::new(MultiGzDecoder::new(io::BufReader::with_capacity(BUFFER, file))),
            Self::Brotli => Box::new(brotli_decompressor::Decompressor::new(file, BUFFER)),
            Self::Zstandard => {
                let file = io::BufReader::with_capacity(BUFFER, file);
                Box::new(ruzstd::decoding::StreamingDecoder::new(file).map_err(|_| NotScanned::Damaged)?)
            }
            Self::Otherwise => return Err(NotScanned::Unknown),
        })
    }
}

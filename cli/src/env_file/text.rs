//! Reading the text of a `.env`: from a regular file, or from a pipe that was named, in UTF-8 only.
//!
//! Other encodings are refused, because they would be misread: UTF-16 and UTF-32 as older versions
//! of PowerShell write them, with a byte order mark or without, and single-byte encodings. A pipe,
//! a device or a socket at the default path of a `.env` is never opened: opening a pipe takes its
//! text away from the program that it is for.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use capy_client::regular_file;
use zeroize::Zeroizing;

use crate::error::{ENV_FILE_MAX_BYTES as MAX_BYTES, EncodingFault, Error, Result};

/// Whether a `.env` may be read from a pipe or a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PipeInput {
    Refuse,
    /// For a file that was named and is only read, as with `--env-file <(command)` and `--env-file
    /// /dev/stdin`.
    Allow,
}

impl PipeInput {
    /// The setting for a command that does not write to the file.
    pub(crate) fn of(named: Option<&PathBuf>) -> Self {
        if named.is_some() { Self::Allow } else { Self::Refuse }
    }
}

/// Reads a file; `None` when there is none.
pub(crate) fn read(path: &Path, pipe_input: PipeInput) -> Result<Option<Zeroizing<String>>> {
    let failed = |error: std::io::Error| Error::file("read", path)(error);
    let metadata = match path.metadata() {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == ErrorKind::NotFound && !path.is_symlink() => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let mut file = match regular_file::other_kind(&metadata) {
        None => regular_file::open(path).map_err(failed)?,
        Some(regular_file::PIPE | regular_file::DEVICE) if pipe_input == PipeInput::Allow => {
            File::open(path).map_err(failed)?
        }
        Some(what) => return Err(Error::NotRegularFile { path: path.into(), what }),
    };
    let bytes = read_bytes(&mut file, metadata.len()).map_err(failed)?;
    if bytes.len() > MAX_BYTES {
        return Err(Error::EnvFileTooLarge { path: path.into() });
    }
    let fault = match encoding_fault(&bytes) {
        Some(fault) => fault,
        None => match std::str::from_utf8(&bytes) {
            Ok(text) => return Ok(Some(Zeroizing::new(text.to_owned()))),
            Err(fault) => EncodingFault::NotUtf8 { line: line_of(&bytes, fault.valid_up_to()) },
        },
    };
    Err(Error::EnvFileEncoding { path: path.into(), fault })
}

/// Refuses a path that names something other than a regular file. A missing file passes.
pub(crate) fn check_regular(path: &Path) -> Result<()> {
    match path.metadata().ok().as_ref().and_then(regular_file::other_kind) {
        Some(what) => Err(Error::NotRegularFile { path: path.into(), what }),
        None => Ok(()),
    }
}

fn read_bytes(file: &mut File, len: u64) -> std::io::Result<Zeroizing<Vec<u8>>> {
    // Allocates everything at once: a buffer that grows leaves copies behind that are not wiped.
    let room = usize::try_from(len).unwrap_or(MAX_BYTES).min(MAX_BYTES) + 1;
    let mut bytes = Zeroizing::new(Vec::with_capacity(room));
    file.take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Detects UTF-16 and UTF-32, by the byte order mark. Without one, a text with zero bytes has the
/// first of these encodings in which it is plausible: see [`reads_well_as`]. If there is none, the
/// zero byte itself is the fault.
fn encoding_fault(bytes: &[u8]) -> Option<EncodingFault> {
    const MARKS: [(&[u8], &str); 4] = [
        (&[0xff, 0xfe, 0, 0], "UTF-32LE"),
        (&[0, 0, 0xfe, 0xff], "UTF-32BE"),
        (&[0xff, 0xfe], "UTF-16LE"),
        (&[0xfe, 0xff], "UTF-16BE"),
    ];
    if let Some((_, name)) = MARKS.iter().find(|(mark, _)| bytes.starts_with(mark)) {
        return Some(EncodingFault::Wide(name));
    }
    let first = bytes.iter().position(|byte| *byte == 0)?;
    let wide = MARKS.iter().map(|(_, name)| *name).find(|name| reads_well_as(name, bytes));
    Some(wide.map_or(EncodingFault::Zero { line: line_of(bytes, first) }, EncodingFault::Wide))
}

/// Whether the bytes in this encoding are text without control characters other than tabs and line
/// ends, and have a `=`, as every assignment does.
fn reads_well_as(name: &str, bytes: &[u8]) -> bool {
    let fours = || bytes.chunks_exact(4).map(|four| [four[0], four[1], four[2], four[3]]);
    let pairs = || bytes.chunks_exact(2).map(|pair| [pair[0], pair[1]]);
    let of_pairs = |read: fn([u8; 2]) -> u16| char::decode_utf16(pairs().map(read)).map(Result::ok).collect();
    let of_four = |read: fn([u8; 4]) -> u32| fours().map(read).map(char::from_u32).collect();
    let letters: Zeroizing<Vec<Option<char>>> = Zeroizing::new(match name {
        "UTF-32LE" => of_four(u32::from_le_bytes),
        "UTF-32BE" => of_four(u32::from_be_bytes),
        "UTF-16LE" => of_pairs(u16::from_le_bytes),
        _ => of_pairs(u16::from_be_bytes),
    });
    let is_text = |letter: &Option<char>| {
        letter.is_some_and(|letter| matches!(letter, '\t' | '\n' | '\r') || !letter.is_control())
    };
    letters.contains(&Some('=')) && letters.iter().all(is_text)
}

fn line_of(bytes: &[u8], at: usize) -> usize {
    1 + bytes[..at].iter().filter(|byte| **byte == b'\n').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encode(text: &str, name: &str) -> Vec<u8> {
        let utf16 = || text.encode_utf16();
        let utf32 = || text.chars().map(u32::from);
        match name {
            "UTF-16LE" => utf16().flat_map(u16::to_le_bytes).collect(),
            "UTF-16BE" => utf16().flat_map(u16::to_be_bytes).collect(),
            "UTF-32LE" => utf32().flat_map(u32::to_le_bytes).collect(),
            "UTF-32BE" => utf32().flat_map(u32::to_be_bytes).collect(),
            other => panic!("{other}"),
        }
    }

    #[test]
    fn wide_text_is_told_from_utf_8_with_and_without_a_mark() {
        let texts = ["A=1", "A=1\r\nDATABASE_URL=postgres://app\r\n", "# é🦫 ключ 鍵\nA=ключ\n", "A=\n"];
        for name in ["UTF-16LE", "UTF-16BE", "UTF-32LE", "UTF-32BE"] {
            for text in texts {
                for mark in ["", "\u{feff}"] {
                    let bytes = encode(&format!("{mark}{text}"), name);
                    assert_eq!(encoding_fault(&bytes), Some(EncodingFault::Wide(name)), "{text:?} {mark:?}");
                }
            }
        }
        for text in ["", "A=1\n", "A=ключ\n", "\u{feff}A=1"] {
            assert_eq!(encoding_fault(text.as_bytes()), None, "{text:?}");
        }
        for bytes in [&b"A=1\nB=x\0y\n"[..], b"A=1\n\0", b"A=1\n\0\0\0\0"] {
            assert_eq!(encoding_fault(bytes), Some(EncodingFault::Zero { line: 2 }), "{bytes:?}");
        }
    }
}

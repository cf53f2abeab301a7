//! `capy service keygen`: draws the key service's own secrets.

pub(super) mod seal_rows;
pub(super) mod verify;
pub(super) mod wrap_roots;

use std::path::Path;

use capy_protocol::key::{StoreKey, WrapRoot};
use capy_protocol::service_secrets::{ADMIN_TOKEN, WRAP_ROOTS};
use capy_protocol::token::Token;
use capy_protocol::wrap::WrapRoots;
use zeroize::Zeroizing;

use crate::cli::Keygen;
use crate::error::{Error, Result};
use crate::local::private_file;
use crate::printer;

/// Prints a wrap root (`kid:hex`), an API token or a key, and nothing else, so that it can be
/// piped. With `--secrets-file`, writes the two secrets of a new service to a file.
pub(super) fn keygen(arguments: &Keygen) -> Result<()> {
    let text = match arguments {
        Keygen { secrets_file: Some(path), .. } => return write_secrets(path),
        Keygen { admin_token: true, .. } => draw_admin_token(),
        Keygen { encryption_key: true, .. } => draw_encryption_key(),
        _ => draw_wrap_root(),
    };
    printer::data(&text?)
}

/// Writes one `NAME=value` per line to a new file. An existing file is not replaced, as its secrets
/// cannot be had again from anywhere.
fn write_secrets(path: &Path) -> Result<()> {
    let (token, root) = (draw_admin_token()?, draw_wrap_root()?);
    let text = Zeroizing::new(format!("{ADMIN_TOKEN}={}{WRAP_ROOTS}={}", *token, *root));
    private_file::create(path, text.as_bytes(), &private_file::Access::PRIVATE)
        .map_err(Error::file("write", path))?;
    printer::note(&format!("wrote {ADMIN_TOKEN} and {WRAP_ROOTS} to {}", path.display()));
    Ok(())
}

/// An admin token, in the form of all API tokens; one line.
pub(crate) fn draw_admin_token() -> Result<Zeroizing<String>> {
    let token = Token::generate().map_err(Error::Seal)?;
    Ok(Zeroizing::new(format!("{}\n", token.expose_secret())))
}

/// A wrap root as `kid:hex`; one line.
pub(crate) fn draw_wrap_root() -> Result<Zeroizing<String>> {
    let root = WrapRoot::generate().map_err(Error::Seal)?;
    let kid = WrapRoots::draw_key_id().map_err(Error::Seal)?;
    Ok(Zeroizing::new(format!("{kid}:{}\n", *root.serialize_hex())))
}

/// An encryption key as 64 hexadecimal digits; one line.
pub(crate) fn draw_encryption_key() -> Result<Zeroizing<String>> {
    let key = StoreKey::generate().map_err(Error::Seal)?;
    let mut text = key.serialize_hex();
    text.push('\n');
    Ok(text)
}

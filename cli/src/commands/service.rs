//! `capy service keygen`: what the key service keeps as its own secrets.

use capy_protocol::id::KeyId;
use capy_protocol::key::{StoreKey, WrapRoot};
use capy_protocol::token::Token;
use zeroize::Zeroizing;

use crate::cli::Keygen;
use crate::error::{Error, Result};
use crate::printer;

/// Prints `kid:hex`, an API token, or a key, and nothing else: it is made to be piped.
pub(super) fn keygen(arguments: &Keygen) -> Result<()> {
    let text = match arguments {
        Keygen { admin_token: true, .. } => draw_admin_token(),
        Keygen { encryption_key: true, .. } => draw_encryption_key(),
        _ => draw_wrap_root(),
    };
    printer::data(&text?)
}

/// A token of the same form as all others; one line.
pub(super) fn draw_admin_token() -> Result<Zeroizing<String>> {
    let token = Token::generate().map_err(Error::Seal)?;
    Ok(Zeroizing::new(format!("{}\n", token.expose_secret())))
}

/// `kid:hex`; one line.
pub(super) fn draw_wrap_root() -> Result<Zeroizing<String>> {
    let root = WrapRoot::generate().map_err(Error::Seal)?;
    let kid = KeyId::generate().map_err(Error::Seal)?;
    Ok(Zeroizing::new(format!("{kid}:{}\n", *root.serialize_hex())))
}

/// 64 hexadecimal digits; one line.
pub(super) fn draw_encryption_key() -> Result<Zeroizing<String>> {
    let key = StoreKey::generate().map_err(Error::Seal)?;
    let mut text = key.serialize_hex();
    text.push('\n');
    Ok(text)
}

//! `capy service keygen`: what the key service keeps as its own secrets.

use capy_protocol::id::KeyId;
use capy_protocol::key::WrapRoot;
use capy_protocol::token::Token;
use zeroize::Zeroizing;

use crate::cli::Keygen;
use crate::error::{Error, Result};
use crate::printer;

/// Prints `kid:hex`, or an API token, and nothing else: it is made to be piped.
pub(super) fn keygen(arguments: &Keygen) -> Result<()> {
    let text = if arguments.admin_token { draw_admin_token() } else { draw_wrap_root() };
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

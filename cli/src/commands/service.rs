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
    if arguments.admin_token {
        let token = Token::generate().map_err(Error::Seal)?;
        return printer::data(&Zeroizing::new(format!("{}\n", token.expose_secret())));
    }
    let root = WrapRoot::generate().map_err(Error::Seal)?;
    let kid = KeyId::generate().map_err(Error::Seal)?;
    printer::data(&Zeroizing::new(format!("{kid}:{}\n", *root.serialize_hex())))
}

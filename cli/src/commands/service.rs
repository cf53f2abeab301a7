//! `capy service keygen`: what the key service keeps as its own secrets.

use capy_protocol::id::KeyId;
use capy_protocol::key::WrapRoot;
use zeroize::Zeroizing;

use crate::cli::Keygen;
use crate::error::{Error, Result};
use crate::printer;

/// Prints `kid:hex`, or an admin token of 256 random bits, and nothing else: it is made to be piped.
pub(super) fn keygen(arguments: &Keygen) -> Result<()> {
    let root = WrapRoot::generate().map_err(Error::Seal)?;
    let hex = root.serialize_hex();
    if arguments.admin_token {
        return printer::data(&Zeroizing::new(format!("capy_admin_{}\n", *hex)));
    }
    let kid = KeyId::generate().map_err(Error::Seal)?;
    printer::data(&Zeroizing::new(format!("{kid}:{}\n", *hex)))
}

//! Entry points for the fuzz targets in `fuzz/`: parsers of requests that no other crate calls. Not
//! part of the service.

use capy_protocol::token::{TokenId, TrustId};

use crate::address::Address;
use crate::host::RsaKey;
use crate::query;
use crate::store::page::Cursor;
use crate::{issuer_keys as keys, jwt};

pub use crate::jwt::Claims;

/// A parsed identity token.
#[derive(Debug)]
pub struct Identity {
    /// The claims.
    pub claims: Claims,
    /// The token's name in the audit trail.
    pub actor: String,
    /// The text that the signature covers.
    pub signed: String,
}

/// Parses an identity token.
pub fn jwt(text: &str) -> Option<Identity> {
    let jwt = jwt::parse(text)?;
    Some(Identity { actor: jwt.claims.actor(), signed: jwt.signed.to_owned(), claims: jwt.claims })
}

/// The address of an issuer's key set, from its discovery document.
pub fn jwks_uri(document: &[u8], issuer: &str) -> Option<String> {
    keys::jwks_uri(document, issuer).ok()
}

/// An issuer's keys, with their ids.
pub fn jwks(document: &[u8]) -> Option<Vec<(String, RsaKey)>> {
    let keys = keys::parse(document).ok()?;
    Some(keys.into_iter().map(|key| (key.id, key.rsa)).collect())
}

/// Whether the service may send requests to a URL.
pub fn may_be_asked(url: &str) -> bool {
    keys::may_be_asked(url)
}

/// The host of a URL.
pub fn host_of(url: &str) -> Option<&str> {
    Address::parse(url).map(|address| address.host)
}

/// The value of a route's only query parameter.
pub fn parameter(query: &str, name: &str) -> Option<String> {
    query::only(Some(query), name).ok().flatten().map(str::to_owned)
}

/// A cursor of the list of tokens, and one of the list of trusts, parsed and serialized again.
pub fn cursors(query: &str) -> [Option<String>; 2] {
    let tokens = query::cursor(Some(query), TokenId::parse).ok().flatten();
    let trusts = query::cursor(Some(query), TrustId::parse).ok().flatten();
    [tokens.as_ref().map(Cursor::to_string), trusts.as_ref().map(Cursor::to_string)]
}

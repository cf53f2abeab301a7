//! What reads requests and is no other crate's business, for the fuzz targets in `fuzz/`. No part of the service.

use capy_protocol::token::{TokenId, TrustId};

use crate::address::Address;
use crate::host::RsaKey;
use crate::query;
use crate::store::page::Cursor;
use crate::{issuer_keys as keys, jwt};

pub use crate::jwt::Claims;

/// An identity token that was taken apart.
#[derive(Debug)]
pub struct Identity {
    /// What it says.
    pub claims: Claims,
    /// Its name in the audit trail.
    pub actor: String,
    /// What its signature is over.
    pub signed: String,
}

/// Takes an identity token apart.
pub fn jwt(text: &str) -> Option<Identity> {
    let jwt = jwt::parse(text)?;
    Some(Identity { actor: jwt.claims.actor(), signed: jwt.signed.to_owned(), claims: jwt.claims })
}

/// Where an issuer's keys are, by its discovery document.
pub fn jwks_uri(document: &[u8], issuer: &str) -> Option<String> {
    keys::jwks_uri(document, issuer).ok()
}

/// An issuer's keys, with their names.
pub fn jwks(document: &[u8]) -> Option<Vec<(String, RsaKey)>> {
    let keys = keys::parse(document).ok()?;
    Some(keys.into_iter().map(|key| (key.id, key.rsa)).collect())
}

/// Whether an address may be asked.
pub fn may_be_asked(url: &str) -> bool {
    keys::may_be_asked(url)
}

/// The host that an address leads to.
pub fn host_of(url: &str) -> Option<&str> {
    Address::parse(url).map(|address| address.host)
}

/// What a route that takes this one parameter makes of what stands after `?`.
pub fn parameter(query: &str, name: &str) -> Option<String> {
    query::only(Some(query), name).ok().flatten().map(str::to_owned)
}

/// The cursor of a list of tokens, and of one of trusts, as text.
pub fn cursors(query: &str) -> [Option<String>; 2] {
    let tokens = query::cursor(Some(query), TokenId::parse).ok().flatten();
    let trusts = query::cursor(Some(query), TrustId::parse).ok().flatten();
    [tokens.as_ref().map(Cursor::to_string), trusts.as_ref().map(Cursor::to_string)]
}

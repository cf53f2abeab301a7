//! Key wrapping: the inner and the outer blob around a deployment's key, and the service's half of
//! the key.
//!
//! ```text
//! inner blob (60 bytes)
//! SEAL(inner_key, "capy/v1/inner" || deploy_id || project_id, K_d)
//!
//! outer blob (93 bytes)
//! +------+---------+--------------------------------------+
//! | 0x01 | kid u32 | SEAL(wrap_key, aad, inner blob)   88 |
//! +------+---------+--------------------------------------+
//! aad = "capy/v1/outer" || 0x01 || kid || deploy_id || project_id
//! ```
//!
//! The laptop makes the inner blob, the service the outer one. The inner blob is sensitive: with
//! `PROJECT_KEY` it opens the deployment without the service. Only `expose_secret` and
//! `serialize_base64` return its content.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::id::{DeployId, KeyId, ProjectId};
use crate::kdf::hkdf;
use crate::key::{DeployProjectKey, DeployToken, ServiceKey, WrapRoot};
use crate::seal::{self, OVERHEAD};
use crate::{Error, Result, text};

/// The length of an inner blob in bytes.
pub const INNER_LEN: usize = 32 + OVERHEAD;
/// The length of an outer blob in bytes.
pub const OUTER_LEN: usize = 1 + 4 + INNER_LEN + OVERHEAD;
const OUTER_VERSION: u8 = 1;

/// `K_d` sealed under a key derived from the deploy token. Sensitive: the service's half of the key
/// derives from it.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct InnerBlob([u8; INNER_LEN]);

impl InnerBlob {
    /// Seals `k_d` under the deploy token.
    ///
    /// # Errors
    /// [`Error::Randomness`].
    pub fn seal(
        token: &DeployToken,
        deploy_id: &DeployId,
        project_id: &ProjectId,
        k_d: &DeployProjectKey,
    ) -> Result<Self> {
        let key = inner_key(token, project_id);
        Self::from_bytes(&seal::seal(&key, &inner_aad(deploy_id, project_id), k_d.expose_secret())?)
    }

    /// Decrypts `K_d`.
    ///
    /// # Errors
    /// [`Error::Unauthentic`].
    pub fn open(
        &self,
        token: &DeployToken,
        deploy_id: &DeployId,
        project_id: &ProjectId,
    ) -> Result<DeployProjectKey> {
        let key = inner_key(token, project_id);
        deploy_project_key(&seal::open(&key, &inner_aad(deploy_id, project_id), &self.0)?)
    }

    /// Makes an inner blob from exactly 60 bytes.
    ///
    /// # Errors
    /// [`Error::Truncated`] for any other length.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        bytes.try_into().map(Self).map_err(|_| Error::Truncated)
    }

    /// Parses canonical base64 of exactly 60 bytes.
    ///
    /// # Errors
    /// [`Error::Base64`], [`Error::Truncated`].
    pub fn parse_base64(text: &str) -> Result<Self> {
        Self::from_bytes(&Zeroizing::new(text::parse_base64(text)?))
    }

    /// The inner blob as canonical base64, in memory that is wiped on drop.
    pub fn serialize_base64(&self) -> Zeroizing<String> {
        Zeroizing::new(text::serialize_base64(&self.0))
    }

    /// The 60 bytes.
    pub fn expose_secret(&self) -> &[u8; INNER_LEN] {
        &self.0
    }

    /// Derives the service key:
    /// `HKDF(inner_blob, project_id || hex(deploy_id), "capy/v1/service-key", 32)`.
    pub fn service_key(&self, deploy_id: &DeployId, project_id: &ProjectId) -> ServiceKey {
        service_key(self, deploy_id, project_id, b"capy/v1/service-key")
    }
}

impl fmt::Debug for InnerBlob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InnerBlob(…)")
    }
}

pub(crate) fn service_key(
    inner: &InnerBlob,
    deploy_id: &DeployId,
    project_id: &ProjectId,
    info: &[u8],
) -> ServiceKey {
    let salt = alloc::format!("{project_id}{deploy_id}");
    ServiceKey::new(*hkdf(&[&inner.0], salt.as_bytes(), &[info]))
}

pub(crate) fn deploy_project_key(opened: &[u8]) -> Result<DeployProjectKey> {
    opened.try_into().map(DeployProjectKey::new).map_err(|_| Error::Truncated)
}

fn inner_key(token: &DeployToken, project_id: &ProjectId) -> Zeroizing<[u8; 32]> {
    hkdf(&[token.expose_secret()], project_id.as_bytes(), &[b"capy/v1/inner-wrap"])
}

fn inner_aad(deploy_id: &DeployId, project_id: &ProjectId) -> Vec<u8> {
    [b"capy/v1/inner", deploy_id.as_bytes().as_slice(), project_id.as_bytes()].concat()
}

/// The service's wrap roots with their key ids, the newest last. Text form: `kid:hex[,kid:hex…]`.
#[derive(Clone, Debug)]
pub struct WrapRoots(Vec<(KeyId, WrapRoot)>);

impl WrapRoots {
    /// Generates a key id for a new root: random, so that it tells blobs of two services apart.
    ///
    /// # Errors
    /// [`Error::Randomness`].
    pub fn draw_key_id() -> Result<KeyId> {
        Ok(KeyId(u32::from_be_bytes(seal::random()?)))
    }

    /// Parses `kid:hex[,kid:hex…]`; white space around an entry is ignored.
    ///
    /// # Errors
    /// [`Error::MalformedWrapRoots`], also for an empty list and for a duplicate key id.
    pub fn parse(text: &str) -> Result<Self> {
        let mut roots: Vec<(KeyId, WrapRoot)> = Vec::new();
        for entry in text.split(',') {
            let (kid, root) = parse_root(entry.trim()).ok_or(Error::MalformedWrapRoots)?;
            if roots.iter().any(|(known, _)| *known == kid) {
                return Err(Error::MalformedWrapRoots);
            }
            roots.push((kid, root));
        }
        Ok(Self(roots))
    }

    /// Wraps an inner blob under the newest root.
    ///
    /// # Errors
    /// [`Error::Randomness`].
    pub fn wrap(&self, deploy_id: &DeployId, project_id: &ProjectId, inner: &InnerBlob) -> Result<OuterBlob> {
        let (kid, root) = self.0.last().ok_or(Error::MalformedWrapRoots)?;
        OuterBlob::seal(*kid, root, deploy_id, project_id, inner)
    }

    /// Unwraps an outer blob with the root that it names.
    ///
    /// # Errors
    /// [`Error::UnknownWrapRoot`]; [`Error::Unauthentic`].
    pub fn unwrap_outer(
        &self,
        outer: &OuterBlob,
        deploy_id: &DeployId,
        project_id: &ProjectId,
    ) -> Result<InnerBlob> {
        outer.open(self.root(outer.kid())?, deploy_id, project_id)
    }

    /// The root with this key id.
    ///
    /// # Errors
    /// [`Error::UnknownWrapRoot`].
    pub fn root(&self, kid: KeyId) -> Result<&WrapRoot> {
        let found = self.0.iter().find(|(known, _)| *known == kid);
        found.map(|(_, root)| root).ok_or(Error::UnknownWrapRoot(kid))
    }

    /// The key id of the newest root, which wraps new inner blobs.
    ///
    /// # Errors
    /// [`Error::MalformedWrapRoots`] for an empty list, which [`WrapRoots::parse`] never returns.
    pub fn newest(&self) -> Result<KeyId> {
        self.0.last().map(|(kid, _)| *kid).ok_or(Error::MalformedWrapRoots)
    }

    /// The key ids, the newest last.
    pub fn key_ids(&self) -> impl Iterator<Item = KeyId> {
        self.0.iter().map(|(kid, _)| *kid)
    }
}

fn parse_root(entry: &str) -> Option<(KeyId, WrapRoot)> {
    let (kid, root) = entry.split_once(':')?;
    Some((KeyId(kid.parse().ok()?), WrapRoot::parse_hex(root).ok()?))
}

/// An inner blob wrapped by the service. Not secret by itself: the platform's blob and each decrypt
/// request contain it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OuterBlob([u8; OUTER_LEN]);

impl OuterBlob {
    /// Wraps `inner` under `root`.
    ///
    /// # Errors
    /// [`Error::Randomness`].
    pub fn seal(
        kid: KeyId,
        root: &WrapRoot,
        deploy_id: &DeployId,
        project_id: &ProjectId,
        inner: &InnerBlob,
    ) -> Result<Self> {
        let sealed =
            seal::seal(&wrap_key(root, project_id), &outer_aad(kid, deploy_id, project_id), &inner.0)?;
        Self::from_bytes(&[&[OUTER_VERSION], kid.0.to_be_bytes().as_slice(), &sealed].concat())
    }

    /// Unwraps the inner blob.
    ///
    /// # Errors
    /// [`Error::Unauthentic`].
    pub fn open(&self, root: &WrapRoot, deploy_id: &DeployId, project_id: &ProjectId) -> Result<InnerBlob> {
        let aad = outer_aad(self.kid(), deploy_id, project_id);
        InnerBlob::from_bytes(&seal::open(&wrap_key(root, project_id), &aad, &self.0[5..])?)
    }

    /// Makes an outer blob from bytes; checks version and length only. [`OuterBlob::open`] checks
    /// the content.
    ///
    /// # Errors
    /// [`Error::UnknownVersion`]; [`Error::Truncated`] for any length but 93.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        match bytes.first() {
            Some(&OUTER_VERSION) => bytes.try_into().map(Self).map_err(|_| Error::Truncated),
            Some(&version) => Err(Error::UnknownVersion(version)),
            None => Err(Error::Truncated),
        }
    }

    /// The key id of the root that wrapped this blob.
    pub fn kid(&self) -> KeyId {
        let [_, a, b, c, d, ..] = self.0;
        KeyId(u32::from_be_bytes([a, b, c, d]))
    }

    /// The 93 bytes.
    pub fn as_bytes(&self) -> &[u8; OUTER_LEN] {
        &self.0
    }
}

fn wrap_key(root: &WrapRoot, project_id: &ProjectId) -> Zeroizing<[u8; 32]> {
    hkdf(&[root.expose_secret()], project_id.as_bytes(), &[b"capy/v1/outer-wrap"])
}

fn outer_aad(kid: KeyId, deploy_id: &DeployId, project_id: &ProjectId) -> Vec<u8> {
    [
        b"capy/v1/outer",
        [OUTER_VERSION].as_slice(),
        &kid.0.to_be_bytes(),
        deploy_id.as_bytes(),
        project_id.as_bytes(),
    ]
    .concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids() -> (DeployId, ProjectId) {
        (DeployId::new([7; 32]), ProjectId::parse("prj_a").unwrap())
    }

    #[test]
    fn newest_root_wraps_and_older_roots_keep_opening() {
        let (id, project) = ids();
        let inner = InnerBlob::from_bytes(&[9; INNER_LEN]).unwrap();
        let old = WrapRoots::parse(&format!("1:{}", "11".repeat(32))).unwrap();
        let both = WrapRoots::parse(&format!("1:{}, 2:{}", "11".repeat(32), "22".repeat(32))).unwrap();
        let outer = old.wrap(&id, &project, &inner).unwrap();
        assert_eq!(both.unwrap_outer(&outer, &id, &project).unwrap(), inner);
        let newer = both.wrap(&id, &project, &inner).unwrap();
        assert_eq!(newer.kid(), KeyId(2));
        assert_eq!(old.unwrap_outer(&newer, &id, &project), Err(Error::UnknownWrapRoot(KeyId(2))));
    }

    #[test]
    fn an_outer_blob_is_bound_to_its_deployment_and_project() {
        let (id, project) = ids();
        let root = WrapRoot::new([1; 32]);
        let inner = InnerBlob::from_bytes(&[9; INNER_LEN]).unwrap();
        let outer = OuterBlob::seal(KeyId(1), &root, &id, &project, &inner).unwrap();
        assert_eq!(outer.open(&root, &DeployId::new([8; 32]), &project), Err(Error::Unauthentic));
        assert_eq!(outer.open(&root, &id, &ProjectId::parse("prj_b").unwrap()), Err(Error::Unauthentic));
    }

    #[test]
    fn a_ring_of_roots_is_parsed_strictly() {
        let key = "11".repeat(32);
        for bad in
            ["", ",", &key, &format!("1:{key},"), &format!("1:{key},1:{key}"), "1:11", &format!("-1:{key}")]
        {
            assert_eq!(WrapRoots::parse(bad).unwrap_err(), Error::MalformedWrapRoots, "{bad}");
        }
    }
}

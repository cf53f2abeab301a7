//! A deployment's row in the database.

use capy_protocol::api::{Credential, Deploy};
use capy_protocol::id::{KeyId, ProjectId};
use capy_protocol::json;
use capy_protocol::network::Network;

use crate::host::{Cell, FromCell, Result, Row};

/// One deployment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Record {
    /// The project that it belongs to.
    pub project_id: ProjectId,
    /// The wrap root that the deployment's outer blob needs.
    pub key_id: KeyId,
    /// The part that the owner sees.
    pub deploy: Deploy,
    /// The row's seal: see [`crate::row_seals`].
    pub seal: Option<String>,
    /// The repeatable releases of the last minute.
    pub repeats: Repeats,
}

/// The repeatable releases of a deployment: a client whose answer was lost asks again, without
/// another use being counted.
///
/// A deployment's row lists the releases of the last minute, up to 32 of them. Each is a text: the
/// time in sixteen digits, a digest of the client's idempotency key, and a seal. Only the seal
/// proves a release, since somebody who can write to the database cannot make one.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Repeats(pub(crate) Vec<String>);

impl FromCell for Repeats {
    const WHAT: &'static str = "a list of releases";

    fn from_cell(cell: Cell) -> Option<Self> {
        match cell {
            Cell::Null => Some(Self::default()),
            cell => json::read(String::from_cell(cell)?.as_bytes()).ok().map(Self),
        }
    }
}

/// The text of the `cidrs` column; `None` for no restriction.
pub(crate) fn serialize_networks(networks: &[Network]) -> Option<String> {
    let texts: Vec<_> = networks.iter().map(Network::to_string).collect();
    (!texts.is_empty()).then(|| texts.join(" "))
}

/// Reads addresses and prefixes, separated by spaces. NULL is no restriction.
impl FromCell for Vec<Network> {
    const WHAT: &'static str = "networks";

    fn from_cell(cell: Cell) -> Option<Self> {
        let text = Option::<String>::from_cell(cell)?.unwrap_or_default();
        text.split_whitespace().map(Network::parse).collect::<std::result::Result<_, _>>().ok()
    }
}

impl FromCell for Credential {
    const WHAT: &'static str = "a credential";

    fn from_cell(cell: Cell) -> Option<Self> {
        let name = String::from_cell(cell)?;
        [Self::ProjectKey, Self::DeployKey].into_iter().find(|credential| credential.as_str() == name)
    }
}

impl Record {
    pub(crate) fn read(row: Row<'_>) -> Result<Self> {
        Ok(Self {
            project_id: row.read("project_id")?,
            key_id: row.read("key_id")?,
            deploy: read_deploy(row)?,
            seal: row.read("seal")?,
            repeats: row.read("repeats")?,
        })
    }
}

/// Reads the part of a row that the owner sees.
pub(crate) fn read_deploy(row: Row<'_>) -> Result<Deploy> {
    Ok(Deploy {
        deploy_id: row.read("deploy_id")?,
        label: row.read("label")?,
        platform: row.read("platform")?,
        credential: row.read("credential")?,
        format: row.read("format")?,
        created_at: row.read("created_at")?,
        last_used_at: row.read("last_used_at")?,
        uses: row.read("uses")?,
        revoked_at: row.read("revoked_at")?,
        expires_at: row.read("expires_at")?,
        max_uses: row.read("max_uses")?,
        cidrs: row.read("cidrs")?,
        created_by: row.read("created_by")?,
    })
}

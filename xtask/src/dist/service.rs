//! The key service for Cloudflare: an archive and an npm package.

use anyhow::{Result, bail};

use super::Release;

pub(super) fn make(_release: &Release) -> Result<()> {
    bail!("the service's archive cannot be made yet")
}

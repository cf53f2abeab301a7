//! The npm packages: one for people, and one for each platform with the programs.

use anyhow::{Result, bail};

use super::Release;

pub(super) fn make(_release: &Release) -> Result<()> {
    bail!("the npm packages cannot be made yet")
}

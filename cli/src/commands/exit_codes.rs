//! `capy exit-codes`.

use crate::error::Result;
use crate::{exit, printer};

pub(super) fn run() -> Result<()> {
    printer::data(&exit::table())
}

//! `capy exit-codes`.

use crate::error::Result;
use crate::error::exit;
use crate::printer;

pub(super) fn run() -> Result<()> {
    printer::data(&exit::table())
}

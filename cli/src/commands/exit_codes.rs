//! `capy exit-codes`: prints the table of exit codes.

use crate::error::Result;
use crate::error::exit_table;
use crate::printer;

pub(super) fn run() -> Result<()> {
    printer::data(&exit_table())
}

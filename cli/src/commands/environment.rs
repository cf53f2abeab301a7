//! `capy environment`: prints the table of environment variables.

use crate::environment::table;
use crate::error::Result;
use crate::printer;

pub(super) fn run() -> Result<()> {
    printer::data(&table())
}

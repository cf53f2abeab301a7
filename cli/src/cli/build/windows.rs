//! `capy build` on Windows: taken, whatever it says, so that it can be refused with the reason.

use std::ffi::OsString;

use clap::Args;

#[derive(Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Build {
    #[arg(hide = true, trailing_var_arg = true, allow_hyphen_values = true)]
    _words: Vec<OsString>,
}

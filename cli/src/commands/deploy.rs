//! `capy deploy`: mints one deployment of `.env` and delivers the variables for its platform.
//!
//! The setup page does that, or questions at the terminal where no browser can be opened. For
//! scripts, `--print` and `--json` print the variables. A deployment whose variables could not be
//! printed is revoked again, as nobody would know of it.

mod check;
mod deliver;
pub(super) mod list;
mod prompt;
mod push;
pub(super) mod revoke;
pub(super) mod rotate;

use crate::cli::Mint;
use crate::deployment::{DeployContext, PartialRequest};
use crate::error::{Error, Result};
use crate::setup_page::{self, OpenMethod};
use crate::{platforms, printer};
use prompt::{Delivery, confirm_overwrite, is_interactive};

pub(super) fn run(arguments: Mint) -> Result<()> {
    if arguments.check {
        return check::run(&arguments);
    }
    let request = PartialRequest::from(&arguments);
    if arguments.print || arguments.json || arguments.push {
        let request = request.complete()?;
        let context = DeployContext::open(arguments.file.env_file)?;
        let request = context.check(request, confirm_overwrite(arguments.yes))?;
        return match arguments.push {
            true => push::run(&context, &request, arguments.project, arguments.yes),
            false => deliver::print(&context, &request, arguments.json),
        };
    }
    if let Some(id) = &request.platform {
        platforms::find(id)?.environment(request.environment.as_deref())?;
    }
    if let Some(method) = OpenMethod::find(arguments.no_open) {
        return setup_page::serve(DeployContext::open(arguments.file.env_file)?, request, &method);
    }
    if !is_interactive() {
        return Err(Error::NoOutput);
    }
    let context = DeployContext::open(arguments.file.env_file)?;
    printer::note(
        "there is no browser to open, so capy asks here; --no-open prints the page's address instead\n",
    );
    let Some((request, delivery)) = prompt::ask(&context, request)? else {
        return Ok(());
    };
    match delivery {
        Delivery::Print => deliver::print(&context, &request, false),
        Delivery::Write(path) => deliver::write(&context, &request, &path),
        Delivery::Push { project } => push::run(&context, &request, project, false),
    }
}

//! `capy deploy`: mints one deployment of `.env` and hands over the variables for its platform.
//!
//! The setup page does that, or questions at the terminal where no browser can be opened. For
//! scripts, `--print` and `--json` print the variables. A deployment whose variables could not be
//! printed is revoked again, as nobody would know of it.

mod check;
mod hand_over;
pub(super) mod list;
mod prompt;
mod push;
pub(super) mod revoke;
pub(super) mod rotate;

use crate::cli::Mint;
use crate::deployment::{BlobPlace, Wishes, Workbench};
use crate::error::{Error, Result};
use crate::setup_page::{self, Way};
use crate::{platforms, printer};
use hand_over::{print, write};
use prompt::{Then, agreed, somebody_is_there};

pub(super) fn run(arguments: Mint) -> Result<()> {
    if arguments.check {
        return check::run(&arguments);
    }
    let wishes = wishes(&arguments);
    if arguments.print || arguments.json {
        let wish = wishes.wish()?;
        let workbench = Workbench::open(arguments.file.env_file)?;
        return print(&workbench, &agreed(&workbench, wish, arguments.yes)?, arguments.json);
    }
    if arguments.push {
        let wish = wishes.wish()?;
        let workbench = Workbench::open(arguments.file.env_file)?;
        let wish = agreed(&workbench, wish, arguments.yes)?;
        return push::run(&workbench, &wish, arguments.project, arguments.yes);
    }
    if let Some(id) = &wishes.platform {
        platforms::find(id)?.environment(wishes.environment.as_deref())?;
    }
    if let Some(way) = Way::find(arguments.no_open) {
        return setup_page::serve(Workbench::open(arguments.file.env_file)?, wishes, &way);
    }
    if !somebody_is_there() {
        return Err(Error::NoOutput);
    }
    let workbench = Workbench::open(arguments.file.env_file)?;
    printer::note(
        "no browser can be opened here, so this asks; --no-open prints the page's address instead\n",
    );
    match prompt::ask(&workbench, &wishes)? {
        Then::Print(wish) => print(&workbench, &wish, false),
        Then::Write(wish, path) => write(&workbench, &wish, &path),
        Then::Push(wish, project) => push::run(&workbench, &wish, project, false),
        Then::Nothing => Ok(()),
    }
}

fn wishes(arguments: &Mint) -> Wishes {
    Wishes {
        platform: arguments.platform.clone(),
        environment: arguments.environment.clone(),
        only: arguments.only.clone(),
        label: arguments.label.clone(),
        terms: arguments.terms.clone().into(),
        credential: arguments.credential.into(),
        format: arguments.format.into(),
        blob: BlobPlace::of(arguments.split, arguments.blob_file.as_deref()),
    }
}

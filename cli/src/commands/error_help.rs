//! `capy help CODE`: prints what an error means and what to do about it.

use crate::error::{Error, Result, explanation, similar_codes};
use crate::printer;

pub(super) fn run(code: &str) -> Result<()> {
    match explanation(code) {
        Some(text) => printer::data(&text),
        None => Err(Error::HelpTopicUnknown { word: code.to_owned(), similar: similar_codes(code) }),
    }
}

//! What the tests of several crates share.

mod needs;

pub use needs::{RECORD, needs, skipped_tests};

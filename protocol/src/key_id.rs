//! Key ids, in a module below `error`, whose variants contain them.

use core::fmt;

use serde::{Deserialize, Serialize};

/// The id of a wrap root or of a store key. The ids of wrap roots are random, so that they tell
/// blobs of two services apart.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct KeyId(pub u32);

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

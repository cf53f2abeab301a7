//! Whether a deployment fits its platform, and which ways out there are. Decided before anything is made.

use capy_protocol::wrap::{OUTER_LEN, OuterBlob};

use super::wish::{BlobFile, BlobPlace};
use super::{Wish, Workbench, begin, variables};
use crate::error::{Error, Misfit, Result, Ways};
use crate::platforms::Limits;

/// What a platform would be given, in bytes, and what it says to that.
pub(crate) struct Fit {
    pub(crate) sizes: Vec<(&'static str, usize)>,
    pub(crate) misfit: Option<Misfit>,
    pub(crate) warning: Option<String>,
    pub(crate) ways: Ways,
}

impl Workbench {
    /// Sizes for what is wished, from a blob that is made for nothing, under a wrap that nobody holds.
    pub(crate) fn fit(&self, wish: &Wish) -> Result<Fit> {
        let env = self.select(wish.only.as_deref())?;
        let wrap = OuterBlob::from_bytes(&[1; OUTER_LEN]).expect("version and length are right");
        let minted = begin(wish, &self.project)?.finish(&wrap, &env).map_err(Error::Seal)?;
        let sizes = |place: &BlobPlace| variables::sizes(&self.variables(wish, place, &minted).0);
        let (wished, limits) = (sizes(&wish.blob), &wish.platform.limits);
        let split = sizes(&BlobPlace::Split);
        let file = sizes(&BlobPlace::File(BlobFile::in_folder(&self.project.folder())));
        Ok(Fit {
            misfit: limits.check(&wished).err(),
            warning: limits.warning(&wished),
            ways: Ways {
                split: split.len() > sizes(&BlobPlace::Variable).len() && is_good(limits, &split),
                file: is_good(limits, &file),
            },
            sizes: wished,
        })
    }
}

fn is_good(limits: &Limits, sizes: &[(&str, usize)]) -> bool {
    limits.check(sizes).is_ok() && limits.warning(sizes).is_none()
}

//! Size check: whether a deployment fits the limits of its platform, and what else would fit. It
//! runs before anything is registered.

use capy_protocol::wrap::{OUTER_LEN, OuterBlob};

use super::wish::{BlobFile, BlobPlace};
use super::{Wish, Workbench, begin, variables};
use crate::error::{Error, Misfit, Result, Ways};
use crate::platforms::Limits;

/// The sizes of the variables in bytes, and how they compare with the platform's limits.
pub(crate) struct Fit {
    pub(crate) sizes: Vec<(&'static str, usize)>,
    pub(crate) misfit: Option<Misfit>,
    pub(crate) warning: Option<String>,
    pub(crate) ways: Ways,
}

impl Workbench {
    /// Measures the wished variables. For that it seals the values into a blob that is thrown away,
    /// with a dummy in place of the service's answer, so that nothing is registered.
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

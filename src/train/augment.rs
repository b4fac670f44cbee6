use crate::Result;
use serde::{Deserialize, Serialize};
#[allow(missing_docs)]
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Augmentation {}
#[allow(missing_docs)]
impl Augmentation {
    pub const NONE: Self = Self {};
    pub fn is_none(&self) -> bool {
        true
    }
    pub fn validate(&self) -> Result<()> {
        Ok(())
    }
    pub fn apply(&self, _: &mut [f32], _: [usize; 3], _: u64) -> Result<()> {
        Ok(())
    }
}

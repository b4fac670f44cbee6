//! Splits in which no group, mostly a patient, stands on both sides.

mod folds;
mod members;

pub use folds::Folds;
pub use members::Members;

//! Splits in which no group, mostly a patient, stands on both sides, and an audit of those that others made.
//!
//! Several images of one patient are no independent witnesses: a network that has seen one of them knows the others. So a
//! group moves as a whole, into training or validation ([`Cohort::split`]) or one of [`Folds`], and classes are spread as evenly as groups allow.

mod audit;
mod cohort;
mod folds;
mod holdout;

pub use audit::{Audit, AuditedSubset, SharedGroup};
pub use cohort::Cohort;
pub(super) use cohort::attribute;
pub use folds::Folds;
pub use holdout::SplitOptions;

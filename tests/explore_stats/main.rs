//! Statistics against scipy and scikit-learn; differences, shortcuts and insights against planted truths.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod groups;
mod insights;
mod statistics;
mod tables;

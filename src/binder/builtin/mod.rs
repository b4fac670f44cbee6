//! Tensorleap's built-in functions.

pub mod losses;
pub mod metrics;
mod rows;

/// The argument names of every built-in loss and metric, in the order in which they are passed.
const ARGUMENTS: [&str; 2] = ["ground_truth", "prediction"];

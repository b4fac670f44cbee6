//! What Tensorleap brings with every binder: losses, metrics, visualizers, and the metadata of instances and chains.

mod gradients;
pub mod losses;
pub(crate) mod metadata;
pub mod metrics;
mod rows;
pub mod visualizers;

/// The argument names of every built-in loss and metric, in the order in which they are passed.
const ARGUMENTS: [&str; 2] = ["ground_truth", "prediction"];

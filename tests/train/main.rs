//! Training: the loop, its parts, heads on latents, splits.

mod augment;
mod common;
mod faults;
mod freezing;
mod learning;
mod resuming;
mod sampling;

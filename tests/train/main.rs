//! Training: the loop, its parts, heads on latents, splits.

mod augment;
mod common;
mod faults;
mod freezing;
mod head;
mod learning;
mod pytorch;
mod resuming;
mod sampling;
mod split;

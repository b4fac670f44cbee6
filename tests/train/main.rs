//! Training: the loop, its parts, heads on latents, splits.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

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

//! Training: its parts.

mod augment;
mod sampling;

//! Training: its parts.

mod sampling;

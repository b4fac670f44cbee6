//! What code_loader registers for every binder.

pub mod visualizers;

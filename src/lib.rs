//! leap-binder

pub mod binder;
pub mod check;
pub mod contract;
mod error;
pub mod evaluate;
pub mod imaging;
pub mod manifest;
pub mod metrics;
pub mod model;
mod nn;
pub mod pneumonia;
pub mod progress;
pub mod rng;

pub use binder::Binder;
pub use error::{BoxError, Error, Result};

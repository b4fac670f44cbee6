//! leap-binder

pub mod contract;
mod error;
pub mod imaging;
pub mod manifest;
pub mod metrics;
pub mod model;
pub mod rng;

pub use error::{BoxError, Error, Result};

//! Registration: the typed builder, its rules, and the built-in losses.

mod builder;
pub mod builtin;
mod guard;
pub mod losses;
mod preprocess;
mod registry;
mod rules;
mod sample;

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

pub use builder::BinderBuilder;
pub(crate) use guard::guarded;
pub(crate) use registry::AnySample;
pub use registry::{
    GroundTruthEncoder, InputEncoder, Loss, MetadataFunction, Metric, PredictionType, Registry, Visualizer,
};
pub use sample::EncodedSample;

use crate::contract::Dataset;

/// A data set and a model's interface, described once: what `check`, `evaluate` and the test harness run on.
///
/// Made by [`Binder::builder`]; dereferences to the [`Registry`] of its functions. Cheap to share between threads.
pub struct Binder<D: Dataset> {
    dataset: Arc<D>,
    registry: Registry,
}

impl<D: Dataset> Binder<D> {
    /// Starts a binder over `dataset`.
    pub fn builder(dataset: D) -> BinderBuilder<D> {
        BinderBuilder::new(dataset)
    }

    /// The data set.
    pub fn dataset(&self) -> &D {
        &self.dataset
    }
}

impl<D: Dataset> Deref for Binder<D> {
    type Target = Registry;

    fn deref(&self) -> &Registry {
        &self.registry
    }
}

impl<D: Dataset> fmt::Debug for Binder<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Binder").field(&self.registry).finish()
    }
}

//! Registration: the typed builder, its rules, the built-in functions, and single calls of what is registered.

mod builder;
mod builtin;
mod float16;
pub mod flow;
mod guard;
mod handlers;
mod instances;
mod preprocess;
mod registry;
mod rules;
mod sample;
mod simulate;
mod visualize;

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

pub use builder::{Autoregressive, BinderBuilder, InputOptions, MetricOptions, SamplePreprocessResponse};
pub(crate) use builtin::metadata::instance_extra;
pub use builtin::{losses, metrics, visualizers};
pub use float16::engine_float16;
pub(crate) use guard::{guarded, same_bits};
pub(crate) use handlers::{AnySample, AnyState, LatentSpaceFn, Place};
pub use handlers::{
    AutoregressiveFunctions, ChainFunction, FalsePositives, GroundTruthEncoder, InputEncoder, InstanceMetric,
    Instances, LatentSpace, Loss, MetadataFunction, Metric, PredictionType, Simulation, Visualizer,
};
pub use instances::InstanceRow;
pub(crate) use preprocess::Prepared;
pub use registry::Registry;
pub use sample::EncodedSample;
pub use simulate::SimulatedSamples;

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

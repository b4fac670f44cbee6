//! How direct calls are made, and what an integration test is run on.

use std::fmt;
use std::sync::Arc;

use crate::contract::{LeapModel, SampleId};

/// How functions are called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct CallOptions {
    /// Whether losses, metrics and model latent spaces get 16-bit floats, as the platform's engine stores them
    /// ([`crate::binder::engine_float16`]); true by default.
    pub float16: bool,
    /// The number of samples that arguments and results of metrics are held against; none by default, as in code_loader.
    pub batch_size: Option<usize>,
}

impl Default for CallOptions {
    fn default() -> Self {
        Self { float16: true, batch_size: None }
    }
}

impl CallOptions {
    /// Sets whether 16-bit floats are simulated.
    #[must_use]
    pub const fn float16(mut self, simulate: bool) -> Self {
        self.float16 = simulate;
        self
    }

    /// Holds the arguments and results of metrics against a number of samples.
    #[must_use]
    pub const fn batch_size(mut self, samples: usize) -> Self {
        self.batch_size = Some(samples);
        self
    }
}

/// Which samples of a subset an integration test is run on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum SampleChoice {
    /// The first sample, or the first group of a grouped subset.
    #[default]
    First,
    /// One sample of a flat subset.
    One(SampleId),
    /// Samples of a grouped subset that are loaded together; the body is run on each.
    Group(Vec<SampleId>),
}

impl<I: Into<SampleId>> From<I> for SampleChoice {
    fn from(id: I) -> Self {
        Self::One(id.into())
    }
}

impl From<Vec<SampleId>> for SampleChoice {
    fn from(ids: Vec<SampleId>) -> Self {
        Self::Group(ids)
    }
}

impl From<&SampleId> for SampleChoice {
    fn from(id: &SampleId) -> Self {
        Self::One(id.clone())
    }
}

/// How an integration test is run.
#[derive(Clone, Default)]
#[non_exhaustive]
pub struct TestOptions {
    /// How functions are called.
    pub calls: CallOptions,
    pub(super) model: Option<Arc<dyn LeapModel>>,
}

impl fmt::Debug for TestOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestOptions").field("calls", &self.calls).finish_non_exhaustive()
    }
}

impl TestOptions {
    /// Sets how functions are called.
    #[must_use]
    pub const fn calls(mut self, calls: CallOptions) -> Self {
        self.calls = calls;
        self
    }

    /// Runs this model and not the registered one.
    #[must_use]
    pub fn model(mut self, model: impl LeapModel + 'static) -> Self {
        self.model = Some(Arc::new(model));
        self
    }
}

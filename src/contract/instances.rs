use candle_core::Tensor;

use super::MetadataValue;

/// One object in a sample: its name, its mask and what is known of it (Tensorleap: `ElementInstance`).
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ElementInstance {
    /// What it is.
    pub name: String,
    /// Where it is, in the coordinates of the input; any dtype.
    pub mask: Tensor,
    /// Facts about it.
    pub metadata: Vec<(String, MetadataValue)>,
    /// Numbers of registered instance metrics.
    pub metrics: Vec<(String, f64)>,
}

impl ElementInstance {
    /// An instance without metadata.
    pub fn new(name: impl Into<String>, mask: Tensor) -> Self {
        Self { name: name.into(), mask, metadata: Vec::new(), metrics: Vec::new() }
    }

    /// Adds a fact.
    #[must_use]
    pub fn with_metadata(mut self, key: impl Into<String>, value: impl Into<MetadataValue>) -> Self {
        self.metadata.push((key.into(), value.into()));
        self
    }

    /// Adds the value of an instance metric.
    #[must_use]
    pub fn with_metric(mut self, name: impl Into<String>, value: f64) -> Self {
        self.metrics.push((name.into(), value));
        self
    }
}

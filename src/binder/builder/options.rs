use crate::contract::{ComputeInsights, MetricDirection, MetricDirections};

/// How an input encoder's tensor goes into the model. A bare number is its channel axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct InputOptions {
    /// The channel axis of the *batched* tensor: -1 channel last (the default), 1 channel first.
    pub channel_dim: Option<i64>,
    /// The place among the model's inputs, 0 to 9; by default that in which the integration test feeds it.
    pub model_input_index: Option<usize>,
}

impl InputOptions {
    /// Sets the channel axis.
    #[must_use]
    pub const fn channel_dim(mut self, axis: i64) -> Self {
        self.channel_dim = Some(axis);
        self
    }

    /// Sets the place among the model's inputs.
    #[must_use]
    pub const fn model_input_index(mut self, index: usize) -> Self {
        self.model_input_index = Some(index);
        self
    }
}

impl From<i64> for InputOptions {
    fn from(axis: i64) -> Self {
        Self::default().channel_dim(axis)
    }
}

/// What a metric is registered with: which way it gets better, and whether insights are looked for in it.
///
/// A bare direction is one too.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct MetricOptions {
    /// Which way it gets better: one direction, or one for each key of a map; keys without one are downward.
    pub directions: MetricDirections,
    /// Whether the analysis looks for insights in it; the platform decides when none.
    pub compute_insights: Option<ComputeInsights>,
}

impl MetricOptions {
    /// Says whether the analysis looks for insights, as one answer or one for each key.
    #[must_use]
    pub fn compute_insights(mut self, insights: impl Into<ComputeInsights>) -> Self {
        self.compute_insights = Some(insights.into());
        self
    }
}

impl From<MetricDirections> for MetricOptions {
    fn from(directions: MetricDirections) -> Self {
        Self { directions, compute_insights: None }
    }
}

impl<const N: usize> From<[(&str, MetricDirection); N]> for MetricOptions {
    fn from(directions: [(&str, MetricDirection); N]) -> Self {
        Self::from(MetricDirections::from(directions))
    }
}

impl From<MetricDirection> for MetricOptions {
    fn from(direction: MetricDirection) -> Self {
        Self::from(MetricDirections::from(direction))
    }
}

use candle_core::Tensor;
use serde::Serialize;

/// Tensors by name, in the order in which the model takes or gives them.
pub type NamedTensors = Vec<(String, Tensor)>;

/// How the latent spaces of a chain's steps become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LatentSpaceAggregation {
    /// That of the last step.
    #[default]
    LastStep,
    /// The mean over all steps.
    Mean,
}

/// A chain of model calls at one of its steps: what the model was given, what it said, and the hook's own state.
///
/// Tensors have no batch axis.
#[derive(Debug, Clone, Copy)]
pub struct Chain<'a, S> {
    /// The model's inputs, by name.
    pub inputs: &'a NamedTensors,
    /// The model's outputs, by prediction name.
    pub outputs: &'a NamedTensors,
    /// What the hook keeps from step to step.
    pub state: &'a S,
}

impl<S> Chain<'_, S> {
    /// An input by its name.
    pub fn input(&self, name: &str) -> Option<&Tensor> {
        self.inputs.iter().find(|(known, _)| known == name).map(|(_, xs)| xs)
    }

    /// An output by its prediction's name.
    pub fn output(&self, name: &str) -> Option<&Tensor> {
        self.outputs.iter().find(|(known, _)| known == name).map(|(_, xs)| xs)
    }
}

/// What an autoregressive step gives: the model's next inputs, or none at the chain's end, and the state.
#[derive(Debug, Clone)]
pub struct Step<S> {
    /// The next inputs: the same names and shapes on every call.
    pub inputs: Option<NamedTensors>,
    /// What the hook wants to know on the next call.
    pub state: S,
}

impl<S> Step<S> {
    /// Goes on with `inputs`.
    pub fn next<N: Into<String>>(inputs: impl IntoIterator<Item = (N, Tensor)>, state: S) -> Self {
        Self { inputs: Some(inputs.into_iter().map(|(name, xs)| (name.into(), xs)).collect()), state }
    }

    /// Ends the chain.
    pub const fn end(state: S) -> Self {
        Self { inputs: None, state }
    }
}

/// What a metric over a whole chain gives: one number, or several by name.
#[derive(Debug, Clone, PartialEq)]
pub enum ChainMetric {
    /// One number.
    Scalar(f64),
    /// Numbers by name; at least one.
    Map(Vec<(String, f64)>),
}

impl From<f64> for ChainMetric {
    fn from(value: f64) -> Self {
        Self::Scalar(value)
    }
}

impl<N: Into<String>, const K: usize> From<[(N, f64); K]> for ChainMetric {
    fn from(values: [(N, f64); K]) -> Self {
        Self::Map(values.into_iter().map(|(name, value)| (name.into(), value)).collect())
    }
}

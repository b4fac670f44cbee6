use candle_core::{DType, Tensor};

use super::HandlerResult;

/// One input of a model, as the model declares it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ModelInput {
    /// Its name.
    pub name: String,
    /// The batched shape; `None` where any size goes. A first size above 1 is a fixed batch.
    pub shape: Vec<Option<usize>>,
    /// What the input is cast to before the model runs.
    pub dtype: DType,
}

impl ModelInput {
    /// An f32 input.
    pub fn new(name: impl Into<String>, shape: impl IntoIterator<Item = Option<usize>>) -> Self {
        Self { name: name.into(), shape: shape.into_iter().collect(), dtype: DType::F32 }
    }

    /// Gives the input another dtype.
    #[must_use]
    pub const fn with_dtype(mut self, dtype: DType) -> Self {
        self.dtype = dtype;
        self
    }
}

/// What an integration test runs: named inputs, and outputs in the order of the binder's prediction types.
pub trait LeapModel: Send + Sync {
    /// The inputs, in the order in which [`LeapModel::run`] takes them.
    fn inputs(&self) -> Vec<ModelInput>;

    /// Runs the model on batched tensors `(n, ...)`; every output has the batch as its first axis.
    ///
    /// # Errors
    /// Anything that stops the model.
    fn run(&self, inputs: &[Tensor]) -> HandlerResult<Vec<Tensor>>;
}

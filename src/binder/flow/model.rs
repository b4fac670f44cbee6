//! The model as an integration test calls it: loaded once, its inputs cast, its outputs counted.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use candle_core::{DType, Tensor};

use crate::binder::guarded;
use crate::contract::tensor::numpy_name;
use crate::contract::{Code, HandlerResult, LeapModel, ModelInput, Violation};

type Load = Box<dyn Fn() -> HandlerResult<Box<dyn LeapModel>> + Send + Sync>;

/// Loads the model on first use and keeps it; a failure is not kept.
pub(crate) struct LoadModel {
    load: Load,
    loaded: Mutex<Option<Arc<dyn LeapModel>>>,
}

impl LoadModel {
    pub(crate) fn new(load: Load) -> Self {
        Self { load, loaded: Mutex::new(None) }
    }

    pub(crate) fn get(&self) -> Result<Arc<dyn LeapModel>, Violation> {
        // A panic while loading is caught below, so that the lock cannot be poisoned by it.
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(model) = &*loaded {
            return Ok(Arc::clone(model));
        }
        let model: Arc<dyn LeapModel> = guarded("load_model", || (self.load)())?.into();
        *loaded = Some(Arc::clone(&model));
        Ok(model)
    }
}

/// A binder's model, ready to be called on batched tensors.
#[derive(Clone)]
pub struct ModelCall {
    pub(super) model: Arc<dyn LeapModel>,
    /// Declared prediction types.
    pub(super) predictions: usize,
    /// Whether a single sample is repeated for a model with a fixed batch.
    pub(super) tile: bool,
}

impl fmt::Debug for ModelCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ModelCall").field("inputs", &self.inputs()).finish_non_exhaustive()
    }
}

impl ModelCall {
    /// What the model takes, in order.
    pub fn inputs(&self) -> Vec<ModelInput> {
        self.model.inputs()
    }

    /// Runs the model on batched tensors in its own order; each is cast to the input's dtype first.
    ///
    /// # Errors
    /// `BND-303` for a wrong number or shape of inputs, an input of a dtype that Tensorleap does not feed (16-bit floats
    /// among them), or another number of outputs than there are prediction types; `BND-202` and `BND-203` when the model
    /// fails.
    pub fn run(&self, tensors: &[&Tensor]) -> Result<Vec<Tensor>, Violation> {
        let inputs = self.inputs();
        if let Some(missing) = inputs.get(tensors.len()) {
            return Err(broken(names(&inputs), format!("Missing required input {:?}", missing.name)));
        }
        if tensors.len() > inputs.len() {
            let found = format!("{} tensors, which do not match the {} inputs", tensors.len(), inputs.len());
            return Err(broken(names(&inputs), found));
        }
        let fixed = self.fixed_batch(&inputs);
        let fed = tensors.iter().zip(&inputs).map(|(xs, input)| prepare(xs, input, fixed));
        let fed = fed.collect::<Result<Vec<_>, _>>()?;
        let outputs = guarded("model", || self.model.run(&fed))?;
        if self.predictions > 0 && outputs.len() != self.predictions {
            let expected = format!("as many outputs as the number of declared prediction types({})", self.predictions);
            return Err(broken(expected, format!("{} outputs", outputs.len())));
        }
        let single = tensors.iter().all(|xs| xs.dims().first() == Some(&1));
        if fixed.is_none() || !single {
            return Ok(outputs);
        }
        guarded("model", || Ok(outputs.iter().map(|xs| xs.narrow(0, 0, 1)).collect::<candle_core::Result<Vec<_>>>()?))
    }

    /// [`ModelCall::run`] with the inputs by name, in the model's order.
    ///
    /// # Errors
    /// As [`ModelCall::run`]; `BND-303` for a name the model does not have, one that is missing, or another order: the
    /// platform wires inputs by their place.
    pub fn run_named(&self, feeds: &[(&str, &Tensor)]) -> Result<Vec<Tensor>, Violation> {
        let inputs = self.inputs();
        if let Some((unknown, _)) = feeds.iter().find(|(name, _)| !inputs.iter().any(|input| input.name == *name)) {
            return Err(broken(names(&inputs), format!("the name {unknown:?}: the names do not match")));
        }
        if let Some(missing) = inputs.iter().find(|input| !feeds.iter().any(|(name, _)| input.name == *name)) {
            return Err(broken(names(&inputs), format!("Missing required input {:?}", missing.name)));
        }
        let given: Vec<&str> = feeds.iter().map(|(name, _)| *name).collect();
        if !inputs.iter().map(|input| &*input.name).eq(given.iter().copied()) {
            return Err(broken(names(&inputs), format!("{given:?}, an order mismatch")));
        }
        let tensors: Vec<&Tensor> = feeds.iter().map(|(_, xs)| *xs).collect();
        self.run(&tensors)
    }

    fn fixed_batch(&self, inputs: &[ModelInput]) -> Option<usize> {
        let first = inputs.first()?.shape.first().copied().flatten()?;
        (self.tile && first > 1).then_some(first)
    }
}

/// Holds a tensor against the model's declaration, casts it, and repeats a single sample for a fixed batch.
fn prepare(xs: &Tensor, input: &ModelInput, fixed: Option<usize>) -> Result<Tensor, Violation> {
    // The batch is left to the model: a declared one is often only what the model was exported with.
    let fits = input.shape.is_empty()
        || xs.rank() == input.shape.len()
            && input.shape.iter().zip(xs.dims()).skip(1).all(|(wanted, found)| wanted.is_none_or(|n| n == *found));
    if !fits {
        let expected = format!("input {} of shape {:?}", input.name, input.shape);
        return Err(broken(expected, format!("{:?}", xs.dims())));
    }
    let known =
        matches!(input.dtype, DType::F32 | DType::F64 | DType::U8 | DType::U32 | DType::I16 | DType::I32 | DType::I64);
    if !known {
        let found = format!("tensor({})", numpy_name(input.dtype));
        return Err(broken(format!("input {} of a float32, float64 or integer type", input.name), found));
    }
    guarded("model", || {
        let xs = xs.to_dtype(input.dtype)?;
        match fixed.filter(|_| xs.dim(0).is_ok_and(|batch| batch == 1)) {
            Some(batch) => Ok(Tensor::cat(&vec![&xs; batch], 0)?),
            None => Ok(xs),
        }
    })
}

fn names(inputs: &[ModelInput]) -> String {
    let names: Vec<&str> = inputs.iter().map(|input| &*input.name).collect();
    format!("the model's inputs {names:?}, each once and in this order")
}

fn broken(expected: impl Into<String>, found: impl Into<String>) -> Violation {
    Violation::new(Code::ModelCall, "model", expected, found)
}

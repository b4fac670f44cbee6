use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::{Arc, PoisonError};

use candle_core::{DType, Device, Tensor};
use candle_nn::VarMap;

use super::head::head_of;
use super::stages::{Parameter, named, traced};
use crate::metrics::Temperature;
use crate::model::{Card, Checkpoint, Classifier, Model, Weights, save, write_safetensors};
use crate::{Error, Result};

/// A model with its variables: what [`train`](super::train()) changes.
///
/// [`Trainee::new`] takes any network of the catalogue with any start: a trained file, a backbone with a new head
/// ([`Weights::load_backbone`]), random weights. [`Trainee::around`] takes a model of one's own.
pub struct Trainee {
    model: Arc<dyn Model>,
    variables: VarMap,
    parameters: Vec<Parameter>,
    /// What the weights are, of a network of the catalogue.
    card: Option<Card>,
}

impl Trainee {
    /// The network of `weights` on `device`, with variables in f32.
    ///
    /// # Errors
    ///
    /// As [`Weights::trainable`].
    pub fn new(weights: &Weights, device: &Device) -> Result<Self> {
        let (network, variables) = weights.trainable(device)?;
        let parameters = traced(&*network, &variables, weights.architecture().step())?;
        let model = Arc::new(Classifier::around(network.into(), weights.card())?);
        Ok(Self { model, variables, parameters, card: Some(weights.card().clone()) })
    }

    /// A model of one's own that was built from `variables`. It must have [`Model::forward_t`] in either mode and, for frozen stages, the
    /// passes through its split points.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`] if nothing in `variables` can be learned.
    pub fn around(model: Arc<dyn Model>, variables: VarMap) -> Result<Self> {
        let parameters = named(&variables, model.split_points());
        if parameters.is_empty() {
            return Err(Error::argument("Trainee::around", "variables that can be learned", "none"));
        }
        Ok(Self { model, variables, parameters, card: None })
    }

    /// The model, which sees the variables as they are.
    pub fn model(&self) -> &Arc<dyn Model> {
        &self.model
    }

    /// The variables under the model's tensor names, running statistics among them.
    pub fn variables(&self) -> &VarMap {
        &self.variables
    }

    /// What the weights are; none for a model of one's own.
    pub fn card(&self) -> Option<&Card> {
        self.card.as_ref()
    }

    /// The present values as weights to evaluate, save or hand on.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`] for a model of one's own; [`Error::Weights`] if a value is not finite.
    pub fn weights(&self) -> Result<Weights> {
        let card = self.card().ok_or_else(|| self.foreign("Trainee::weights"))?;
        Weights::of(&self.variables, card)
    }

    pub(super) fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    /// The model as it is now, in the fastest form for evaluation.
    pub(super) fn scorer(&self) -> Result<Arc<dyn Model>> {
        match self.card() {
            Some(_) => Ok(Arc::new(Classifier::new(&self.weights()?, self.model.device())?)),
            None => Ok(Arc::clone(&self.model)),
        }
    }

    /// Divides the head's values, and so the logits, by `temperature`: the probabilities become as sharp or as soft as it says, and
    /// no prediction changes.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`] for a model of one's own, [`Error::Mismatch`] where the head is not one linear layer.
    pub fn calibrate(&self, temperature: Temperature) -> Result<()> {
        let card = self.card().ok_or_else(|| self.foreign("Trainee::calibrate"))?;
        let (names, _) = head_of(card)?;
        for parameter in self.parameters.iter().filter(|parameter| names.contains(&parameter.name)) {
            let divided = parameter.var.as_detached_tensor() / temperature.value();
            let set = divided.and_then(|value| parameter.var.set(&value));
            set.map_err(Error::tensor(&parameter.name))?;
        }
        Ok(())
    }

    fn foreign(&self, function: &'static str) -> Error {
        Error::argument(function, "a network of the catalogue", self.model.name().to_owned())
    }

    /// Copies of all variables.
    pub(super) fn values(&self) -> Result<BTreeMap<String, Tensor>> {
        let data = self.variables.data().lock().unwrap_or_else(PoisonError::into_inner);
        let copy = |(name, var): (&String, &candle_core::Var)| Ok((name.clone(), var.as_detached_tensor().copy()?));
        data.iter().map(copy).collect::<candle_core::Result<_>>().map_err(Error::tensor("copying the variables"))
    }

    /// Puts `values` into the variables of their names.
    pub(super) fn set(&self, values: &BTreeMap<String, Tensor>) -> Result<()> {
        let data = self.variables.data().lock().unwrap_or_else(PoisonError::into_inner);
        for (name, value) in values {
            if let Some(var) = data.get(name) {
                let set = value.to_device(var.device()).and_then(|value| var.set(&value));
                set.map_err(Error::tensor(format!("setting {name}")))?;
            }
        }
        Ok(())
    }

    /// Writes the variables to `path`: as a weights file that [`Weights::open`] reads where the network is of the catalogue.
    pub(super) fn save(&self, path: &Path, notes: impl FnOnce(Card) -> Card) -> Result<()> {
        match self.card() {
            Some(card) => save(path, &self.variables, &notes(card.clone()), DType::F32),
            None => write_safetensors(path, BTreeMap::new(), &on_cpu(self.values()?)?),
        }
    }

    /// Reads back what [`Trainee::save`] wrote.
    pub(super) fn load(&self, path: &Path) -> Result<BTreeMap<String, Tensor>> {
        let file = Checkpoint::open(path)?;
        let names: Vec<String> = self.values()?.into_keys().collect();
        let device = self.model.device();
        names.into_iter().map(|name| Ok((name.clone(), file.tensor(&name, DType::F32, device)?))).collect()
    }
}

/// Contiguous copies on the CPU, as files need them.
pub(super) fn on_cpu(values: BTreeMap<String, Tensor>) -> Result<BTreeMap<String, Tensor>> {
    let copied = |(name, value): (String, Tensor)| {
        let value = value.to_device(&Device::Cpu).and_then(|value| value.contiguous());
        Ok((name.clone(), value.map_err(Error::tensor(name))?))
    };
    values.into_iter().map(copied).collect()
}

impl fmt::Debug for Trainee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trainee")
            .field("model", &self.model)
            .field("parameters", &self.parameters.len())
            .finish_non_exhaustive()
    }
}

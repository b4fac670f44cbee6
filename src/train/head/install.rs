use candle_core::{Device, Tensor, Var};
use candle_nn::VarMap;
use std::sync::PoisonError;

use super::LinearHead;
use crate::model::Card;
use crate::{Error, Result};

impl LinearHead {
    /// Makes the head that of a network whose variables are at hand, as [`Weights::trainable`](crate::model::Weights::trainable)
    /// gives them; [`save`](crate::model::save) then writes a weights file. Numbers are rounded to the variables' type.
    ///
    /// # Errors
    /// [`Error::Mismatch`] when classes or width are not the network's, or its head is more than one linear layer (a detector's);
    /// [`Error::Argument`] when the variables have no such tensors; [`Error::Tensor`] if the device fails. The
    /// variables are then as they were.
    pub fn install(&self, variables: &VarMap, card: &Card) -> Result<()> {
        let names = self.tensors_of(card)?;
        let data = variables.data().lock().unwrap_or_else(PoisonError::into_inner);
        let width = self.width();
        let numbers = [self.weight().concat(), self.bias().to_vec()];
        let shapes = [vec![self.classes().len(), width], vec![self.classes().len()]];
        let mut changes: Vec<(&Var, Tensor)> = Vec::new();
        for ((name, numbers), shape) in names.iter().zip(numbers).zip(shapes) {
            let variable = data.get(name).filter(|variable| variable.dims() == shape).ok_or_else(|| {
                let found = data.get(name).map_or("none".to_owned(), |variable| format!("{:?}", variable.dims()));
                Error::argument("LinearHead::install", format!("a variable {name} of shape {shape:?}"), found)
            })?;
            let tensor = || {
                let tensor = Tensor::from_vec(numbers, shape, &Device::Cpu)?;
                tensor.to_dtype(variable.dtype())?.to_device(variable.device())
            };
            changes.push((variable, tensor().map_err(Error::tensor("head"))?));
        }
        changes.iter().try_for_each(|(variable, tensor)| variable.set(tensor)).map_err(Error::tensor("head"))
    }

    /// The names of weight and bias in the network that the card describes, if this can be its head.
    fn tensors_of(&self, card: &Card) -> Result<[String; 2]> {
        let network = card.architecture;
        let misfit = |subject: &str, left: String, right: String| {
            Err(Error::Mismatch { subject: subject.to_owned(), left, right })
        };
        if self.classes() != card.classes {
            let left = format!("the head has {:?}", self.classes());
            return misfit("classes", left, format!("the network {network} has {:?}", card.classes));
        }
        let (names, width) = head_of(card)?;
        if width == self.width() {
            return Ok(names);
        }
        misfit(
            "latent widths",
            format!("the head takes {}", self.width()),
            format!("the network {network} gives {width}"),
        )
    }
}

/// The names of the head's weight and bias in the network that `card` describes, and the width of its latent vector.
///
/// # Errors
/// [`Error::Mismatch`] when the head is not one linear layer.
pub(in crate::train) fn head_of(card: &Card) -> Result<([String; 2], usize)> {
    let network = card.architecture;
    let names = ["weight", "bias"].map(|part| format!("{}{part}", network.head()));
    let tensors = network.tensors(card.input.channels(), card.classes.len())?;
    let own: Vec<_> = tensors.iter().filter(|(name, _)| name.starts_with(network.head())).collect();
    let shape = own.iter().find(|(name, _)| *name == names[0]).map_or(&[][..], |(_, shape)| shape.dims());
    match shape {
        [_, width] if own.len() == 2 && own.iter().all(|(name, _)| names.contains(name)) => Ok((names, *width)),
        _ => {
            let tensors: Vec<String> = own.iter().map(|(name, shape)| format!("{name} {:?}", shape.dims())).collect();
            Err(Error::Mismatch {
                subject: "heads".to_owned(),
                left: "one linear layer was expected".to_owned(),
                right: format!("the head of {network} is {}", tensors.join(", ")),
            })
        }
    }
}

//! Networks that are put together from layers.

use std::fmt::Debug;
use std::ops::{Range, RangeInclusive};

use candle_core::{DType, Device, Result as TensorResult, Tensor};
use candle_nn::Linear;

use super::{Mode, Network, Output};
use crate::nn::pointwise;
use crate::{Error, Result};

/// A part of a network: one tensor in, one out.
pub(super) trait Layer: Debug + Send + Sync {
    fn forward(&self, xs: &Tensor, mode: Mode) -> TensorResult<Tensor>;
}

/// What makes latent and logits of the last feature map.
pub(super) trait Top: Debug + Send + Sync {
    fn latent(&self, features: &Tensor, mode: Mode) -> TensorResult<Tensor>;

    fn logits(&self, features: &Tensor, latent: &Tensor, mode: Mode) -> TensorResult<Tensor>;
}

/// The facts about a network that are not its layers.
#[derive(Debug, Clone)]
pub(super) struct Facts {
    pub(super) name: String,
    pub(super) channels: usize,
    pub(super) sides: RangeInclusive<usize>,
    pub(super) classes: usize,
    pub(super) latent_dim: usize,
    pub(super) dtype: DType,
    pub(super) device: Device,
}

/// A [`Network`] made of boxed layers.
#[derive(Debug)]
pub(super) struct Staged {
    facts: Facts,
    names: Vec<String>,
    layers: Vec<Box<dyn Layer>>,
    top: Box<dyn Top>,
}

impl Staged {
    pub(super) fn new(facts: Facts, stages: Vec<(String, Box<dyn Layer>)>, top: Box<dyn Top>) -> Self {
        let (names, layers) = stages.into_iter().unzip();
        Self { facts, names, layers, top }
    }
}

impl Network for Staged {
    fn name(&self) -> &str {
        &self.facts.name
    }

    fn channels(&self) -> usize {
        self.facts.channels
    }

    fn sides(&self) -> RangeInclusive<usize> {
        self.facts.sides.clone()
    }

    fn classes(&self) -> usize {
        self.facts.classes
    }

    fn latent_dim(&self) -> usize {
        self.facts.latent_dim
    }

    fn dtype(&self) -> DType {
        self.facts.dtype
    }

    fn device(&self) -> &Device {
        &self.facts.device
    }

    fn split_points(&self) -> &[String] {
        &self.names
    }

    fn run(&self, xs: &Tensor, stages: Range<usize>, mode: Mode) -> Result<Tensor> {
        self.check_run(xs, &stages)?;
        let mut xs = xs.clone();
        for (name, layer) in self.names.iter().zip(&self.layers).take(stages.end).skip(stages.start) {
            xs = layer.forward(&xs, mode).map_err(Error::tensor(name))?;
        }
        Ok(xs)
    }

    fn top(&self, features: &Tensor, mode: Mode) -> Result<Output> {
        let latent = self.top.latent(features, mode).map_err(Error::tensor("latent"))?;
        let logits = self.top.logits(features, &latent, mode).map_err(Error::tensor("logits"))?;
        Ok(Output { logits, latent })
    }
}

/// `linear` on each row of `xs` `(n, in)` by itself: `(n, out)`. The number of rows changes no bit; see [`pointwise`].
pub(super) fn linear_by_row(linear: &Linear, xs: &Tensor) -> TensorResult<Tensor> {
    let ys = pointwise(linear.weight(), &xs.unsqueeze(2)?)?.squeeze(2)?;
    match linear.bias() {
        Some(bias) => ys.broadcast_add(bias),
        None => Ok(ys),
    }
}

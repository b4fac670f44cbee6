use std::collections::BTreeMap;
use std::sync::PoisonError;

use candle_core::Tensor;
use candle_nn::VarMap;

use crate::{Error, Result};

/// The exponential moving average of all variables (Polyak and Juditsky, 1992, with forgetting), running statistics among them.
#[derive(Debug)]
pub(super) struct Average {
    decay: f64,
    pub(super) values: BTreeMap<String, Tensor>,
}

impl Average {
    pub(super) const fn new(decay: f64, values: BTreeMap<String, Tensor>) -> Self {
        Self { decay, values }
    }

    /// Takes the values after step `step`, counted from 1, in.
    pub(super) fn update(&mut self, variables: &VarMap, step: usize) -> Result<()> {
        let step = step as f64;
        let decay = self.decay.min((1.0 + step) / (10.0 + step));
        let data = variables.data().lock().unwrap_or_else(PoisonError::into_inner);
        for (name, average) in &mut self.values {
            let Some(var) = data.get(name) else { continue };
            // In this form what stands still is its own average, to the last bit.
            let moved = || &*average + ((var.as_detached_tensor() - &*average)? * (1.0 - decay))?;
            *average = moved().map_err(Error::tensor(format!("averaging {name}")))?;
        }
        Ok(())
    }
}

//! What makes of gradients new weights: SGD and AdamW, with torch's arithmetic, and the clipping of gradients.

mod clip;
mod kernel;
mod state;
#[cfg(test)]
mod tests;

pub(crate) use clip::{clip_factor, global_norm};
use serde::{Deserialize, Serialize};
pub(crate) use state::State;

use super::range;
use crate::Result;

/// The rule by which weights follow their gradients. The learning rate is not part of it.
///
/// ```
/// use leap_binder::train::Optimiser;
///
/// let Optimiser::AdamW { beta2, .. } = Optimiser::adamw() else { unreachable!() };
/// assert_eq!(beta2, 0.999);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Optimiser {
    /// Stochastic gradient descent, as `torch.optim.SGD` without dampening. With `g` the gradient plus `weight_decay` times the
    /// weight, the momentum `b` becomes `momentum * b + g`, and the weight loses `rate * b`.
    Sgd {
        /// From 0 (none) to below 1.
        momentum: f64,
        /// Nesterov's form: the weight loses `rate * (g + momentum * b)`. Only with momentum.
        nesterov: bool,
        /// At least 0.
        weight_decay: f64,
    },
    /// Adam with decoupled weight decay and bias correction (Loshchilov and Hutter, ICLR 2019), as `torch.optim.AdamW`.
    AdamW {
        /// Of the running mean of the gradient, from 0 to below 1.
        beta1: f64,
        /// Of the running mean of the squared gradient, from 0 to below 1.
        beta2: f64,
        /// Added to the root that is divided by. Above 0.
        eps: f64,
        /// The share of a weight that it loses at a rate of 1. At least 0.
        weight_decay: f64,
    },
}

impl Optimiser {
    /// AdamW as torch starts it: betas 0.9 and 0.999, `eps` 1e-8, weight decay 0.01.
    pub const fn adamw() -> Self {
        Self::AdamW { beta1: 0.9, beta2: 0.999, eps: 1e-8, weight_decay: 0.01 }
    }

    /// SGD as image classifiers are commonly trained: Nesterov's momentum 0.9, weight decay 1e-4.
    pub const fn sgd() -> Self {
        Self::Sgd { momentum: 0.9, nesterov: true, weight_decay: 1e-4 }
    }

    /// Refuses numbers outside the ranges above, and Nesterov's form without momentum.
    ///
    /// # Errors
    ///
    /// [`Error::Config`](crate::Error::Config).
    pub(crate) fn validate(&self) -> Result<()> {
        match *self {
            Self::Sgd { momentum, nesterov, weight_decay } => {
                range::check("optimiser.momentum", momentum, 0.0..1.0)?;
                if nesterov && momentum == 0.0 {
                    let expected = "momentum above 0, without which there is no Nesterov's form";
                    return Err(crate::Error::config("optimiser.nesterov", expected, "momentum 0"));
                }
                range::check("optimiser.weight_decay", weight_decay, 0.0..f64::INFINITY)
            }
            Self::AdamW { beta1, beta2, eps, weight_decay } => {
                range::check("optimiser.beta1", beta1, 0.0..1.0)?;
                range::check("optimiser.beta2", beta2, 0.0..1.0)?;
                range::check("optimiser.eps", eps, f64::MIN_POSITIVE..f64::INFINITY)?;
                range::check("optimiser.weight_decay", weight_decay, 0.0..f64::INFINITY)
            }
        }
    }

    /// What is kept of each parameter from step to step, each in its shape.
    fn buffers(&self) -> &'static [&'static str] {
        match self {
            Self::Sgd { momentum: 0.0, .. } => &[],
            Self::Sgd { .. } => &["momentum"],
            Self::AdamW { .. } => &["m", "v"],
        }
    }
}

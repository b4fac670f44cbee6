use std::ops::Bound;

use serde::Serialize;

use crate::train::{ClassWeights, range};
use crate::{Error, Result};

/// How a head is fitted.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct HeadOptions {
    /// Candidates for the inverse strength of the penalty, scikit-learn's `C`: the larger, the closer the head follows its
    /// samples. Of several, cross-validation chooses one. Default: 1e-5, 1e-4 ... 100.
    pub c: Vec<f64>,
    /// Folds of the cross-validation. 0 leaves it out, and needs a single candidate. Default: 5.
    pub folds: usize,
    /// What chooses among the candidates. Default: log loss.
    pub scoring: Scoring,
    /// How much a sample counts by its class; derived weights are those of the training rows, in each fold anew, and count a
    /// row's own weight in. Default: none.
    pub class_weights: ClassWeights,
    /// Whether the columns are brought to mean 0 and standard deviation 1 first, so that the penalty treats them alike; by the
    /// training rows only, in each fold anew. The head is for rows as they are in either case. Default: true.
    pub standardise: bool,
    /// Fitting ends where no entry of the gradient of the mean loss is above this. Default: 1e-6.
    pub tolerance: f64,
    /// Steps of a fit at most; one that ends there says that it has not converged. Default: 1,000.
    pub max_iterations: usize,
    /// Draws the folds. Default: 0.
    pub seed: u64,
}

impl Default for HeadOptions {
    fn default() -> Self {
        Self {
            c: (-5..=2).map(|power| 10f64.powi(power)).collect(),
            folds: 5,
            scoring: Scoring::LogLoss,
            class_weights: ClassWeights::None,
            standardise: true,
            tolerance: 1e-6,
            max_iterations: 1000,
            seed: 0,
        }
    }
}

/// What tells a good head from a bad one on held-out samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Scoring {
    /// The mean of minus the logarithm of the true class's probability; the least is best.
    #[default]
    LogLoss,
    /// The mean recall of the classes that the held-out samples have; the largest is best.
    BalancedAccuracy,
}

impl HeadOptions {
    /// The options with a single candidate for `C` and no cross-validation.
    #[must_use]
    pub fn single(c: f64) -> Self {
        Self { c: vec![c], folds: 0, ..Self::default() }
    }

    /// Checks the values that types leave open.
    ///
    /// # Errors
    /// [`Error::Config`] that names the option.
    pub fn validate(&self) -> Result<()> {
        let positive = |value: &f64| *value > 0.0 && value.is_finite();
        if self.c.is_empty() || !self.c.iter().all(positive) {
            return Err(Error::config("c", "one positive number or more", format!("{:?}", self.c)));
        }
        if self.folds == 1 || (self.folds == 0 && self.c.len() > 1) {
            let expected = if self.c.len() > 1 { "2 or more, to choose C by" } else { "0, or 2 or more" };
            return Err(Error::config("folds", expected, self.folds.to_string()));
        }
        let above_zero = (Bound::Excluded(0.0), Bound::Excluded(f64::INFINITY));
        range::check("tolerance", self.tolerance, above_zero)?;
        range::check("max_iterations", self.max_iterations, 1..)?;
        match &self.class_weights {
            ClassWeights::Given(weights) if !weights.iter().all(|weight| *weight > 0.0 && weight.is_finite()) => {
                Err(Error::config("class_weights", "positive numbers", format!("{weights:?}")))
            }
            _ => Ok(()),
        }
    }
}

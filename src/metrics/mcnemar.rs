use serde::Serialize;

use super::Predictions;
use super::paired::check_paired;
use super::tails::{chi_squared_tail, fair_coins};
use crate::Result;

/// McNemar's test of whether two models err equally often on the same samples (McNemar, "Note on the Sampling Error of the
/// Difference between Correlated Proportions or Percentages", 1947).
///
/// Only samples that exactly one of the models got right tell the two apart. If the models were equally good, each such
/// sample would fall to either side with chance one half. All three forms are those of
/// `statsmodels.stats.contingency_tables.mcnemar`; take [`McNemar::exact`] unless another study is to be matched.
/// Samples count as independent.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct McNemar {
    /// Samples that only the first model got right: `b`.
    pub only_first: u64,
    /// Samples that only the second model got right: `c`.
    pub only_second: u64,
    /// The exact two-sided p-value: twice the binomial chance of at most `min(b, c)` of `b + c` fair coins, at most 1.
    pub exact: f64,
    /// `(b - c)^2 / (b + c)` against chi-squared with one degree of freedom; rough where `b + c` is below about 25.
    pub chi_squared: ChiSquared,
    /// `(|b - c| - 1)^2 / (b + c)`, with Edwards's correction for continuity, which comes nearer to the exact one.
    pub corrected: ChiSquared,
}

/// A statistic that is compared with the chi-squared distribution, and its p-value.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ChiSquared {
    /// The statistic, at least 0.
    pub statistic: f64,
    /// The chance of a larger one if there is no difference, in [0, 1].
    pub p_value: f64,
}

impl McNemar {
    /// The test of two models' predicted classes.
    ///
    /// # Errors
    /// [`Error::Mismatch`](crate::Error::Mismatch) if the two have other classes or other samples.
    pub fn new(first: &Predictions, second: &Predictions) -> Result<Self> {
        check_paired(first, second)?;
        let decisions = first.y_true().iter().zip(first.y_pred().iter().zip(second.y_pred()));
        let (only_first, only_second) = decisions.fold((0, 0), |(b, c), (truth, (first, second))| {
            (b + u64::from(first == truth && second != truth), c + u64::from(first != truth && second == truth))
        });
        Ok(Self::from_counts(only_first, only_second))
    }

    /// The test of counts: samples that only the first got right, and those that only the second did.
    ///
    /// Where both are 0 there is nothing to tell the models apart: the statistics are 0 and the p-values 1.
    pub fn from_counts(only_first: u64, only_second: u64) -> Self {
        let (b, c) = (only_first as f64, only_second as f64);
        let chi_squared = |distance: f64| {
            let statistic = if b + c == 0.0 { 0.0 } else { distance * distance / (b + c) };
            ChiSquared { statistic, p_value: chi_squared_tail(statistic, 1) }
        };
        let exact = 2.0 * fair_coins(only_first.min(only_second), only_first.saturating_add(only_second));
        Self {
            only_first,
            only_second,
            exact: exact.min(1.0),
            chi_squared: chi_squared(b - c),
            corrected: chi_squared((b - c).abs() - 1.0),
        }
    }
}

use serde::Serialize;

use super::paired::check_paired;
use super::resampled::Resampled;
use super::scores::Scores;
use super::{Bootstrap, Estimate, Predictions, Score};
use crate::Result;

/// How one score differs between two models on the same samples: the paired percentile bootstrap.
///
/// Both models are scored in the same resamples, and the interval is that of the differences `first - second`, which is
/// narrower than the two models' own intervals suggest as far as they err on the same samples. See [`Bootstrap`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct PairedBootstrap {
    /// What was scored.
    pub score: Score,
    /// The first model's score less the second's, with its interval; undefined where one of the scores is.
    pub difference: Estimate,
    /// How far the resampled differences are on one side of 0: `2 min(l, h)` with `l = (1 + #{d <= 0}) / (B + 1)` and
    /// `h = (1 + #{d >= 0}) / (B + 1)` over the `B` resamples in which both scores are defined; at most 1, and at least
    /// `2^(1 - n)`, the chance that `n` fair coins all fall on one side.
    ///
    /// This is the two-sided achieved significance level of the percentile interval, with Davison and Hinkley's `+ 1`
    /// ("Bootstrap Methods and their Application", 1997, section 4.4): the largest share of resamples outside an interval
    /// that does not hold 0. It is 1 for equal models, at least `2 / (B + 1)`, and none without such resamples. The bound
    /// by `n` is for very few samples, of which resamples vary less than chance does: of one sample they do not vary at
    /// all.
    pub p_value: Option<f64>,
}

impl PairedBootstrap {
    /// Compares two models on one score.
    ///
    /// Costs one sort for each class and model, then time in proportion to `resamples x n x classes`. To compare many
    /// models on many scores, use [`compare`](crate::compare::compare), which scores each model's resamples once.
    ///
    /// # Errors
    /// [`Error::Mismatch`](crate::Error::Mismatch) if the two have other classes or other samples, with the first sample
    /// whose true classes differ; [`Error::Argument`](crate::Error::Argument) if the bootstrap's level is not inside (0,
    /// 1).
    pub fn new(first: &Predictions, second: &Predictions, score: Score, bootstrap: &Bootstrap) -> Result<Self> {
        check_paired(first, second)?;
        Ok(Self::of(&Resampled::new(first, bootstrap)?, &Resampled::new(second, bootstrap)?, score))
    }

    /// The same of what is scored already; both must be of the same samples and bootstrap.
    pub(crate) fn of(first: &Resampled, second: &Resampled, score: Score) -> Self {
        let difference = |(a, b): (&Scores, &Scores)| Some(score.pick(a)? - score.pick(b)?);
        let differences: Vec<f64> = first.resamples.iter().zip(&second.resamples).filter_map(difference).collect();
        let value = difference((&first.point, &second.point));
        let p_value = value.and_then(|_| p_value(&differences, first.n));
        Self { score, difference: first.bootstrap().estimate(value, differences.into_iter()), p_value }
    }
}

/// The two-sided achieved significance level of resampled differences.
fn p_value(differences: &[f64], n: usize) -> Option<f64> {
    let share = |side: fn(&f64) -> bool| {
        (1 + differences.iter().filter(|d| side(d)).count()) as f64 / (differences.len() + 1) as f64
    };
    let smaller = share(|d| *d <= 0.0).min(share(|d| *d >= 0.0));
    let least = 0.5f64.powi(i32::try_from(n.saturating_sub(1)).unwrap_or(i32::MAX));
    (!differences.is_empty()).then(|| (2.0 * smaller).max(least).min(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn significance_counts_the_smaller_side() {
        assert_eq!(p_value(&[], 50), None);
        assert_eq!(p_value(&[0.0; 9], 50), Some(1.0));
        assert_eq!(p_value(&[0.5; 9], 50), Some(0.2));
        assert_eq!(p_value(&[0.5; 9], 3), Some(0.25));
        assert_eq!(p_value(&[0.5; 9], 1), Some(1.0));
        assert_eq!(p_value(&[-0.5, 0.1, 0.2, 0.0, 0.1, 0.3, 0.4, 0.2, 0.1], 50), Some(0.6));
    }
}

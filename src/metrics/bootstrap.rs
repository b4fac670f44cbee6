use rayon::prelude::*;
use serde::Serialize;

use crate::rng::SplitMix64;
use crate::{Error, Result};

/// A metric with its bootstrap interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Estimate {
    /// The metric of the samples as they are; `None` where it is undefined.
    pub value: Option<f64>,
    /// The interval's lower end; `None` if the metric is undefined in every resample.
    pub low: Option<f64>,
    /// The interval's upper end; `None` together with `low`.
    pub high: Option<f64>,
}

/// How intervals are made: the percentile bootstrap (Efron and Tibshirani, "An Introduction to the Bootstrap", 1993).
///
/// Each resample draws n of the n samples with replacement and is scored anew. The interval reaches between the two
/// percentiles that hold `level` of the resampled values, interpolated linearly (numpy's default). Resamples in which a
/// metric is undefined, such as the recall of a class that was not drawn, are left out of its interval.
///
/// Samples count as independent. With several images of one patient the intervals are too narrow. They are also rough
/// where a class has few samples, and the value itself may lie outside (an ECE is mostly larger in resamples).
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Bootstrap {
    /// Number of resamples; 1000 by default, 0 for no intervals. Time grows with it.
    pub resamples: usize,
    /// Where the draws start; 0 by default. Equal seeds give equal intervals for any number of threads.
    pub seed: u64,
    /// The share of resampled values inside the interval, in (0, 1); 0.95 by default.
    pub level: f64,
}

impl Default for Bootstrap {
    fn default() -> Self {
        Self { resamples: 1000, seed: 0, level: 0.95 }
    }
}

impl Bootstrap {
    /// No intervals, for example while training.
    pub const NONE: Self = Self { resamples: 0, seed: 0, level: 0.95 };

    /// Refuses a level outside (0, 1).
    pub(crate) fn check(&self) -> Result<()> {
        if self.level > 0.0 && self.level < 1.0 {
            return Ok(());
        }
        Err(Error::argument("Bootstrap", "a level inside (0, 1)", self.level.to_string()))
    }

    /// The statistic of each resample of n samples, in order; it is handed how often each sample was drawn.
    ///
    /// Resample i has a generator of its own, whose seed is i more than the first number drawn from `seed`. SplitMix64
    /// steps by 2^64 over the golden ratio, so nearby seeds meet only after more draws than anyone makes.
    pub(crate) fn resample<T: Send>(&self, n: usize, statistic: impl Fn(&[u64]) -> T + Sync) -> Vec<T> {
        let first = SplitMix64::new(self.seed).next_u64();
        let draw = |counts: &mut Vec<u64>, index: usize| {
            let mut rng = SplitMix64::new(first.wrapping_add(index as u64));
            counts.fill(0);
            (0..n).for_each(|_| counts[rng.below(n)] += 1);
            statistic(counts)
        };
        (0..self.resamples).into_par_iter().map_init(|| vec![0; n], draw).collect()
    }

    /// A value with the interval of its resampled values.
    pub(crate) fn estimate(&self, value: Option<f64>, resampled: impl Iterator<Item = f64>) -> Estimate {
        let mut sorted: Vec<f64> = resampled.collect();
        sorted.sort_by(f64::total_cmp);
        let tail = (1.0 - self.level) / 2.0;
        Estimate { value, low: quantile(&sorted, tail), high: quantile(&sorted, 1.0 - tail) }
    }
}

/// The quantile `q` in [0, 1] of ascending values, interpolated linearly; `None` without values.
fn quantile(sorted: &[f64], q: f64) -> Option<f64> {
    let position = q * sorted.len().checked_sub(1)? as f64;
    let low = sorted.get(position.floor() as usize)?;
    let high = sorted.get(position.ceil() as usize)?;
    Some(low + (high - low) * position.fract())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantile_is_numpys_default() {
        // numpy.quantile([1, 2, 4, 8], [0, 0.1, 0.5, 0.975, 1]) -> [1, 1.3, 3, 7.7, 8]
        let found = [0.0, 0.1, 0.5, 0.975, 1.0].map(|q| quantile(&[1.0, 2.0, 4.0, 8.0], q).unwrap());
        for (found, expected) in found.into_iter().zip([1.0, 1.3, 3.0, 7.7, 8.0]) {
            assert!((found - expected).abs() < 1e-12, "{found} is not {expected}");
        }
        assert_eq!(quantile(&[5.0], 0.3), Some(5.0));
        assert_eq!(quantile(&[], 0.3), None);
    }

    #[test]
    fn resamples_have_n_draws_each_and_differ() {
        let drawn = Bootstrap::default().resample(50, <[u64]>::to_vec);
        assert_eq!(drawn.len(), 1000);
        assert!(drawn.iter().all(|counts| counts.iter().sum::<u64>() == 50));
        assert!(drawn.windows(2).all(|pair| pair[0] != pair[1]));
    }
}

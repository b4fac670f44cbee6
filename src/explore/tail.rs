//! How far out is too far: p-values from a fitted tail, and their correction for many looks.

/// The tail starts above this quantile.
const START: f64 = 0.80;
/// It is fitted below this one; what lies beyond is only counted, so that what is looked for cannot hide itself.
const END: f64 = 0.95;
/// Values between the two that a fit needs.
const FEWEST: usize = 5;

/// An exponential upper tail, fitted to the part of a sample between its 80 % and 95 % quantiles.
///
/// For logarithms of distances this is a Pareto tail of the distances. Tails of common distributions bend the other way (their
/// hazard on the logarithmic scale rises, as that of the normal and of Student's t does), which makes the p-values too large
/// rather than too small.
///
/// The exceedances over the threshold are taken as exponential and censored at the upper quantile (Epstein and Sobel, "Life
/// Testing", 1953): with `m` values between the quantiles and `total` the sum of all exceedances, each cut at the upper
/// quantile, a new one is larger than `x` with probability `(1 + x / total)^-m`. That is exact for every scale and every `m`:
/// few samples widen the tail instead of breaking the level.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Tail {
    threshold: f64,
    share: f64,
    total: f64,
    count: usize,
}

impl Tail {
    /// Fits the tail. None where there are too few values or no spread between the quantiles.
    pub(super) fn fit(values: impl Iterator<Item = f64>) -> Option<Self> {
        let mut sorted: Vec<f64> = values.filter(|value| !value.is_nan()).collect();
        sorted.sort_by(f64::total_cmp);
        let at = |quantile: f64| (sorted.len() as f64 * quantile) as usize;
        let (start, end) = (at(START), at(END));
        let threshold = *sorted.get(start.checked_sub(1)?)?;
        let (window, beyond) = (sorted.get(start..end)?, sorted.len() - end);
        if window.len() < FEWEST || !threshold.is_finite() {
            return None;
        }
        let last = window.last()? - threshold;
        let total = window.iter().map(|value| value - threshold).sum::<f64>() + beyond as f64 * last;
        let share = (sorted.len() - start) as f64 / sorted.len() as f64;
        (total > 0.0 && total.is_finite()).then_some(Self { threshold, share, total, count: window.len() })
    }

    /// The chance of a value of `x` or more; 1 below the threshold, where nothing is claimed.
    pub(super) fn p_value(&self, x: f64) -> f64 {
        if x.is_nan() || x <= self.threshold {
            return 1.0;
        }
        self.share * (-(self.count as f64) * ((x - self.threshold) / self.total).ln_1p()).exp()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::SplitMix64;

    #[test]
    fn p_values_of_an_exponential_tail_are_exact() {
        // A value drawn anew exceeds the fitted 1e-2 tail in one of a hundred cases, even from twenty windowed values.
        let mut rng = SplitMix64::new(5);
        let mut draw = || -(((rng.next_u64() >> 11) as f64 + 0.5) / (1u64 << 53) as f64).ln();
        let (mut below, runs) = (0, 20_000);
        for _ in 0..runs {
            let sample: Vec<f64> = (0..140).map(|_| draw()).collect();
            below += usize::from(Tail::fit(sample.into_iter()).unwrap().p_value(draw()) <= 0.01);
        }
        let share = f64::from(below as u32) / f64::from(runs);
        assert!((0.007..0.013).contains(&share), "{share}");
    }

    #[test]
    fn nothing_is_fitted_to_nothing() {
        assert_eq!(Tail::fit(std::iter::empty()), None);
        assert_eq!(Tail::fit([1.0; 200].into_iter()), None);
        assert_eq!(Tail::fit([f64::NEG_INFINITY; 200].into_iter()), None);
        assert_eq!(Tail::fit((0..20).map(f64::from)), None);
    }
}

use serde::Serialize;

use super::Predictions;
use super::paired::{check_paired, check_positive};
use super::tails::{normal_quantile, normal_tail};
use crate::{Error, Result};

/// The area under one ROC curve with DeLong's variance.
///
/// The area is the chance that a positive sample gets a higher score than a negative one, ties half. Its variance comes
/// from the placements: for each positive the share of negatives below it, `V10`, for each negative the share of
/// positives above it, `V01`. With `m` positives and `n` negatives the variance is `var(V10) / m + var(V01) / n` (DeLong,
/// DeLong, Clarke-Pearson, "Comparing the Areas under Two or More Correlated Receiver Operating Characteristic Curves",
/// 1988). The placements come from midranks in `O((m + n) log (m + n))` (Sun and Xu, "Fast Implementation of DeLong's
/// Algorithm", 2014).
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct RocAuc {
    /// The area, in [0, 1].
    pub value: f64,
    /// The variance of the area; none with fewer than two positives or two negatives, which leave it unknown.
    pub variance: Option<f64>,
    /// Positive samples.
    pub positives: usize,
    /// Negative samples.
    pub negatives: usize,
}

/// DeLong's test of whether two models on the same samples have the same area under the ROC curve.
///
/// `z = difference / sqrt(variance)` is compared with the normal distribution, two-sided. It needs many positives and
/// negatives to hold, and where both models separate the two sides fully it has nothing to go by.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct DeLong {
    /// The first model's area.
    pub first: RocAuc,
    /// The second model's area.
    pub second: RocAuc,
    /// The first area less the second.
    pub difference: f64,
    /// The variance of the difference, which knows that both are of the same samples; none as in [`RocAuc::variance`].
    pub variance: Option<f64>,
    /// The statistic; 0 where the difference is, none where the variance is unknown or 0.
    pub z: Option<f64>,
    /// The two-sided p-value; 1 where the difference is 0, none where there is a difference without a statistic.
    pub p_value: Option<f64>,
}

impl RocAuc {
    /// The area of a model that tells the classes `positive` from all others; its score for a sample is the sum of their
    /// probabilities. None where all samples or no samples are positive.
    ///
    /// # Errors
    /// [`Error::Argument`] if `positive` is empty, holds all classes, a name twice, or a name that is no class.
    pub fn new(predictions: &Predictions, positive: &[&str]) -> Result<Option<Self>> {
        let sides = Sides::new(predictions, positive, "RocAuc::new")?;
        Ok(sides.placements(predictions).map(|placements| placements.auc()))
    }

    /// The interval that holds the area with chance `level`, by the normal distribution, cut to [0, 1]; none where the
    /// variance is unknown. An area of exactly 0 or 1 has no variance, and so an interval of no width.
    ///
    /// # Errors
    /// [`Error::Argument`] for a level outside (0, 1).
    pub fn interval(&self, level: f64) -> Result<Option<(f64, f64)>> {
        let reach = reach("RocAuc::interval", level, self.variance)?;
        Ok(reach.map(|reach| ((self.value - reach).max(0.0), (self.value + reach).min(1.0))))
    }
}

impl DeLong {
    /// Compares how well two models tell the classes `positive` from all others, as in [`RocAuc::new`]. None where all
    /// samples or no samples are positive.
    ///
    /// # Errors
    /// [`Error::Mismatch`] if the two have other classes or other samples; [`Error::Argument`] as [`RocAuc::new`].
    pub fn new(first: &Predictions, second: &Predictions, positive: &[&str]) -> Result<Option<Self>> {
        check_paired(first, second)?;
        let sides = Sides::new(first, positive, "DeLong::new")?;
        Ok(sides.placements(first).zip(sides.placements(second)).map(|(first, second)| {
            let difference = first.area - second.area;
            let variance = first.less(&second).variance();
            let z = match variance {
                _ if difference == 0.0 => Some(0.0),
                Some(variance) if variance > 0.0 => Some(difference / variance.sqrt()),
                _ => None,
            };
            let p_value = z.map(|z: f64| (2.0 * normal_tail(z.abs())).min(1.0));
            Self { first: first.auc(), second: second.auc(), difference, variance, z, p_value }
        }))
    }

    /// The interval that holds the difference with chance `level`, by the normal distribution, cut to [-1, 1]; none where
    /// the variance is unknown.
    ///
    /// # Errors
    /// [`Error::Argument`] for a level outside (0, 1).
    pub fn interval(&self, level: f64) -> Result<Option<(f64, f64)>> {
        let reach = reach("DeLong::interval", level, self.variance)?;
        Ok(reach.map(|reach| ((self.difference - reach).max(-1.0), (self.difference + reach).min(1.0))))
    }
}

/// Half the width of a normal interval.
fn reach(function: &'static str, level: f64, variance: Option<f64>) -> Result<Option<f64>> {
    if !(level > 0.0 && level < 1.0) {
        return Err(Error::argument(function, "a level inside (0, 1)", level.to_string()));
    }
    Ok(variance.map(|variance| normal_quantile((1.0 - level) / 2.0) * variance.sqrt()))
}

/// Which classes are positive, and the places of the samples on both sides.
struct Sides {
    chosen: Vec<bool>,
    positives: Vec<usize>,
    negatives: Vec<usize>,
}

impl Sides {
    fn new(predictions: &Predictions, positive: &[&str], function: &'static str) -> Result<Self> {
        let chosen = check_positive(function, predictions.labels(), positive)?;
        let y_true = predictions.y_true();
        let (positives, negatives) = (0..y_true.len()).partition(|&sample| chosen[y_true[sample]]);
        Ok(Self { chosen, positives, negatives })
    }

    /// The placements by the summed probabilities of the positive classes; none without samples on both sides.
    fn placements(&self, predictions: &Predictions) -> Option<Placements> {
        if self.positives.is_empty() || self.negatives.is_empty() {
            return None;
        }
        // As in `Predictions::merge`, so that ties are the same ones.
        let sum =
            |row: &[f64]| row.iter().zip(&self.chosen).filter(|(_, chosen)| **chosen).map(|(p, _)| p).sum::<f64>();
        let scores: Vec<f64> = predictions.probabilities().map(|row| sum(row).min(1.0)).collect();
        let of = |samples: &[usize]| samples.iter().map(|&sample| scores[sample]).collect::<Vec<f64>>();
        Some(Placements::new(&of(&self.positives), &of(&self.negatives)))
    }
}

/// How the samples of either side stand among those of the other, in halves of whole numbers: sums and differences are exact, and
/// what has no variance has none to the last bit.
struct Placements {
    area: f64,
    /// For each positive sample the negatives below it, ties half.
    of_positives: Vec<f64>,
    /// For each negative sample the positives below it, ties half.
    of_negatives: Vec<f64>,
}

impl Placements {
    /// Midranks among all, less midranks within the own side, count the samples of the other side below, ties half.
    fn new(positives: &[f64], negatives: &[f64]) -> Self {
        let (m, n) = (positives.len() as f64, negatives.len() as f64);
        let among_all = midranks(&[positives, negatives].concat());
        let (positive_ranks, negative_ranks) = among_all.split_at(positives.len());
        let below = |all: &[f64], own: &[f64]| -> Vec<f64> {
            all.iter().zip(midranks(own)).map(|(all, own)| all - own).collect()
        };
        let wins = below(positive_ranks, positives);
        let losses = below(negative_ranks, negatives);
        Self { area: wins.iter().sum::<f64>() / (m * n), of_positives: wins, of_negatives: losses }
    }

    /// What remains when another model's placements of the same samples are taken away.
    fn less(&self, other: &Self) -> Self {
        let less = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a - b).collect();
        Self {
            area: self.area - other.area,
            of_positives: less(&self.of_positives, &other.of_positives),
            of_negatives: less(&self.of_negatives, &other.of_negatives),
        }
    }

    fn variance(&self) -> Option<f64> {
        let (m, n) = (self.of_positives.len() as f64, self.of_negatives.len() as f64);
        // Of the shares: of the counts by the square of the other side's number.
        let of_mean =
            |values: &[f64], others: f64| Some(sample_variance(values)? / (others * others) / values.len() as f64);
        Some(of_mean(&self.of_positives, n)? + of_mean(&self.of_negatives, m)?)
    }

    fn auc(&self) -> RocAuc {
        let (positives, negatives) = (self.of_positives.len(), self.of_negatives.len());
        RocAuc { value: self.area, variance: self.variance(), positives, negatives }
    }
}

/// The unbiased variance; none of fewer than two values.
fn sample_variance(values: &[f64]) -> Option<f64> {
    let first = *values.first().filter(|_| values.len() > 1)?;
    // Taken from the first value, equal values have no variance to the last bit.
    let n = values.len() as f64;
    let mean = values.iter().map(|value| value - first).sum::<f64>() / n;
    Some(values.iter().map(|value| (value - first - mean).powi(2)).sum::<f64>() / (n - 1.0))
}

/// The place of each value in rising order, from 1; equal values share the mean of their places.
fn midranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let mut ranks = vec![0.0; values.len()];
    let mut passed = 0;
    for ties in order.chunk_by(|&a, &b| values[a] == values[b]) {
        let shared = passed as f64 + (ties.len() + 1) as f64 / 2.0;
        ties.iter().for_each(|&place| ranks[place] = shared);
        passed += ties.len();
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn midranks_are_scipys() {
        // scipy.stats.rankdata([3, 1, 4, 1, 5, 3, 3]).
        assert_eq!(midranks(&[3.0, 1.0, 4.0, 1.0, 5.0, 3.0, 3.0]), [4.0, 1.5, 6.0, 1.5, 7.0, 4.0, 4.0]);
        assert_eq!(midranks(&[0.0, -0.0]), [1.5, 1.5]);
    }

    /// All placements move by the same third, which three thirds of an f64 do not show.
    #[test]
    fn a_difference_without_variance_has_no_statistic() {
        let row = |score: f64| [score, 1.0 - score];
        let run = |scores: [f64; 6]| {
            let truths = vec![0, 0, 0, 1, 1, 1];
            Predictions::new(["a", "b"], truths, scores.into_iter().flat_map(row)).unwrap()
        };
        let (first, second) = (run([0.2, 0.4, 0.6, 0.1, 0.3, 0.5]), run([0.1, 0.3, 0.5, 0.2, 0.4, 0.6]));
        let test = DeLong::new(&first, &second, &["a"]).unwrap().unwrap();
        assert!((test.difference - 1.0 / 3.0).abs() < 1e-15);
        assert_eq!((test.variance, test.z, test.p_value), (Some(0.0), None, None));
    }

    #[test]
    fn equal_values_have_no_variance_at_all() {
        assert_eq!(sample_variance(&[0.1; 3]), Some(0.0));
        assert_eq!(sample_variance(&[1.0 / 3.0; 1001]), Some(0.0));
        assert_eq!(sample_variance(&[1.0]), None);
        assert_eq!(sample_variance(&[1.0, 3.0]), Some(2.0));
    }
}

//! The penalised multinomial log loss over standardised columns.

use super::descent::{Convex, add_times};
use super::passes::{Rows, dot, in_chunks, total};

/// Columns brought to mean 0 and standard deviation 1, in thought: rows stay as they are, weights are scaled.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Scaling {
    pub(super) means: Vec<f64>,
    /// One over the standard deviation; 0 for columns of one value, which so get no weight.
    pub(super) factors: Vec<f64>,
}

impl Scaling {
    /// Leaves columns as they are.
    pub(super) fn none(columns: usize) -> Self {
        Self { means: vec![0.0; columns], factors: vec![1.0; columns] }
    }

    /// By mean and standard deviation (divided by the number of rows) of each column.
    pub(super) fn of(rows: &Rows<'_>) -> Self {
        let count = rows.len().max(1) as f64;
        let sums = |value: &(dyn Fn(f64, usize) -> f64 + Sync)| {
            let parts = in_chunks(rows.len(), |places| {
                let mut sums = vec![0.0; rows.columns];
                for place in places {
                    let row = rows.row(place).iter().enumerate();
                    sums.iter_mut()
                        .zip(row)
                        .for_each(|(sum, (column, &entry))| *sum += value(f64::from(entry), column));
                }
                sums
            });
            total(parts).unwrap_or_else(|| vec![0.0; rows.columns])
        };
        let means: Vec<f64> = sums(&|entry, _| entry).into_iter().map(|sum| sum / count).collect();
        let squares = sums(&|entry, column| (entry - means[column]) * (entry - means[column]));
        let varies = |column: usize| (1..rows.len()).any(|place| rows.row(place)[column] != rows.row(0)[column]);
        let factor = |(column, square): (usize, f64)| {
            let factor = 1.0 / (square / count).sqrt();
            if varies(column) && factor.is_finite() { factor } else { 0.0 }
        };
        let factors = squares.into_iter().enumerate().map(factor).collect();
        Self { means, factors }
    }

    /// Weights and offsets for rows as they are, from those for standardised rows.
    pub(super) fn unfold(&self, weights: &[f64], bias: &[f64]) -> (Vec<f64>, Vec<f64>) {
        let columns = self.means.len().max(1);
        let mut plain = weights.to_vec();
        let mut offsets = bias.to_vec();
        for (row, offset) in plain.chunks_exact_mut(columns).zip(&mut offsets) {
            row.iter_mut().zip(&self.factors).for_each(|(weight, factor)| *weight *= factor);
            *offset -= dot(row, &self.means);
        }
        (plain, offsets)
    }
}

/// `sum(w l) / sum(w) + |V|^2 / (2 C sum(w))` over weights `V` and a bias that is not penalised: scikit-learn's objective
/// divided by `C sum(w)`. It holds where it stands, and the logits there.
#[derive(Debug)]
pub(super) struct Softmax<'a> {
    rows: Rows<'a>,
    scaling: &'a Scaling,
    /// The class of each chosen row.
    labels: &'a [usize],
    /// How much each counts; they sum to 1.
    shares: Vec<f64>,
    penalty: f64,
    classes: usize,
    /// `(classes, columns)` weights, then the bias.
    pub(super) place: Vec<f64>,
    logits: Vec<f64>,
    direction: Vec<f64>,
    /// How the logits change along the direction.
    ahead: Vec<f64>,
}

impl<'a> Softmax<'a> {
    /// Starts at `place`. `weights` are of the chosen rows, not negative, with a positive sum.
    pub(super) fn new(
        rows: Rows<'a>,
        scaling: &'a Scaling,
        labels: &'a [usize],
        weights: &[f64],
        c: f64,
        place: Vec<f64>,
    ) -> Self {
        let classes = place.len() / (rows.columns + 1);
        let sum: f64 = weights.iter().sum();
        let shares = weights.iter().map(|weight| weight / sum).collect();
        let (direction, ahead, logits) = (Vec::new(), Vec::new(), Vec::new());
        let penalty = 1.0 / (c * sum);
        let mut softmax = Self { rows, scaling, labels, shares, penalty, classes, place, logits, direction, ahead };
        softmax.logits = softmax.logits_of(&softmax.place);
        softmax
    }

    fn logits_of(&self, place: &[f64]) -> Vec<f64> {
        let (weights, bias) = place.split_at(self.classes * self.rows.columns);
        let (weights, offsets) = self.scaling.unfold(weights, bias);
        self.rows.times(&weights, &offsets)
    }
}

impl Convex for Softmax<'_> {
    fn gradient(&self) -> Vec<f64> {
        let (classes, columns) = (self.classes, self.rows.columns);
        let mut factors = self.logits.clone();
        for ((row, &label), share) in factors.chunks_exact_mut(classes).zip(self.labels).zip(&self.shares) {
            to_probabilities(row);
            row[label] -= 1.0;
            row.iter_mut().for_each(|factor| *factor *= share);
        }
        let mut gradient = self.rows.weighed(&factors, classes);
        let mut bias = vec![0.0; classes];
        factors.chunks_exact(classes).for_each(|row| super::passes::add(&mut bias, row));
        for (row, bias) in gradient.chunks_exact_mut(columns).zip(&bias) {
            for ((entry, mean), factor) in row.iter_mut().zip(&self.scaling.means).zip(&self.scaling.factors) {
                *entry = (*entry - mean * bias) * factor;
            }
        }
        add_times(&mut gradient, self.penalty, &self.place[..classes * columns]);
        gradient.extend(bias);
        gradient
    }

    fn aim(&mut self, direction: &[f64]) {
        self.ahead = self.logits_of(direction);
        self.direction = direction.to_vec();
    }

    fn slope(&self, step: f64) -> (f64, f64) {
        let classes = self.classes;
        let parts = in_chunks(self.rows.len(), |places| {
            let (mut first, mut second) = (0.0, 0.0);
            let mut row = vec![0.0; classes];
            for place in places {
                let (logits, ahead) =
                    (&self.logits[place * classes..][..classes], &self.ahead[place * classes..][..classes]);
                row.copy_from_slice(logits);
                add_times(&mut row, step, ahead);
                to_probabilities(&mut row);
                let mean: f64 = row.iter().zip(ahead).map(|(p, ahead)| p * ahead).sum();
                let spread: f64 = row.iter().zip(ahead).map(|(p, ahead)| p * (ahead - mean) * (ahead - mean)).sum();
                first += self.shares[place] * (mean - ahead[self.labels[place]]);
                second += self.shares[place] * spread;
            }
            vec![first, second]
        });
        let sums = total(parts).unwrap_or_else(|| vec![0.0; 2]);
        let weights = classes * self.rows.columns;
        let (here, along) = (&self.place[..weights], &self.direction[..weights]);
        let curved = self.penalty * dot(along, along);
        (sums[0] + self.penalty * dot(here, along) + step * curved, sums[1] + curved)
    }

    fn go(&mut self, step: f64) {
        add_times(&mut self.place, step, &self.direction);
        add_times(&mut self.logits, step, &self.ahead);
    }
}

/// Logits to probabilities.
pub(super) fn to_probabilities(row: &mut [f64]) {
    let largest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    row.iter_mut().for_each(|value| *value = (*value - largest).exp());
    let sum: f64 = row.iter().sum();
    row.iter_mut().for_each(|value| *value /= sum);
}

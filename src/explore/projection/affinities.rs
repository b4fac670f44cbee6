//! Who is near whom, as probabilities: the P of t-SNE.

use rayon::prelude::*;

use crate::explore::Neighbours;

/// Halvings of the interval in which a bandwidth lies.
const HALVINGS: usize = 200;

/// Difference of the entropy from its aim, in nats, at which a bandwidth is good enough.
const CLOSE: f64 = 1e-7;

/// Joint probabilities of pairs of rows, symmetric and sparse: only pairs of which one is a near neighbour of the other.
#[derive(Debug, Clone, PartialEq)]
pub struct Affinities {
    starts: Vec<usize>,
    places: Vec<usize>,
    values: Vec<f64>,
}

impl Affinities {
    /// `p_ij = (p_j|i + p_i|j) / 2n` (van der Maaten and Hinton, "Visualizing Data using t-SNE", JMLR 2008), where `p_j|i` is a
    /// Gaussian over the squared distances to the neighbours of `i` whose perplexity is the given one. They sum to 1. Neighbours
    /// that are no rows themselves are passed over.
    pub fn of(neighbours: &Neighbours, perplexity: f64) -> Self {
        let rows = neighbours.indices.len();
        let conditional: Vec<Vec<f64>> =
            neighbours.distances.par_iter().map(|distances| conditional(distances, perplexity)).collect();
        let mut both: Vec<Vec<(usize, f64)>> = vec![Vec::new(); rows];
        for (row, (places, values)) in neighbours.indices.iter().zip(&conditional).enumerate() {
            for (&place, &value) in places.iter().zip(values) {
                if place < rows {
                    both[row].push((place, value));
                    both[place].push((row, value));
                }
            }
        }
        both.par_iter_mut().for_each(|row| row.sort_by_key(|&(place, _)| place));
        let total: f64 = both.iter().flatten().map(|(_, value)| value).sum();
        let mut affinities = Self { starts: vec![0], places: Vec::new(), values: Vec::new() };
        for row in both {
            let start = affinities.places.len();
            for (place, value) in row {
                if affinities.places.len() > start && affinities.places.last() == Some(&place) {
                    affinities.values.last_mut().into_iter().for_each(|last| *last += value / total);
                } else {
                    affinities.places.push(place);
                    affinities.values.push(value / total);
                }
            }
            affinities.starts.push(affinities.places.len());
        }
        affinities
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.starts.len() - 1
    }

    /// The partners of a row, by place, and the probability of each pair; nothing for a row that is not there.
    pub fn row(&self, row: usize) -> impl Iterator<Item = (usize, f64)> + '_ {
        let range = match (self.starts.get(row), self.starts.get(row + 1)) {
            (Some(&start), Some(&end)) => start..end,
            _ => 0..0,
        };
        self.places[range.clone()].iter().copied().zip(self.values[range].iter().copied())
    }
}

/// A Gaussian over squared distances, scaled so that its perplexity (e to the entropy) is the given one, as near as ties let it
/// be; it sums to 1. Bisection over the precision, which is doubled or halved until it is bracketed.
pub(super) fn conditional(distances: &[f32], perplexity: f64) -> Vec<f64> {
    let squares: Vec<f64> = distances.iter().map(|&distance| f64::from(distance).powi(2)).collect();
    let nearest = squares.iter().copied().fold(f64::INFINITY, f64::min);
    let mean = squares.iter().map(|square| square - nearest).sum::<f64>() / squares.len().max(1) as f64;
    let aim = perplexity.max(1.0).ln();
    let (mut low, mut high) = (0.0, f64::INFINITY);
    let mut precision = if mean > 0.0 { 1.0 / mean } else { 1.0 };
    let mut weights = vec![0.0; squares.len()];
    for _ in 0..HALVINGS {
        let (mut sum, mut moment) = (0.0, 0.0);
        for (weight, square) in weights.iter_mut().zip(&squares) {
            let off = square - nearest;
            *weight = (-off * precision).exp();
            sum += *weight;
            moment += *weight * off;
        }
        let entropy = f64::ln(sum) + precision * moment / sum;
        weights.iter_mut().for_each(|weight| *weight /= sum);
        if (entropy - aim).abs() <= CLOSE || !precision.is_finite() {
            break;
        }
        if entropy > aim {
            low = precision;
            precision = if high.is_finite() { (low + high) / 2.0 } else { precision * 2.0 };
        } else {
            high = precision;
            precision = (low + high) / 2.0;
        }
    }
    weights
}

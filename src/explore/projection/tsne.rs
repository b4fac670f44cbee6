//! t-SNE: a map on which neighbours stay neighbours.

use rayon::prelude::*;

use super::affinities::Affinities;
use super::quadtree::Quadtree;
use crate::{Error, Result};

/// Barnes-Hut angle: the trade of accuracy for time that the method's author proposes.
const THETA: f64 = 0.5;

/// How much attraction is exaggerated in the first quarter of the descent.
const EXAGGERATION: f64 = 12.0;

/// Points that one task takes.
const GRAIN: usize = 256;

/// Where the points lie after `iterations` steps of gradient descent from `start`.
///
/// The descent is scikit-learn's: attraction 12 times too strong and momentum 0.5 in the first quarter (at most 250 steps), then
/// momentum 0.8; a gain for each coordinate; learning rate `max(n / 48, 50)`. Gradients are summed in a fixed order.
pub(super) fn descend(affinities: &Affinities, start: Vec<[f64; 2]>, iterations: usize) -> Vec<[f64; 2]> {
    let rate = (start.len() as f64 / EXAGGERATION / 4.0).max(50.0);
    let early = (iterations / 4).min(250);
    let mut points = start;
    let mut moves = vec![[0.0; 2]; points.len()];
    let mut gains = vec![[1.0; 2]; points.len()];
    for iteration in 0..iterations {
        let (exaggeration, momentum) = if iteration < early { (EXAGGERATION, 0.5) } else { (1.0, 0.8) };
        let slopes = slopes(affinities, &points, exaggeration, THETA);
        for (((point, step), gain), slope) in points.iter_mut().zip(&mut moves).zip(&mut gains).zip(&slopes) {
            for axis in 0..2 {
                gain[axis] = if step[axis] * slope[axis] < 0.0 { gain[axis] + 0.2 } else { gain[axis] * 0.8 };
                gain[axis] = f64::max(gain[axis], 0.01);
                step[axis] = momentum * step[axis] - rate * gain[axis] * slope[axis];
                point[axis] += step[axis];
            }
        }
    }
    centre(&mut points);
    points
}

fn centre(points: &mut [[f64; 2]]) {
    let count = points.len().max(1) as f64;
    let sum = points.iter().fold([0.0; 2], |sum, point| [sum[0] + point[0], sum[1] + point[1]]);
    points.iter_mut().for_each(|point| *point = [point[0] - sum[0] / count, point[1] - sum[1] / count]);
}

fn slopes(affinities: &Affinities, points: &[[f64; 2]], exaggeration: f64, theta: f64) -> Vec<[f64; 2]> {
    let repulsion = Quadtree::new(points).repulsion(theta);
    let normaliser = repulsion.normaliser.max(f64::MIN_POSITIVE);
    let slope = |row: usize| {
        let [x, y] = points[row];
        let mut attraction = [0.0; 2];
        for (other, p) in affinities.row(row) {
            let (dx, dy) = (x - points[other][0], y - points[other][1]);
            let weight = p / (1.0 + dx * dx + dy * dy);
            attraction = [attraction[0] + weight * dx, attraction[1] + weight * dy];
        }
        let force = repulsion.forces[row];
        [0, 1].map(|axis| 4.0 * (exaggeration * attraction[axis] - force[axis] / normaliser))
    };
    (0..points.len()).into_par_iter().with_min_len(GRAIN).map(slope).collect()
}

impl Affinities {
    /// The gradient of [`Affinities::divergence`]: `4 sum_j (p_ij - q_ij) w_ij (y_i - y_j)` with `w_ij = 1 / (1 + |y_i - y_j|^2)`
    /// and `q_ij = w_ij / sum w`.
    ///
    /// Exact for `theta` 0. Above, a cell of the plane that is smaller than `theta` times its distance repels as one point
    /// (Barnes-Hut); 0.5 is usual, and what the maps are made with.
    ///
    /// # Errors
    /// [`Error::Argument`] when there are more or fewer points than rows.
    pub fn gradient(&self, points: &[[f64; 2]], theta: f64) -> Result<Vec<[f64; 2]>> {
        self.fits("Affinities::gradient", points)?;
        Ok(slopes(self, points, 1.0, theta))
    }

    /// The Kullback-Leibler divergence of the map from the affinities, `sum p_ij ln(p_ij / q_ij)` over the pairs that have an
    /// affinity, in nats; the normaliser of `q` runs over all pairs, so the cost grows with the square of the number of points.
    ///
    /// # Errors
    /// [`Error::Argument`] when there are more or fewer points than rows.
    pub fn divergence(&self, points: &[[f64; 2]]) -> Result<f64> {
        self.fits("Affinities::divergence", points)?;
        let weight = |a: [f64; 2], b: [f64; 2]| 1.0 / (1.0 + (a[0] - b[0]).powi(2) + (a[1] - b[1]).powi(2));
        let rows = || (0..points.len()).into_par_iter().with_min_len(GRAIN);
        let sum = |row: usize| points[..row].iter().map(|&other| weight(points[row], other)).sum();
        let sums: Vec<f64> = rows().map(sum).collect();
        let normaliser = 2.0 * sums.iter().sum::<f64>();
        let part = |row: usize| {
            let pairs = self.row(row).filter(|&(_, p)| p > 0.0);
            pairs.map(|(other, p)| p * (p * normaliser / weight(points[row], points[other])).ln()).sum()
        };
        let parts: Vec<f64> = rows().map(part).collect();
        Ok(parts.iter().sum())
    }

    fn fits(&self, function: &'static str, points: &[[f64; 2]]) -> Result<()> {
        if self.rows() == points.len() {
            return Ok(());
        }
        Err(Error::argument(function, format!("{} points", self.rows()), points.len().to_string()))
    }
}

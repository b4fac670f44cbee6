use rayon::prelude::*;
use serde::Serialize;

use super::Matrix;

/// How far apart two rows are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// The length of the difference.
    #[default]
    Euclidean,
    /// 1 - cosine of the angle, in [0, 2]; 1 where a row is zero.
    Cosine,
}

/// The nearest rows of each row, exactly.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Neighbours {
    /// For each row the places of its nearest rows, nearest first, itself left out; ties by place.
    pub indices: Vec<Vec<usize>>,
    /// Their distances.
    pub distances: Vec<Vec<f32>>,
}

impl Neighbours {
    /// The `k` nearest rows of each row (fewer when there are not so many).
    pub fn of(matrix: &Matrix, k: usize, metric: Metric) -> Self {
        let nearest: Vec<(Vec<usize>, Vec<f32>)> = (0..matrix.rows())
            .into_par_iter()
            .map(|row| {
                let mut all: Vec<(f32, usize)> = (0..matrix.rows())
                    .filter(|&other| other != row)
                    .map(|other| (distance(matrix.row(row), matrix.row(other), metric), other))
                    .collect();
                all.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
                all.truncate(k);
                all.into_iter().map(|(distance, place)| (place, distance)).unzip()
            })
            .collect();
        let (indices, distances) = nearest.into_iter().unzip();
        Self { indices, distances }
    }
}

fn distance(a: &[f32], b: &[f32], metric: Metric) -> f32 {
    let pairs = || a.iter().zip(b).map(|(&a, &b)| (f64::from(a), f64::from(b)));
    let distance = match metric {
        Metric::Euclidean => pairs().map(|(a, b)| (a - b) * (a - b)).sum::<f64>().sqrt(),
        Metric::Cosine => {
            let dot: f64 = pairs().map(|(a, b)| a * b).sum();
            let norms = pairs().fold((0.0, 0.0), |(x, y), (a, b)| (x + a * a, y + b * b));
            let scale = (norms.0 * norms.1).sqrt();
            if scale > 0.0 { 1.0 - dot / scale } else { 1.0 }
        }
    };
    distance as f32
}

use rayon::prelude::*;
use serde::Serialize;

use crate::explore::Matrix;
use crate::explore::product::{Centred, strip_rows};
use crate::rng::SplitMix64;
use crate::{Error, Result};

/// How well a map keeps neighbourhoods (Venna and Kaski, "Neighborhood preservation in nonlinear projection methods", 2001).
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Quality {
    /// In [0, 1]: 1 when the neighbours on the map are neighbours in the data; each that is not costs by how far down the data's
    /// ranking it stands. As scikit-learn's `trustworthiness`.
    pub trustworthiness: f64,
    /// The other way round: 1 when the neighbours in the data are neighbours on the map.
    pub continuity: f64,
    /// How many neighbours of each point were looked at.
    pub neighbours: usize,
    /// How many points' neighbourhoods were looked at, each ranked against all points.
    pub queries: usize,
}

impl Quality {
    /// Compares the Euclidean neighbourhoods of rows and of their points on the map; `None` for fewer than three rows, where
    /// there is nothing to compare.
    ///
    /// `neighbours` is cut below half the number of rows, since the scores have no meaning beyond. At most `queries` points,
    /// drawn with `seed`, are looked at: the scores of all when there are no more, and otherwise means over an even sample. Equal
    /// distances rank by place. The bits are the same for every number of threads.
    ///
    /// # Errors
    /// [`Error::Argument`] when there are more or fewer points than rows; [`Error::Tensor`] when a matrix product fails.
    pub fn of(
        matrix: &Matrix,
        points: &[[f32; 2]],
        neighbours: usize,
        queries: usize,
        seed: u64,
    ) -> Result<Option<Self>> {
        let rows = matrix.rows();
        if points.len() != rows {
            return Err(Error::argument("Quality::of", format!("{rows} points"), points.len().to_string()));
        }
        let neighbours = neighbours.min(rows.saturating_sub(1) / 2);
        if neighbours == 0 || queries == 0 {
            return Ok(None);
        }
        let drawn = draw(rows, queries, seed);
        let centred = Centred::new(matrix);
        let mut excess = (0, 0);
        for strip in drawn.chunks(strip_rows(rows)) {
            let distances = centred.squared_distances(strip)?;
            let parts: Vec<(usize, usize)> = strip
                .par_iter()
                .zip(distances.par_chunks(rows))
                .map(|(&row, in_data)| {
                    let on_map: Vec<f64> = points.iter().map(|&point| between(points[row], point)).collect();
                    let trust = beyond(row, &on_map, in_data, neighbours);
                    (trust, beyond(row, in_data, &on_map, neighbours))
                })
                .collect();
            excess = parts.iter().fold(excess, |sum, part| (sum.0 + part.0, sum.1 + part.1));
        }
        let (n, k) = (rows as f64, neighbours as f64);
        let scale = 2.0 / (drawn.len() as f64 * k * (2.0 * n - 3.0 * k - 1.0));
        Ok(Some(Self {
            trustworthiness: 1.0 - scale * excess.0 as f64,
            continuity: 1.0 - scale * excess.1 as f64,
            neighbours,
            queries: drawn.len(),
        }))
    }
}

/// At most `count` places below `rows`, without repetition and in rising order.
pub(in crate::explore) fn draw(rows: usize, count: usize, seed: u64) -> Vec<usize> {
    let mut places: Vec<usize> = (0..rows).collect();
    if count < rows {
        let mut rng = SplitMix64::new(seed);
        for place in 0..count {
            places.swap(place, place + rng.below(rows - place));
        }
        places.truncate(count);
        places.sort_unstable();
    }
    places
}

fn between(a: [f32; 2], b: [f32; 2]) -> f64 {
    (f64::from(a[0]) - f64::from(b[0])).powi(2) + (f64::from(a[1]) - f64::from(b[1])).powi(2)
}

/// For the `k` nearest by `near`, by how much their ranks by `far` exceed `k`, in sum.
fn beyond(row: usize, near: &[f64], far: &[f64], k: usize) -> usize {
    let closer = |distances: &[f64], a: usize, b: usize| distances[a].total_cmp(&distances[b]).then(a.cmp(&b));
    let mut others: Vec<usize> = (0..near.len()).filter(|&other| other != row).collect();
    if k < others.len() {
        others.select_nth_unstable_by(k - 1, |&a, &b| closer(near, a, b));
        others.truncate(k);
    }
    let rank = |place: usize| {
        let limit = far[place];
        let before = far[..place].iter().filter(|&&distance| distance <= limit).count();
        let behind = far[place + 1..].iter().filter(|&&distance| distance < limit).count();
        // The row itself is no neighbour, but is counted wherever it stands before.
        let itself = if row < place { far[row] <= limit } else { far[row] < limit };
        1 + before + behind - usize::from(itself)
    };
    others.into_iter().map(|place| rank(place).saturating_sub(k)).sum()
}

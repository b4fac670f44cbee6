//! Where new rows belong on a map that stays as it is.

use super::affinities::conditional;
use crate::Result;
use crate::explore::{Matrix, Metric, Neighbours};

/// Fitted rows that decide where a new one goes.
const NEIGHBOURS: usize = 15;

/// How many of them count, in effect.
const PERPLEXITY: f64 = 5.0;

/// Steps towards the median.
const STEPS: usize = 100;

/// For each row of `new` (scores, as `fitted`) its place among `points`.
///
/// It is the weighted geometric median of the points of its 15 nearest fitted rows, under t-SNE's own weights at perplexity 5. A
/// median, since a row between two groups then goes to the stronger one, and not into the empty space between them, where a mean
/// would put it. A row that equals fitted ones goes to the median of their points alone.
pub(super) fn place(new: &Matrix, fitted: &Matrix, points: &[[f32; 2]]) -> Result<Vec<[f32; 2]>> {
    let nearest = Neighbours::between(new, fitted, NEIGHBOURS, Metric::Euclidean)?;
    let placed = nearest.indices.iter().zip(&nearest.distances).map(|(places, distances)| {
        let equal = distances.iter().take_while(|&&distance| distance == 0.0).count();
        let weights = match equal {
            0 => conditional(distances, PERPLEXITY.min(distances.len() as f64 / 3.0)),
            _ => vec![1.0 / equal as f64; equal],
        };
        let around: Vec<([f64; 2], f64)> =
            places.iter().zip(weights).map(|(&place, weight)| (points[place].map(f64::from), weight)).collect();
        median(&around).map(|value| value as f32)
    });
    Ok(placed.collect())
}

/// The point whose weighted sum of distances to the given ones is least (Weiszfeld, with the mend of Vardi and Zhang, "The
/// multivariate L1-median and associated data depth", PNAS 2000, for an estimate that meets a point); the origin for none.
fn median(points: &[([f64; 2], f64)]) -> [f64; 2] {
    let total: f64 = points.iter().map(|(_, weight)| weight).sum();
    if total <= 0.0 {
        return [0.0; 2];
    }
    let mut at = [0, 1].map(|axis| points.iter().map(|(point, weight)| point[axis] * weight).sum::<f64>() / total);
    for _ in 0..STEPS {
        let (mut sum, mut scale, mut here, mut pull) = ([0.0; 2], 0.0, 0.0, [0.0; 2]);
        for (point, weight) in points {
            let off = [point[0] - at[0], point[1] - at[1]];
            let length = off[0].hypot(off[1]);
            if length == 0.0 {
                here += weight;
                continue;
            }
            let pulled = weight / length;
            scale += pulled;
            sum = [sum[0] + pulled * point[0], sum[1] + pulled * point[1]];
            pull = [pull[0] + pulled * off[0], pull[1] + pulled * off[1]];
        }
        let strength = pull[0].hypot(pull[1]);
        if scale == 0.0 || strength <= here {
            break;
        }
        let stay = here / strength;
        at = [0, 1].map(|axis| (1.0 - stay) * sum[axis] / scale + stay * at[axis]);
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_known_where_geometry_knows_it() {
        assert_eq!(median(&[]), [0.0; 2]);
        assert_eq!(median(&[([3.0, 4.0], 0.5)]), [3.0, 4.0]);
        // A point that outweighs the rest is the median itself.
        let heavy = median(&[([0.0, 0.0], 0.6), ([10.0, 0.0], 0.2), ([0.0, 9.0], 0.2)]);
        assert!(heavy[0].hypot(heavy[1]) < 1e-6, "{heavy:?}");
        // The Fermat point of an equilateral triangle is its centre; of a square, the crossing of the diagonals.
        let root = 3f64.sqrt();
        let fermat = median(&[([-1.0, 0.0], 1.0), ([1.0, 0.0], 1.0), ([0.0, root], 1.0)]);
        assert!(fermat[0].abs() < 1e-9 && (fermat[1] - root / 3.0).abs() < 1e-9, "{fermat:?}");
        let crossing = median(&[([0.0, 0.0], 1.0), ([5.0, 5.0], 1.0), ([1.0, 3.0], 1.0), ([3.0, 1.0], 1.0)]);
        assert!((crossing[0] - 2.0).abs() < 1e-6 && (crossing[1] - 2.0).abs() < 1e-6, "{crossing:?}");
    }
}

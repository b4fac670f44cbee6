use rayon::prelude::*;

use super::draw;
use crate::explore::Matrix;
use crate::explore::product::squared_distance;
use crate::{Error, Result};

/// The mean silhouette, in [-1, 1] (Rousseeuw, 1987): for each row `(b - a) / max(a, b)`, where `a` is its mean distance to the rest
/// of its cluster and `b` the smallest mean distance to another; 0 for a cluster's only row. As scikit-learn's `silhouette_score`.
///
/// Rows without a label are left out. At most `limit` rows, drawn with `seed`, are scored, each against all labelled rows. `None`
/// for fewer than two clusters, or when every row is a cluster of its own.
///
/// # Errors
/// [`Error::Argument`] when there are more or fewer labels than rows.
pub fn silhouette(matrix: &Matrix, labels: &[Option<usize>], limit: usize, seed: u64) -> Result<Option<f64>> {
    let Labelled { rows, counts } = labelled("silhouette", matrix, labels)?;
    let clusters = counts.iter().filter(|&&count| count > 0).count();
    if clusters < 2 || clusters >= rows.len() || limit == 0 {
        return Ok(None);
    }
    let drawn = draw(rows.len(), limit, seed);
    let score = |&place: &usize| {
        let (row, own) = rows[place];
        let mut sums = vec![0.0; counts.len()];
        for &(other, cluster) in &rows {
            sums[cluster] += squared_distance(matrix.row(row), matrix.row(other)).sqrt();
        }
        if counts[own] < 2 {
            return 0.0;
        }
        let within = sums[own] / (counts[own] - 1) as f64;
        let others = sums.iter().zip(&counts).enumerate().filter(|&(cluster, (_, &count))| cluster != own && count > 0);
        let nearest = others.map(|(_, (sum, &count))| sum / count as f64).fold(f64::INFINITY, f64::min);
        let largest = within.max(nearest);
        if largest > 0.0 { (nearest - within) / largest } else { 0.0 }
    };
    let scores: Vec<f64> = drawn.par_iter().map(score).collect();
    Ok(Some(scores.iter().sum::<f64>() / scores.len() as f64))
}

/// The Davies-Bouldin index, 0 or above (Davies and Bouldin, 1979): for each cluster the worst `(s_i + s_j) / d_ij` against
/// another, `s` the mean distance to the centre and `d` between centres; the mean over clusters. Smaller is better. As
/// scikit-learn's `davies_bouldin_score`, where centres that meet count as infinitely far apart.
///
/// Rows without a label are left out. `None` as for [`silhouette`].
///
/// # Errors
/// [`Error::Argument`] when there are more or fewer labels than rows.
pub fn davies_bouldin(matrix: &Matrix, labels: &[Option<usize>]) -> Result<Option<f64>> {
    let Labelled { rows, counts } = labelled("davies_bouldin", matrix, labels)?;
    let present: Vec<usize> = (0..counts.len()).filter(|&cluster| counts[cluster] > 0).collect();
    if present.len() < 2 || present.len() >= rows.len() {
        return Ok(None);
    }
    let mut centres = vec![vec![0.0; matrix.columns()]; counts.len()];
    for &(row, cluster) in &rows {
        let share = counts[cluster] as f64;
        let add = |(sum, &value): (&mut f64, &f32)| *sum += f64::from(value) / share;
        centres[cluster].iter_mut().zip(matrix.row(row)).for_each(add);
    }
    let mut spreads = vec![0.0; counts.len()];
    for &(row, cluster) in &rows {
        let pairs = matrix.row(row).iter().zip(&centres[cluster]);
        let square: f64 = pairs.map(|(&value, centre)| (f64::from(value) - centre).powi(2)).sum();
        spreads[cluster] += square.sqrt() / counts[cluster] as f64;
    }
    let worst = |&cluster: &usize| {
        let ratio = |&other: &usize| {
            let pairs = centres[cluster].iter().zip(&centres[other]);
            let apart = pairs.map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt();
            if apart > 0.0 { (spreads[cluster] + spreads[other]) / apart } else { 0.0 }
        };
        present.iter().filter(|&&other| other != cluster).map(ratio).fold(0.0, f64::max)
    };
    Ok(Some(present.iter().map(worst).sum::<f64>() / present.len() as f64))
}

/// The rows that have a label, with it, and each label's count.
struct Labelled {
    rows: Vec<(usize, usize)>,
    counts: Vec<usize>,
}

fn labelled(function: &'static str, matrix: &Matrix, labels: &[Option<usize>]) -> Result<Labelled> {
    if labels.len() != matrix.rows() {
        return Err(Error::argument(function, format!("{} labels", matrix.rows()), labels.len().to_string()));
    }
    // Labels may be any numbers: they are counted off in rising order.
    let mut names: Vec<usize> = labels.iter().flatten().copied().collect();
    names.sort_unstable();
    names.dedup();
    let mut counts = vec![0; names.len()];
    let mut rows = Vec::new();
    for (row, label) in labels.iter().enumerate() {
        if let Some(cluster) = label.and_then(|label| names.binary_search(&label).ok()) {
            counts[cluster] += 1;
            rows.push((row, cluster));
        }
    }
    Ok(Labelled { rows, counts })
}

//! k-means: Lloyd's descent from centres drawn far apart.

use std::ops::RangeInclusive;

use rayon::prelude::*;

use super::{SILHOUETTE_ROWS, silhouette};
use crate::explore::Matrix;
use crate::rng::SplitMix64;

/// Steps of one descent, at most.
const STEPS: usize = 300;

/// One descent's end.
pub(super) struct Run {
    pub(super) labels: Vec<usize>,
    pub(super) centres: Vec<Vec<f64>>,
    pub(super) inertia: f64,
}

/// The number of clusters of `range` with the largest silhouette, and what was tried. A range beyond the number of different rows
/// is cut to it.
pub(super) fn choose(
    space: &Matrix,
    range: RangeInclusive<usize>,
    restarts: usize,
    seed: u64,
) -> (Run, Vec<(usize, Option<f64>)>) {
    let different = different_rows(space, *range.end());
    let range = (*range.start()).min(different.max(1))..=(*range.end()).min(different.max(1));
    let mut chosen: Option<(f64, Run)> = None;
    let mut tried = Vec::new();
    for clusters in range {
        let run = best(space, clusters, restarts, seed);
        let labels: Vec<Option<usize>> = run.labels.iter().copied().map(Some).collect();
        let score = silhouette(space, &labels, SILHOUETTE_ROWS, seed).ok().flatten();
        tried.push((clusters, score));
        let score = score.unwrap_or(f64::NEG_INFINITY);
        if chosen.as_ref().is_none_or(|(best, _)| score > *best) {
            chosen = Some((score, run));
        }
    }
    let run = chosen.map_or_else(|| best(space, 1, 1, seed), |(_, run)| run);
    (run, tried)
}

/// The run with the smallest inertia of `restarts`; of equal ones the first.
pub(super) fn best(space: &Matrix, clusters: usize, restarts: usize, seed: u64) -> Run {
    let one =
        |start: usize| descend(space, centres(space, clusters, &mut SplitMix64::new(seed.wrapping_add(start as u64))));
    let runs: Vec<Run> = (0..restarts.max(1)).into_par_iter().map(one).collect();
    let none = Run { labels: Vec::new(), centres: Vec::new(), inertia: f64::INFINITY };
    runs.into_iter().fold(none, |best, run| if run.inertia < best.inertia { run } else { best })
}

/// How many rows differ, counted up to `enough`.
fn different_rows(space: &Matrix, enough: usize) -> usize {
    let mut found: Vec<&[f32]> = Vec::new();
    for row in 0..space.rows() {
        if found.len() >= enough {
            break;
        }
        let row = space.row(row);
        if !found.contains(&row) {
            found.push(row);
        }
    }
    found.len()
}

fn square(row: &[f32], centre: &[f64]) -> f64 {
    row.iter().zip(centre).map(|(&value, centre)| (f64::from(value) - centre).powi(2)).sum()
}

fn centre_of(row: &[f32]) -> Vec<f64> {
    row.iter().map(|&value| f64::from(value)).collect()
}

/// Centres drawn by k-means++ (Arthur and Vassilvitskii, 2007): a row with a chance that grows with the square of its distance to
/// those drawn before, each time the best of `2 + ln k` candidates.
fn centres(space: &Matrix, clusters: usize, rng: &mut SplitMix64) -> Vec<Vec<f64>> {
    let rows = space.rows();
    if rows == 0 {
        return Vec::new();
    }
    let mut centres = vec![centre_of(space.row(rng.below(rows)))];
    let mut nearest: Vec<f64> = (0..rows).map(|row| square(space.row(row), &centres[0])).collect();
    let candidates = 2 + (clusters as f64).ln() as usize;
    while centres.len() < clusters {
        let total: f64 = nearest.iter().sum();
        if total <= 0.0 {
            break;
        }
        let mut chosen: Option<(f64, Vec<f64>, Vec<f64>)> = None;
        for _ in 0..candidates {
            let mut left = (rng.next_u64() >> 11) as f64 / (1u64 << 53) as f64 * total;
            let reaches = |distance: &f64| {
                left -= distance;
                left < 0.0
            };
            let last = nearest.iter().rposition(|&distance| distance > 0.0).unwrap_or(0);
            let row = nearest.iter().position(reaches).unwrap_or(last);
            let centre = centre_of(space.row(row));
            let closer: Vec<f64> =
                nearest.iter().enumerate().map(|(row, &known)| known.min(square(space.row(row), &centre))).collect();
            let sum: f64 = closer.iter().sum();
            if chosen.as_ref().is_none_or(|(best, ..)| sum < *best) {
                chosen = Some((sum, centre, closer));
            }
        }
        if let Some((_, centre, closer)) = chosen {
            centres.push(centre);
            nearest = closer;
        }
    }
    centres
}

/// Lloyd's descent: rows to the nearest centre (of equal ones the first), centres to their rows' means, until no row moves. A
/// centre that loses all rows takes the one that is farthest from its own.
fn descend(space: &Matrix, mut centres: Vec<Vec<f64>>) -> Run {
    let mut labels = vec![usize::MAX; space.rows()];
    let mut distances = vec![0.0; space.rows()];
    for _ in 0..STEPS {
        let mut moved = false;
        for row in 0..space.rows() {
            let mut best = (f64::INFINITY, 0);
            for (cluster, centre) in centres.iter().enumerate() {
                let distance = square(space.row(row), centre);
                if distance < best.0 {
                    best = (distance, cluster);
                }
            }
            moved |= labels[row] != best.1;
            (distances[row], labels[row]) = best;
        }
        if !moved {
            break;
        }
        let mut counts = vec![0usize; centres.len()];
        labels.iter().for_each(|&label| counts[label] += 1);
        while let Some(empty) = counts.iter().position(|&count| count == 0) {
            let movable = (0..labels.len()).filter(|&row| counts[labels[row]] > 1);
            let Some(row) = movable.max_by(|&a, &b| distances[a].total_cmp(&distances[b]).then(b.cmp(&a))) else {
                break;
            };
            counts[labels[row]] -= 1;
            (labels[row], distances[row], counts[empty]) = (empty, 0.0, 1);
        }
        centres.iter_mut().flatten().for_each(|value| *value = 0.0);
        for (row, &label) in labels.iter().enumerate() {
            centres[label].iter_mut().zip(space.row(row)).for_each(|(sum, &value)| *sum += f64::from(value));
        }
        for (centre, &count) in centres.iter_mut().zip(&counts) {
            centre.iter_mut().for_each(|sum| *sum /= count.max(1) as f64);
        }
    }
    let inertia = (0..labels.len()).map(|row| square(space.row(row), &centres[labels[row]])).sum();
    Run { labels, centres, inertia }
}

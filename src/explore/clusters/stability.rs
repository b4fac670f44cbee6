use rayon::prelude::*;

use super::{ClusterOptions, draw, part};
use crate::Result;
use crate::explore::Matrix;

/// For each cluster the mean over resamples of its largest Jaccard index with a cluster that `again` finds in the resample, both
/// taken over the resample's rows. A cluster of which a resample has no row is left out of that resample's part of the mean.
///
/// `again` gets the resample and a seed of its own. Resamples run beside each other, and their results are added in order.
pub(super) fn jaccard(
    space: &Matrix,
    labels: &[Option<usize>],
    clusters: usize,
    share: f64,
    options: &ClusterOptions,
    again: impl Fn(&Matrix, u64) -> Result<Vec<Option<usize>>> + Sync,
) -> Result<Vec<f64>> {
    if options.resamples == 0 || clusters == 0 {
        return Ok(Vec::new());
    }
    let size = ((labels.len() as f64 * share).round() as usize).clamp(1, labels.len());
    let resample = |place: usize| -> Result<Vec<Option<f64>>> {
        let seed = options.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(place as u64 + 1);
        let rows = draw(labels.len(), size, seed);
        let found = again(&part(space, &rows)?, seed)?;
        let before: Vec<Option<usize>> = rows.iter().map(|&row| labels[row]).collect();
        Ok(largest_jaccard(&before, &found, clusters))
    };
    let results: Vec<Vec<Option<f64>>> = (0..options.resamples).into_par_iter().map(resample).collect::<Result<_>>()?;
    let mean = |cluster: usize| {
        let indices: Vec<f64> = results.iter().filter_map(|indices| indices[cluster]).collect();
        indices.iter().sum::<f64>() / indices.len().max(1) as f64
    };
    Ok((0..clusters).map(mean).collect())
}

/// For each of the clusters `before` the largest Jaccard index with one of `found`; none for a cluster without rows.
fn largest_jaccard(before: &[Option<usize>], found: &[Option<usize>], clusters: usize) -> Vec<Option<f64>> {
    let others = found.iter().flatten().max().map_or(0, |&largest| largest + 1);
    let (mut both, mut first, mut second) =
        (vec![0usize; clusters * others], vec![0usize; clusters], vec![0usize; others]);
    for (a, b) in before.iter().zip(found) {
        a.iter().for_each(|&a| first[a] += 1);
        b.iter().for_each(|&b| second[b] += 1);
        if let (Some(a), Some(b)) = (a, b) {
            both[a * others + b] += 1;
        }
    }
    let best = |a: usize| {
        let index =
            |b: usize| both[a * others + b] as f64 / (first[a] + second[b] - both[a * others + b]).max(1) as f64;
        (first[a] > 0).then(|| (0..others).map(index).fold(0.0, f64::max))
    };
    (0..clusters).map(best).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jaccard_by_hand() {
        let before = [Some(0), Some(0), Some(0), Some(1), Some(1), None];
        let found = [Some(0), Some(0), Some(1), Some(1), Some(1), Some(1)];
        // Cluster 0: {0,1,2} with {0,1}: 2/3. Cluster 1: {3,4} with {2,3,4,5}: 2/4. Cluster 2 has no row.
        assert_eq!(largest_jaccard(&before, &found, 3), [Some(2.0 / 3.0), Some(0.5), None]);
        assert_eq!(largest_jaccard(&before, &[None; 6], 2), [Some(0.0), Some(0.0)]);
    }
}

//! Ranks of heat.

use std::cmp::Ordering;

/// Places from the hottest to the coldest; of equal ones the first comes first.
pub(super) fn hottest_first(values: &[f32]) -> Vec<usize> {
    let mut places: Vec<usize> = (0..values.len()).collect();
    places.sort_by(|&a, &b| values[b].partial_cmp(&values[a]).unwrap_or(Ordering::Equal));
    places
}

/// Spearman's rank correlation, with mean ranks for equal values; none where one side is flat or the lengths differ.
pub(super) fn spearman(a: &[f32], b: &[f32]) -> Option<f64> {
    if a.len() != b.len() {
        return None;
    }
    let (a, b) = (centred_ranks(a), centred_ranks(b));
    let product = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(x, y)| x * y).sum::<f64>();
    let spread = (product(&a, &a) * product(&b, &b)).sqrt();
    (spread > 0.0).then(|| product(&a, &b) / spread)
}

/// Ranks less their mean.
fn centred_ranks(values: &[f32]) -> Vec<f64> {
    let order = hottest_first(values);
    let middle = (values.len() as f64 - 1.0) / 2.0;
    let mut ranks = vec![0.0; values.len()];
    let mut start = 0;
    for equal in order.chunk_by(|&a, &b| values[a] == values[b]) {
        let rank = start as f64 + (equal.len() as f64 - 1.0) / 2.0;
        equal.iter().for_each(|&place| ranks[place] = middle - rank);
        start += equal.len();
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_and_ties() {
        assert_eq!(hottest_first(&[1.0, 3.0, 1.0, 0.0, -0.0]), [1, 0, 2, 3, 4]);
        assert_eq!(spearman(&[1.0, 2.0, 3.0], &[-3.0, 0.0, 100.0]), Some(1.0));
        assert_eq!(spearman(&[1.0, 2.0, 3.0], &[3.0, 2.0, 1.0]), Some(-1.0));
        // scipy.stats.spearmanr([1, 2, 2, 4, 5], [5, 6, 7, 8, 7]) gives 0.7631578947368421.
        let found = spearman(&[1.0, 2.0, 2.0, 4.0, 5.0], &[5.0, 6.0, 7.0, 8.0, 7.0]).unwrap();
        assert!((found - 0.763_157_894_736_842_1).abs() < 1e-12, "{found}");
        assert_eq!(spearman(&[1.0, 1.0], &[1.0, 2.0]), None);
        assert_eq!(spearman(&[], &[]), None);
        assert_eq!(spearman(&[1.0], &[1.0, 2.0]), None);
    }
}

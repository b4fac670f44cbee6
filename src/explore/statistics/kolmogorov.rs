use super::special::kolmogorov_tail;

/// The largest product of two group sizes whose lattice paths are walked.
const WALKED_CELLS: usize = 10_000;

/// Two distributions compared by the largest distance between them.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct KolmogorovSmirnov {
    /// The largest distance between the two empirical distribution functions, in [0, 1].
    pub distance: f64,
    /// Two-sided p-value.
    pub p_value: f64,
}

impl KolmogorovSmirnov {
    /// From values in ascending order with the number of times that each stands in either group.
    pub(crate) fn of_counts(levels: impl IntoIterator<Item = [usize; 2]>, sizes: [usize; 2]) -> Self {
        let [first, second] = sizes.map(|size| size as i128);
        let (mut seen, mut farthest) = ([0i128; 2], 0i128);
        for counts in levels {
            seen = [seen[0] + counts[0] as i128, seen[1] + counts[1] as i128];
            farthest = farthest.max((seen[0] * second - seen[1] * first).abs());
        }
        if first * second == 0 || farthest == 0 {
            return Self { distance: 0.0, p_value: 1.0 };
        }
        let distance = farthest as f64 / (first * second) as f64;
        let p_value = match sizes[0].saturating_mul(sizes[1]) <= WALKED_CELLS {
            true => chance_of_reaching(farthest, sizes),
            false => kolmogorov_tail(distance * ((first * second) as f64 / (first + second) as f64).sqrt()),
        };
        Self { distance, p_value }
    }
}

/// Compares two groups of numbers by the two-sample Kolmogorov-Smirnov test.
///
/// The p-value is exact, as `scipy.stats.ks_2samp(method="exact")`, where the product of the sizes is at most 10,000, and
/// Kolmogorov's limit law beyond. With ties it is too large rather than too small.
pub fn kolmogorov_smirnov(first: &[f64], second: &[f64]) -> KolmogorovSmirnov {
    let mut tagged: Vec<(f64, usize)> = first.iter().map(|&value| (value, 0)).collect();
    tagged.extend(second.iter().map(|&value| (value, 1)));
    tagged.sort_by(|a, b| a.0.total_cmp(&b.0));
    let count = |level: &[(f64, usize)]| {
        let second = level.iter().map(|&(_, group)| group).sum();
        [level.len() - second, second]
    };
    let levels = tagged.chunk_by(|a, b| a.0 == b.0).map(count);
    KolmogorovSmirnov::of_counts(levels, [first.len(), second.len()])
}

/// The chance that a random walk from (0, 0) to the sizes, each order of steps as likely, somewhere lies at least
/// `farthest / (n1 n2)` off the diagonal. Cell (i, j) holds that chance for walks that end there: 1 where it lies that far
/// off itself, otherwise the mean of its two predecessors, weighted by how many walks come from each.
fn chance_of_reaching(farthest: i128, sizes: [usize; 2]) -> f64 {
    let [first, second] = sizes;
    let off = |i: usize, j: usize| (i as i128 * second as i128 - j as i128 * first as i128).abs() >= farthest;
    let mut chances = vec![0.0; second + 1];
    for i in 0..=first {
        for j in 0..=second {
            chances[j] = match (i, j) {
                _ if off(i, j) => 1.0,
                (0, 0) => 0.0,
                (0, _) => chances[j - 1],
                (_, 0) => chances[0],
                _ => (chances[j] * i as f64 + chances[j - 1] * j as f64) / (i + j) as f64,
            };
        }
    }
    chances[second]
}

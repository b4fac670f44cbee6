use super::special::{chi_squared_tail, normal_tail};

/// The largest product of two group sizes whose U distribution is counted out.
const COUNTED_CELLS: usize = 100_000;

/// What a one-sided test asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Alternative {
    /// The groups differ.
    #[default]
    TwoSided,
    /// The first group's values are larger.
    Greater,
    /// The first group's values are smaller.
    Less,
}

/// Two groups compared by ranks: the Mann-Whitney U test (Wilcoxon's rank sum) and its effect size.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct RankSum {
    /// U of the first group: pairs in which its value is the larger, ties half.
    pub u: f64,
    /// Cliff's delta, `2 U / (n1 n2) - 1`, in [-1, 1]: how much likelier a value of the first group is the larger of a pair
    /// than the smaller (Cliff, "Dominance statistics", 1993). For values of 0 and 1 it is the difference of their shares.
    pub delta: f64,
    sizes: [usize; 2],
    /// Sum of `t^3 - t` over groups of `t` equal values.
    ties: f64,
}

impl RankSum {
    /// From the first group's sum of mid-ranks among all values, and the sum of `t^3 - t` over groups of equal values.
    pub(crate) fn new(rank_sum: f64, sizes: [usize; 2], ties: f64) -> Self {
        let [first, second] = sizes.map(|size| size as f64);
        let u = rank_sum - first * (first + 1.0) / 2.0;
        let pairs = first * second;
        Self { u, delta: if pairs > 0.0 { 2.0 * u / pairs - 1.0 } else { 0.0 }, sizes, ties }
    }

    /// From values in ascending order with the number of times that each stands in either group.
    pub(crate) fn of_counts(levels: impl IntoIterator<Item = [usize; 2]>) -> Self {
        let (mut sizes, mut rank_sum, mut ties) = ([0; 2], 0.0, 0.0);
        for [first, second] in levels {
            let tied = (first + second) as f64;
            rank_sum += first as f64 * ((sizes[0] + sizes[1]) as f64 + (tied + 1.0) / 2.0);
            ties += tied * tied * tied - tied;
            sizes = [sizes[0] + first, sizes[1] + second];
        }
        Self::new(rank_sum, sizes, ties)
    }

    /// The p-value: exact where a group has at most 8 values and none are tied (and the groups are not huge), otherwise by
    /// the normal law with corrections for ties and continuity. Equal to `scipy.stats.mannwhitneyu` with its defaults.
    pub fn p_value(&self, alternative: Alternative) -> f64 {
        let small = self.sizes[0].min(self.sizes[1]) <= 8 && self.sizes[0] * self.sizes[1] <= COUNTED_CELLS;
        match small && self.ties == 0.0 {
            true => self.exact(alternative).unwrap_or_else(|| self.asymptotic(alternative)),
            false => self.asymptotic(alternative),
        }
    }

    /// The p-value by the normal law, with corrections for ties and continuity.
    pub fn asymptotic(&self, alternative: Alternative) -> f64 {
        let [first, second] = self.sizes.map(|size| size as f64);
        let (n, pairs) = (first + second, first * second);
        let spread = (pairs / 12.0 * (n + 1.0 - self.ties / (n * (n - 1.0)).max(1.0))).sqrt();
        if pairs == 0.0 || spread.is_nan() || spread <= 0.0 {
            return 1.0;
        }
        let tail = |u: f64| normal_tail((u - pairs / 2.0 - 0.5) / spread);
        self.sided(alternative, tail)
    }

    /// The p-value from the exact distribution of U without ties; none where its counts do not fit 128 bits.
    fn exact(&self, alternative: Alternative) -> Option<f64> {
        let counts = u_counts(self.sizes)?;
        let total: u128 = counts.iter().try_fold(0u128, |sum, &count| sum.checked_add(count))?;
        let tail = |u: f64| {
            let from = (u.ceil() as usize).min(counts.len());
            counts[from..].iter().sum::<u128>() as f64 / total as f64
        };
        Some(self.sided(alternative, tail))
    }

    /// Puts together what `tail`, the chance of a U at least so large, says.
    fn sided(&self, alternative: Alternative, tail: impl Fn(f64) -> f64) -> f64 {
        let other = self.sizes[0] as f64 * self.sizes[1] as f64 - self.u;
        let p = match alternative {
            Alternative::TwoSided => 2.0 * tail(self.u.max(other)),
            Alternative::Greater => tail(self.u),
            Alternative::Less => tail(other),
        };
        p.clamp(0.0, 1.0)
    }
}

/// How many of the arrangements of two groups give each U, from 0 on: the coefficients of the Gaussian binomial, the product
/// of `(1 - x^(n + i)) / (1 - x^i)`. None on overflow.
fn u_counts(sizes: [usize; 2]) -> Option<Vec<u128>> {
    let (few, many) = (sizes[0].min(sizes[1]), sizes[0].max(sizes[1]));
    let mut counts = vec![0u128; few * many + 1];
    counts[0] = 1;
    for i in 1..=few {
        // Division first: sums stay whole at every step, and differences never go below zero after both.
        for u in i..counts.len() {
            counts[u] = counts[u].checked_add(counts[u - i])?;
        }
        for u in (many + i..counts.len()).rev() {
            counts[u] = counts[u].checked_sub(counts[u - many - i])?;
        }
    }
    Some(counts)
}

/// Compares two groups of numbers by ranks.
///
/// ```
/// use leap_binder::explore::statistics::{Alternative, mann_whitney};
/// let (male, female) = ([19.0, 22.0, 16.0, 29.0, 24.0], [20.0, 11.0, 17.0, 12.0]);
/// let compared = mann_whitney(&male, &female);
/// assert_eq!(compared.u, 17.0);
/// assert!((compared.delta - 0.7).abs() < 1e-12);
/// assert!((compared.p_value(Alternative::TwoSided) - 1.0 / 9.0).abs() < 1e-12);
/// ```
pub fn mann_whitney(first: &[f64], second: &[f64]) -> RankSum {
    let grouped = [first, second];
    RankSum::of_counts(levels(&grouped).into_iter().map(|counts| [counts[0], counts[1]]))
}

/// Compares any number of groups by ranks (Kruskal and Wallis, 1952): H, corrected for ties, and its p-value by the
/// chi-squared law. Equal to `scipy.stats.kruskal`; empty groups are left out.
pub fn kruskal_wallis(groups: &[&[f64]]) -> (f64, f64) {
    let groups: Vec<&[f64]> = groups.iter().copied().filter(|group| !group.is_empty()).collect();
    let (mut below, mut ties, mut sums) = (0.0, 0.0, vec![0.0; groups.len()]);
    for counts in levels(&groups) {
        let tied = counts.iter().sum::<usize>() as f64;
        for (sum, &count) in sums.iter_mut().zip(&counts) {
            *sum += count as f64 * (below + (tied + 1.0) / 2.0);
        }
        below += tied;
        ties += tied * tied * tied - tied;
    }
    let correction = 1.0 - ties / (below * below * below - below).max(1.0);
    if groups.len() < 2 || correction <= 0.0 {
        return (0.0, 1.0);
    }
    let spread: f64 = sums.iter().zip(&groups).map(|(sum, group)| sum * sum / group.len() as f64).sum();
    let h = (12.0 / (below * (below + 1.0)) * spread - 3.0 * (below + 1.0)) / correction;
    (h, chi_squared_tail(h, groups.len() - 1))
}

/// For each distinct value, ascending, how often it stands in each group.
fn levels(groups: &[&[f64]]) -> Vec<Vec<usize>> {
    let tagged = groups.iter().enumerate().flat_map(|(group, values)| values.iter().map(move |&value| (value, group)));
    let mut tagged: Vec<(f64, usize)> = tagged.collect();
    tagged.sort_by(|a, b| a.0.total_cmp(&b.0));
    let count = |level: &[(f64, usize)]| {
        let mut counts = vec![0; groups.len()];
        level.iter().for_each(|&(_, group)| counts[group] += 1);
        counts
    };
    tagged.chunk_by(|a, b| a.0 == b.0).map(count).collect()
}

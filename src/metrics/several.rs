use serde::{Deserialize, Serialize};

/// Adjusts p-values so that those below a level hold a share of false ones of at most that level (Benjamini and Hochberg,
/// "Controlling the False Discovery Rate", 1995); in the order given.
///
/// The adjusted value of the `i`-th smallest of `m` is the smallest `p m / rank` from rank `i` on, at most 1. It holds for
/// independent and for positively dependent tests. Equal to `scipy.stats.false_discovery_control`.
pub fn benjamini_hochberg(p_values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|&a, &b| p_values[b].total_cmp(&p_values[a]));
    let mut adjusted = vec![1.0; p_values.len()];
    let mut smallest = 1.0f64;
    for (passed, &place) in order.iter().enumerate() {
        let rank = p_values.len() - passed;
        smallest = smallest.min(p_values[place] * p_values.len() as f64 / rank as f64);
        adjusted[place] = smallest;
    }
    adjusted
}

/// Adjusts p-values so that among those below a level there is a false one with at most that chance (Holm, "A Simple
/// Sequentially Rejective Multiple Test Procedure", 1979); in the order given.
///
/// The adjusted value of the `i`-th smallest of `m` is the largest `p (m - rank + 1)` up to rank `i`, at most 1. It holds
/// however the tests depend on each other. Equal to statsmodels' `multipletests(method="holm")`.
pub fn holm(p_values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|&a, &b| p_values[a].total_cmp(&p_values[b]));
    let mut adjusted = vec![1.0; p_values.len()];
    let mut largest = 0.0f64;
    for (passed, &place) in order.iter().enumerate() {
        largest = largest.max(p_values[place] * (p_values.len() - passed) as f64).min(1.0);
        adjusted[place] = largest;
    }
    adjusted
}

/// How p-values are corrected for there being several.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Correction {
    /// Bounds the chance of any false finding; see [`holm`].
    #[default]
    Holm,
    /// Bounds the share of false findings; see [`benjamini_hochberg`].
    BenjaminiHochberg,
}

impl Correction {
    /// The adjusted p-values, in the order given.
    pub fn adjust(self, p_values: &[f64]) -> Vec<f64> {
        match self {
            Self::Holm => holm(p_values),
            Self::BenjaminiHochberg => benjamini_hochberg(p_values),
        }
    }

    /// The same where some tests gave no p-value: those stay without and do not count.
    pub(crate) fn adjust_known(self, p_values: &[Option<f64>]) -> Vec<Option<f64>> {
        let known: Vec<f64> = p_values.iter().flatten().copied().collect();
        let mut adjusted = self.adjust(&known).into_iter();
        p_values.iter().map(|p| p.and_then(|_| adjusted.next())).collect()
    }

    /// The authors' names.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Holm => "Holm",
            Self::BenjaminiHochberg => "Benjamini-Hochberg",
        }
    }
}

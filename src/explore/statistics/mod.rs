//! Tests, effect sizes and information, as scipy and scikit-learn compute them.
//!
//! All functions are deterministic and take plain slices. Numbers must be finite: leave missing values out before. Where a
//! question has no answer (an empty group, values that are all equal) the p-value is 1 and the effect 0, so that nothing is
//! claimed. Costs are those of sorting unless a function says otherwise.

mod contingency;
mod information;
mod kolmogorov;
mod means;
mod ranks;
mod special;

pub use crate::metrics::{benjamini_hochberg, holm};
pub use contingency::{Association, Crosstab, fisher_exact};
pub use information::{label_entropy, mutual_information, mutual_information_numeric};
pub use kolmogorov::{KolmogorovSmirnov, kolmogorov_smirnov};
pub use means::difference_of_means;
pub use ranks::{Alternative, RankSum, kruskal_wallis, mann_whitney};

pub(crate) use information::sorted_information;

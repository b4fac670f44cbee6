//! Where a model fails and why: the latent space of a table of samples, and what stands out in it.

mod insights;
mod matrix;
mod neighbours;

use serde::Serialize;

pub use insights::{Evidence, Gap, Insight, InsightKind, LabelIssue, Pair};
pub use matrix::Matrix;
pub use neighbours::{Metric, Neighbours};

/// One metadata column, or a range of neighbouring histogram bins, in which two groups differ.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[non_exhaustive]
pub struct Difference {
    /// The column's name, or `pixels_count_190..231` for a range of bins, both ends included.
    pub column: String,
    /// The columns behind it: one, or each bin of the range.
    pub columns: Vec<String>,
    /// The category whose share differs most, where the column holds texts or booleans.
    pub category: Option<String>,
    /// Median inside the group; for a category its share in [0, 1].
    pub inside: f64,
    /// The same outside.
    pub outside: f64,
    /// Mutual information between the column and belonging to the group, in nats.
    pub mutual_information: f64,
    /// Effect size in [-1, 1], positive where the values inside are larger: Cliff's delta, or, for a category, phi.
    pub effect: f64,
    /// Two-sided p-value: Mann-Whitney U, or chi-squared (Fisher's exact test in small tables).
    pub p_value: f64,
    /// The same after Benjamini-Hochberg over all columns that were compared.
    pub p_adjusted: f64,
}

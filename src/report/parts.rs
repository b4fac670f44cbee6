use serde::Serialize;

use crate::explain::{Faithfulness, HeatMap};
use crate::imaging::Image;

/// What is known of one cluster beyond what its samples say themselves.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct ClusterFacts {
    /// Its number, as in the labels.
    pub cluster: usize,
    /// Share of its commonest class, in [0, 1].
    pub purity: Option<f64>,
    /// Mean silhouette, in [-1, 1].
    pub silhouette: Option<f64>,
    /// How surely it comes back under resampling, in [0, 1].
    pub stability: Option<f64>,
    /// What sets it apart: a metadata column's name, or an empty text where it is none, and a few words. Those of columns that
    /// a private report leaves out are left out with them.
    pub features: Vec<(String, String)>,
}

/// How well one metadata column alone predicts the label.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Shortcut {
    /// The column.
    pub column: String,
    /// The score's name, for example `balanced accuracy`.
    pub measure: String,
    /// The score.
    pub score: f64,
    /// What guessing would give.
    pub chance: f64,
    /// Lower end of the score's interval.
    pub low: Option<f64>,
    /// Upper end.
    pub high: Option<f64>,
    /// p-value against chance, corrected for all columns.
    pub p_adjusted: Option<f64>,
}

/// The outcome of the binder test.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct CheckSummary {
    /// Whether the binder is valid.
    pub passed: bool,
    /// One sentence: how much was checked, how it went.
    pub summary: String,
    /// One row for each check.
    pub rows: Vec<CheckRow>,
}

/// One check.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct CheckRow {
    /// What was checked, for example a function's name.
    pub name: String,
    /// On which subset, or empty.
    pub subset: String,
    /// `passed`, `failed`, `warning`, ...; those two are marked.
    pub status: String,
    /// Shape, expected and found, or the mend.
    pub detail: String,
}

/// A larger picture of a sample, and what explains its prediction.
#[derive(Debug, Clone, PartialEq)]
pub struct Picture {
    /// The sample's place in the table's rows.
    pub row: usize,
    /// The picture; it is shown with at most 320 pixels a side.
    pub image: Image,
    /// Heat maps over the whole of it, the one to show first at the start.
    pub heat_maps: Vec<(HeatMap, Option<Faithfulness>)>,
}

/// How something was computed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct MethodNote {
    /// The method's name, for example `t-SNE`.
    pub name: String,
    /// What it does, and the formula's name.
    pub text: String,
    /// Its parameters: name and value.
    pub parameters: Vec<(String, String)>,
    /// Where it comes from, or empty.
    pub source: String,
}

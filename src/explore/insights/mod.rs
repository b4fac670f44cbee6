//! What stands out in a table of samples, said in plain sentences and with the numbers behind them.

mod accuracy_gap;
mod all;
mod context;
mod data_leakage;
mod domain_gap;
mod duplication;
mod low_performance;
mod mislabeled;
mod mixing;
mod out_of_distribution;
mod slices;
mod twins;
mod words;

use std::fmt;

use serde::Serialize;

use super::{Difference, Neighbours};
use crate::{Error, Result};

pub(super) use all::all;
pub(crate) use context::drawn_order;
pub use context::{Context, InsightOptions};
pub use data_leakage::data_leakage;
pub use domain_gap::domain_gap;
pub use duplication::duplication;
pub use low_performance::low_performance;
pub use mislabeled::{MislabeledOptions, mislabeled_samples};
pub use out_of_distribution::{OutlierOptions, out_of_distribution};
pub use twins::DuplicateOptions;

/// The kinds of insight, under Tensorleap's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum InsightKind {
    /// A group on which the model does worse than on the rest.
    LowPerformance,
    /// Samples unlike all others.
    OutOfDistribution,
    /// The same sample more than once in a subset.
    Duplication,
    /// The same sample, or the same patient, in several subsets.
    DataLeakage,
    /// Two subsets, or two groups by a metadata column, that do not come from one population.
    DomainGap,
    /// Labels that are probably wrong.
    MislabeledSamples,
}

impl InsightKind {
    /// The name: `low_performance`, ...
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::LowPerformance => "low_performance",
            Self::OutOfDistribution => "out_of_distribution",
            Self::Duplication => "duplication",
            Self::DataLeakage => "data_leakage",
            Self::DomainGap => "domain_gap",
            Self::MislabeledSamples => "mislabeled_samples",
        }
    }
}

impl fmt::Display for InsightKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// One finding about a group of samples.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Insight {
    /// What kind of finding it is.
    pub kind: InsightKind,
    /// How much it matters, in [0, 1]; insights are sorted by it, largest first.
    pub severity: f64,
    /// A few words, for a heading.
    pub title: String,
    /// What was found, in a plain sentence with its numbers.
    pub sentence: String,
    /// Places of the samples in the table's rows, the most telling first.
    pub samples: Vec<usize>,
    /// Metadata that set the samples apart from the rest, the strongest first; only what is significant after correction.
    pub differences: Vec<Difference>,
    /// How a metric differs between the samples and the rest, where the finding is about one.
    pub gap: Option<Gap>,
    /// The chance of such a finding where there is nothing to be found; none for facts such as equal files.
    pub p_value: Option<f64>,
    /// The same, corrected for everything that was looked at (Benjamini-Hochberg).
    pub p_adjusted: Option<f64>,
    /// What backs it, by kind.
    pub evidence: Evidence,
}

impl Insight {
    /// A finding without differences, gap and p-values, which may be filled in. A severity out of range goes to the end of it.
    pub fn new(
        kind: InsightKind,
        severity: f64,
        title: impl Into<String>,
        sentence: impl Into<String>,
        samples: Vec<usize>,
        evidence: Evidence,
    ) -> Self {
        Self {
            kind,
            severity: severity.clamp(0.0, 1.0),
            title: title.into(),
            sentence: sentence.into(),
            samples,
            differences: Vec::new(),
            gap: None,
            p_value: None,
            p_adjusted: None,
            evidence,
        }
    }
}

/// A metric inside and outside of a group.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[non_exhaustive]
pub struct Gap {
    /// The metric: a loss's name, `accuracy`, ...
    pub metric: String,
    /// Its mean over the group.
    pub inside: f64,
    /// Its mean over the rest.
    pub outside: f64,
    /// `inside - outside`.
    pub difference: f64,
    /// Lower end of the difference's bootstrap interval.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// The interval's level, for example 0.95.
    pub level: f64,
}

/// What backs an insight.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "of")]
#[non_exhaustive]
pub enum Evidence {
    /// A group of samples by a rule, for example `image_mean in [12.1, 40.3]`, or a cluster of the latent space.
    Group {
        /// The rule in words.
        rule: String,
        /// The cluster's number, where the group is one.
        cluster: Option<usize>,
        /// The commonest confusions in it: true class, predicted class, count; by name.
        confusions: Vec<(String, String, usize)>,
    },
    /// Pairs of samples that are the same or nearly so, closest first.
    Pairs {
        /// The pairs; long lists are cut, `total` counts them all.
        pairs: Vec<Pair>,
        /// How many there are.
        total: usize,
    },
    /// A score for each sample, in the order of `samples`.
    Scores {
        /// What the scores are, in words.
        what: String,
        /// One for each sample.
        scores: Vec<f64>,
    },
    /// Labels that are probably wrong, in the order of `samples`.
    Labels {
        /// One for each sample.
        issues: Vec<LabelIssue>,
    },
}

/// Two samples that are the same, or nearly so.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[non_exhaustive]
pub struct Pair {
    /// Place of the first in the table's rows.
    pub a: usize,
    /// Place of the second.
    pub b: usize,
    /// How it was found: `bytes`, `pixels`, `perceptual`, `latent`, `attribute`.
    pub by: &'static str,
    /// How far apart they are in that sense; 0 when equal.
    pub distance: f64,
}

/// A label that is probably wrong.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[non_exhaustive]
pub struct LabelIssue {
    /// The given class.
    pub given: usize,
    /// The class that model and neighbours hold likelier.
    pub suggested: usize,
    /// The model's probability of the given class.
    pub self_confidence: f64,
    /// The share of nearest neighbours that have the given class.
    pub neighbours: f64,
}

/// Refuses neighbours of another table, or that name rows that are not there.
fn check_neighbours(function: &'static str, neighbours: &Neighbours, rows: usize) -> Result<()> {
    let (indices, distances) = (&neighbours.indices, &neighbours.distances);
    let fits = |(row, distances): (&Vec<usize>, &Vec<f32>)| {
        row.len() == distances.len() && row.iter().all(|&place| place < rows)
    };
    if indices.len() == rows && distances.len() == rows && indices.iter().zip(distances).all(fits) {
        return Ok(());
    }
    Err(Error::argument(
        function,
        format!("the neighbours of the table's {rows} rows"),
        format!("{} rows", indices.len()),
    ))
}

/// `1 sample`, `2 samples`.
fn count(number: usize, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

/// A share in per cent, as `3.4 %`.
fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}

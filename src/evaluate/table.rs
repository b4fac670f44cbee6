use serde::Serialize;

use super::Fingerprint;
use crate::contract::{DataState, MetadataValue, SampleId};
use crate::imaging::Image;
use crate::metrics::arg_max;

/// What an evaluation knows of every sample: the ground of metrics, insights and reports.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct SampleTable {
    /// Class names, in the order of `probabilities`.
    pub classes: Vec<String>,
    /// Names of `attributes`, for example `file`, `patient`.
    pub attributes: Vec<String>,
    /// Names of `losses`.
    pub losses: Vec<String>,
    /// Names of `metrics`: the metric's, or `<metric>_<key>` for one that gives several values by name. Confusion-matrix
    /// elements have no column.
    pub metrics: Vec<String>,
    /// Metadata columns under their contract names, for example `pixels_count_199`.
    pub metadata: Vec<String>,
    /// One row for each sample.
    pub rows: Vec<SampleRow>,
}

/// One sample.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct SampleRow {
    /// Its id.
    pub id: SampleId,
    /// Its subset.
    pub state: DataState,
    /// Facts that help to find it again.
    pub attributes: Vec<String>,
    /// Index of the true class; none for unlabeled samples.
    pub label: Option<usize>,
    /// Index of the likeliest class; the first among equals.
    pub prediction: usize,
    /// Probability of each class, by softmax; they sum to 1.
    pub probabilities: Vec<f64>,
    /// Each loss; none where it could not be computed.
    pub losses: Vec<Option<f32>>,
    /// Each column of `metrics`; none where the metric has no value or could not be computed.
    pub metrics: Vec<Option<f32>>,
    /// Each metadata column.
    pub metadata: Vec<MetadataValue>,
    /// The model's latent vector. Not part of the JSON; see [`SampleTable::write_latents`].
    #[serde(skip)]
    pub latent: Vec<f32>,
    /// What the sample's input is, so that it can be recognised elsewhere. Not part of the JSON.
    #[serde(skip)]
    pub fingerprint: Fingerprint,
    /// A small picture of the input, where [`super::EvaluateOptions::thumbnail_side`] asks for one. Not part of the JSON.
    #[serde(skip)]
    pub thumbnail: Option<Image>,
}

impl SampleRow {
    /// A row of which nothing is known but what a model held probable. Its prediction is the likeliest class, the first of
    /// equals; fill the other fields as far as they are known.
    pub fn new(id: impl Into<SampleId>, state: DataState, probabilities: Vec<f64>) -> Self {
        Self {
            id: id.into(),
            state,
            attributes: Vec::new(),
            label: None,
            prediction: arg_max(&probabilities),
            probabilities,
            losses: Vec::new(),
            metrics: Vec::new(),
            metadata: Vec::new(),
            latent: Vec::new(),
            fingerprint: Fingerprint::default(),
            thumbnail: None,
        }
    }
}

impl SampleTable {
    /// A table without rows and without columns, for samples that were scored elsewhere.
    pub fn new(classes: impl IntoIterator<Item: Into<String>>) -> Self {
        Self {
            classes: classes.into_iter().map(Into::into).collect(),
            attributes: Vec::new(),
            losses: Vec::new(),
            metrics: Vec::new(),
            metadata: Vec::new(),
            rows: Vec::new(),
        }
    }

    /// The labelled rows with the largest first loss, largest first; ties by id. Rows without a loss are left out.
    pub fn worst(&self, count: usize) -> Vec<&SampleRow> {
        let loss = |row: &SampleRow| row.losses.first().copied().flatten();
        let mut rows: Vec<&SampleRow> = self.rows.iter().filter(|row| loss(row).is_some()).collect();
        rows.sort_by(|a, b| {
            let (left, right) = (loss(a).unwrap_or_default(), loss(b).unwrap_or_default());
            right.total_cmp(&left).then_with(|| a.id.cmp(&b.id))
        });
        rows.truncate(count);
        rows
    }

    /// The name of a class index.
    pub fn class(&self, index: usize) -> &str {
        self.classes.get(index).map_or("", String::as_str)
    }
}

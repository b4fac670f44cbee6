use serde::Serialize;

use super::Fingerprint;
use crate::contract::{DataState, MetadataValue, SampleId};
use crate::imaging::Image;
use crate::metrics::arg_max;
use crate::{Error, Result};

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

    /// Whether every row fits the columns, so that the table can be explored and reported.
    ///
    /// # Errors
    /// [`Error::Argument`] naming the first sample whose probabilities, attributes, losses, metrics or metadata are not as many as the
    /// columns, whose latent vector is not as long as the first one's, or whose label or prediction is no class.
    pub fn validate(&self) -> Result<()> {
        let width = self.rows.first().map_or(0, |row| row.latent.len());
        let classes = self.classes.len();
        for row in &self.rows {
            let counts = [
                ("probabilities", classes, row.probabilities.len()),
                ("attributes", self.attributes.len(), row.attributes.len()),
                ("losses", self.losses.len(), row.losses.len()),
                ("metrics", self.metrics.len(), row.metrics.len()),
                ("metadata", self.metadata.len(), row.metadata.len()),
                ("latent values", width, row.latent.len()),
            ];
            let refuse = |expected: String, found: String| {
                Err(Error::argument("SampleTable", expected, format!("{found} for sample {}", row.id)))
            };
            if let Some((what, expected, found)) = counts.into_iter().find(|(_, expected, found)| expected != found) {
                return refuse(format!("{expected} {what} in every row"), found.to_string());
            }
            if let Some(class) = row.label.into_iter().chain([row.prediction]).find(|class| *class >= classes) {
                return refuse(format!("classes below {classes}"), class.to_string());
            }
        }
        Ok(())
    }

    /// The labelled rows with the largest first loss, largest first; ties by id. Rows without a finite loss are left out.
    pub fn worst(&self, count: usize) -> Vec<&SampleRow> {
        self.worst_places(count).into_iter().map(|place| &self.rows[place]).collect()
    }

    /// The places of [`SampleTable::worst`] in the rows.
    pub(crate) fn worst_places(&self, count: usize) -> Vec<usize> {
        let loss = |row: &SampleRow| row.losses.first().copied().flatten();
        let rows = self.rows.iter().enumerate().filter(|(_, row)| row.label.is_some());
        let known = rows.filter_map(|(place, row)| Some((loss(row).filter(|loss| loss.is_finite())?, place)));
        let mut ranked: Vec<(f32, usize)> = known.collect();
        let id = |place: usize| &self.rows[place].id;
        ranked.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| id(a.1).cmp(id(b.1))));
        ranked.truncate(count);
        ranked.into_iter().map(|(_, place)| place).collect()
    }

    /// The name of a class index.
    pub fn class(&self, index: usize) -> &str {
        self.classes.get(index).map_or("", String::as_str)
    }
}

use super::ConfusionMatrix;
use crate::{Error, Result};

/// How far the probabilities of one sample may sum from 1.
const SUM_TOLERANCE: f64 = 1e-3;

/// What is true and what a model held probable, checked: the input of every metric.
///
/// There are at least two classes with different labels and at least one sample; each probability is in [0, 1] and each
/// row sums to 1 within 1e-3. Rows are used as given, never renormalised.
#[derive(Debug, Clone, PartialEq)]
pub struct Predictions {
    labels: Vec<String>,
    y_true: Vec<usize>,
    y_pred: Vec<usize>,
    probabilities: Vec<f64>,
}

impl Predictions {
    /// Checks and takes the true class of n samples and their `n x classes` probabilities in row-major order.
    ///
    /// `labels` names the classes in the order of the columns; `y_true` holds class indices. The prediction of a sample is
    /// its most probable class, the first one of equals.
    ///
    /// # Errors
    /// [`Error::Argument`] for fewer than two labels, a label given twice, no samples, a class index out of range, a number
    /// of probabilities other than `n x classes`, a probability outside [0, 1] or not a number, or a row whose sum is more
    /// than 1e-3 from 1. The message names the first sample at fault.
    pub fn new(
        labels: impl IntoIterator<Item: Into<String>>,
        y_true: Vec<usize>,
        probabilities: impl IntoIterator<Item: Into<f64>>,
    ) -> Result<Self> {
        let labels: Vec<String> = labels.into_iter().map(Into::into).collect();
        let probabilities: Vec<f64> = probabilities.into_iter().map(Into::into).collect();
        check_labels("Predictions::new", &labels)?;
        check_classes(labels.len(), &y_true)?;
        check_probabilities(labels.len(), y_true.len(), &probabilities)?;
        let y_pred = probabilities.chunks_exact(labels.len()).map(arg_max).collect();
        Ok(Self { labels, y_true, y_pred, probabilities })
    }

    /// The classes' names in the order of the columns.
    pub fn labels(&self) -> &[String] {
        &self.labels
    }

    /// The true class of each sample.
    pub fn y_true(&self) -> &[usize] {
        &self.y_true
    }

    /// The predicted class of each sample: the most probable one, the first of equals.
    pub fn y_pred(&self) -> &[usize] {
        &self.y_pred
    }

    /// The probabilities of each sample, one slice of `classes` values for each.
    pub fn probabilities(&self) -> impl ExactSizeIterator<Item = &[f64]> {
        self.probabilities.chunks_exact(self.labels.len())
    }

    /// How often each class was taken for each other.
    pub fn confusion_matrix(&self) -> ConfusionMatrix {
        ConfusionMatrix::weighted(self, &vec![1; self.y_true.len()])
    }
}

/// At least two labels, all different.
pub(super) fn check_labels(function: &'static str, labels: &[String]) -> Result<()> {
    if labels.len() < 2 {
        return Err(Error::argument(function, "at least two classes", format!("{} ({labels:?})", labels.len())));
    }
    match labels.iter().enumerate().find(|(index, label)| labels[..*index].contains(label)) {
        Some((_, label)) => Err(Error::argument(function, "different labels", format!("{label:?} twice"))),
        None => Ok(()),
    }
}

fn check_classes(classes: usize, y_true: &[usize]) -> Result<()> {
    if y_true.is_empty() {
        return Err(Error::argument("Predictions::new", "at least one sample", "none"));
    }
    match y_true.iter().position(|&class| class >= classes) {
        Some(sample) => Err(Error::argument(
            "Predictions::new",
            format!("class indices below {classes}"),
            format!("{} at sample {sample}", y_true[sample]),
        )),
        None => Ok(()),
    }
}

fn check_probabilities(classes: usize, samples: usize, probabilities: &[f64]) -> Result<()> {
    let refuse = |expected: String, found: String| Err(Error::argument("Predictions::new", expected, found));
    if samples.checked_mul(classes) != Some(probabilities.len()) {
        return refuse(
            format!("{samples} samples x {classes} classes probabilities"),
            format!("{} values", probabilities.len()),
        );
    }
    for (sample, row) in probabilities.chunks_exact(classes).enumerate() {
        if !row.iter().all(|p| (0.0..=1.0).contains(p)) {
            return refuse("probabilities in [0, 1]".into(), format!("{row:?} at sample {sample}"));
        }
        let sum: f64 = row.iter().sum();
        if (sum - 1.0).abs() > SUM_TOLERANCE {
            return refuse(format!("rows that sum to 1 within {SUM_TOLERANCE}"), format!("{sum} at sample {sample}"));
        }
    }
    Ok(())
}

/// The index of the largest value, the first of equals.
pub(crate) fn arg_max(row: &[f64]) -> usize {
    row.iter().enumerate().fold(0, |best, (index, &p)| if p > row[best] { index } else { best })
}

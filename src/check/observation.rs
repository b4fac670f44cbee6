use candle_core::DType;
use serde::Serialize;

use crate::contract::{DataState, MetadataValue, Violation};

/// What one function gave for one sample.
#[derive(Debug, Default)]
pub(super) struct Observation {
    pub(super) columns: Vec<Column>,
}

/// One named value; only metadata maps give several.
#[derive(Debug, Clone)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) shape: Vec<usize>,
    pub(super) value: Value,
}

#[derive(Debug, Clone)]
pub(super) enum Value {
    Tensor(TensorSummary),
    Metadata(MetadataValue),
    Text(String),
}

/// Least, largest and mean value of a tensor, over all samples that were run.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct TensorSummary {
    /// The tensor's dtype in candle's spelling, for example `f32`.
    pub dtype: &'static str,
    /// Least value.
    pub min: f32,
    /// Largest value.
    pub max: f32,
    /// Mean value.
    pub mean: f64,
}

impl TensorSummary {
    pub(super) fn of(dtype: DType, values: &[f32]) -> Self {
        let mean = values.iter().map(|&value| f64::from(value)).sum::<f64>() / values.len().max(1) as f64;
        let min = values.iter().copied().fold(f32::INFINITY, f32::min);
        let max = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        Self { dtype: dtype.as_str(), min, max, mean }
    }

    /// Takes in the summary of one more sample; `seen` samples are in `self`.
    pub(super) fn merge(&mut self, other: &Self, seen: usize) {
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
        self.mean += (other.mean - self.mean) / (seen + 1) as f64;
    }
}

/// What came of running one function on one sample.
#[derive(Debug)]
pub(super) enum Verdict {
    Passed(Observation),
    Failed(Box<Failure>),
}

/// A violation as it stands in a report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Failure {
    /// The rule's stable code, for example `BND-205`.
    pub code: &'static str,
    /// The function, for example `input_encoder::image`.
    pub function: String,
    /// The subset.
    pub subset: Option<DataState>,
    /// The sample.
    pub sample: Option<String>,
    /// What the contract asks for.
    pub expected: String,
    /// What was found.
    pub found: String,
    /// How to mend it.
    pub mend: &'static str,
    /// All of it in one text, with the causes below the user's error.
    pub message: String,
}

impl From<Violation> for Failure {
    fn from(violation: Violation) -> Self {
        Self {
            message: violation.with_causes(),
            code: violation.code.as_str(),
            mend: violation.code.mend(),
            function: violation.function,
            subset: violation.subset,
            sample: violation.sample,
            expected: violation.expected,
            found: violation.found,
        }
    }
}

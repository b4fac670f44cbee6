use candle_core::{DType, Tensor};
use serde::Serialize;

use super::{Code, Violation};

/// Whether a sample belongs to a confusion-matrix element's label (Tensorleap: `ConfusionMatrixValue`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub enum ConfusionMatrixValue {
    /// It does.
    Positive,
    /// It does not.
    Negative,
}

/// One label's truth and score for one sample (Tensorleap: `ConfusionMatrixElement`).
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ConfusionMatrixElement {
    /// The class.
    pub label: String,
    /// Whether the sample is of that class.
    pub expected_outcome: ConfusionMatrixValue,
    /// The model's probability of that class.
    pub predicted_probability: f64,
    /// Tells elements of one label apart, for example detected boxes; empty where there is one for each label.
    pub id: String,
}

impl ConfusionMatrixElement {
    /// An element without an id.
    pub fn new(label: impl Into<String>, expected_outcome: ConfusionMatrixValue, predicted_probability: f64) -> Self {
        Self { label: label.into(), expected_outcome, predicted_probability, id: String::new() }
    }
}

/// One metric's values for a batch.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum SingleMetric {
    /// One value for each sample: shape `(n,)`, any dtype.
    Values(Tensor),
    /// One value for each sample, with gaps where a sample has none.
    Optional(Vec<Option<f64>>),
    /// Confusion-matrix elements, one row for each sample.
    Confusion(Vec<Vec<ConfusionMatrixElement>>),
}

/// What a metric returns: one set of values, or several under keys.
///
/// A metric function may return anything that converts into this: a tensor, a vector of numbers or of optional numbers,
/// confusion-matrix rows, or pairs of a key and one of these. A lone number, a tuple and nothing at all do not convert, so
/// code_loader's rules against them hold when the binder compiles.
///
/// ```
/// use leap_binder::contract::MetricResult;
/// let plain = MetricResult::from(vec![0.5f32, 0.25]);
/// assert!(plain.validate("metric::error", Some(2)).is_ok());
/// assert!(plain.validate("metric::error", Some(3)).is_err());
/// let keyed = MetricResult::map([("sensitivity", vec![Some(1.0f64), None])]);
/// assert!(keyed.validate("metric::rates", None).is_ok());
/// ```
#[derive(Debug, Clone)]
pub enum MetricResult {
    /// One set of values.
    Single(SingleMetric),
    /// Key and values, in order.
    Map(Vec<(String, SingleMetric)>),
}

impl SingleMetric {
    /// The number of samples: list entries, or the length of the tensor's first axis (0 for a tensor without axes).
    pub fn len(&self) -> usize {
        match self {
            Self::Values(values) => values.dims().first().copied().unwrap_or(0),
            Self::Optional(values) => values.len(),
            Self::Confusion(rows) => rows.len(),
        }
    }

    /// Whether there is no sample.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// One number for each sample, with gaps where it has none; nothing for confusion-matrix rows.
    ///
    /// # Errors
    /// Those of candle when a tensor has not exactly one axis.
    pub fn numbers(&self) -> candle_core::Result<Option<Vec<Option<f64>>>> {
        Ok(match self {
            Self::Values(values) => {
                let values = values.to_dtype(DType::F64)?.to_vec1::<f64>()?;
                Some(values.into_iter().map(Some).collect())
            }
            Self::Optional(values) => Some(values.clone()),
            Self::Confusion(_) => None,
        })
    }

    fn validate(&self, function: &str, key: Option<&str>, batch: Option<usize>) -> Result<(), Violation> {
        let under = key.map(|key| format!(" under the key `{key}`")).unwrap_or_default();
        let violation = |expected: String, found: String| {
            Err(Violation::new(Code::MetricResult, function, expected, format!("{found}{under}")))
        };
        match self {
            Self::Values(values) if values.rank() != 1 => violation(
                "one value for each sample, a 1D tensor of shape (n,)".into(),
                format!("a {}D tensor of shape {:?}", values.rank(), values.dims()),
            ),
            Self::Optional(_) | Self::Confusion(_) if self.is_empty() => {
                violation("one entry for each sample".into(), "an empty list".into())
            }
            _ => match batch {
                Some(batch) if batch != self.len() => {
                    violation(format!("a length equal to the batch size, {batch}"), format!("length {}", self.len()))
                }
                _ => Ok(()),
            },
        }
    }
}

impl MetricResult {
    /// Values under keys, in order.
    pub fn map<K: Into<String>, V: Into<SingleMetric>>(entries: impl IntoIterator<Item = (K, V)>) -> Self {
        Self::Map(entries.into_iter().map(|(key, values)| (key.into(), values.into())).collect())
    }

    /// The keys of a map, in order; none for one set of values.
    pub fn keys(&self) -> Option<impl Iterator<Item = &str>> {
        match self {
            Self::Single(_) => None,
            Self::Map(entries) => Some(entries.iter().map(|(key, _)| key.as_str())),
        }
    }

    /// Holds the result against the rules that code_loader 1.0.214 applies to a direct call.
    ///
    /// A tensor has exactly one axis and may have any dtype and hold NaN; a list is not empty. The length is compared with
    /// `batch` only when that is given. A key occurs once (in code_loader a repeated key overwrites the first).
    /// `function` is the name to report, for example `metric::accuracy`.
    ///
    /// # Errors
    /// `BND-210` for the first value that breaks a rule, naming its key.
    pub fn validate(&self, function: &str, batch: Option<usize>) -> Result<(), Violation> {
        let entries = match self {
            Self::Single(single) => return single.validate(function, None, batch),
            Self::Map(entries) => entries,
        };
        for (index, (key, single)) in entries.iter().enumerate() {
            if entries.iter().take(index).any(|(earlier, _)| earlier == key) {
                let found = format!("the key `{key}` twice");
                return Err(Violation::new(Code::MetricResult, function, "each key once", found));
            }
            single.validate(function, Some(key), batch)?;
        }
        Ok(())
    }
}

/// Holds a loss's result against code_loader 1.0.214's only rule for it: fewer than two axes.
///
/// A tensor without axes passes; dtype, length and finiteness are not looked at. `function` is the name to report.
///
/// # Errors
/// `BND-211` for a tensor of two or more axes.
pub fn validate_loss(function: &str, loss: &Tensor) -> Result<(), Violation> {
    if loss.rank() < 2 {
        return Ok(());
    }
    Err(Violation::new(
        Code::LossResult,
        function,
        "one value for each sample, a 1Dim tensor of shape (n,)",
        format!("a {}Dim tensor of shape {:?}", loss.rank(), loss.dims()),
    ))
}

impl From<Tensor> for SingleMetric {
    fn from(values: Tensor) -> Self {
        Self::Values(values)
    }
}

impl From<Vec<Vec<ConfusionMatrixElement>>> for SingleMetric {
    fn from(rows: Vec<Vec<ConfusionMatrixElement>>) -> Self {
        Self::Confusion(rows)
    }
}

macro_rules! list_from {
    ($($number:ty),*) => {$(
        impl From<Vec<$number>> for SingleMetric {
            fn from(values: Vec<$number>) -> Self {
                Self::Optional(values.into_iter().map(|value| Some(f64::from(value))).collect())
            }
        }

        impl From<Vec<Option<$number>>> for SingleMetric {
            fn from(values: Vec<Option<$number>>) -> Self {
                Self::Optional(values.into_iter().map(|value| value.map(f64::from)).collect())
            }
        }
    )*};
}

list_from!(f32, f64, i32, bool);

impl<T: Into<SingleMetric>> From<T> for MetricResult {
    fn from(single: T) -> Self {
        Self::Single(single.into())
    }
}

impl<V: Into<SingleMetric>> From<Vec<(String, V)>> for MetricResult {
    fn from(entries: Vec<(String, V)>) -> Self {
        Self::map(entries)
    }
}

impl<V: Into<SingleMetric>, const N: usize> From<[(&str, V); N]> for MetricResult {
    fn from(entries: [(&str, V); N]) -> Self {
        Self::map(entries)
    }
}

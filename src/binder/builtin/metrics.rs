//! Tensorleap's built-in metrics, equal to code_loader 1.0.214's.
//!
//! The six losses serve as metrics too; shapes, precision and errors of all of them are those of [`super::losses`].

use candle_core::{DType, Tensor};

pub use super::losses::{
    binary_crossentropy, categorical_crossentropy, mean_absolute_error, mean_absolute_percentage_error,
    mean_squared_error, mean_squared_logarithmic_error,
};
use super::rows::Rows;
use crate::contract::{ConfusionMatrixElement, ConfusionMatrixValue, HandlerResult, MetricDirection, MetricResult};

/// A built-in metric as a setup lists it.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct BuiltinMetric {
    /// Tensorleap's name for it; no other metric may have it.
    pub name: &'static str,
    /// Its argument names.
    pub arguments: [&'static str; 2],
    /// Which way it gets better; a confusion matrix has no direction.
    pub direction: Option<MetricDirection>,
    /// Computes it from the ground truth and the prediction.
    pub compute: fn(&Tensor, &Tensor) -> HandlerResult<MetricResult>,
}

/// The built-in metrics in Tensorleap's registration order.
pub const BUILTIN: [BuiltinMetric; 8] = {
    use MetricDirection::{Downward, Upward};
    [
        builtin("MeanSquaredError", Some(Downward), |g, p| Ok(mean_squared_error(g, p)?.into())),
        builtin("MeanSquaredLogarithmicError", Some(Downward), |g, p| Ok(mean_squared_logarithmic_error(g, p)?.into())),
        builtin("MeanAbsoluteError", Some(Downward), |g, p| Ok(mean_absolute_error(g, p)?.into())),
        builtin("MeanAbsolutePercentageError", Some(Downward), |g, p| Ok(mean_absolute_percentage_error(g, p)?.into())),
        builtin("Accuracy", Some(Upward), |g, p| Ok(accuracy(g, p)?.into())),
        builtin("ConfusionMatrixClassification", None, |g, p| Ok(confusion_matrix_classification(g, p)?.into())),
        builtin("CategoricalCrossentropy", Some(Downward), |g, p| Ok(categorical_crossentropy(g, p)?.into())),
        builtin("BinaryCrossentropy", Some(Downward), |g, p| Ok(binary_crossentropy(g, p)?.into())),
    ]
};

const fn builtin(
    name: &'static str,
    direction: Option<MetricDirection>,
    compute: fn(&Tensor, &Tensor) -> HandlerResult<MetricResult>,
) -> BuiltinMetric {
    BuiltinMetric { name, arguments: super::ARGUMENTS, direction, compute }
}

/// The share of values in a row whose truth agrees: `mean(bool(round(p)) == bool(g))`, f64.
///
/// Element by element, and not by the most probable class: a three-class row with one wrong argmax still has 1/3. `round`
/// sends halves to the even neighbour, so 0.5 is false and 1.5 is true; everything but zero is true, NaN and negative
/// values below -0.5 included.
///
/// # Errors
/// Those of [`super::losses`]: the rows do not fit together.
pub fn accuracy(ground_truth: &Tensor, prediction: &Tensor) -> HandlerResult<Tensor> {
    let (g, p) = Rows::pair(ground_truth, prediction)?;
    let agreement = g.agreement(&p, |g, p| (p.round_ties_even() != 0.0) == (g != 0.0));
    agreement.mean().into_tensor(DType::F64, ground_truth.device())
}

/// One element for each sample and class: whether the sample is of that class, and the model's probability of it.
///
/// Classes are named `0`, `1`, ... A class is positive when its ground truth cut to an integer is 1: 1.9 counts, 0.9 does
/// not. A single column `x` becomes the two classes `1 - x` and `x` in both tensors, computed in their own type.
///
/// # Shapes
/// `ground_truth`, `prediction`: both `(n, classes)`.
///
/// # Errors
/// When the shapes are not that, or a ground truth is not finite.
pub fn confusion_matrix_classification(
    ground_truth: &Tensor,
    prediction: &Tensor,
) -> HandlerResult<Vec<Vec<ConfusionMatrixElement>>> {
    if prediction.rank() != 2 || ground_truth.dims() != prediction.dims() {
        return Err(ConfusionError::Shape {
            ground_truth: ground_truth.dims().to_vec(),
            prediction: prediction.dims().to_vec(),
        }
        .into());
    }
    let (mut g, mut p) = Rows::pair(ground_truth, prediction)?;
    if prediction.dim(1)? == 1 {
        (g, p) = (with_complement(&g), with_complement(&p));
    }
    let rows = g.iter().zip(p.iter()).enumerate();
    let rows = rows.map(|(sample, (truths, scores))| {
        let classes = truths.iter().zip(scores).enumerate();
        classes.map(|(class, (&truth, &score))| element(sample, class, truth, score)).collect()
    });
    Ok(rows.collect::<Result<_, ConfusionError>>()?)
}

fn with_complement(xs: &Rows) -> Rows {
    xs.map(|x| 1.0 - x).beside(xs)
}

fn element(
    sample: usize,
    class: usize,
    truth: f64,
    predicted_probability: f64,
) -> Result<ConfusionMatrixElement, ConfusionError> {
    if !truth.is_finite() {
        return Err(ConfusionError::NotFinite { sample, class, truth });
    }
    let expected_outcome =
        if truth.trunc() == 1.0 { ConfusionMatrixValue::Positive } else { ConfusionMatrixValue::Negative };
    Ok(ConfusionMatrixElement { label: class.to_string(), expected_outcome, predicted_probability, id: String::new() })
}

#[derive(Debug, thiserror::Error)]
enum ConfusionError {
    #[error(
        "expected ground_truth and prediction of one shape (n, classes), found {ground_truth:?} and {prediction:?}, \
         which could not be broadcast together"
    )]
    Shape { ground_truth: Vec<usize>, prediction: Vec<usize> },
    #[error("expected a finite ground_truth, found {truth} for class {class} of sample {sample} of the batch")]
    NotFinite { sample: usize, class: usize, truth: f64 },
}

//! Tensorleap's built-in losses, equal to code_loader 1.0.214's.
//!
//! Each takes the ground truth and the prediction of a batch and gives one value for each sample. Both tensors are read
//! as one row for each entry of the ground truth's first axis, trailing axes flattened; a tensor `(n,)` is `(n, 1)`. A row
//! of one value is compared with every value of the other tensor's row, as numpy broadcasts it. In the formulas `g` is the
//! ground truth's row and `p` the prediction's.
//!
//! # Shapes
//! `ground_truth`, `prediction`: `(n, ...)`, n >= 1, any dtype; result: `(n,)`, f32, on the ground truth's device.
//!
//! # Precision
//! Arithmetic runs in the tensors' own type and promotes as numpy does: on f16 tensors, which is what Tensorleap's engine
//! holds, each operation rounds to f16, and only the result becomes f32. Integers do not wrap where numpy's would. NaN and
//! infinities are results like others, never errors.
//!
//! # Gradient
//! Where an argument is part of a graph, so is the result: gradients reach both tensors, equal to PyTorch's for the formulas.
//! Nothing flows through a clipped probability.
//!
//! # Errors
//! When the ground truth has no samples, the prediction cannot be shared out over them, or the rows have different
//! lengths of which neither is 1.
//!
//! # Determinism
//! Bit-exact on every machine, up to the system's logarithm in f64; equal to numpy's bits where no logarithm is taken.
//!
//! ```
//! use candle_core::{Device, Tensor};
//! use leap_binder::binder::losses;
//!
//! let truth = Tensor::new(&[[1f32, 0.], [0., 1.]], &Device::Cpu)?;
//! let scores = Tensor::new(&[[0.5f32, 0.5], [0.5, 1.5]], &Device::Cpu)?;
//! assert_eq!(losses::mean_squared_error(&truth, &scores)?.to_vec1::<f32>()?, [0.25, 0.25]);
//! # Ok::<(), leap_binder::BoxError>(())
//! ```

use candle_core::Tensor;

use super::gradients::Gradient;
use super::rows::Rows;
use crate::contract::HandlerResult;

/// Probabilities are kept inside `[EPSILON, 1 - EPSILON]`, both rounded to the prediction's type.
pub(super) const EPSILON: f64 = 1e-7;

/// A built-in loss as a setup lists it.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct BuiltinLoss {
    /// Tensorleap's name for it; no other loss may have it.
    pub name: &'static str,
    /// Its argument names.
    pub arguments: [&'static str; 2],
    /// Computes it from the ground truth and the prediction.
    pub compute: fn(&Tensor, &Tensor) -> HandlerResult<Tensor>,
}

/// The built-in losses in Tensorleap's registration order.
pub const BUILTIN: [BuiltinLoss; 6] = [
    builtin("MeanSquaredError", mean_squared_error),
    builtin("MeanSquaredLogarithmicError", mean_squared_logarithmic_error),
    builtin("MeanAbsoluteError", mean_absolute_error),
    builtin("MeanAbsolutePercentageError", mean_absolute_percentage_error),
    builtin("CategoricalCrossentropy", categorical_crossentropy),
    builtin("BinaryCrossentropy", binary_crossentropy),
];

const fn builtin(name: &'static str, compute: fn(&Tensor, &Tensor) -> HandlerResult<Tensor>) -> BuiltinLoss {
    BuiltinLoss { name, arguments: super::ARGUMENTS, compute }
}

/// `mean((g - p)^2)`.
///
/// # Errors
/// Those of the [module](self): the rows do not fit together.
pub fn mean_squared_error(ground_truth: &Tensor, prediction: &Tensor) -> HandlerResult<Tensor> {
    per_sample(ground_truth, prediction, Gradient::Squared, |g, p| squared(&g.minus(p)).mean())
}

/// `mean((ln(1 + g) - ln(1 + p))^2)`, a plain logarithm of the rounded `1 + x`.
///
/// A value below -1 gives NaN; -1 gives an infinity, or NaN where both are -1.
///
/// # Errors
/// Those of the [module](self): the rows do not fit together.
pub fn mean_squared_logarithmic_error(ground_truth: &Tensor, prediction: &Tensor) -> HandlerResult<Tensor> {
    let ln_1p = |xs: &Rows| xs.map(|x| 1.0 + x).ln();
    per_sample(ground_truth, prediction, Gradient::SquaredLogarithmic, |g, p| {
        squared(&ln_1p(g).minus(&ln_1p(p))).mean()
    })
}

/// `mean(|g - p|)`.
///
/// # Errors
/// Those of the [module](self): the rows do not fit together.
pub fn mean_absolute_error(ground_truth: &Tensor, prediction: &Tensor) -> HandlerResult<Tensor> {
    per_sample(ground_truth, prediction, Gradient::Absolute, |g, p| g.minus(p).map(f64::abs).mean())
}

/// `mean(|g - p| / |g|)`: a fraction, not per cent.
///
/// Nothing keeps `g` from zero: there the result is infinite, or NaN where `p` is zero as well.
///
/// # Errors
/// Those of the [module](self): the rows do not fit together.
pub fn mean_absolute_percentage_error(ground_truth: &Tensor, prediction: &Tensor) -> HandlerResult<Tensor> {
    per_sample(ground_truth, prediction, Gradient::AbsolutePercentage, |g, p| {
        g.minus(p).map(f64::abs).over(&g.map(f64::abs)).mean()
    })
}

/// Cross-entropy of class probabilities: `p := p / sum(p)`, clipped to `[1e-7, 1 - 1e-7]`, then `-sum(g * ln p)`.
///
/// `prediction` holds probabilities, not logits; they need not sum to one. A row that sums to zero gives NaN; negative
/// values are clipped after the division. A wrong class costs at most 16.118 in f32. In f16 the bounds round to 2^-23
/// and 1, so that a sure prediction gives -0 when it is right and 15.945 when it is wrong.
///
/// # Errors
/// Those of the [module](self): the rows do not fit together.
pub fn categorical_crossentropy(ground_truth: &Tensor, prediction: &Tensor) -> HandlerResult<Tensor> {
    per_sample(ground_truth, prediction, Gradient::Categorical, |g, p| {
        let probabilities = p.over(&p.sum()).clip(EPSILON, 1.0 - EPSILON);
        g.times(&probabilities.ln()).sum().map(|sum| -sum)
    })
}

/// Cross-entropy of independent probabilities: `p` clipped to `[1e-7, 1 - 1e-7]`, then
/// `-sum(g * ln p + (1 - g) * ln(1 - p))`, a sum and not a mean.
///
/// In f16 the upper bound rounds to 1, whose complement has no logarithm: a prediction of exactly 1 gives an infinity
/// when it is wrong and NaN when it is right.
///
/// # Errors
/// Those of the [module](self): the rows do not fit together.
pub fn binary_crossentropy(ground_truth: &Tensor, prediction: &Tensor) -> HandlerResult<Tensor> {
    let complement = |xs: &Rows| xs.map(|x| 1.0 - x);
    per_sample(ground_truth, prediction, Gradient::Binary, |g, p| {
        let p = p.clip(EPSILON, 1.0 - EPSILON);
        let missed = complement(g).times(&complement(&p).ln());
        g.times(&p.ln()).plus(&missed).sum().map(|sum| -sum)
    })
}

fn squared(xs: &Rows) -> Rows {
    xs.map(|x| x * x)
}

fn per_sample(
    ground_truth: &Tensor,
    prediction: &Tensor,
    gradient: Gradient,
    formula: impl Fn(&Rows, &Rows) -> Rows,
) -> HandlerResult<Tensor> {
    let (g, p) = Rows::pair(ground_truth, prediction)?;
    gradient.attach(formula(&g, &p), ground_truth, prediction)
}

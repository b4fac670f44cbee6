//! Tensorleap's built-in losses, for binders to register under their own names.

use candle_core::{D, DType, Tensor};

use crate::contract::HandlerResult;

pub(crate) const NAMES: [&str; 6] = ["MeanSquaredError","MeanSquaredLogarithmicError","MeanAbsoluteError","MeanAbsolutePercentageError","CategoricalCrossentropy","BinaryCrossentropy"];
/// code_loader's clipping constant; probabilities are kept inside `[EPSILON, 1 - EPSILON]`.
const EPSILON: f64 = 1e-7;

/// Cross-entropy of class probabilities, code_loader 1.0.214's `CategoricalCrossentropy`.
///
/// Both tensors are flattened to `(n, k)`; `p := p / sum(p)`, clipped to `[1e-7, 1 - 1e-7]`, then `-sum(g * ln p)` for
/// each sample. `y_pred` holds probabilities, not logits. A row that sums to zero gives NaN.
///
/// # Shapes
/// `y_true`, `y_pred`: `(n, ...)` with equal sizes; result `(n,)`, f32.
///
/// # Errors
/// Those of candle when the shapes differ.
pub fn categorical_crossentropy(y_true: &Tensor, y_pred: &Tensor) -> HandlerResult<Tensor> {
    let samples = y_true.dim(0)?;
    let y_true = y_true.reshape((samples, ()))?;
    let y_pred = y_pred.reshape((samples, ()))?;
    let y_pred = y_pred.broadcast_div(&y_pred.sum_keepdim(D::Minus1)?)?.clamp(EPSILON, 1.0 - EPSILON)?;
    let loss = (y_true * y_pred.log()?)?.sum(D::Minus1)?.neg()?;
    Ok(loss.to_dtype(DType::F32)?)
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    #[test]
    fn agrees_with_the_formula_by_hand() {
        let truth = Tensor::new(&[[0f32, 1., 0.], [1., 0., 0.], [0.5, 0.5, 0.]], &Device::Cpu).unwrap();
        let scores = Tensor::new(&[[1f32, 2., 1.], [0., 1., 0.], [0.25, 0.25, 0.5]], &Device::Cpu).unwrap();
        let loss = categorical_crossentropy(&truth, &scores).unwrap().to_vec1::<f32>().unwrap();
        let expected = [0.5f32.ln().abs(), (1e-7f32).ln().abs(), 0.25f32.ln().abs()];
        for (loss, expected) in loss.iter().zip(expected) {
            assert!((loss - expected).abs() < 1e-5, "{loss} {expected}");
        }
    }

    #[test]
    fn a_zero_row_is_nan_and_other_shapes_are_errors() {
        let truth = Tensor::new(&[[1f32, 0.]], &Device::Cpu).unwrap();
        let zero = truth.zeros_like().unwrap();
        assert!(categorical_crossentropy(&truth, &zero).unwrap().to_vec1::<f32>().unwrap()[0].is_nan());
        let wide = Tensor::new(&[[1f32, 0., 0.]], &Device::Cpu).unwrap();
        assert!(categorical_crossentropy(&truth, &wide).is_err());
    }
}

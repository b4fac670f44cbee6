//! The last steps that most networks share.

use candle_core::{Result as TensorResult, Tensor};
use candle_nn::Linear;

/// `linear` on each row of `xs` `(n, in)` by itself: `(n, out)`.
///
/// In one product of the whole batch the order of the sums, and so the last bits, would depend on the number of rows.
pub(super) fn linear_by_row(linear: &Linear, xs: &Tensor) -> TensorResult<Tensor> {
    let (out, width) = linear.weight().dims2()?;
    let weight = linear.weight().broadcast_as((xs.dim(0)?, out, width))?;
    let ys = weight.matmul(&xs.unsqueeze(2)?.contiguous()?)?.squeeze(2)?;
    match linear.bias() {
        Some(bias) => ys.broadcast_add(bias),
        None => Ok(ys),
    }
}

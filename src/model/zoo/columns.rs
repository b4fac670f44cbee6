//! What ConvNeXt and the vision transformer share. Both see an image as a row of places with a column of features each,
//! `(n, features, places)`, so that a layer over the features is one matrix product and nothing is turned round.

use candle_core::{DType, Result as TensorResult, Tensor};
use candle_nn::{Conv2d, Conv2dConfig, Init, VarBuilder, conv2d};

use super::blocks::{Dense, affine};
use crate::nn;

/// Both networks' epsilon of layer normalisation.
const EPS: f64 = 1e-6;

/// Layer normalisation (Ba et al., arXiv:1607.06450) over the second axis, whatever comes after it.
#[derive(Debug)]
pub(super) struct LayerNorm {
    weight: Tensor,
    bias: Tensor,
}

impl LayerNorm {
    pub(super) fn new(width: usize, vb: VarBuilder) -> TensorResult<Self> {
        let weight = vb.get_with_hints(width, "weight", Init::Const(1.0))?;
        Ok(Self { weight, bias: vb.get_with_hints(width, "bias", Init::Const(0.0))? })
    }

    pub(super) fn forward(&self, xs: &Tensor) -> TensorResult<Tensor> {
        let per_feature = |values: &Tensor| along_features(values, xs.rank());
        // The sum of squares leaves the range of f16 soon.
        let wide = xs.to_dtype(DType::F32)?;
        let centred = wide.broadcast_sub(&wide.mean_keepdim(1)?)?;
        let deviation = (centred.sqr()?.mean_keepdim(1)? + EPS)?.sqrt()?;
        let normal = centred.broadcast_div(&deviation)?.to_dtype(xs.dtype())?;
        normal.broadcast_mul(&per_feature(&self.weight)?)?.broadcast_add(&per_feature(&self.bias)?)
    }
}

/// `values` `(c,)` as `(1, c, 1, ...)` with `rank` axes.
pub(super) fn along_features(values: &Tensor, rank: usize) -> TensorResult<Tensor> {
    let mut shape = vec![1; rank.max(2)];
    shape[1] = values.elem_count();
    values.reshape(shape)
}

/// Two layers with GELU in between; the width in the middle is four times the others.
#[derive(Debug)]
pub(super) struct Mlp {
    fc1: Dense,
    fc2: Dense,
}

impl Mlp {
    pub(super) fn new(width: usize, vb: VarBuilder) -> TensorResult<Self> {
        Ok(Self { fc1: Dense::new(width, 4 * width, vb.pp("fc1"))?, fc2: Dense::new(4 * width, width, vb.pp("fc2"))? })
    }

    pub(super) fn forward(&self, xs: &Tensor) -> TensorResult<Tensor> {
        self.fc2.forward(&nn::gelu(&self.fc1.forward(xs)?)?)
    }
}

/// A convolution whose stride is its kernel: the image is cut into squares, and each is one column of a matrix product.
/// What is left over at the right and at the bottom is dropped, as a convolution does.
#[derive(Debug)]
pub(super) struct Patches {
    conv: Conv2d,
}

impl Patches {
    pub(super) fn new(inputs: usize, outputs: usize, side: usize, vb: VarBuilder) -> TensorResult<Self> {
        let config = Conv2dConfig { stride: side, ..Default::default() };
        Ok(Self { conv: conv2d(inputs, outputs, side, config, vb)? })
    }

    /// `(n, inputs, h, w)` to `(n, outputs, h / side, w / side)`.
    pub(super) fn forward(&self, xs: &Tensor) -> TensorResult<Tensor> {
        let side = self.conv.config().stride;
        let (n, inputs, h, w) = xs.dims4()?;
        let (rows, columns) = (h / side, w / side);
        let squares = xs.narrow(2, 0, rows * side)?.narrow(3, 0, columns * side)?.contiguous()?;
        let squares = squares.reshape(&[n, inputs, rows, side, columns, side][..])?.permute(vec![0, 1, 3, 5, 2, 4])?;
        let squares = squares.contiguous()?.reshape((n, inputs * side * side, rows * columns))?;
        let weight = self.conv.weight().flatten_from(1)?;
        affine(&weight, self.conv.bias(), &squares)?.reshape((n, (), rows, columns))
    }
}

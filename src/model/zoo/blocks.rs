//! What several networks of the zoo are built from.

use candle_core::{Result as TensorResult, Tensor};
use candle_nn::{BatchNorm, Conv2d, Conv2dConfig, Linear, VarBuilder, batch_norm, conv2d, conv2d_no_bias, linear};

use super::super::Mode;
use super::super::staged::{Layer, Top};
use crate::nn;

/// PyTorch's epsilon of batch normalisation.
const EPS: f64 = 1e-5;

/// What follows a normalisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Activation {
    None,
    Relu,
    Silu,
}

/// A convolution's shape: a square kernel of an odd side, padded by half of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    pub(super) inputs: usize,
    pub(super) outputs: usize,
    pub(super) kernel: usize,
    pub(super) stride: usize,
    depthwise: bool,
}

impl Shape {
    pub(super) const fn new(inputs: usize, outputs: usize, kernel: usize, stride: usize) -> Self {
        Self { inputs, outputs, kernel, stride, depthwise: false }
    }

    pub(super) const fn pointwise(inputs: usize, outputs: usize) -> Self {
        Self::new(inputs, outputs, 1, 1)
    }

    /// One kernel for each of `channels`.
    pub(super) const fn depthwise(channels: usize, kernel: usize, stride: usize) -> Self {
        Self { inputs: channels, outputs: channels, kernel, stride, depthwise: true }
    }

    const fn config(&self) -> Conv2dConfig {
        Conv2dConfig {
            padding: self.kernel / 2,
            stride: self.stride,
            dilation: 1,
            groups: if self.depthwise { self.inputs } else { 1 },
            cudnn_fwd_algo: None,
        }
    }

    /// The convolution with a bias.
    pub(super) fn biased(&self, vb: VarBuilder) -> TensorResult<Conv2d> {
        conv2d(self.inputs, self.outputs, self.kernel, self.config(), vb)
    }

    fn unbiased(&self, vb: VarBuilder) -> TensorResult<Conv2d> {
        conv2d_no_bias(self.inputs, self.outputs, self.kernel, self.config(), vb)
    }
}

/// Runs a convolution in the way that is fastest for it.
pub(super) fn convolve(conv: &Conv2d, xs: &Tensor) -> TensorResult<Tensor> {
    if conv.config().groups > 1 { nn::depthwise(conv, xs) } else { nn::conv2d(conv, xs) }
}

/// A convolution without bias, batch normalisation, and what follows.
#[derive(Debug)]
pub(super) struct ConvNorm {
    conv: Conv2d,
    norm: BatchNorm,
    activation: Activation,
}

impl ConvNorm {
    pub(super) fn new(shape: Shape, activation: Activation, conv: VarBuilder, norm: VarBuilder) -> TensorResult<Self> {
        Ok(Self { conv: shape.unbiased(conv)?, norm: batch_norm(shape.outputs, EPS, norm)?, activation })
    }
}

impl Layer for ConvNorm {
    fn forward(&self, xs: &Tensor, mode: Mode) -> TensorResult<Tensor> {
        let xs = convolve(&self.conv, xs)?;
        match self.activation {
            Activation::None => nn::norm(&self.norm, &xs, mode.is_train()),
            Activation::Relu => nn::norm_relu(&self.norm, &xs, mode.is_train()),
            Activation::Silu => nn::silu(&nn::norm(&self.norm, &xs, mode.is_train())?),
        }
    }
}

/// Layers one after the other.
#[derive(Debug)]
pub(super) struct Chain(pub(super) Vec<Box<dyn Layer>>);

impl Layer for Chain {
    fn forward(&self, xs: &Tensor, mode: Mode) -> TensorResult<Tensor> {
        self.0.iter().try_fold(xs.clone(), |xs, layer| layer.forward(&xs, mode))
    }
}

/// Stochastic depth of a branch; `name` tells the layers of a network apart.
#[derive(Debug)]
pub(super) struct DropPath {
    pub(super) rate: f64,
    pub(super) name: String,
}

impl DropPath {
    /// `shortcut + branch`; in training the branch is left out for some images and scaled up for the others.
    pub(super) fn add(&self, shortcut: &Tensor, branch: &Tensor, mode: Mode) -> TensorResult<Tensor> {
        match mode {
            Mode::Train { seed } if self.rate > 0.0 => shortcut + nn::drop_path(branch, self.rate, seed, &self.name)?,
            _ => shortcut + branch,
        }
    }
}

/// Layers around which the input is led, if shapes allow it.
#[derive(Debug)]
pub(super) struct Residual {
    pub(super) branch: Chain,
    /// Whether there is a way around.
    pub(super) skip: bool,
    pub(super) drop_path: DropPath,
}

impl Layer for Residual {
    fn forward(&self, xs: &Tensor, mode: Mode) -> TensorResult<Tensor> {
        let branch = self.branch.forward(xs, mode)?;
        if self.skip { self.drop_path.add(xs, &branch, mode) } else { Ok(branch) }
    }
}

/// A fully connected layer over the second axis: `(n, in, places)` to `(n, out, places)`, image by image, so that an image
/// gives the same in any batch.
#[derive(Debug)]
pub(super) struct Dense(Linear);

impl Dense {
    pub(super) fn new(inputs: usize, outputs: usize, vb: VarBuilder) -> TensorResult<Self> {
        Ok(Self(linear(inputs, outputs, vb)?))
    }

    pub(super) fn forward(&self, xs: &Tensor) -> TensorResult<Tensor> {
        affine(self.0.weight(), self.0.bias(), xs)
    }
}

/// `weight` `(out, in)` times `xs` `(n, in, places)`, plus `bias`.
pub(super) fn affine(weight: &Tensor, bias: Option<&Tensor>, xs: &Tensor) -> TensorResult<Tensor> {
    let ys = nn::pointwise(weight, xs)?;
    match bias {
        Some(bias) => ys.broadcast_add(&bias.reshape((1, (), 1))?),
        None => Ok(ys),
    }
}

/// Squeeze and excitation (Hu et al., CVPR 2018): each channel is scaled by what two small layers make of all channels'
/// means.
#[derive(Debug)]
pub(super) struct SqueezeExcite {
    reduce: Conv2d,
    expand: Conv2d,
}

impl SqueezeExcite {
    pub(super) fn new(channels: usize, reduced: usize, vb: &VarBuilder) -> TensorResult<Self> {
        Ok(Self {
            reduce: Shape::pointwise(channels, reduced).biased(vb.pp("conv_reduce"))?,
            expand: Shape::pointwise(reduced, channels).biased(vb.pp("conv_expand"))?,
        })
    }
}

impl Layer for SqueezeExcite {
    fn forward(&self, xs: &Tensor, _: Mode) -> TensorResult<Tensor> {
        let means = xs.mean_keepdim(3)?.mean_keepdim(2)?;
        let reduced = nn::silu(&nn::conv2d(&self.reduce, &means)?)?;
        xs.broadcast_mul(&candle_nn::ops::sigmoid(&nn::conv2d(&self.expand, &reduced)?)?)
    }
}

/// The mean of each channel: `(n, c, h, w)` to `(n, c)`.
#[derive(Debug)]
pub(super) struct Pool;

impl Layer for Pool {
    fn forward(&self, xs: &Tensor, _: Mode) -> TensorResult<Tensor> {
        xs.flatten_from(2)?.mean(2)
    }
}

/// What makes the latent vector, dropout in training, and the last layer.
#[derive(Debug)]
pub(super) struct Head {
    /// From the last stage's output to `(n, width)`.
    pub(super) neck: Box<dyn Layer>,
    pub(super) dropout: f64,
    pub(super) last: Dense,
}

impl Top for Head {
    fn latent(&self, features: &Tensor, mode: Mode) -> TensorResult<Tensor> {
        self.neck.forward(features, mode)
    }

    fn logits(&self, _: &Tensor, latent: &Tensor, mode: Mode) -> TensorResult<Tensor> {
        let latent = match mode {
            Mode::Train { seed } if self.dropout > 0.0 => nn::dropout(latent, self.dropout, seed, "head")?,
            _ => latent.clone(),
        };
        self.last.forward(&latent.unsqueeze(2)?)?.squeeze(2)
    }
}

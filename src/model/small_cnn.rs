//! A small convolutional network for grey images: the plain baseline that the large networks are measured against.

use std::ops::RangeInclusive;

use candle_core::{D, Result as TensorResult, Tensor};
use candle_nn::{BatchNorm, Conv2d, Conv2dConfig, Linear, VarBuilder, batch_norm, conv2d_no_bias, linear};

use super::Mode;
use super::staged::{Facts, Layer, Staged, Top, linear_by_row};
use crate::nn::{conv2d, dropout, max_pool2d, norm_relu};

/// The architecture's name.
pub(in crate::model) const NAME: &str = "small_cnn";

/// What the names of the classification head's tensors begin with.
pub(in crate::model) const HEAD: &str = "classifier.";

/// The input side that the network is meant for, in pixels.
pub(in crate::model) const SIDE: usize = 224;

/// The sides that the network takes: five halvings of 32 pixels leave one.
pub(in crate::model) const SIDES: RangeInclusive<usize> = 32..=usize::MAX;

/// The channels after each block. The last is the width of the latent vector.
const WIDTHS: [usize; 5] = [16, 32, 48, 64, 64];

const EPS: f64 = 1e-5;

/// The chance that a value of the latent vector is dropped in training.
const DROPOUT: f64 = 0.2;

/// Five blocks of convolution 3x3, batch normalisation, ReLU and 2x2 max-pool, named `features.0` to `features.4`; then a
/// global average (the latent vector, 64 wide), dropout 0.2 and a linear layer.
///
/// `channels` is 1 or 3, sides are 32 or more. A pixel of the last map sees 94 x 94 pixels of the image. One channel and
/// three classes make 83,731 parameters.
pub(in crate::model) fn new(channels: usize, classes: usize, vb: VarBuilder) -> TensorResult<Staged> {
    let features = vb.pp("features");
    let inputs = std::iter::once(channels).chain(WIDTHS);
    let stages = inputs
        .zip(WIDTHS)
        .enumerate()
        .map(|(index, (inputs, outputs))| {
            let block: Box<dyn Layer> = Box::new(Block::new(inputs, outputs, features.pp(index))?);
            Ok((format!("features.{index}"), block))
        })
        .collect::<TensorResult<Vec<_>>>()?;
    let [.., latent_dim] = WIDTHS;
    let facts = Facts {
        name: NAME.to_owned(),
        channels,
        sides: SIDES,
        classes,
        latent_dim,
        dtype: vb.dtype(),
        device: vb.device().clone(),
    };
    let head = Head { classifier: linear(latent_dim, classes, vb.pp("classifier"))? };
    Ok(Staged::new(facts, stages, Box::new(head)))
}

/// Convolution 3x3, batch normalisation, ReLU, max-pool 2x2: half the sides, rounded down.
#[derive(Debug)]
struct Block {
    conv: Conv2d,
    norm: BatchNorm,
}

impl Block {
    fn new(inputs: usize, outputs: usize, vb: VarBuilder) -> TensorResult<Self> {
        let same = Conv2dConfig { padding: 1, ..Default::default() };
        Ok(Self {
            conv: conv2d_no_bias(inputs, outputs, 3, same, vb.pp("conv"))?,
            norm: batch_norm(outputs, EPS, vb.pp("norm"))?,
        })
    }
}

impl Layer for Block {
    fn forward(&self, xs: &Tensor, mode: Mode) -> TensorResult<Tensor> {
        max_pool2d(&norm_relu(&self.norm, &conv2d(&self.conv, xs)?, mode.is_train())?, 2, 2, 0)
    }
}

#[derive(Debug)]
struct Head {
    classifier: Linear,
}

impl Top for Head {
    fn latent(&self, features: &Tensor, _: Mode) -> TensorResult<Tensor> {
        features.mean((D::Minus2, D::Minus1))
    }

    fn logits(&self, _: &Tensor, latent: &Tensor, mode: Mode) -> TensorResult<Tensor> {
        match mode {
            Mode::Eval => linear_by_row(&self.classifier, latent),
            Mode::Train { seed } => linear_by_row(&self.classifier, &dropout(latent, DROPOUT, seed, "classifier")?),
        }
    }
}

//! YOLOv8 as Ultralytics' classifier.

use candle_core::{D, Result as TensorResult, Tensor};
use candle_nn::{Linear, VarBuilder, linear};

use super::blocks::Conv;
use super::{CLASSIFIER_NORM, SIDES, Source, YoloSize, backbone};
use crate::model::Mode;
use crate::model::staged::{Facts, Layer, Staged, Top, linear_by_row};

/// The width of the latent vector in every size.
const LATENT: usize = 1280;

/// The base width of the deepest maps.
const DEEPEST: usize = 1024;

/// `yolov8n-cls` to `yolov8x-cls`: the stages `model.0` to `model.8`, then a convolution to 1280 channels, their global
/// averages (the latent vector) and a linear layer.
///
/// `channels` is 1 or 3; the sides are 32 or more, with no need to be multiples of anything. Ultralytics gives
/// probabilities in evaluation; the logits here are what its softmax is taken of. Its dropout is 0 unless a training says
/// otherwise, and so there is none.
pub(in crate::model) fn new(size: YoloSize, channels: usize, classes: usize, vb: VarBuilder) -> TensorResult<Staged> {
    let source = Source { vb, norm: CLASSIFIER_NORM };
    let stages = backbone::stages(size, channels, DEEPEST, &source)?;
    let head = source.pp("model.9");
    let top = Classify {
        conv: Conv::new(size.width(DEEPEST), LATENT, 1, 1, head.pp("conv"))?,
        linear: linear(LATENT, classes, head.pp("linear").vb)?,
    };
    let facts = Facts {
        name: size.classifier().to_owned(),
        channels,
        sides: SIDES,
        classes,
        latent_dim: LATENT,
        dtype: source.vb.dtype(),
        device: source.vb.device().clone(),
    };
    Ok(Staged::new(facts, stages, Box::new(top)))
}

#[derive(Debug)]
struct Classify {
    conv: Conv,
    linear: Linear,
}

impl Top for Classify {
    fn latent(&self, features: &Tensor, mode: Mode) -> TensorResult<Tensor> {
        self.conv.forward(features, mode)?.mean((D::Minus2, D::Minus1))
    }

    fn logits(&self, _: &Tensor, latent: &Tensor, _: Mode) -> TensorResult<Tensor> {
        linear_by_row(&self.linear, latent)
    }
}

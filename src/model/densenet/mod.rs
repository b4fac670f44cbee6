//! DenseNet (Huang et al., *Densely Connected Convolutional Networks*, CVPR 2017, arXiv:1608.06993) in plain candle,
//! with torchvision's tensor names, so that a torchvision state dict loads as it is.
//!
//! This is the definition of the network: any device, differentiable, for evaluation and training.

mod block;
mod config;

use std::ops::{Range, RangeInclusive};

use block::{Block, Transition};
use candle_core::{D, DType, Device, Result as TensorResult, Tensor};
use candle_nn::{BatchNorm, Conv2d, Conv2dConfig, Linear, VarBuilder, batch_norm, conv2d_no_bias, linear};
pub use config::DenseNetConfig;

use super::staged::linear_by_row;
use super::{Mode, Network, Output};
use crate::nn::{conv2d, max_pool2d, norm, norm_relu, relu};
use crate::{Error, Result};

/// torchvision's batch normalisation epsilon.
pub(super) const EPS: f64 = 1e-5;

/// A DenseNet with its classification head.
///
/// # Shapes
///
/// Input `(n, channels, h, w)` with `n >= 1` and `h, w >= 32`, any values. With 224 x 224 input the last feature map is
/// 7 x 7. Split points: `features.pool0`, then `features.denseblock1`, `features.transition1` and so on to
/// `features.norm5`, which is the feature map *before* the last ReLU, as torchvision's `model.features(xs)` gives it. The
/// latent vector is its ReLU and global average; no value of it is negative.
///
/// # Determinism
///
/// On the CPU, in [`Mode::Eval`], an image gives the same bits in any batch and for any number of threads. On CUDA the results
/// agree within rounding.
#[derive(Debug, Clone)]
pub struct DenseNet {
    config: DenseNetConfig,
    conv0: Conv2d,
    norm0: BatchNorm,
    blocks: Vec<Block>,
    transitions: Vec<Transition>,
    norm5: BatchNorm,
    classifier: Linear,
    classes: usize,
    split_points: Vec<String>,
    dtype: DType,
    device: Device,
}

impl DenseNet {
    /// From the smallest input side, of which five halvings leave one pixel.
    pub(super) const SIDES: RangeInclusive<usize> = 32..=usize::MAX;

    /// Builds the network from `vb`, whose root holds `features.*` and `classifier.*`.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`] for a configuration outside what its fields say,
    /// [`Error::Tensor`] with the module's name if a tensor is missing or has another shape.
    pub fn new(config: &DenseNetConfig, classes: usize, vb: VarBuilder) -> Result<Self> {
        config.check()?;
        let features = vb.pp("features");
        let stem = Conv2dConfig { stride: 2, padding: 3, ..Default::default() };
        let conv0 = conv2d_no_bias(config.channels, config.init_features, 7, stem, features.pp("conv0"))
            .map_err(Error::tensor("features.conv0"))?;
        let norm0 =
            batch_norm(config.init_features, EPS, features.pp("norm0")).map_err(Error::tensor("features.norm0"))?;
        let (mut blocks, mut transitions) = (Vec::new(), Vec::new());
        let mut channels = config.init_features;
        for index in 0..config.block_layers.len() {
            let name = format!("denseblock{}", index + 1);
            let block = Block::new(config, index, channels, features.pp(&name));
            let block = block.map_err(Error::tensor(format!("features.{name}")))?;
            channels = block.out_channels;
            blocks.push(block);
            if index + 1 < config.block_layers.len() {
                let name = format!("transition{}", index + 1);
                let transition = Transition::new(channels, features.pp(&name));
                transitions.push(transition.map_err(Error::tensor(format!("features.{name}")))?);
                channels /= 2;
            }
        }
        Ok(Self {
            config: config.clone(),
            conv0,
            norm0,
            blocks,
            transitions,
            norm5: batch_norm(channels, EPS, features.pp("norm5")).map_err(Error::tensor("features.norm5"))?,
            classifier: linear(channels, classes, vb.pp("classifier")).map_err(Error::tensor("classifier"))?,
            classes,
            split_points: Self::split_points_of(config),
            dtype: vb.dtype(),
            device: vb.device().clone(),
        })
    }

    /// The stages' names: stem, blocks and transitions in turn, the last normalisation.
    pub(super) fn split_points_of(config: &DenseNetConfig) -> Vec<String> {
        let blocks = config.block_layers.len();
        let after_stem = (1..=blocks).flat_map(|block| {
            let block_name = format!("features.denseblock{block}");
            let next = if block < blocks { format!("features.transition{block}") } else { "features.norm5".to_owned() };
            [block_name, next]
        });
        std::iter::once("features.pool0".to_owned()).chain(after_stem).collect()
    }

    /// What the network was built from.
    pub fn config(&self) -> &DenseNetConfig {
        &self.config
    }

    /// Convolution 7x7/2, normalisation, ReLU, max-pool 3x3/2 padded by one.
    fn stem(&self, xs: &Tensor, mode: Mode) -> TensorResult<Tensor> {
        let xs = norm_relu(&self.norm0, &conv2d(&self.conv0, xs)?, mode.is_train())?;
        max_pool2d(&xs, 3, 2, 1)
    }

    /// The stage at `place` in the split points: stem, block, transition, block, ..., norm5.
    fn run_stage(&self, place: usize, xs: &Tensor, mode: Mode) -> TensorResult<Tensor> {
        if place == 0 {
            self.stem(xs, mode)
        } else if place + 1 >= self.split_points.len() {
            norm(&self.norm5, xs, mode.is_train())
        } else if place % 2 == 1 {
            self.blocks[place / 2].forward(xs, mode)
        } else {
            self.transitions[place / 2 - 1].forward(xs, mode)
        }
    }
}

impl Network for DenseNet {
    fn name(&self) -> &str {
        self.config.name()
    }

    fn channels(&self) -> usize {
        self.config.channels
    }

    fn sides(&self) -> RangeInclusive<usize> {
        Self::SIDES
    }

    fn classes(&self) -> usize {
        self.classes
    }

    fn latent_dim(&self) -> usize {
        self.config.latent_dim()
    }

    fn dtype(&self) -> DType {
        self.dtype
    }

    fn device(&self) -> &Device {
        &self.device
    }

    fn split_points(&self) -> &[String] {
        &self.split_points
    }

    fn run(&self, xs: &Tensor, stages: Range<usize>, mode: Mode) -> Result<Tensor> {
        self.check_run(xs, &stages)?;
        let mut xs = xs.clone();
        for place in stages {
            xs = self.run_stage(place, &xs, mode).map_err(Error::tensor(&self.split_points[place]))?;
        }
        Ok(xs)
    }

    fn top(&self, features: &Tensor, _mode: Mode) -> Result<Output> {
        let latent = relu(features).and_then(|xs| xs.mean((D::Minus2, D::Minus1))).map_err(Error::tensor("latent"))?;
        let logits = linear_by_row(&self.classifier, &latent).map_err(Error::tensor("classifier"))?;
        Ok(Output { logits, latent })
    }
}

//! Dense blocks and the transitions between them.

use std::ops::Range;
use std::sync::Arc;

use candle_core::{Result, Tensor};
use candle_nn::{BatchNorm, Conv2d, Conv2dConfig, VarBuilder, batch_norm, conv2d_no_bias};

use super::{DenseNetConfig, EPS};
use crate::model::Mode;
use crate::nn::{Run, Statistics, avg_pool2d, conv2d, dropout, normalise, recompute};

/// Dense layers that are computed again together: each such group keeps its output, and the longer it is, the more
/// its gradient needs at once.
const GROUP: usize = 6;

/// Layers that each see all that came before, in this block.
#[derive(Debug, Clone)]
pub(super) struct Block {
    layers: Arc<[DenseLayer]>,
    memory_efficient: bool,
    pub(super) out_channels: usize,
}

impl Block {
    pub(super) fn new(config: &DenseNetConfig, index: usize, channels: usize, vb: VarBuilder) -> Result<Self> {
        let layer = |j: usize| {
            let vb = vb.pp(format!("denselayer{}", j + 1));
            DenseLayer::new(config, channels + j * config.growth_rate, format!("{}.{j}", index + 1), vb)
        };
        let layers = (0..config.block_layers[index]).map(layer).collect::<Result<Arc<[_]>>>()?;
        let out_channels = channels + layers.len() * config.growth_rate;
        Ok(Self { layers, memory_efficient: config.memory_efficient, out_channels })
    }

    pub(super) fn forward(&self, xs: &Tensor, mode: Mode) -> Result<Tensor> {
        if !self.memory_efficient {
            return forward(&self.layers, xs, mode, Run::First);
        }
        let mut xs = xs.clone();
        for start in (0..self.layers.len()).step_by(GROUP) {
            let group: Range<usize> = start..(start + GROUP).min(self.layers.len());
            let parameters = self.layers[group.clone()].iter().flat_map(DenseLayer::parameters).collect();
            let layers = Arc::clone(&self.layers);
            xs = recompute(&xs, parameters, move |xs, run| forward(&layers[group.clone()], xs, mode, run))?;
        }
        Ok(xs)
    }
}

fn forward(layers: &[DenseLayer], xs: &Tensor, mode: Mode, run: Run) -> Result<Tensor> {
    let mut xs = xs.clone();
    for layer in layers {
        xs = Tensor::cat(&[&xs, &layer.forward(&xs, mode, run)?], 1)?;
    }
    Ok(xs)
}

/// Normalisation, ReLU, 1x1 to the bottleneck; normalisation, ReLU, 3x3 to the growth rate.
#[derive(Debug, Clone)]
struct DenseLayer {
    norm1: BatchNorm,
    conv1: Conv2d,
    norm2: BatchNorm,
    conv2: Conv2d,
    drop_rate: f64,
    /// Block and place, which tell the layer's dropout from others'.
    name: String,
}

impl DenseLayer {
    fn new(config: &DenseNetConfig, in_channels: usize, name: String, vb: VarBuilder) -> Result<Self> {
        let width = config.bn_size * config.growth_rate;
        let same = Conv2dConfig { padding: 1, ..Default::default() };
        Ok(Self {
            norm1: batch_norm(in_channels, EPS, vb.pp("norm1"))?,
            conv1: conv2d_no_bias(in_channels, width, 1, Conv2dConfig::default(), vb.pp("conv1"))?,
            norm2: batch_norm(width, EPS, vb.pp("norm2"))?,
            conv2: conv2d_no_bias(width, config.growth_rate, 3, same, vb.pp("conv2"))?,
            drop_rate: config.drop_rate,
            name,
        })
    }

    fn forward(&self, xs: &Tensor, mode: Mode, run: Run) -> Result<Tensor> {
        let statistics = match (mode, run) {
            (Mode::Eval, _) => Statistics::Stored,
            (Mode::Train { .. }, Run::First) => Statistics::Batch,
            (Mode::Train { .. }, Run::Again) => Statistics::Replayed,
        };
        let xs = conv2d(&self.conv1, &normalise(&self.norm1, xs, statistics, true)?)?;
        let xs = conv2d(&self.conv2, &normalise(&self.norm2, &xs, statistics, true)?)?;
        match mode {
            Mode::Eval => Ok(xs),
            Mode::Train { seed } => dropout(&xs, self.drop_rate, seed, &self.name),
        }
    }

    fn parameters(&self) -> Vec<Tensor> {
        let norms = [&self.norm1, &self.norm2].into_iter().filter_map(BatchNorm::weight_and_bias);
        let convolutions = [&self.conv1, &self.conv2].map(Conv2d::weight);
        norms.flat_map(|(weight, bias)| [weight, bias]).chain(convolutions).cloned().collect()
    }
}

/// Normalisation, ReLU, a 1x1 convolution that halves the channels, and a mean over 2x2 pixels.
#[derive(Debug, Clone)]
pub(super) struct Transition {
    norm: BatchNorm,
    conv: Conv2d,
}

impl Transition {
    pub(super) fn new(channels: usize, vb: VarBuilder) -> Result<Self> {
        Ok(Self {
            norm: batch_norm(channels, EPS, vb.pp("norm"))?,
            conv: conv2d_no_bias(channels, channels / 2, 1, Conv2dConfig::default(), vb.pp("conv"))?,
        })
    }

    /// torchvision pools after the convolution. A 1x1 convolution and an average commute, and pooling first leaves a
    /// quarter of the work.
    pub(super) fn forward(&self, xs: &Tensor, mode: Mode) -> Result<Tensor> {
        let xs = crate::nn::norm_relu(&self.norm, xs, mode.is_train())?;
        conv2d(&self.conv, &avg_pool2d(&xs, 2)?)
    }
}

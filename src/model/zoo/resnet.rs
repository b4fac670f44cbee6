//! ResNet (He et al., *Deep Residual Learning for Image Recognition*, CVPR 2016, arXiv:1512.03385) with the stride in the
//! bottleneck's 3x3 convolution. timm and torchvision have the same tensor names.

use candle_core::{Result as TensorResult, Tensor};
use candle_nn::VarBuilder;

use super::super::Mode;
use super::super::staged::{Layer, Staged};
use super::blocks::{Activation, Chain, ConvNorm, Dense, Head, Pool, Shape};
use super::{Zoo, facts};
use crate::nn;

/// The number of layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Depth {
    D18,
    D34,
    D50,
    D101,
}

impl Depth {
    const fn blocks(self) -> [usize; 4] {
        match self {
            Self::D18 => [2, 2, 2, 2],
            Self::D34 | Self::D50 => [3, 4, 6, 3],
            Self::D101 => [3, 4, 23, 3],
        }
    }

    /// How much wider a block's output is than its middle.
    const fn expansion(self) -> usize {
        match self {
            Self::D18 | Self::D34 => 1,
            Self::D50 | Self::D101 => 4,
        }
    }
}

/// The network's stages: `act1` (the stem), `maxpool`, `layer1` to `layer4`.
pub(super) fn new(zoo: Zoo, depth: Depth, channels: usize, classes: usize, vb: VarBuilder) -> TensorResult<Staged> {
    let stem = ConvNorm::new(Shape::new(channels, 64, 7, 2), Activation::Relu, vb.pp("conv1"), vb.pp("bn1"))?;
    let mut stages: Vec<(String, Box<dyn Layer>)> =
        vec![("act1".into(), Box::new(stem)), ("maxpool".into(), Box::new(MaxPool))];
    let mut inputs = 64;
    for (index, &count) in depth.blocks().iter().enumerate() {
        let name = format!("layer{}", index + 1);
        let mut layers: Vec<Box<dyn Layer>> = Vec::with_capacity(count);
        for j in 0..count {
            let stride = if index > 0 && j == 0 { 2 } else { 1 };
            layers.push(Box::new(Block::new(depth, inputs, 64 << index, stride, vb.pp(&name).pp(j))?));
            inputs = (64 << index) * depth.expansion();
        }
        stages.push((name, Box::new(Chain(layers))));
    }
    let head = Head { neck: Box::new(Pool), dropout: 0.0, last: Dense::new(inputs, classes, vb.pp("fc"))? };
    Ok(Staged::new(facts(zoo, channels, classes, inputs, &vb), stages, Box::new(head)))
}

#[derive(Debug)]
struct MaxPool;

impl Layer for MaxPool {
    fn forward(&self, xs: &Tensor, _: Mode) -> TensorResult<Tensor> {
        nn::max_pool2d(xs, 3, 2, 1)
    }
}

/// Two 3x3 convolutions, or 1x1, 3x3, 1x1 in the deeper networks; the input is added and ReLU comes last.
#[derive(Debug)]
struct Block {
    branch: Chain,
    downsample: Option<ConvNorm>,
}

impl Block {
    fn new(depth: Depth, inputs: usize, width: usize, stride: usize, vb: VarBuilder) -> TensorResult<Self> {
        let outputs = width * depth.expansion();
        let shapes = match depth.expansion() {
            1 => vec![Shape::new(inputs, width, 3, stride), Shape::new(width, width, 3, 1)],
            _ => vec![
                Shape::pointwise(inputs, width),
                Shape::new(width, width, 3, stride),
                Shape::pointwise(width, outputs),
            ],
        };
        let last = shapes.len();
        let mut layers: Vec<Box<dyn Layer>> = Vec::with_capacity(last);
        for (number, shape) in (1..).zip(shapes) {
            let activation = if number == last { Activation::None } else { Activation::Relu };
            let (conv, norm) = (vb.pp(format!("conv{number}")), vb.pp(format!("bn{number}")));
            layers.push(Box::new(ConvNorm::new(shape, activation, conv, norm)?));
        }
        let downsample = if stride == 1 && inputs == outputs {
            None
        } else {
            let (shape, vb) = (Shape::new(inputs, outputs, 1, stride), vb.pp("downsample"));
            Some(ConvNorm::new(shape, Activation::None, vb.pp("0"), vb.pp("1"))?)
        };
        Ok(Self { branch: Chain(layers), downsample })
    }
}

impl Layer for Block {
    fn forward(&self, xs: &Tensor, mode: Mode) -> TensorResult<Tensor> {
        let branch = self.branch.forward(xs, mode)?;
        let shortcut = match &self.downsample {
            Some(downsample) => downsample.forward(xs, mode)?,
            None => xs.clone(),
        };
        nn::relu(&(branch + shortcut)?)
    }
}

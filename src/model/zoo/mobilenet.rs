//! MobileNetV4 (Qin et al., *MobileNetV4: Universal Models for the Mobile Ecosystem*, ECCV 2024, arXiv:2404.10518), the
//! networks without attention.

use candle_core::{Result as TensorResult, Tensor};
use candle_nn::VarBuilder;

use super::super::Mode;
use super::super::staged::{Layer, Staged};
use super::blocks::{Activation, Chain, ConvNorm, Dense, DropPath, Head, Pool, Residual, Shape};
use super::{Zoo, facts};

/// The network's size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Size {
    Small,
    Medium,
    Large,
}

/// A block; the channels that it takes are those that the block before it gives.
#[derive(Debug, Clone, Copy)]
enum Block {
    /// Convolution, normalisation, ReLU: kernel, stride, outputs.
    Conv(usize, usize, usize),
    /// A 3x3 convolution of stride 2 to this many channels, then 1x1: middle, outputs.
    Fused(usize, usize),
    /// The universal inverted bottleneck.
    Inverted {
        /// Kernel of the depthwise convolution before the block widens, 0 for none.
        start: usize,
        /// Kernel of the one behind, 0 for none.
        middle: usize,
        /// Stride of the one behind.
        stride: usize,
        /// Channels in between.
        width: usize,
        outputs: usize,
    },
}

/// An inverted bottleneck that halves the image.
const fn down(start: usize, middle: usize, width: usize, outputs: usize) -> Block {
    Block::Inverted { start, middle, stride: 2, width, outputs }
}

/// One that keeps its size.
const fn keep(start: usize, middle: usize, width: usize, outputs: usize) -> Block {
    Block::Inverted { start, middle, stride: 1, width, outputs }
}

const SMALL: [&[Block]; 5] = [
    &[Block::Conv(3, 2, 32), Block::Conv(1, 1, 32)],
    &[Block::Conv(3, 2, 96), Block::Conv(1, 1, 64)],
    &[
        down(5, 5, 192, 96),
        keep(0, 3, 192, 96),
        keep(0, 3, 192, 96),
        keep(0, 3, 192, 96),
        keep(0, 3, 192, 96),
        keep(3, 0, 384, 96),
    ],
    &[
        down(3, 3, 576, 128),
        keep(5, 5, 512, 128),
        keep(0, 5, 512, 128),
        keep(0, 5, 384, 128),
        keep(0, 3, 512, 128),
        keep(0, 3, 512, 128),
    ],
    &[Block::Conv(1, 1, 960)],
];

const MEDIUM: [&[Block]; 5] = [
    &[Block::Fused(128, 48)],
    &[down(3, 5, 192, 80), keep(3, 3, 160, 80)],
    &[
        down(3, 5, 480, 160),
        keep(3, 3, 640, 160),
        keep(3, 3, 640, 160),
        keep(3, 5, 640, 160),
        keep(3, 3, 640, 160),
        keep(3, 0, 640, 160),
        keep(0, 0, 320, 160),
        keep(3, 0, 640, 160),
    ],
    &[
        down(5, 5, 960, 256),
        keep(5, 5, 1024, 256),
        keep(3, 5, 1024, 256),
        keep(3, 5, 1024, 256),
        keep(0, 0, 1024, 256),
        keep(3, 0, 1024, 256),
        keep(3, 5, 512, 256),
        keep(5, 5, 1024, 256),
        keep(0, 0, 1024, 256),
        keep(0, 0, 1024, 256),
        keep(5, 0, 512, 256),
    ],
    &[Block::Conv(1, 1, 960)],
];

const LARGE: [&[Block]; 5] = [
    &[Block::Fused(96, 48)],
    &[down(3, 5, 192, 96), keep(3, 3, 384, 96)],
    &[
        down(3, 5, 384, 192),
        keep(3, 3, 768, 192),
        keep(3, 3, 768, 192),
        keep(3, 3, 768, 192),
        keep(3, 5, 768, 192),
        keep(5, 3, 768, 192),
        keep(5, 3, 768, 192),
        keep(5, 3, 768, 192),
        keep(5, 3, 768, 192),
        keep(5, 3, 768, 192),
        keep(3, 0, 768, 192),
    ],
    &[
        down(5, 5, 768, 512),
        keep(5, 5, 2048, 512),
        keep(5, 5, 2048, 512),
        keep(5, 5, 2048, 512),
        keep(5, 0, 2048, 512),
        keep(5, 3, 2048, 512),
        keep(5, 0, 2048, 512),
        keep(5, 0, 2048, 512),
        keep(5, 3, 2048, 512),
        keep(5, 5, 2048, 512),
        keep(5, 0, 2048, 512),
        keep(5, 0, 2048, 512),
        keep(5, 0, 2048, 512),
    ],
    &[Block::Conv(1, 1, 960)],
];

/// Width of the latent vector.
const WIDTH: usize = 1280;

/// The network's stages: `bn1` (the stem), `blocks.0` to `blocks.4`.
pub(super) fn new(zoo: Zoo, size: Size, channels: usize, classes: usize, vb: VarBuilder) -> TensorResult<Staged> {
    let (mut inputs, stages_of) = match size {
        Size::Small => (32, SMALL),
        Size::Medium => (32, MEDIUM),
        Size::Large => (24, LARGE),
    };
    let stem = Shape::new(channels, inputs, 3, 2);
    let stem = ConvNorm::new(stem, Activation::Relu, vb.pp("conv_stem"), vb.pp("bn1"))?;
    let mut stages: Vec<(String, Box<dyn Layer>)> = vec![("bn1".into(), Box::new(stem))];
    for (index, blocks) in stages_of.into_iter().enumerate() {
        let mut layers: Vec<Box<dyn Layer>> = Vec::with_capacity(blocks.len());
        for (j, block) in blocks.iter().enumerate() {
            let (layer, outputs) = block.build(inputs, &vb.pp("blocks").pp(index).pp(j))?;
            layers.push(layer);
            inputs = outputs;
        }
        stages.push((format!("blocks.{index}"), Box::new(Chain(layers))));
    }
    let neck =
        Neck(ConvNorm::new(Shape::pointwise(inputs, WIDTH), Activation::Relu, vb.pp("conv_head"), vb.pp("norm_head"))?);
    let head = Head { neck: Box::new(neck), dropout: 0.0, last: Dense::new(WIDTH, classes, vb.pp("classifier"))? };
    Ok(Staged::new(facts(zoo, channels, classes, WIDTH, &vb), stages, Box::new(head)))
}

impl Block {
    /// The layer, and how many channels it gives.
    fn build(self, inputs: usize, vb: &VarBuilder) -> TensorResult<(Box<dyn Layer>, usize)> {
        use Activation::{None, Relu};
        // Where a block has one convolution of a kind, `conv` and `bn` lie together in its folder.
        let folder = |name: &str| (vb.pp(name).pp("conv"), vb.pp(name).pp("bn"));
        let layer = |shape, activation, (conv, norm)| -> TensorResult<Box<dyn Layer>> {
            Ok(Box::new(ConvNorm::new(shape, activation, conv, norm)?))
        };
        match self {
            Self::Conv(kernel, stride, outputs) => {
                let shape = Shape::new(inputs, outputs, kernel, stride);
                Ok((layer(shape, Relu, (vb.pp("conv"), vb.pp("bn1")))?, outputs))
            }
            Self::Fused(width, outputs) => {
                let expand = layer(Shape::new(inputs, width, 3, 2), Relu, (vb.pp("conv_exp"), vb.pp("bn1")))?;
                let project = layer(Shape::pointwise(width, outputs), None, (vb.pp("conv_pwl"), vb.pp("bn2")))?;
                Ok((Box::new(Chain(vec![expand, project])), outputs))
            }
            Self::Inverted { start, middle, stride, width, outputs } => {
                let mut layers = Vec::with_capacity(4);
                if start > 0 {
                    layers.push(layer(Shape::depthwise(inputs, start, 1), None, folder("dw_start"))?);
                }
                layers.push(layer(Shape::pointwise(inputs, width), Relu, folder("pw_exp"))?);
                if middle > 0 {
                    layers.push(layer(Shape::depthwise(width, middle, stride), Relu, folder("dw_mid"))?);
                }
                layers.push(layer(Shape::pointwise(width, outputs), None, folder("pw_proj"))?);
                let skip = stride == 1 && inputs == outputs;
                let drop_path = DropPath { rate: 0.0, name: String::new() };
                Ok((Box::new(Residual { branch: Chain(layers), skip, drop_path }), outputs))
            }
        }
    }
}

/// The mean of each channel, then a layer with normalisation.
#[derive(Debug)]
struct Neck(ConvNorm);

impl Layer for Neck {
    fn forward(&self, xs: &Tensor, mode: Mode) -> TensorResult<Tensor> {
        let means = Pool.forward(xs, mode)?.unsqueeze(2)?.unsqueeze(3)?;
        self.0.forward(&means, mode)?.flatten_from(1)
    }
}

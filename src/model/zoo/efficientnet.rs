//! EfficientNet (Tan and Le, *EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks*, ICML 2019,
//! arXiv:1905.11946) as timm trains it: padded alike on all sides, unlike the TensorFlow original.

use candle_core::Result as TensorResult;
use candle_nn::VarBuilder;

use super::super::staged::{Layer, Staged};
use super::blocks::{Activation, Chain, ConvNorm, Dense, DropPath, Head, Pool, Residual, Shape, SqueezeExcite};
use super::{Zoo, facts};

/// How far the network is scaled up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Scale {
    B0,
    B1,
    B2,
    B3,
    B4,
}

/// Depth, kernel, first stride, expansion and width of B0's seven stages.
const STAGES: [(usize, usize, usize, usize, usize); 7] = [
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
];
/// The paper's survival probability of the last block is 0.8; it falls evenly with the depth.
const DROP_PATH: f64 = 0.2;

impl Scale {
    /// Factors of width and depth, in tenths so that rounding is exact, and the paper's dropout before the classifier.
    const fn factors(self) -> (usize, usize, f64) {
        match self {
            Self::B0 => (10, 10, 0.2),
            Self::B1 => (10, 11, 0.2),
            Self::B2 => (11, 12, 0.3),
            Self::B3 => (12, 14, 0.3),
            Self::B4 => (14, 18, 0.4),
        }
    }

    /// The scaled width: the nearest multiple of eight, but no less than nine tenths.
    const fn width(self, channels: usize) -> usize {
        let tenths = channels * self.factors().0;
        let rounded = (tenths + 40) / 80 * 8;
        if 100 * rounded < 9 * tenths { rounded + 8 } else { rounded }
    }

    const fn depth(self, blocks: usize) -> usize {
        (blocks * self.factors().1).div_ceil(10)
    }
}

/// The network's stages: `bn1` (the stem), `blocks.0` to `blocks.6`, `bn2`.
pub(super) fn new(zoo: Zoo, scale: Scale, channels: usize, classes: usize, vb: VarBuilder) -> TensorResult<Staged> {
    let stem = Shape::new(channels, scale.width(32), 3, 2);
    let stem = ConvNorm::new(stem, Activation::Silu, vb.pp("conv_stem"), vb.pp("bn1"))?;
    let mut stages: Vec<(String, Box<dyn Layer>)> = vec![("bn1".into(), Box::new(stem))];
    let total: usize = STAGES.iter().map(|stage| scale.depth(stage.0)).sum();
    let (mut inputs, mut number) = (scale.width(32), 0);
    for (index, (blocks, kernel, first_stride, expansion, width)) in STAGES.into_iter().enumerate() {
        let name = format!("blocks.{index}");
        let mut layers: Vec<Box<dyn Layer>> = Vec::new();
        for j in 0..scale.depth(blocks) {
            let block = Block {
                inputs,
                outputs: scale.width(width),
                kernel,
                stride: if j == 0 { first_stride } else { 1 },
                expansion,
            };
            let drop_path =
                DropPath { rate: DROP_PATH * number as f64 / total as f64, name: format!("{name}.{j}.drop_path") };
            layers.push(Box::new(block.build(drop_path, vb.pp("blocks").pp(index).pp(j))?));
            (inputs, number) = (block.outputs, number + 1);
        }
        stages.push((name, Box::new(Chain(layers))));
    }
    let width = scale.width(1280);
    let last = ConvNorm::new(Shape::pointwise(inputs, width), Activation::Silu, vb.pp("conv_head"), vb.pp("bn2"))?;
    stages.push(("bn2".into(), Box::new(last)));
    let head = Head {
        neck: Box::new(Pool),
        dropout: scale.factors().2,
        last: Dense::new(width, classes, vb.pp("classifier"))?,
    };
    Ok(Staged::new(facts(zoo, channels, classes, width, &vb), stages, Box::new(head)))
}

/// Widen with 1x1 (unless the expansion is one), depthwise convolution, squeeze and excitation, narrow with 1x1.
#[derive(Debug, Clone, Copy)]
struct Block {
    inputs: usize,
    outputs: usize,
    kernel: usize,
    stride: usize,
    expansion: usize,
}

impl Block {
    fn build(&self, drop_path: DropPath, vb: VarBuilder) -> TensorResult<Residual> {
        let middle = self.inputs * self.expansion;
        let mut layers: Vec<Box<dyn Layer>> = Vec::new();
        let mut number = 0;
        let mut norm = || {
            number += 1;
            vb.pp(format!("bn{number}"))
        };
        let expands = self.expansion > 1;
        if expands {
            let shape = Shape::pointwise(self.inputs, middle);
            layers.push(Box::new(ConvNorm::new(shape, Activation::Silu, vb.pp("conv_pw"), norm())?));
        }
        let shape = Shape::depthwise(middle, self.kernel, self.stride);
        layers.push(Box::new(ConvNorm::new(shape, Activation::Silu, vb.pp("conv_dw"), norm())?));
        layers.push(Box::new(SqueezeExcite::new(middle, self.inputs / 4, &vb.pp("se"))?));
        let project = vb.pp(if expands { "conv_pwl" } else { "conv_pw" });
        let shape = Shape::pointwise(middle, self.outputs);
        layers.push(Box::new(ConvNorm::new(shape, Activation::None, project, norm())?));
        Ok(Residual { branch: Chain(layers), skip: self.stride == 1 && self.inputs == self.outputs, drop_path })
    }
}

//! ConvNeXt-Tiny (Liu et al., *A ConvNet for the 2020s*, CVPR 2022, arXiv:2201.03545).

use candle_core::{Result as TensorResult, Tensor};
use candle_nn::{Conv2d, Init, VarBuilder};

use super::super::Mode;
use super::super::staged::{Layer, Staged};
use super::blocks::{Chain, Dense, DropPath, Head, Pool, Shape, convolve};
use super::columns::{LayerNorm, Mlp, Patches, along_features};
use super::{Zoo, facts};

/// Blocks and width of each stage.
const STAGES: [(usize, usize); 4] = [(3, 96), (3, 192), (9, 384), (3, 768)];
/// The paper's stochastic depth of the last block; it rises evenly from 0 in the first.
const DROP_PATH: f64 = 0.1;
/// What a new network scales each block's branch by.
const GAMMA: f64 = 1e-6;

/// The network's stages: `stem`, `stages.0` to `stages.3`.
pub(super) fn new(zoo: Zoo, channels: usize, classes: usize, vb: VarBuilder) -> TensorResult<Staged> {
    let (_, mut inputs) = STAGES[0];
    let stem = Stem {
        patches: Patches::new(channels, inputs, 4, vb.pp("stem").pp("0"))?,
        norm: LayerNorm::new(inputs, vb.pp("stem").pp("1"))?,
    };
    let mut stages: Vec<(String, Box<dyn Layer>)> = vec![("stem".into(), Box::new(stem))];
    let total: usize = STAGES.iter().map(|stage| stage.0).sum();
    let mut number = 0;
    for (index, (count, width)) in STAGES.into_iter().enumerate() {
        let name = format!("stages.{index}");
        let vb = vb.pp(&name);
        let mut layers: Vec<Box<dyn Layer>> = Vec::with_capacity(count + 1);
        if index > 0 {
            let vb = vb.pp("downsample");
            let norm = LayerNorm::new(inputs, vb.pp("0"))?;
            layers.push(Box::new(Downsample { norm, patches: Patches::new(inputs, width, 2, vb.pp("1"))? }));
        }
        for j in 0..count {
            let rate = DROP_PATH * number as f64 / (total - 1) as f64;
            let drop_path = DropPath { rate, name: format!("{name}.blocks.{j}.drop_path") };
            layers.push(Box::new(Block::new(width, drop_path, &vb.pp("blocks").pp(j))?));
            number += 1;
        }
        stages.push((name, Box::new(Chain(layers))));
        inputs = width;
    }
    let head = vb.pp("head");
    let head = Head {
        neck: Box::new(Neck(LayerNorm::new(inputs, head.pp("norm"))?)),
        dropout: 0.0,
        last: Dense::new(inputs, classes, head.pp("fc"))?,
    };
    Ok(Staged::new(facts(zoo, channels, classes, inputs, &vb), stages, Box::new(head)))
}

#[derive(Debug)]
struct Stem {
    patches: Patches,
    norm: LayerNorm,
}

impl Layer for Stem {
    fn forward(&self, xs: &Tensor, _: Mode) -> TensorResult<Tensor> {
        self.norm.forward(&self.patches.forward(xs)?)
    }
}

#[derive(Debug)]
struct Downsample {
    norm: LayerNorm,
    patches: Patches,
}

impl Layer for Downsample {
    fn forward(&self, xs: &Tensor, _: Mode) -> TensorResult<Tensor> {
        self.patches.forward(&self.norm.forward(xs)?)
    }
}

/// A depthwise 7x7 convolution, then normalisation and two layers at each pixel, scaled for each channel and added.
#[derive(Debug)]
struct Block {
    conv: Conv2d,
    norm: LayerNorm,
    mlp: Mlp,
    gamma: Tensor,
    drop_path: DropPath,
}

impl Block {
    fn new(width: usize, drop_path: DropPath, vb: &VarBuilder) -> TensorResult<Self> {
        Ok(Self {
            conv: Shape::depthwise(width, 7, 1).biased(vb.pp("conv_dw"))?,
            norm: LayerNorm::new(width, vb.pp("norm"))?,
            mlp: Mlp::new(width, vb.pp("mlp"))?,
            gamma: vb.get_with_hints(width, "gamma", Init::Const(GAMMA))?,
            drop_path,
        })
    }
}

impl Layer for Block {
    fn forward(&self, xs: &Tensor, mode: Mode) -> TensorResult<Tensor> {
        let columns = convolve(&self.conv, xs)?.flatten_from(2)?;
        let branch = self.mlp.forward(&self.norm.forward(&columns)?)?;
        let branch = branch.broadcast_mul(&along_features(&self.gamma, 3)?)?.reshape(xs.shape())?;
        self.drop_path.add(xs, &branch, mode)
    }
}

/// The mean of each channel, normalised.
#[derive(Debug)]
struct Neck(LayerNorm);

impl Layer for Neck {
    fn forward(&self, xs: &Tensor, mode: Mode) -> TensorResult<Tensor> {
        self.0.forward(&Pool.forward(xs, mode)?)
    }
}

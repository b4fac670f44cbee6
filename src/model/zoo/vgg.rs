//! VGG-16 (Simonyan and Zisserman, *Very Deep Convolutional Networks for Large-Scale Image Recognition*, ICLR 2015,
//! arXiv:1409.1556) as timm has it: the first two fully connected layers are convolutions, so that any input size goes.

use candle_core::{Device, Result as TensorResult, Tensor};
use candle_nn::{Conv2d, Conv2dConfig, Module, VarBuilder, conv2d};

use super::super::Mode;
use super::super::staged::{Layer, Staged};
use super::blocks::{Dense, Head, Pool, Shape, affine};
use super::{Zoo, facts};
use crate::nn;

/// Width and number of the convolutions between two poolings.
const BLOCKS: [(usize, usize); 5] = [(64, 2), (128, 2), (256, 3), (512, 3), (512, 3)];
/// Side of the feature map that the fully connected layers were made for.
const SIDE: usize = 7;
const WIDTH: usize = 4096;
/// The paper's dropout before each of the two last layers.
const DROPOUT: f64 = 0.5;

/// The network's stages: `features.1` to `features.30`, each named after the ReLU or pooling that ends it.
pub(super) fn new(zoo: Zoo, channels: usize, classes: usize, vb: VarBuilder) -> TensorResult<Staged> {
    let mut stages: Vec<(String, Box<dyn Layer>)> = Vec::new();
    let (mut inputs, mut number) = (channels, 0);
    for (width, count) in BLOCKS {
        for _ in 0..count {
            let conv = Shape::new(inputs, width, 3, 1).biased(vb.pp("features").pp(number))?;
            stages.push((format!("features.{}", number + 1), Box::new(ConvRelu(conv))));
            (inputs, number) = (width, number + 2);
        }
        stages.push((format!("features.{number}"), Box::new(HalvingPool)));
        number += 1;
    }
    let head = Head {
        neck: Box::new(PreLogits::new(inputs, vb.pp("pre_logits"))?),
        dropout: DROPOUT,
        last: Dense::new(WIDTH, classes, vb.pp("head").pp("fc"))?,
    };
    Ok(Staged::new(facts(zoo, channels, classes, WIDTH, &vb), stages, Box::new(head)))
}

#[derive(Debug)]
struct ConvRelu(Conv2d);

impl Layer for ConvRelu {
    fn forward(&self, xs: &Tensor, _: Mode) -> TensorResult<Tensor> {
        nn::relu(&nn::conv2d(&self.0, xs)?)
    }
}

#[derive(Debug)]
struct HalvingPool;

impl Layer for HalvingPool {
    fn forward(&self, xs: &Tensor, _: Mode) -> TensorResult<Tensor> {
        nn::max_pool2d(xs, 2, 2, 0)
    }
}

/// The two wide layers and the mean over what places there are: one for input of 224 to 255 pixels a side, and for smaller
/// input, whose map is first stretched to 7 x 7.
#[derive(Debug)]
struct PreLogits {
    fc1: Conv2d,
    fc2: Conv2d,
}

impl PreLogits {
    fn new(inputs: usize, vb: VarBuilder) -> TensorResult<Self> {
        Ok(Self {
            fc1: conv2d(inputs, WIDTH, SIDE, Conv2dConfig::default(), vb.pp("fc1"))?,
            fc2: Shape::pointwise(WIDTH, WIDTH).biased(vb.pp("fc2"))?,
        })
    }

    fn fc1(&self, xs: &Tensor) -> TensorResult<Tensor> {
        let (n, _, h, w) = xs.dims4()?;
        if (h, w) != (SIDE, SIDE) {
            return self.fc1.forward(xs);
        }
        let columns = xs.reshape((n, (), 1))?;
        affine(&self.fc1.weight().flatten_from(1)?, self.fc1.bias(), &columns)?.unsqueeze(3)
    }
}

impl Layer for PreLogits {
    fn forward(&self, xs: &Tensor, mode: Mode) -> TensorResult<Tensor> {
        let xs = nn::relu(&self.fc1(&at_least(xs, SIDE)?)?)?;
        let xs = match mode {
            Mode::Train { seed } => nn::dropout(&xs, DROPOUT, seed, "pre_logits")?,
            Mode::Eval => xs,
        };
        Pool.forward(&nn::relu(&nn::conv2d(&self.fc2, &xs)?)?, mode)
    }
}

/// Stretches a feature map to sides of at least `side`, as PyTorch's adaptive average pooling does: output place `i` of `m`
/// is the mean of the places `i * l / m` (rounded down) up to `(i + 1) * l / m` (rounded up) of `l`.
fn at_least(xs: &Tensor, side: usize) -> TensorResult<Tensor> {
    let (n, channels, h, w) = xs.dims4()?;
    if h.min(w) >= side {
        return Ok(xs.clone());
    }
    let (new_h, new_w) = (h.max(side), w.max(side));
    let rows = means(w, new_w, xs.device())?.to_dtype(xs.dtype())?;
    // Plane by plane, so that the number of images changes no bit.
    let rows = rows.broadcast_as((n * channels, w, new_w))?;
    let xs = xs.reshape((n * channels, h, w))?.matmul(&rows)?;
    let columns = means(h, new_h, xs.device())?.to_dtype(xs.dtype())?.t()?;
    columns.broadcast_as((n * channels, new_h, h))?.matmul(&xs)?.reshape((n, channels, new_h, new_w))
}

/// `(from, to)`: what share each of the `from` places has in each of the `to` means.
fn means(from: usize, to: usize, device: &Device) -> TensorResult<Tensor> {
    let share = |place: usize, mean: usize| {
        let (start, end) = (mean * from / to, ((mean + 1) * from).div_ceil(to));
        if (start..end).contains(&place) { 1.0 / (end - start) as f32 } else { 0.0 }
    };
    let shares = (0..from * to).map(|i| share(i / to, i % to));
    Tensor::from_iter(shares, device)?.reshape((from, to))
}

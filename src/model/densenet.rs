//! DenseNet (Huang et al., *Densely Connected Convolutional Networks*, CVPR 2017, arXiv:1608.06993) in plain candle,
//! with torchvision's tensor names, so that a torchvision state dict loads as it is.
//!
//! This is the definition of the network: any device, differentiable, batch normalisation with the stored statistics.

use candle_core::{D, Result as TensorResult, Tensor};
use candle_nn::{
    BatchNorm, Conv2d, Conv2dConfig, Linear, Module, ModuleT, VarBuilder, batch_norm, conv2d_no_bias, linear,
};

use crate::nn::{conv3x3, norm_relu};
use crate::{Error, Result};

/// torchvision's batch normalisation epsilon.
const EPS: f64 = 1e-5;

/// The smallest input side: five halvings leave one pixel.
pub(crate) const MIN_SIDE: usize = 32;

/// What tells one DenseNet from another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DenseNetConfig {
    /// Channels that each dense layer adds.
    pub growth_rate: usize,
    /// Dense layers in each block.
    pub block_layers: Vec<usize>,
    /// Channels after the stem.
    pub init_features: usize,
    /// The bottleneck's width, in growth rates.
    pub bn_size: usize,
}

impl DenseNetConfig {
    /// DenseNet-121: 7,978,856 parameters with 1000 classes, latent width 1024.
    pub fn densenet121() -> Self {
        Self::of(32, [6, 12, 24, 16], 64)
    }

    /// DenseNet-161: 28,681,000 parameters with 1000 classes, latent width 2208.
    pub fn densenet161() -> Self {
        Self::of(48, [6, 12, 36, 24], 96)
    }

    /// DenseNet-169: 14,149,480 parameters with 1000 classes, latent width 1664.
    pub fn densenet169() -> Self {
        Self::of(32, [6, 12, 32, 32], 64)
    }

    /// DenseNet-201: 20,013,928 parameters with 1000 classes, latent width 1920.
    pub fn densenet201() -> Self {
        Self::of(32, [6, 12, 48, 32], 64)
    }

    /// The configuration that torchvision knows under `name`: `densenet121`, `densenet161`, `densenet169` or
    /// `densenet201`.
    pub fn by_name(name: &str) -> Option<Self> {
        match name {
            "densenet121" => Some(Self::densenet121()),
            "densenet161" => Some(Self::densenet161()),
            "densenet169" => Some(Self::densenet169()),
            "densenet201" => Some(Self::densenet201()),
            _ => None,
        }
    }

    /// The width of the latent vector: the channels after the last block. Each transition halves what comes in.
    pub fn latent_dim(&self) -> usize {
        let last = self.block_layers.len().saturating_sub(1);
        self.block_layers.iter().enumerate().fold(self.init_features, |channels, (index, layers)| {
            let channels = channels + layers * self.growth_rate;
            if index < last { channels / 2 } else { channels }
        })
    }

    fn of(growth_rate: usize, block_layers: [usize; 4], init_features: usize) -> Self {
        Self { growth_rate, block_layers: block_layers.to_vec(), init_features, bn_size: 4 }
    }
}

/// A DenseNet with its classification head.
///
/// # Shapes
///
/// Input `(n, 3, h, w)` f32 with `n >= 1` and `h, w >= 32`, any values. With 224 x 224 input the last feature map is
/// 7 x 7.
///
/// # Determinism
///
/// On the CPU an image gives the same bits in any batch and for any number of threads. On CUDA the results agree within
/// rounding.
#[derive(Debug, Clone)]
pub struct DenseNet {
    conv0: Conv2d,
    norm0: BatchNorm,
    blocks: Vec<Block>,
    norm5: BatchNorm,
    classifier: Linear,
}

impl DenseNet {
    /// Builds the network from `vb`, whose root holds `features.*` and `classifier.*`.
    ///
    /// # Errors
    ///
    /// [`Error::Tensor`] with the module's name if a tensor is missing or has another shape.
    pub fn new(config: &DenseNetConfig, classes: usize, vb: VarBuilder) -> Result<Self> {
        let features = vb.pp("features");
        let stem = Conv2dConfig { stride: 2, padding: 3, ..Default::default() };
        let conv0 = conv2d_no_bias(3, config.init_features, 7, stem, features.pp("conv0"))
            .map_err(Error::tensor("features.conv0"))?;
        let norm0 =
            batch_norm(config.init_features, EPS, features.pp("norm0")).map_err(Error::tensor("features.norm0"))?;
        let mut channels = config.init_features;
        let mut blocks = Vec::with_capacity(config.block_layers.len());
        for (index, &layers) in config.block_layers.iter().enumerate() {
            let last = index + 1 == config.block_layers.len();
            let block = Block::new(config, index + 1, layers, channels, last, &features)
                .map_err(Error::tensor(format!("features.denseblock{}", index + 1)))?;
            channels = block.out_channels;
            blocks.push(block);
        }
        let norm5 = batch_norm(channels, EPS, features.pp("norm5")).map_err(Error::tensor("features.norm5"))?;
        let classifier = linear(channels, classes, vb.pp("classifier")).map_err(Error::tensor("classifier"))?;
        Ok(Self { conv0, norm0, blocks, norm5, classifier })
    }

    /// The feature map after `norm5` and *before* the last ReLU, as torchvision's `model.features(xs)` gives it:
    /// `(n, latent_dim, h / 32, w / 32)` for sides that are multiples of 32.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`] for input of another shape, [`Error::Tensor`] if the device fails.
    pub fn features(&self, xs: &Tensor) -> Result<Tensor> {
        self.norm5.forward_t(&self.body(xs)?, false).map_err(Error::tensor("features.norm5"))
    }

    /// Everything before `norm5`.
    fn body(&self, xs: &Tensor) -> Result<Tensor> {
        check_input(xs)?;
        let mut xs = self.stem(xs).map_err(Error::tensor("features.conv0"))?;
        for (index, block) in self.blocks.iter().enumerate() {
            xs = block.forward(&xs).map_err(Error::tensor(format!("features.denseblock{}", index + 1)))?;
        }
        Ok(xs)
    }

    /// The latent vector `(n, latent_dim)`: ReLU and global average over the feature map, the head's input. No value
    /// is negative.
    ///
    /// # Errors
    ///
    /// As [`DenseNet::features`].
    pub fn latent(&self, xs: &Tensor) -> Result<Tensor> {
        let body = self.body(xs)?;
        let pooled = norm_relu(&self.norm5, &body).and_then(|xs| xs.mean((D::Minus2, D::Minus1)));
        pooled.map_err(Error::tensor("latent"))
    }

    /// The logits `(n, classes)`: the head applied to [`DenseNet::latent`], no softmax.
    ///
    /// # Errors
    ///
    /// As [`DenseNet::features`].
    pub fn forward(&self, xs: &Tensor) -> Result<Tensor> {
        Ok(self.forward_with_latent(xs)?.0)
    }

    /// Logits `(n, classes)` and latent `(n, latent_dim)` of one pass.
    ///
    /// # Errors
    ///
    /// As [`DenseNet::features`].
    pub fn forward_with_latent(&self, xs: &Tensor) -> Result<(Tensor, Tensor)> {
        let latent = self.latent(xs)?;
        let logits = self.head(&latent).map_err(Error::tensor("classifier"))?;
        Ok((logits, latent))
    }

    /// `classifier(latent)`, image by image: in one product of the whole batch the order of the sums, and so the last
    /// bits, would depend on the number of images.
    fn head(&self, latent: &Tensor) -> TensorResult<Tensor> {
        let logits = pointwise(self.classifier.weight(), &latent.unsqueeze(2)?)?.squeeze(2)?;
        match self.classifier.bias() {
            Some(bias) => logits.broadcast_add(bias),
            None => Ok(logits),
        }
    }

    /// Convolution 7x7/2, normalisation, ReLU, max-pool 3x3/2 padded by one.
    ///
    /// candle's pooling does not pad, and the true padding value is minus infinity. Zeros do as well: after ReLU no
    /// value is below zero, and every window holds at least one real pixel.
    fn stem(&self, xs: &Tensor) -> TensorResult<Tensor> {
        let xs = norm_relu(&self.norm0, &self.conv0.forward(xs)?)?;
        xs.pad_with_zeros(2, 1, 1)?.pad_with_zeros(3, 1, 1)?.max_pool2d_with_stride(3, 2)
    }
}

fn check_input(xs: &Tensor) -> Result<()> {
    match xs.dims() {
        [n, 3, h, w] if *n > 0 && *h >= MIN_SIDE && *w >= MIN_SIDE => Ok(()),
        _ => Err(Error::argument(
            "DenseNet",
            format!("input (n, 3, h, w) with n >= 1 and h, w >= {MIN_SIDE}"),
            format!("{:?}", xs.dims()),
        )),
    }
}

/// A dense block and, unless it is the last, the transition behind it.
#[derive(Debug, Clone)]
struct Block {
    layers: Vec<DenseLayer>,
    transition: Option<NormReluConv>,
    out_channels: usize,
}

impl Block {
    fn new(
        config: &DenseNetConfig,
        number: usize,
        layers: usize,
        in_channels: usize,
        last: bool,
        features: &VarBuilder,
    ) -> TensorResult<Self> {
        let vb = features.pp(format!("denseblock{number}"));
        let layers = (0..layers)
            .map(|j| {
                DenseLayer::new(config, in_channels + j * config.growth_rate, vb.pp(format!("denselayer{}", j + 1)))
            })
            .collect::<TensorResult<Vec<_>>>()?;
        let channels = in_channels + layers.len() * config.growth_rate;
        if last {
            return Ok(Self { layers, transition: None, out_channels: channels });
        }
        let vb = features.pp(format!("transition{number}"));
        let transition = NormReluConv::new(channels, channels / 2, vb.pp("norm"), vb.pp("conv"))?;
        Ok(Self { layers, transition: Some(transition), out_channels: channels / 2 })
    }

    fn forward(&self, xs: &Tensor) -> TensorResult<Tensor> {
        let mut xs = xs.clone();
        for layer in &self.layers {
            xs = Tensor::cat(&[&xs, &layer.forward(&xs)?], 1)?;
        }
        match &self.transition {
            // torchvision pools after the convolution. A 1x1 convolution and an average commute, and pooling first
            // leaves a quarter of the work.
            Some(transition) => transition.conv(&transition.norm_relu(&xs)?.avg_pool2d(2)?),
            None => Ok(xs),
        }
    }
}

/// Normalisation, ReLU, 1x1 to the bottleneck; normalisation, ReLU, 3x3 to the growth rate.
#[derive(Debug, Clone)]
struct DenseLayer {
    bottleneck: NormReluConv,
    norm2: BatchNorm,
    conv2: Conv2d,
}

impl DenseLayer {
    fn new(config: &DenseNetConfig, in_channels: usize, vb: VarBuilder) -> TensorResult<Self> {
        let width = config.bn_size * config.growth_rate;
        let same = Conv2dConfig { padding: 1, ..Default::default() };
        Ok(Self {
            bottleneck: NormReluConv::new(in_channels, width, vb.pp("norm1"), vb.pp("conv1"))?,
            norm2: batch_norm(width, EPS, vb.pp("norm2"))?,
            conv2: conv2d_no_bias(width, config.growth_rate, 3, same, vb.pp("conv2"))?,
        })
    }

    fn forward(&self, xs: &Tensor) -> TensorResult<Tensor> {
        let xs = self.bottleneck.conv(&self.bottleneck.norm_relu(xs)?)?;
        conv3x3(&self.conv2, &norm_relu(&self.norm2, &xs)?)
    }
}

/// Normalisation, ReLU and a 1x1 convolution, in two halves, because a transition pools in between.
#[derive(Debug, Clone)]
struct NormReluConv {
    norm: BatchNorm,
    /// Holds the weight `(out, in, 1, 1)`; see [`NormReluConv::conv`].
    conv: Conv2d,
}

impl NormReluConv {
    fn new(in_channels: usize, out_channels: usize, norm: VarBuilder, conv: VarBuilder) -> TensorResult<Self> {
        Ok(Self {
            norm: batch_norm(in_channels, EPS, norm)?,
            conv: conv2d_no_bias(in_channels, out_channels, 1, Conv2dConfig::default(), conv)?,
        })
    }

    fn norm_relu(&self, xs: &Tensor) -> TensorResult<Tensor> {
        norm_relu(&self.norm, xs)
    }

    /// A 1x1 convolution is a matrix product; as such it takes about 0.6 of the time of candle's `conv2d` on the CPU.
    fn conv(&self, xs: &Tensor) -> TensorResult<Tensor> {
        let (n, _, h, w) = xs.dims4()?;
        pointwise(&self.conv.weight().flatten_from(1)?, &xs.flatten_from(2)?)?.reshape((n, (), h, w))
    }
}

/// `weight` `(out, in)` times each of the `n` matrices of `xs` `(n, in, pixels)`, one by one.
fn pointwise(weight: &Tensor, xs: &Tensor) -> TensorResult<Tensor> {
    let (out_channels, in_channels) = weight.dims2()?;
    weight.broadcast_as((xs.dim(0)?, out_channels, in_channels))?.matmul(xs)
}

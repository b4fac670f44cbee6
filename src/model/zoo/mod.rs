//! Other pretrained networks, with timm's tensor names and timm's arithmetic.
//!
//! Each is one file that puts named stages together; `blocks` and `columns` hold what they share.

mod blocks;
mod columns;
mod convnext;
mod efficientnet;
mod mobilenet;
mod resnet;
mod vgg;
mod vit;

use std::ops::RangeInclusive;

use candle_core::Result as TensorResult;
use candle_nn::VarBuilder;

pub(super) use efficientnet::Scale;
pub(super) use mobilenet::Size;
pub(super) use resnet::Depth;

use super::staged::{Facts, Staged};
use crate::imaging::Normalisation;

/// The smallest input side of a convolutional network: five halvings leave one pixel.
const LEAST_SIDE: usize = 32;

/// A network of the zoo.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    ResNet(Depth),
    Vgg16,
    EfficientNet(Scale),
    MobileNetV4(Size),
    ConvNextTiny,
    VitBase16,
}

impl Kind {
    /// timm's name.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::ResNet(Depth::D18) => "resnet18",
            Self::ResNet(Depth::D34) => "resnet34",
            Self::ResNet(Depth::D50) => "resnet50",
            Self::ResNet(Depth::D101) => "resnet101",
            Self::Vgg16 => "vgg16",
            Self::EfficientNet(Scale::B0) => "efficientnet_b0",
            Self::EfficientNet(Scale::B1) => "efficientnet_b1",
            Self::EfficientNet(Scale::B2) => "efficientnet_b2",
            Self::EfficientNet(Scale::B3) => "efficientnet_b3",
            Self::EfficientNet(Scale::B4) => "efficientnet_b4",
            Self::MobileNetV4(Size::Small) => "mobilenetv4_conv_small",
            Self::MobileNetV4(Size::Medium) => "mobilenetv4_conv_medium",
            Self::MobileNetV4(Size::Large) => "mobilenetv4_conv_large",
            Self::ConvNextTiny => "convnext_tiny",
            Self::VitBase16 => "vit_base_patch16_224",
        }
    }

    /// Builds the network from the tensors of `vb`.
    pub(super) fn build(self, channels: usize, classes: usize, vb: VarBuilder) -> TensorResult<Staged> {
        match self {
            Self::ResNet(depth) => resnet::new(depth, channels, classes, vb),
            Self::Vgg16 => vgg::new(channels, classes, vb),
            Self::EfficientNet(scale) => efficientnet::new(scale, channels, classes, vb),
            Self::MobileNetV4(size) => mobilenet::new(size, channels, classes, vb),
            Self::ConvNextTiny => convnext::new(channels, classes, vb),
            Self::VitBase16 => vit::new(channels, classes, vb),
        }
    }

    /// What the names of the last layer's tensors begin with.
    pub(super) const fn head(self) -> &'static str {
        match self {
            Self::ResNet(_) => "fc.",
            Self::EfficientNet(_) | Self::MobileNetV4(_) => "classifier.",
            Self::Vgg16 | Self::ConvNextTiny => "head.fc.",
            Self::VitBase16 => "head.",
        }
    }

    /// The input side at which timm's default weights were trained. Its ResNets, MobileNets, ConvNeXt and larger EfficientNets
    /// score a little better on images a quarter larger.
    pub(super) const fn side(self) -> usize {
        match self {
            Self::EfficientNet(Scale::B1) => 240,
            Self::EfficientNet(Scale::B2) | Self::MobileNetV4(Size::Medium) => 256,
            Self::EfficientNet(Scale::B3) => 288,
            Self::EfficientNet(Scale::B4) => 320,
            Self::MobileNetV4(Size::Large) => 384,
            _ => 224,
        }
    }

    /// The input sides that the network takes.
    pub(super) const fn sides(self) -> RangeInclusive<usize> {
        match self {
            Self::VitBase16 => vit::SIDE..=vit::SIDE,
            _ => LEAST_SIDE..=usize::MAX,
        }
    }

    /// The normalisation of timm's default weights.
    pub(super) const fn normalisation(self) -> Normalisation {
        match self {
            Self::VitBase16 | Self::EfficientNet(Scale::B1) => {
                Normalisation::MeanStd { mean: [0.5; 3], std: [0.5; 3] }
            }
            _ => Normalisation::IMAGENET,
        }
    }

    /// Whether timm's default weights want Pillow's bicubic resampling; the others want its bilinear.
    pub(super) const fn bicubic(self) -> bool {
        !matches!(self, Self::Vgg16)
    }
}

/// What a network tells about itself.
fn facts(kind: Kind, channels: usize, classes: usize, latent_dim: usize, vb: &VarBuilder) -> Facts {
    Facts {
        name: kind.name().to_owned(),
        channels,
        sides: kind.sides(),
        classes,
        latent_dim,
        dtype: vb.dtype(),
        device: vb.device().clone(),
    }
}

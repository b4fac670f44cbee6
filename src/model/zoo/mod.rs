//! Other pretrained networks, with timm's tensor names and timm's arithmetic.
//!
//! Each is one file that puts named stages together; `blocks` and `columns` hold what they share.

mod blocks;
mod columns;
mod convnext;
mod efficientnet;
mod mobilenet;
mod resnet;
mod torchvision;
mod vgg;
mod vit;

use std::ops::RangeInclusive;

use candle_core::Result as TensorResult;
use candle_nn::VarBuilder;

use efficientnet::Scale;
use mobilenet::Size;
use resnet::Depth;

use super::staged::{Facts, Staged};
use crate::imaging::{Normalisation, Resampling};

/// The smallest input side of a convolutional network: five halvings leave one pixel.
const LEAST_SIDE: usize = 32;

/// A pretrained network beside DenseNet. Each goes by timm's name and takes timm's weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Zoo {
    /// ResNet-18: 11,689,512 parameters with 1000 classes, latent width 512.
    ResNet18,
    /// ResNet-34: 21,797,672 parameters with 1000 classes, latent width 512.
    ResNet34,
    /// ResNet-50: 25,557,032 parameters with 1000 classes, latent width 2048.
    ResNet50,
    /// ResNet-101: 44,549,160 parameters with 1000 classes, latent width 2048.
    ResNet101,
    /// VGG-16 without batch normalisation: 138,357,544 parameters with 1000 classes, latent width 4096.
    Vgg16,
    /// EfficientNet-B0: 5,288,548 parameters with 1000 classes, latent width 1280.
    EfficientNetB0,
    /// EfficientNet-B1: 7,794,184 parameters with 1000 classes, latent width 1280.
    EfficientNetB1,
    /// EfficientNet-B2: 9,109,994 parameters with 1000 classes, latent width 1408.
    EfficientNetB2,
    /// EfficientNet-B3: 12,233,232 parameters with 1000 classes, latent width 1536.
    EfficientNetB3,
    /// EfficientNet-B4: 19,341,616 parameters with 1000 classes, latent width 1792.
    EfficientNetB4,
    /// MobileNetV4-Conv-S: 3,774,024 parameters with 1000 classes, latent width 1280.
    MobileNetV4Small,
    /// MobileNetV4-Conv-M: 9,715,512 parameters with 1000 classes, latent width 1280.
    MobileNetV4Medium,
    /// MobileNetV4-Conv-L: 32,590,864 parameters with 1000 classes, latent width 1280.
    MobileNetV4Large,
    /// ConvNeXt-Tiny: 28,589,128 parameters with 1000 classes, latent width 768.
    ConvNextTiny,
    /// ViT-B/16 for 224 x 224 pixels: 86,567,656 parameters with 1000 classes, latent width 768.
    VitBase16,
}

impl Zoo {
    /// All of them.
    pub const ALL: &[Self] = &[
        Self::ResNet18,
        Self::ResNet34,
        Self::ResNet50,
        Self::ResNet101,
        Self::Vgg16,
        Self::EfficientNetB0,
        Self::EfficientNetB1,
        Self::EfficientNetB2,
        Self::EfficientNetB3,
        Self::EfficientNetB4,
        Self::MobileNetV4Small,
        Self::MobileNetV4Medium,
        Self::MobileNetV4Large,
        Self::ConvNextTiny,
        Self::VitBase16,
    ];

    /// timm's name.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::ResNet18 => "resnet18",
            Self::ResNet34 => "resnet34",
            Self::ResNet50 => "resnet50",
            Self::ResNet101 => "resnet101",
            Self::Vgg16 => "vgg16",
            Self::EfficientNetB0 => "efficientnet_b0",
            Self::EfficientNetB1 => "efficientnet_b1",
            Self::EfficientNetB2 => "efficientnet_b2",
            Self::EfficientNetB3 => "efficientnet_b3",
            Self::EfficientNetB4 => "efficientnet_b4",
            Self::MobileNetV4Small => "mobilenetv4_conv_small",
            Self::MobileNetV4Medium => "mobilenetv4_conv_medium",
            Self::MobileNetV4Large => "mobilenetv4_conv_large",
            Self::ConvNextTiny => "convnext_tiny",
            Self::VitBase16 => "vit_base_patch16_224",
        }
    }

    /// Builds the network from the tensors of `vb`.
    pub(super) fn build(self, channels: usize, classes: usize, vb: VarBuilder) -> TensorResult<Staged> {
        match self {
            Self::ResNet18 => resnet::new(self, Depth::D18, channels, classes, vb),
            Self::ResNet34 => resnet::new(self, Depth::D34, channels, classes, vb),
            Self::ResNet50 => resnet::new(self, Depth::D50, channels, classes, vb),
            Self::ResNet101 => resnet::new(self, Depth::D101, channels, classes, vb),
            Self::Vgg16 => vgg::new(self, channels, classes, vb),
            Self::EfficientNetB0 => efficientnet::new(self, Scale::B0, channels, classes, vb),
            Self::EfficientNetB1 => efficientnet::new(self, Scale::B1, channels, classes, vb),
            Self::EfficientNetB2 => efficientnet::new(self, Scale::B2, channels, classes, vb),
            Self::EfficientNetB3 => efficientnet::new(self, Scale::B3, channels, classes, vb),
            Self::EfficientNetB4 => efficientnet::new(self, Scale::B4, channels, classes, vb),
            Self::MobileNetV4Small => mobilenet::new(self, Size::Small, channels, classes, vb),
            Self::MobileNetV4Medium => mobilenet::new(self, Size::Medium, channels, classes, vb),
            Self::MobileNetV4Large => mobilenet::new(self, Size::Large, channels, classes, vb),
            Self::ConvNextTiny => convnext::new(self, channels, classes, vb),
            Self::VitBase16 => vit::new(self, channels, classes, vb),
        }
    }

    /// What the names of the last layer's tensors begin with.
    pub(super) const fn head(self) -> &'static str {
        match self {
            Self::ResNet18 | Self::ResNet34 | Self::ResNet50 | Self::ResNet101 => "fc.",
            Self::Vgg16 | Self::ConvNextTiny => "head.fc.",
            Self::VitBase16 => "head.",
            _ => "classifier.",
        }
    }

    /// The input side at which timm's default weights were trained. Its ResNets, MobileNets, ConvNeXt and larger EfficientNets
    /// score a little better on images a quarter larger.
    pub(super) const fn side(self) -> usize {
        match self {
            Self::EfficientNetB1 => 240,
            Self::EfficientNetB2 | Self::MobileNetV4Medium => 256,
            Self::EfficientNetB3 => 288,
            Self::EfficientNetB4 => 320,
            Self::MobileNetV4Large => 384,
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
            Self::VitBase16 | Self::EfficientNetB1 => Normalisation::MeanStd { mean: [0.5; 3], std: [0.5; 3] },
            _ => Normalisation::IMAGENET,
        }
    }

    /// The resampling of timm's default weights.
    pub(super) const fn resampling(self) -> Resampling {
        match self {
            Self::Vgg16 => Resampling::PilBilinear,
            _ => Resampling::PilBicubic,
        }
    }
}

/// What a network tells about itself.
fn facts(zoo: Zoo, channels: usize, classes: usize, latent_dim: usize, vb: &VarBuilder) -> Facts {
    Facts {
        name: zoo.name().to_owned(),
        channels,
        sides: zoo.sides(),
        classes,
        latent_dim,
        dtype: vb.dtype(),
        device: vb.device().clone(),
    }
}

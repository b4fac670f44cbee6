//! The networks by name, with what each needs to be built and to be fed.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::sync::Mutex;

use candle_core::{DType, Device, Result as TensorResult, Shape, Tensor};
use candle_nn::var_builder::SimpleBackend;
use candle_nn::{Init, VarBuilder};

#[cfg(feature = "zoo")]
use super::Zoo;
use super::staged::Staged;
use super::{DenseNet, DenseNetConfig, Network, YoloDetector, YoloSize, small_cnn, yolo};
use crate::imaging::{ChannelOrder, Colours, ImageSpec, Normalisation, Resampling};
use crate::{Error, Result};

/// A network of the catalogue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Architecture {
    /// torchvision's `densenet121`.
    DenseNet121,
    /// torchvision's `densenet161`.
    DenseNet161,
    /// torchvision's `densenet169`.
    DenseNet169,
    /// torchvision's `densenet201`.
    DenseNet201,
    /// `small_cnn`: five blocks of convolution 3x3, batch normalisation, ReLU and max-pool, 83,731 parameters with one channel
    /// and three classes. It has no released weights.
    SmallCnn,
    /// Ultralytics' `yolov8n-cls` to `yolov8x-cls`.
    YoloClassifier(YoloSize),
    /// Ultralytics' `yolov8n` to `yolov8x`, scored by the strongest box; see [`YoloDetector`].
    YoloDetector(YoloSize),
    /// One of timm's networks.
    #[cfg(feature = "zoo")]
    Zoo(Zoo),
}

impl Architecture {
    /// All of them.
    pub fn all() -> impl Iterator<Item = Self> {
        let named = [Self::DenseNet121, Self::DenseNet161, Self::DenseNet169, Self::DenseNet201, Self::SmallCnn];
        let yolo = YoloSize::ALL.into_iter().map(Self::YoloClassifier);
        let all = named.into_iter().chain(yolo).chain(YoloSize::ALL.into_iter().map(Self::YoloDetector));
        #[cfg(feature = "zoo")]
        let all = all.chain(Zoo::ALL.iter().copied().map(Self::Zoo));
        all
    }

    /// The name in weights files and on command lines.
    pub fn name(self) -> &'static str {
        match self {
            Self::DenseNet121 => "densenet121",
            Self::DenseNet161 => "densenet161",
            Self::DenseNet169 => "densenet169",
            Self::DenseNet201 => "densenet201",
            Self::SmallCnn => small_cnn::NAME,
            Self::YoloClassifier(size) => size.classifier(),
            Self::YoloDetector(size) => size.detector(),
            #[cfg(feature = "zoo")]
            Self::Zoo(zoo) => zoo.name(),
        }
    }

    /// The network called `name`.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::all().find(|architecture| architecture.name() == name)
    }

    /// Builds the network for input of `channels` (1 or 3) and with `classes` logits from the tensors of `vb`, which go by the
    /// original's names. The tensors decide type, device and whether there are gradients.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`] for another number of channels or no class, [`Error::Tensor`] if a tensor is missing or has another
    /// shape.
    pub fn build(self, channels: usize, classes: usize, vb: VarBuilder) -> Result<Box<dyn Network>> {
        if !matches!(channels, 1 | 3) || classes == 0 {
            let found = format!("{channels} channels and {classes} classes");
            return Err(Error::argument("Architecture::build", "1 or 3 channels and at least one class", found));
        }
        let boxed = |staged: TensorResult<Staged>| {
            Ok(Box::new(staged.map_err(Error::tensor(self.name()))?) as Box<dyn Network>)
        };
        match self {
            Self::DenseNet121 | Self::DenseNet161 | Self::DenseNet169 | Self::DenseNet201 => {
                let config = self.densenet().unwrap_or_else(DenseNetConfig::densenet121);
                Ok(Box::new(DenseNet::new(&DenseNetConfig { channels, ..config }, classes, vb)?))
            }
            Self::SmallCnn => boxed(small_cnn::new(channels, classes, vb)),
            Self::YoloClassifier(size) => boxed(yolo::classifier(size, channels, classes, vb)),
            Self::YoloDetector(size) => Ok(Box::new(YoloDetector::new(size, channels, classes, vb)?)),
            #[cfg(feature = "zoo")]
            Self::Zoo(zoo) => boxed(zoo.build(channels, classes, vb)),
        }
    }

    /// What a DenseNet of this name is built from, for three channels.
    pub(super) fn densenet(self) -> Option<DenseNetConfig> {
        match self {
            Self::DenseNet121 => Some(DenseNetConfig::densenet121()),
            Self::DenseNet161 => Some(DenseNetConfig::densenet161()),
            Self::DenseNet169 => Some(DenseNetConfig::densenet169()),
            Self::DenseNet201 => Some(DenseNetConfig::densenet201()),
            _ => None,
        }
    }

    /// What the names of the classification head's tensors begin with: the tensors that another number of classes needs
    /// anew.
    pub fn head(self) -> &'static str {
        match self {
            Self::DenseNet121 | Self::DenseNet161 | Self::DenseNet169 | Self::DenseNet201 => "classifier.",
            Self::SmallCnn => small_cnn::HEAD,
            Self::YoloClassifier(_) => yolo::CLASSIFIER_HEAD,
            Self::YoloDetector(_) => yolo::DETECTOR_HEAD,
            #[cfg(feature = "zoo")]
            Self::Zoo(zoo) => zoo.head(),
        }
    }

    /// How the original's released weights want their images, squashed to the network's size: torchvision's DenseNets, timm's
    /// default weights of the zoo, Ultralytics' YOLOv8. Other releases of a network may want another normalisation or kernel.
    ///
    /// Ultralytics keeps an image's proportions: for a classifier the shorter side becomes 224 and the middle is cut out,
    /// for a detector the longer side becomes 640 and level 114 fills the rest. The small CNN is meant for one grey channel.
    pub fn input(self) -> ImageSpec {
        let (side, normalisation, resampling) = match self {
            Self::DenseNet121 | Self::DenseNet161 | Self::DenseNet169 | Self::DenseNet201 => {
                (224, Normalisation::IMAGENET, Resampling::PilBilinear)
            }
            Self::SmallCnn => (small_cnn::SIDE, Normalisation::UnitRange, Resampling::PilBilinear),
            Self::YoloClassifier(_) => {
                let (side, resampling) = yolo::CLASSIFIER_INPUT;
                (side, Normalisation::UnitRange, resampling)
            }
            Self::YoloDetector(_) => {
                let (side, resampling) = yolo::DETECTOR_INPUT;
                (side, Normalisation::UnitRange, resampling)
            }
            #[cfg(feature = "zoo")]
            Self::Zoo(zoo) => (zoo.side(), zoo.normalisation(), zoo.resampling()),
        };
        ImageSpec {
            width: side,
            height: side,
            colours: if self == Self::SmallCnn { Colours::Grey } else { Colours::Rgb },
            channel_order: ChannelOrder::Rgb,
            normalisation,
            resampling: Some(resampling),
        }
    }

    /// What the input sides must be multiples of: 32 for a YOLOv8 detector, else 1.
    pub fn step(self) -> usize {
        if matches!(self, Self::YoloDetector(_)) { yolo::STRIDE } else { 1 }
    }

    /// The input sides, in pixels, that the network takes; only multiples of [`Architecture::step`] among them.
    pub fn sides(self) -> RangeInclusive<usize> {
        match self {
            Self::DenseNet121 | Self::DenseNet161 | Self::DenseNet169 | Self::DenseNet201 => DenseNet::SIDES,
            Self::SmallCnn => small_cnn::SIDES,
            Self::YoloClassifier(_) | Self::YoloDetector(_) => yolo::SIDES,
            #[cfg(feature = "zoo")]
            Self::Zoo(zoo) => zoo.sides(),
        }
    }

    /// Names and shapes of the tensors that the network is built from, in the order in which it asks for them.
    ///
    /// # Errors
    ///
    /// As [`Architecture::build`] for `channels` and `classes`.
    pub fn tensors(self, channels: usize, classes: usize) -> Result<Vec<(String, Shape)>> {
        let requests = self.requests(channels, classes)?;
        Ok(requests.into_iter().map(|(name, shape, _)| (name, shape)).collect())
    }

    /// The same with what a tensor begins as, where it is drawn.
    pub(super) fn requests(self, channels: usize, classes: usize) -> Result<Vec<(String, Shape, Init)>> {
        let list = Mutex::default();
        self.build(channels, classes, VarBuilder::from_backend(Box::new(Lister(&list)), DType::F32, Device::Cpu))?;
        Ok(list.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    /// The number of learned values: all but the running statistics of batch normalisations.
    ///
    /// # Errors
    ///
    /// As [`Architecture::tensors`].
    pub fn parameters(self, channels: usize, classes: usize) -> Result<usize> {
        let tensors = self.tensors(channels, classes)?;
        Ok(tensors.iter().filter(|(name, _)| !is_statistic(name)).map(|(_, shape)| shape.elem_count()).sum())
    }
}

impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Architecture {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        let all = || Self::all().map(Self::name).collect::<Vec<_>>().join(", ");
        Self::by_name(name).ok_or_else(|| Error::config("architecture", all(), name))
    }
}

/// Whether a tensor holds running statistics, which are counted and not learned.
pub(super) fn is_statistic(name: &str) -> bool {
    name.ends_with(".running_mean") || name.ends_with(".running_var")
}

/// Notes what a network asks for, and hands out one zero in that shape.
struct Lister<'a>(&'a Mutex<Vec<(String, Shape, Init)>>);

impl SimpleBackend for Lister<'_> {
    fn get(&self, shape: Shape, name: &str, init: Init, dtype: DType, device: &Device) -> TensorResult<Tensor> {
        let mut list = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        list.push((name.to_owned(), shape.clone(), init));
        Tensor::zeros((), dtype, device)?.broadcast_as(shape)
    }

    fn get_unchecked(&self, name: &str, _: DType, _: &Device) -> TensorResult<Tensor> {
        Err(candle_core::Error::CannotFindTensor { path: name.to_owned() })
    }

    fn contains_tensor(&self, _: &str) -> bool {
        true
    }
}

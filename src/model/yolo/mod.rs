//! YOLOv8 (Ultralytics, 2023) in five sizes, as a classifier and as a detector, with Ultralytics' tensor names, so that
//! the state dict of `YOLO(..).model` loads as it is.
//!
//! # Input of the released weights
//!
//! Both take red, green, blue in `[0, 1]` (mean 0, standard deviation 1). Ultralytics prepares the classifiers' images with
//! Pillow's bilinear kernel: the shorter side becomes 224, then the middle 224 x 224 is cut out. For the detectors it keeps
//! the proportions too: OpenCV's linear kernel brings the longer side to 640, and grey of level 114 fills the rest up to
//! the next multiple of 32, half on either side. An image that is already square is prepared alike here and there.

mod backbone;
mod blocks;
mod classify;
mod detect;
mod neck;
mod strongest;

use std::ops::RangeInclusive;

use candle_nn::{BatchNormConfig, VarBuilder};

pub(in crate::model) use classify::new as classifier;
pub use detect::YoloDetector;
pub use strongest::StrongestBox;

use crate::imaging::Resampling;

/// Five halvings: from 32 pixels one is left.
pub(super) const STRIDE: usize = 32;

/// The sides that the networks take; the detectors only multiples of [`STRIDE`].
pub(in crate::model) const SIDES: RangeInclusive<usize> = STRIDE..=usize::MAX;

/// What the names of the tensors that depend on the number of classes begin with, in a classifier.
pub(in crate::model) const CLASSIFIER_HEAD: &str = "model.9.linear.";

/// The same in a detector. The width of this whole branch depends on it.
pub(in crate::model) const DETECTOR_HEAD: &str = "model.22.cv3.";

/// How the classifiers' released weights want their images: side and kernel.
pub(in crate::model) const CLASSIFIER_INPUT: (usize, Resampling) = (224, Resampling::PilBilinear);

/// How the detectors' released weights want their images.
pub(in crate::model) const DETECTOR_INPUT: (usize, Resampling) = (640, Resampling::OpenCvLinear);

/// What Ultralytics sets for detectors.
const DETECTOR_NORM: BatchNormConfig = BatchNormConfig { eps: 1e-3, momentum: 0.03, remove_mean: true, affine: true };

/// PyTorch's defaults, which Ultralytics leaves in classifiers.
const CLASSIFIER_NORM: BatchNormConfig = BatchNormConfig { eps: 1e-5, momentum: 0.1, remove_mean: true, affine: true };

/// Where a part's tensors come from, and what its batch normalisations are like.
#[derive(Clone)]
struct Source<'a> {
    vb: VarBuilder<'a>,
    norm: BatchNormConfig,
}

impl Source<'_> {
    /// One name further down.
    fn pp(&self, name: impl ToString) -> Self {
        Self { vb: self.vb.pp(name), norm: self.norm }
    }
}

/// The sizes of YOLOv8.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum YoloSize {
    /// Nano: a quarter of the base width, a third of the depth.
    N,
    /// Small: half the width, a third of the depth.
    S,
    /// Medium: three quarters of the width, two thirds of the depth.
    M,
    /// Large: the base.
    L,
    /// Extra large: five quarters of the width.
    X,
}

impl YoloSize {
    /// All five, from the smallest.
    pub const ALL: [Self; 5] = [Self::N, Self::S, Self::M, Self::L, Self::X];

    /// Ultralytics' name of the classifier.
    pub const fn classifier(self) -> &'static str {
        match self {
            Self::N => "yolov8n-cls",
            Self::S => "yolov8s-cls",
            Self::M => "yolov8m-cls",
            Self::L => "yolov8l-cls",
            Self::X => "yolov8x-cls",
        }
    }

    /// Ultralytics' name of the detector.
    pub const fn detector(self) -> &'static str {
        match self {
            Self::N => "yolov8n",
            Self::S => "yolov8s",
            Self::M => "yolov8m",
            Self::L => "yolov8l",
            Self::X => "yolov8x",
        }
    }

    /// The width factor in quarters.
    const fn quarters(self) -> usize {
        match self {
            Self::N => 1,
            Self::S => 2,
            Self::M => 3,
            Self::L => 4,
            Self::X => 5,
        }
    }

    /// What becomes of a width of the base, a multiple of 32.
    const fn width(self, base: usize) -> usize {
        base / 4 * self.quarters()
    }

    /// The bottlenecks of a block that has three, or six, in the base.
    const fn depth(self, base: usize) -> usize {
        match self {
            Self::N | Self::S => base / 3,
            Self::M => base / 3 * 2,
            Self::L | Self::X => base,
        }
    }

    /// The base width of the deepest maps in a detector; the classifiers have 1024 in every size.
    const fn deepest(self) -> usize {
        match self {
            Self::N | Self::S => 1024,
            Self::M => 768,
            Self::L | Self::X => 512,
        }
    }
}

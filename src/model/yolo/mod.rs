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

use candle_nn::BatchNormConfig;

pub(in crate::model) use classify::new as classifier;
pub(in crate::model) use detect::new as detector;
pub use detect::YoloDetector;
pub use strongest::StrongestBox;

use crate::imaging::Resampling;

/// Every halving of the backbone: from 32 pixels one is left.
pub(in crate::model) const STRIDE: usize = 32;

/// What the classifiers' released weights were trained with.
pub(in crate::model) mod classification {
    use super::Resampling;

    /// The input side in pixels.
    pub(in crate::model) const SIDE: usize = 224;
    /// Ultralytics keeps proportions and cuts out the middle; see the module.
    pub(in crate::model) const RESAMPLING: Resampling = Resampling::PilBilinear;
    /// Where the tensors that depend on the number of classes begin.
    pub(in crate::model) const HEAD: &str = "model.9.linear";
}

/// What the detectors' released weights were trained with.
pub(in crate::model) mod detection {
    use super::Resampling;

    /// The input side in pixels.
    pub(in crate::model) const SIDE: usize = 640;
    /// Ultralytics keeps proportions and fills up with grey; see the module.
    pub(in crate::model) const RESAMPLING: Resampling = Resampling::OpenCvLinear;
    /// Where the tensors that depend on the number of classes begin. The width of this whole branch does.
    pub(in crate::model) const HEAD: &str = "model.22.cv3";
}

/// Ultralytics' batch normalisation.
fn norm_config() -> BatchNormConfig {
    BatchNormConfig { eps: 1e-3, momentum: 0.03, ..Default::default() }
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

    /// The letter in the network's name: `n`, `s`, `m`, `l` or `x`.
    pub const fn letter(self) -> char {
        match self {
            Self::N => 'n',
            Self::S => 's',
            Self::M => 'm',
            Self::L => 'l',
            Self::X => 'x',
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

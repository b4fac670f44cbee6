use candle_core::{DType, Tensor};
use serde::Serialize;

use super::{Code, Violation};

/// What a visualizer draws (Tensorleap: `LeapDataType`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[non_exhaustive]
pub enum LeapDataType {
    /// A still image.
    Image,
    /// Bars with labels.
    HorizontalBar,
}

impl LeapDataType {
    /// The contract's spelling.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Image => "Image",
            Self::HorizontalBar => "HorizontalBar",
        }
    }
}

/// A payload type, so that a visualizer's declared type is the type it returns.
pub trait Visual: Into<Visualization> {
    /// What is drawn.
    const TYPE: LeapDataType;
}

/// Any visualizer's payload.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Visualization {
    /// A still image.
    Image(LeapImage),
    /// Bars with labels.
    HorizontalBar(LeapHorizontalBar),
}

/// A still image: `(height, width, 1 | 3)`, u8 or f32 in 0..=255 (floats are rounded and clipped when shown, never scaled).
#[derive(Debug, Clone)]
pub struct LeapImage {
    data: Tensor,
}

impl LeapImage {
    /// Wraps pixels of shape `(height, width, channels)`.
    ///
    /// # Errors
    /// `BND-208` unless the dtype is u8 or f32, the rank 3 and the last axis 1 or 3.
    pub fn new(data: Tensor) -> Result<Self, Violation> {
        let fits = matches!(data.dtype(), DType::U8 | DType::F32)
            && matches!(data.dims(), [height, width, 1 | 3] if *height > 0 && *width > 0);
        if fits {
            return Ok(Self { data });
        }
        Err(Violation::new(
            Code::VisualizerPayload,
            "LeapImage",
            "u8 or f32 of shape (height, width, 1 or 3)",
            format!("{:?} of shape {:?}", data.dtype(), data.dims()),
        ))
    }

    /// The pixels.
    pub const fn data(&self) -> &Tensor {
        &self.data
    }
}

/// Horizontal bars: a length and a label for each, and optionally the true lengths.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LeapHorizontalBar {
    /// Bar lengths.
    pub body: Vec<f32>,
    /// One label for each bar.
    pub labels: Vec<String>,
    /// The true lengths, where known.
    pub gt: Option<Vec<f32>>,
}

impl LeapHorizontalBar {
    /// Bars without true lengths.
    ///
    /// # Errors
    /// `BND-208` when there is not one label for each bar. (code_loader only warns of this.)
    pub fn new(body: Vec<f32>, labels: Vec<String>) -> Result<Self, Violation> {
        if body.len() == labels.len() {
            return Ok(Self { body, labels, gt: None });
        }
        Err(Violation::new(
            Code::VisualizerPayload,
            "LeapHorizontalBar",
            format!("{} labels, one for each bar", body.len()),
            format!("{} labels", labels.len()),
        ))
    }
}

impl From<LeapImage> for Visualization {
    fn from(image: LeapImage) -> Self {
        Self::Image(image)
    }
}

impl From<LeapHorizontalBar> for Visualization {
    fn from(bars: LeapHorizontalBar) -> Self {
        Self::HorizontalBar(bars)
    }
}

impl Visual for LeapImage {
    const TYPE: LeapDataType = LeapDataType::Image;
}

impl Visual for LeapHorizontalBar {
    const TYPE: LeapDataType = LeapDataType::HorizontalBar;
}

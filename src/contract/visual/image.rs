use candle_core::Tensor;
use serde::Serialize;

use super::{BoundingBox, rules, tensor};
use crate::contract::Violation;

/// A still image: `(height, width, 1 | 3)`, u8 or f32.
///
/// Values are levels 0 to 255: floats are rounded to nearest and clipped when shown, never scaled, so that an image in
/// 0..=1 is nearly black.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "type", rename = "Image")]
pub struct LeapImage {
    #[serde(serialize_with = "tensor::serialize")]
    data: Tensor,
    compress: bool,
}

impl LeapImage {
    /// Wraps pixels of shape `(height, width, channels)`, to be compressed when stored.
    ///
    /// # Errors
    /// `BND-208` unless the dtype is u8 or f32, the rank 3 and the last axis 1 or 3. An empty image passes.
    pub fn new(data: Tensor) -> Result<Self, Violation> {
        rules::image("LeapImage", &data)?;
        Ok(Self { data, compress: true })
    }

    /// Says whether the engine may store the image compressed, with loss; by default it may.
    #[must_use]
    pub fn with_compress(mut self, compress: bool) -> Self {
        self.compress = compress;
        self
    }

    /// The pixels.
    pub const fn data(&self) -> &Tensor {
        &self.data
    }

    /// Whether the engine may store the image compressed.
    pub const fn compress(&self) -> bool {
        self.compress
    }
}

/// Frames: `(time, height, width, 1 | 3)`, u8 in 0..=255 or f32 in 0..=1.
///
/// Unlike still images, float frames are multiplied by 255 when shown, then clipped and truncated.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "type", rename = "Video")]
pub struct LeapVideo {
    #[serde(serialize_with = "tensor::serialize")]
    data: Tensor,
}

impl LeapVideo {
    /// Wraps frames of shape `(time, height, width, channels)`.
    ///
    /// # Errors
    /// `BND-208` unless the dtype is u8 or f32, the rank 4 and the last axis 1 or 3. A video without frames passes.
    pub fn new(data: Tensor) -> Result<Self, Violation> {
        let name = "LeapVideo";
        rules::dtype(name, "pixels", &data, rules::PIXELS)?;
        rules::rank(name, "(time, height, width, channels)", &data, 4, "Video must be of shape 4.")?;
        rules::channels(name, &data, "Video")?;
        Ok(Self { data })
    }

    /// The frames.
    pub const fn data(&self) -> &Tensor {
        &self.data
    }
}

/// A still image, as [`LeapImage`], with boxes on it.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "type", rename = "ImageWithBBox")]
pub struct LeapImageWithBBox {
    #[serde(serialize_with = "tensor::serialize")]
    data: Tensor,
    bounding_boxes: Vec<BoundingBox>,
}

impl LeapImageWithBBox {
    /// Wraps pixels of shape `(height, width, channels)` and any number of boxes.
    ///
    /// # Errors
    /// `BND-208` unless the pixels are as in [`LeapImage::new`]. Boxes are not checked.
    pub fn new(data: Tensor, bounding_boxes: Vec<BoundingBox>) -> Result<Self, Violation> {
        rules::image("LeapImageWithBBox", &data)?;
        Ok(Self { data, bounding_boxes })
    }

    /// The pixels.
    pub const fn data(&self) -> &Tensor {
        &self.data
    }

    /// The boxes.
    pub fn bounding_boxes(&self) -> &[BoundingBox] {
        &self.bounding_boxes
    }
}

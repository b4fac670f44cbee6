use candle_core::{DType, Tensor};
use serde::Serialize;

use super::{rules, tensor};
use crate::contract::Violation;

/// A still image under class regions. Mask value 0 is background; value k draws `labels[k - 1]`.
///
/// The image is rescaled from its least to its greatest value when shown, so 0..=1 and 0..=255 look alike.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "type", rename = "ImageMask")]
pub struct LeapImageMask {
    #[serde(serialize_with = "tensor::serialize")]
    mask: Tensor,
    #[serde(serialize_with = "tensor::serialize")]
    image: Tensor,
    labels: Vec<String>,
}

impl LeapImageMask {
    /// A u8 mask `(height, width)` over an image `(height, width, 1 | 3)`, u8 or f32.
    ///
    /// # Errors
    /// `BND-208` for other dtypes or shapes. That the sizes agree and each value has a label is only warned about.
    pub fn new<L: Into<String>>(
        mask: Tensor,
        image: Tensor,
        labels: impl IntoIterator<Item = L>,
    ) -> Result<Self, Violation> {
        let name = "LeapImageMask";
        rules::dtype(name, "a mask", &mask, &[DType::U8])?;
        rules::rank(name, "(height, width) of the mask", &mask, 2, "image mask must be of shape 2.")?;
        rules::image(name, &image)?;
        Ok(Self { mask, image, labels: labels.into_iter().map(Into::into).collect() })
    }

    /// The mask, `(height, width)`.
    pub const fn mask(&self) -> &Tensor {
        &self.mask
    }

    /// The pixels.
    pub const fn image(&self) -> &Tensor {
        &self.image
    }

    /// Class names; entry k - 1 is that of mask value k.
    pub fn labels(&self) -> &[String] {
        &self.labels
    }
}

/// Words, each with a class. Mask value 0 is no class; value k is `labels[k - 1]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename = "TextMask")]
pub struct LeapTextMask {
    #[serde(serialize_with = "as_tensor")]
    mask: Vec<u8>,
    text: Vec<String>,
    labels: Vec<String>,
}

impl LeapTextMask {
    /// One mask value for each word. That the lengths agree and each value has a label is only warned about.
    pub fn new<W: Into<String>, L: Into<String>>(
        mask: Vec<u8>,
        text: impl IntoIterator<Item = W>,
        labels: impl IntoIterator<Item = L>,
    ) -> Self {
        let text = text.into_iter().map(Into::into).collect();
        Self { mask, text, labels: labels.into_iter().map(Into::into).collect() }
    }

    /// One value for each word.
    pub fn mask(&self) -> &[u8] {
        &self.mask
    }

    /// The words.
    pub fn text(&self) -> &[String] {
        &self.text
    }

    /// Class names; entry k - 1 is that of mask value k.
    pub fn labels(&self) -> &[String] {
        &self.labels
    }
}

/// A still image under heat maps, one for each label. Pixel values are levels 0 to 255, as in [`super::LeapImage`].
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "type", rename = "ImageWithHeatmap")]
pub struct LeapImageWithHeatmap {
    #[serde(serialize_with = "tensor::serialize")]
    image: Tensor,
    #[serde(serialize_with = "tensor::serialize")]
    heatmaps: Tensor,
    labels: Vec<String>,
}

impl LeapImageWithHeatmap {
    /// An f32 image `(height, width, 1 | 3)` and f32 heat maps `(labels, height, width)`.
    ///
    /// # Errors
    /// `BND-208` when either is not f32, or the first axis of the heat maps differs from the number of labels. Other
    /// axes are not checked, as in code_loader; that the sizes agree is warned about.
    pub fn new<L: Into<String>>(
        image: Tensor,
        heatmaps: Tensor,
        labels: impl IntoIterator<Item = L>,
    ) -> Result<Self, Violation> {
        let name = "LeapImageWithHeatmap";
        rules::dtype(name, "heat maps", &heatmaps, &[DType::F32])?;
        rules::dtype(name, "pixels", &image, &[DType::F32])?;
        let labels: Vec<String> = labels.into_iter().map(Into::into).collect();
        if heatmaps.dims().first() != Some(&labels.len()) {
            let found =
                format!("heat maps of shape {} and {} labels", rules::shape_text(heatmaps.dims()), labels.len());
            let text = "Number of heatmaps and labels must be equal";
            return Err(rules::broken(name, "one heat map for each label", found, text));
        }
        Ok(Self { image, heatmaps, labels })
    }

    /// The pixels.
    pub const fn image(&self) -> &Tensor {
        &self.image
    }

    /// The heat maps, `(labels, ...)`.
    pub const fn heatmaps(&self) -> &Tensor {
        &self.heatmaps
    }

    /// What each heat map shows.
    pub fn labels(&self) -> &[String] {
        &self.labels
    }
}

fn as_tensor<S: serde::Serializer>(mask: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    tensor::serialize_vector("uint8", mask, serializer)
}

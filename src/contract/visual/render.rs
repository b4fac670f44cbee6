use candle_core::{DType, Tensor};

use super::tensor::values;
use super::{AudioVisual, Visualization};

impl Visualization {
    /// Whether an image would be shown black, or so nearly that nothing can be seen: no pixel above level 1 of 255.
    ///
    /// Pixels are taken as the engine shows them (binder contract, section 1.5): still images rounded and clipped to
    /// 0..=255, videos in float multiplied by 255, images under a mask rescaled from least to greatest value, so that
    /// only a constant one is black. A NaN shows as 0. False for payloads without an image and for empty images.
    ///
    /// ```
    /// use candle_core::{DType, Device, Tensor};
    /// use leap_binder::contract::{LeapImage, Visualization};
    /// let unit_range = Tensor::ones((8, 8, 3), DType::F32, &Device::Cpu)?;
    /// assert!(Visualization::from(LeapImage::new(unit_range)?).would_render_black());
    /// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
    /// ```
    pub fn would_render_black(&self) -> bool {
        match self {
            Self::Image(payload) => brightest_still(payload.data()),
            Self::ImageWithBBox(payload) => brightest_still(payload.data()),
            Self::ImageWithHeatmap(payload) => brightest_still(payload.image()),
            Self::ImageMask(payload) => brightest_rescaled(payload.image()),
            Self::Video(payload) => brightest_frame(payload.data()),
            Self::Audio(payload) => match payload.visual() {
                AudioVisual::Image(spectrogram) => brightest_still(spectrogram.data()),
                AudioVisual::Graph(_) => None,
            },
            Self::Text(_) | Self::Graph(_) | Self::HorizontalBar(_) | Self::TextMask(_) | Self::PointCloud(_) => None,
        }
        .is_some_and(|level| level <= 1)
    }
}

/// The highest level that is shown; none for an empty or unreadable tensor.
fn brightest(xs: &Tensor, level: impl Fn(f32) -> f32) -> Option<u8> {
    values(xs).ok()?.into_iter().map(|value| level(value) as u8).max()
}

fn brightest_still(xs: &Tensor) -> Option<u8> {
    brightest(xs, f32::round_ties_even)
}

fn brightest_frame(xs: &Tensor) -> Option<u8> {
    let scale = if xs.dtype() == DType::U8 { 1.0 } else { 255.0 };
    brightest(xs, |value| value * scale)
}

fn brightest_rescaled(xs: &Tensor) -> Option<u8> {
    let values = values(xs).ok()?;
    let least = values.iter().copied().reduce(f32::min)?;
    let greatest = values.iter().copied().reduce(f32::max)?;
    let span = greatest - least;
    Some((span / (span + 1e-5) * 255.0) as u8)
}

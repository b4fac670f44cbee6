//! The image type and its conversions between grey and RGB.

use std::borrow::Cow;
use std::fmt;

use crate::{Error, Result};

/// An image of eight-bit values: one channel (grey) or three (RGB), row by row from the top, channels interleaved.
///
/// Width and height are never zero.
#[derive(Clone, PartialEq, Eq)]
pub struct Image {
    width: usize,
    height: usize,
    channels: usize,
    bytes: Vec<u8>,
}

impl Image {
    /// A grey image from `width * height` values.
    ///
    /// # Errors
    /// [`Error::Argument`] when a side is zero or the number of bytes is another one.
    pub fn grey(width: usize, height: usize, bytes: Vec<u8>) -> Result<Self> {
        Self::checked("Image::grey", width, height, 1, bytes)
    }

    /// An RGB image from `width * height * 3` values.
    ///
    /// # Errors
    /// [`Error::Argument`] when a side is zero or the number of bytes is another one.
    pub fn rgb(width: usize, height: usize, bytes: Vec<u8>) -> Result<Self> {
        Self::checked("Image::rgb", width, height, 3, bytes)
    }

    fn checked(function: &'static str, width: usize, height: usize, channels: usize, bytes: Vec<u8>) -> Result<Self> {
        let length = width.checked_mul(height).and_then(|pixels| pixels.checked_mul(channels));
        if width == 0 || height == 0 || length != Some(bytes.len()) {
            let expected = format!("sides above zero and width * height * {channels} bytes");
            return Err(Error::argument(function, expected, format!("{width} x {height} and {} bytes", bytes.len())));
        }
        Ok(Self { width, height, channels, bytes })
    }

    /// An image whose sizes the room has already established.
    pub(super) fn from_parts(width: usize, height: usize, channels: usize, bytes: Vec<u8>) -> Self {
        debug_assert_eq!(bytes.len(), width * height * channels);
        Self { width, height, channels, bytes }
    }

    /// Pixels in a row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Rows.
    pub fn height(&self) -> usize {
        self.height
    }

    /// Values per pixel: 1 (grey) or 3 (red, green, blue).
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// All values: `height * width * channels` of them, row by row, channels interleaved.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The image in grey, by Pillow's `convert("L")`: `(19595 R + 38470 G + 7471 B + 32768) >> 16`, which is ITU-R
    /// 601-2 luma in 16-bit fixed point. A grey image stays as it is. Bit-exact.
    pub fn to_grey(&self) -> Self {
        Self::from_parts(self.width, self.height, 1, self.grey_levels().into_owned())
    }

    /// [`Image::to_grey`] of an image that is no longer needed: a grey one is not copied.
    pub fn into_grey(self) -> Self {
        if self.channels == 1 { self } else { self.to_grey() }
    }

    /// The values of [`Image::to_grey`]; those of a grey image are not copied.
    pub(crate) fn grey_levels(&self) -> Cow<'_, [u8]> {
        if self.channels == 1 {
            return Cow::from(&self.bytes);
        }
        let luma = |pixel: &[u8; 3]| {
            let [red, green, blue] = pixel.map(u32::from);
            ((red * 19_595 + green * 38_470 + blue * 7_471 + 0x8000) >> 16) as u8
        };
        self.bytes.as_chunks().0.iter().map(luma).collect()
    }

    /// The image with three channels; grey becomes three equal ones.
    pub fn to_rgb(&self) -> Self {
        if self.channels == 3 {
            return self.clone();
        }
        Self::from_parts(self.width, self.height, 3, self.bytes.iter().flat_map(|&level| [level; 3]).collect())
    }
}

impl fmt::Debug for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { width, height, channels, .. } = self;
        f.debug_struct("Image")
            .field("width", width)
            .field("height", height)
            .field("channels", channels)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_that_do_not_fit_are_refused() {
        assert!(Image::grey(2, 3, vec![0; 6]).is_ok());
        assert!(Image::rgb(2, 3, vec![0; 18]).is_ok());
        for (width, height, bytes) in [(2, 3, 5), (2, 3, 18), (0, 3, 0), (3, 0, 0), (usize::MAX, 2, 6)] {
            let error = Image::grey(width, height, vec![0; bytes]).unwrap_err();
            assert!(matches!(error, Error::Argument { function: "Image::grey", .. }), "{error}");
        }
        assert!(matches!(Image::rgb(2, 3, vec![0; 6]), Err(Error::Argument { function: "Image::rgb", .. })));
    }

    #[test]
    fn debug_prints_the_size_and_no_pixels() {
        let image = Image::grey(100, 1, vec![7; 100]).unwrap();
        assert_eq!(format!("{image:?}"), "Image { width: 100, height: 1, channels: 1, .. }");
    }
}

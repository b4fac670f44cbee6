//! Resizing by a named kernel.
//!
//! Kernels of the same everyday name differ by up to a hundred levels on a large image, because some average over
//! the pixels that a smaller image leaves out and others skip them. A network must be given the kernel it was trained
//! with, so the kernel is always named.

use std::fmt;
use std::str::FromStr;

use fast_image_resize::images::{Image as Target, ImageRef, TypedImage};
use fast_image_resize::pixels::{F32, F32x3};
use fast_image_resize::{FilterType, PixelTrait, PixelType, ResizeAlg, ResizeOptions, Resizer};
use serde::{Deserialize, Serialize};

use super::{Image, MAX_PIXELS, fixed, linear};
use crate::{BoxError, Error, Result};

/// A resampling kernel, named after the library whose results it reproduces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resampling {
    /// Pillow's `BILINEAR`: a triangle as wide as the reduction, so that every source pixel counts. Within one level
    /// of Pillow, in rare pixels two.
    PilBilinear,
    /// Pillow's `BICUBIC`: a cubic with `a = -0.5`, widened like the triangle. Within one level of Pillow, in rare pixels
    /// two.
    PilBicubic,
    /// OpenCV's `INTER_LINEAR`: the four nearest pixels, no anti-aliasing. Bit-exact with OpenCV 4.10 for eight bits.
    #[serde(rename = "opencv_linear")]
    OpenCvLinear,
}

impl Resampling {
    const ALL: [Self; 3] = [Self::PilBilinear, Self::PilBicubic, Self::OpenCvLinear];

    const fn name(self) -> &'static str {
        match self {
            Self::PilBilinear => "pil_bilinear",
            Self::PilBicubic => "pil_bicubic",
            Self::OpenCvLinear => "opencv_linear",
        }
    }
}

impl fmt::Display for Resampling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Resampling {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        let expected = || Self::ALL.map(Self::name).join(" or ");
        Self::ALL
            .into_iter()
            .find(|kernel| kernel.name() == name)
            .ok_or_else(|| Error::config("resampling", expected(), name))
    }
}

impl Image {
    /// The image at another size; the aspect ratio is not kept. The same size gives the same pixels.
    ///
    /// # Errors
    /// [`Error::Argument`] when a side is zero or the result would have more than [`MAX_PIXELS`].
    pub fn resize(&self, width: usize, height: usize, resampling: Resampling) -> Result<Self> {
        let target = checked_size("Image::resize", width, height)?;
        let source = (self.width(), self.height());
        if source == (width, height) {
            return Ok(self.clone());
        }
        let bytes = match (resampling, self.channels()) {
            (Resampling::OpenCvLinear, 1) => fixed::resize::<1>(self.as_bytes(), source, (width, height)),
            (Resampling::OpenCvLinear, _) => fixed::resize::<3>(self.as_bytes(), source, (width, height)),
            (Resampling::PilBilinear, _) => self.convolved(target, FilterType::Bilinear)?,
            (Resampling::PilBicubic, _) => {
                // A cubic overshoots. Pillow goes along the rows first, cuts what lies outside 0 to 255, and then goes along the
                // columns; in the other order the result is another.
                let along_rows = checked_size("Image::resize", width, source.1)?;
                let rows = self.convolved(along_rows, FilterType::CatmullRom)?;
                let rows = Self::from_parts(width, source.1, self.channels(), rows);
                rows.convolved(target, FilterType::CatmullRom)?
            }
        };
        Ok(Self::from_parts(width, height, self.channels(), bytes))
    }

    /// Through one of Pillow's filters.
    fn convolved(&self, target: (u32, u32), filter: FilterType) -> Result<Vec<u8>> {
        self.try_convolved(target, filter).map_err(|error| refused("Image::resize", &error))
    }

    fn try_convolved(&self, target: (u32, u32), filter: FilterType) -> Result<Vec<u8>, BoxError> {
        let pixel = if self.channels() == 1 { PixelType::U8 } else { PixelType::U8x3 };
        let source =
            ImageRef::new(u32::try_from(self.width())?, u32::try_from(self.height())?, self.as_bytes(), pixel)?;
        let mut resized = Target::new(target.0, target.1, pixel);
        Resizer::new().resize(&source, &mut resized, &widened(filter))?;
        Ok(resized.into_vec())
    }
}

/// Resizes values that are already encoded, in floating point.
///
/// [`Resampling::PilBilinear`] and [`Resampling::PilBicubic`] as Pillow does in mode `F`, [`Resampling::OpenCvLinear`] as
/// OpenCV does for `CV_32F`.
///
/// *Shapes*: `(height, width, channels)` f32 with 1 or 3 channels, flattened row by row, to
/// `(new_height, new_width, channels)`. *Determinism*: bit-exact on one machine; within 1e-5 of the largest value
/// of the originals and of other machines, whose vector units round differently.
///
/// # Errors
/// [`Error::Argument`] when `data` has another length, `channels` is neither 1 nor 3, a side is zero, or the result
/// would have more than [`MAX_PIXELS`].
pub fn resize_f32(
    data: &[f32],
    width: usize,
    height: usize,
    channels: usize,
    new_width: usize,
    new_height: usize,
    resampling: Resampling,
) -> Result<Vec<f32>> {
    const NAME: &str = "resize_f32";
    let source = checked_size(NAME, width, height)?;
    let target = checked_size(NAME, new_width, new_height)?;
    if !matches!(channels, 1 | 3) || width * height * channels != data.len() {
        let found = format!("{channels} channels, {width} x {height}, {} values", data.len());
        return Err(Error::argument(NAME, "1 or 3 channels and width * height * channels values", found));
    }
    if source == target {
        return Ok(data.to_vec());
    }
    let (from, to) = ((width, height), (new_width, new_height));
    let filter = match (resampling, channels) {
        (Resampling::OpenCvLinear, 1) => return Ok(linear::resize::<1>(data, from, to)),
        (Resampling::OpenCvLinear, _) => return Ok(linear::resize::<3>(data, from, to)),
        (Resampling::PilBilinear, _) => FilterType::Bilinear,
        (Resampling::PilBicubic, _) => FilterType::CatmullRom,
    };
    if channels == 1 {
        let pixels = data.iter().map(|&value| F32::new(value)).collect();
        resize_pixels(pixels, source, target, filter).map(|pixels| pixels.iter().map(|pixel| pixel.0).collect())
    } else {
        let pixels = data.as_chunks().0.iter().map(|&pixel| F32x3::new(pixel)).collect();
        resize_pixels(pixels, source, target, filter).map(|pixels| pixels.iter().flat_map(|pixel| pixel.0).collect())
    }
    .map_err(|error: BoxError| refused(NAME, &error))
}

fn resize_pixels<P: PixelTrait>(
    pixels: Vec<P>,
    source: (u32, u32),
    target: (u32, u32),
    filter: FilterType,
) -> Result<Vec<P>, BoxError> {
    let source = TypedImage::from_pixels(source.0, source.1, pixels)?;
    let mut resized = TypedImage::new(target.0, target.1);
    Resizer::new().resize_typed(&source, &mut resized, &widened(filter))?;
    Ok(resized.pixels().to_vec())
}

/// Pillow's way: the filter is widened by the factor of reduction.
fn widened(filter: FilterType) -> ResizeOptions {
    ResizeOptions::new().resize_alg(ResizeAlg::Convolution(filter)).use_alpha(false)
}

/// The size in the resampler's numbers, if the crate handles images of that size.
fn checked_size(function: &'static str, width: usize, height: usize) -> Result<(u32, u32)> {
    let pixels = (width as u64).checked_mul(height as u64);
    match (u32::try_from(width), u32::try_from(height)) {
        (Ok(wide), Ok(high)) if pixels.is_some_and(|pixels| (1..=MAX_PIXELS).contains(&pixels)) => Ok((wide, high)),
        _ => Err(Error::argument(
            function,
            format!("sides above zero and at most {MAX_PIXELS} pixels"),
            format!("{width} x {height}"),
        )),
    }
}

fn refused(function: &'static str, error: &BoxError) -> Error {
    Error::argument(function, "an image that can be resampled", error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_the_same_in_text_and_files() {
        for kernel in Resampling::ALL {
            assert_eq!(kernel.to_string().parse::<Resampling>().unwrap(), kernel);
            assert_eq!(serde_json::to_value(kernel).unwrap(), kernel.to_string());
        }
        let error = "cubic".parse::<Resampling>().unwrap_err().to_string();
        assert_eq!(error, "option resampling: expected pil_bilinear or pil_bicubic or opencv_linear, found cubic");
    }

    #[test]
    fn sizes_are_checked() {
        let image = Image::grey(3, 2, vec![9; 6]).unwrap();
        for kernel in Resampling::ALL {
            for (width, height) in [(0, 2), (2, 0), (usize::MAX, 2), (1 << 20, 1 << 20)] {
                assert!(matches!(image.resize(width, height, kernel), Err(Error::Argument { .. })));
                assert!(resize_f32(&[0.5; 6], 3, 2, 1, width, height, kernel).is_err());
                assert!(resize_f32(&[0.5; 6], width, height, 1, 3, 2, kernel).is_err());
            }
            assert!(resize_f32(&[0.5; 6], 3, 2, 2, 3, 3, kernel).is_err());
            assert!(resize_f32(&[0.5; 6], 3, 2, 3, 3, 3, kernel).is_err());
        }
    }

    #[test]
    fn the_same_size_keeps_every_bit_and_a_constant_stays_constant() {
        let values: Vec<u8> = (0..60).map(|value| value * 4).collect();
        let image = Image::rgb(5, 4, values).unwrap();
        let floats: Vec<f32> = image.as_bytes().iter().map(|&value| f32::from(value)).collect();
        for kernel in Resampling::ALL {
            assert_eq!(image.resize(5, 4, kernel).unwrap(), image);
            assert_eq!(resize_f32(&floats, 5, 4, 3, 5, 4, kernel).unwrap(), floats);
            for level in [0, 1, 127, 255] {
                let flat = Image::grey(7, 5, vec![level; 35]).unwrap().resize(11, 3, kernel).unwrap();
                assert_eq!(flat.as_bytes(), [level; 33]);
            }
        }
    }
}

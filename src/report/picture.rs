//! Larger pictures with their heat maps, as many as fit.

use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, ImageEncoder};

use super::Picture;
use super::heat::Layer;
use super::json::data_uri;
use super::numbers::{LONGEST_TEXT, cut};
use super::sprites::fit;
use crate::imaging::Image;
use crate::{Error, Result};

/// Pixels of the longer side.
const SIDE: usize = 320;

const QUALITY: u8 = 82;

/// A picture as the page shows it.
#[derive(Debug, Clone)]
pub(super) struct Shown {
    pub(super) row: usize,
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) source: String,
    pub(super) layers: Vec<Layer>,
}

impl Shown {
    pub(super) fn new(row: usize, image: &Image, mut layers: Vec<Layer>) -> Result<Self> {
        layers.iter_mut().for_each(|layer| layer.title = cut(&layer.title, LONGEST_TEXT));
        let small = fit(image, SIDE)?;
        let source = data_uri("image/jpeg", &jpeg(&small, QUALITY)?);
        Ok(Self { row, width: small.width(), height: small.height(), source, layers })
    }

    /// Roughly how many bytes it takes on the page each time that it stands there.
    pub(super) fn bytes(&self) -> usize {
        let texts = |layer: &Layer| 2 * layer.title.len() + 2 * layer.trust.len();
        let layer = |layer: &Layer| layer.source.len() + texts(layer) + 400;
        self.source.len() + self.layers.iter().map(layer).sum::<usize>() + 1_500
    }
}

/// The first pictures that fit into `budget` bytes, where a row's stands so many `times` in the gallery.
pub(super) fn within(budget: usize, pictures: &[Picture], times: impl Fn(usize) -> usize) -> Result<Vec<Shown>> {
    let mut shown: Vec<Shown> = Vec::new();
    let mut used = 0;
    for picture in pictures {
        if shown.iter().any(|other| other.row == picture.row) {
            continue;
        }
        let layers =
            picture.heat_maps.iter().map(|(map, trust)| Layer::new(map, trust.as_ref())).collect::<Result<_>>()?;
        let one = Shown::new(picture.row, &picture.image, layers)?;
        used += one.bytes() * times(one.row);
        if used > budget {
            break;
        }
        shown.push(one);
    }
    Ok(shown)
}

/// An image as a baseline JPEG; grey stays grey.
pub(super) fn jpeg(image: &Image, quality: u8) -> Result<Vec<u8>> {
    let failed = |error: image::ImageError| Error::io("write", "thumbnail", std::io::Error::other(error));
    let colour = if image.channels() == 1 { ExtendedColorType::L8 } else { ExtendedColorType::Rgb8 };
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, quality)
        .write_image(image.as_bytes(), image.width() as u32, image.height() as u32, colour)
        .map_err(failed)?;
    Ok(bytes)
}

//! Thumbnails in sheets: many small pictures in one JPEG, which is far smaller than many JPEGs.

use serde::Serialize;

use super::json::{data_uri, longs};
use super::picture::jpeg;
use crate::Result;
use crate::imaging::{Image, Resampling};

/// Pictures in a row of a sheet, and rows.
const ACROSS: usize = 16;

/// Sides of a picture in pixels, the best first; the last is used as far as it goes.
const SIDES: [usize; 4] = [96, 64, 48, 40];

const QUALITY: u8 = 72;

/// Sheets of thumbnails.
#[derive(Debug, Serialize)]
pub(super) struct Sprites {
    side: usize,
    across: usize,
    /// The row of each picture, u32, in the order of their places.
    rows: String,
    /// Width and height of each picture in its cell.
    sizes: Vec<[usize; 2]>,
    sheets: Vec<String>,
}

impl Sprites {
    /// Sheets of at most `budget` bytes, as large as fits, from pictures and their rows, the most important first. Gives how
    /// many pictures they hold; none when there are none or not one sheet fits.
    pub(super) fn within(budget: usize, pictures: &[(usize, &Image)]) -> Result<Option<(Self, usize)>> {
        let longest = pictures.iter().map(|(_, image)| image.width().max(image.height())).max().unwrap_or(0);
        // A picture is never made larger than it is, but for the smallest sides.
        let sides = SIDES.into_iter().enumerate().filter(|(place, side)| *side <= longest || place + 1 == SIDES.len());
        for (place, side) in sides {
            // One sheet tells early that a side is too large.
            let first = sheet(&pictures[..pictures.len().min(ACROSS * ACROSS)], side)?;
            let sheets_needed = pictures.len().div_ceil(ACROSS * ACROSS);
            let last = place + 1 == SIDES.len();
            if !last && first.0.len() * sheets_needed * 9 / 10 > budget {
                continue;
            }
            let (made, all) = make(budget, pictures, side)?;
            if all || last {
                return Ok((made.1 > 0).then_some(made));
            }
        }
        Ok(None)
    }
}

/// As many sheets as fit, and whether that is all.
fn make(budget: usize, pictures: &[(usize, &Image)], side: usize) -> Result<((Sprites, usize), bool)> {
    let mut sprites = Sprites { side, across: ACROSS, rows: String::new(), sizes: Vec::new(), sheets: Vec::new() };
    let (mut used, mut held) = (0, 0);
    for part in pictures.chunks(ACROSS * ACROSS) {
        let (sheet, sizes) = sheet(part, side)?;
        // The list of rows and sizes takes some 16 bytes for each picture.
        used += sheet.len() + 16 * part.len();
        if used > budget {
            break;
        }
        held += part.len();
        sprites.sheets.push(sheet);
        sprites.sizes.extend(sizes);
    }
    sprites.rows = longs(pictures[..held].iter().map(|(row, _)| Some(*row)));
    Ok(((sprites, held), held == pictures.len()))
}

fn sheet(pictures: &[(usize, &Image)], side: usize) -> Result<(String, Vec<[usize; 2]>)> {
    let rows = pictures.len().div_ceil(ACROSS).max(1);
    let channels = if pictures.iter().all(|(_, image)| image.channels() == 1) { 1 } else { 3 };
    let (width, height) = (ACROSS * side, rows * side);
    let mut bytes = vec![0; width * height * channels];
    let mut sizes = Vec::with_capacity(pictures.len());
    for (place, (_, picture)) in pictures.iter().enumerate() {
        let small = fit(picture, side)?;
        let small = if channels == 1 { small } else { small.to_rgb() };
        let (left, top) = (place % ACROSS * side, place / ACROSS * side);
        for (line, pixels) in small.as_bytes().chunks_exact(small.width() * channels).enumerate() {
            let start = ((top + line) * width + left) * channels;
            bytes[start..start + pixels.len()].copy_from_slice(pixels);
        }
        sizes.push([small.width(), small.height()]);
    }
    let sheet = if channels == 1 { Image::grey(width, height, bytes) } else { Image::rgb(width, height, bytes) }?;
    Ok((data_uri("image/jpeg", &jpeg(&sheet, QUALITY)?), sizes))
}

/// The picture with its longer side brought down to `side`.
pub(super) fn fit(image: &Image, side: usize) -> Result<Image> {
    let longer = image.width().max(image.height());
    if longer <= side {
        return Ok(image.clone());
    }
    let scaled = |length: usize| (length * side).div_ceil(longer).max(1);
    image.resize(scaled(image.width()), scaled(image.height()), Resampling::PilBilinear)
}

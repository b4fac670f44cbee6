use std::array;

use sha2::{Digest, Sha256};

use crate::imaging::Image;

/// Cells of the perceptual hash's grid: one column more than there are differences in a row.
const GRID: (usize, usize) = (17, 16);
/// The differences of at least one grey level, of 256, that an image needs for a perceptual hash.
const STRUCTURE: usize = 64;

/// What a sample's input is, so that it can be recognised elsewhere: exactly by digests, nearly by a perceptual hash.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Fingerprint {
    /// SHA-256 of the bytes in which the sample is stored, where the data set gives it (`contract::Dataset::digest`).
    pub bytes: Option<[u8; 32]>,
    /// SHA-256 of the size and the 8-bit values of the image that goes into the model.
    pub pixels: Option<[u8; 32]>,
    /// Difference hash of that image; equal but for a few bits after re-encoding or slight resizing. None where the image has
    /// too little structure to be told by it: a flat one is like any other.
    pub perceptual: Option<[u64; 4]>,
}

impl Fingerprint {
    /// The fingerprint of an image, whose stored bytes are not known.
    ///
    /// `pixels` is the SHA-256 of width, height and channels, each as eight little-endian bytes, and of
    /// [`Image::as_bytes`].
    ///
    /// `perceptual` is a difference hash (Neal Krawetz, "Kind of Like That", 2013) on a finer grid: the grey image
    /// ([`Image::to_grey`]) is averaged over 17 x 16 cells of equal area, pixels that straddle a border counting in parts;
    /// bit `16 * row + column`, the lowest of the first number first, is set where the cell to the right is brighter by one
    /// grey level or more. A level's margin keeps the bits of flat regions at rest. Fewer than 64 neighbours that
    /// differ by a level, in either direction, are too little structure, and give none.
    ///
    /// Integers throughout: the same on every machine and in every version.
    pub fn of(image: &Image) -> Self {
        Self { bytes: None, pixels: Some(digest(image)), perceptual: difference_hash(image) }
    }

    /// In how many of 256 bits two perceptual hashes differ.
    pub fn hamming(a: &[u64; 4], b: &[u64; 4]) -> u32 {
        a.iter().zip(b).map(|(a, b)| (a ^ b).count_ones()).sum()
    }
}

fn digest(image: &Image) -> [u8; 32] {
    let mut hasher = Sha256::new();
    for side in [image.width(), image.height(), image.channels()] {
        hasher.update((side as u64).to_le_bytes());
    }
    hasher.update(image.as_bytes());
    hasher.finalize().into()
}

fn difference_hash(image: &Image) -> Option<[u64; 4]> {
    let cells = cell_sums(image);
    // A cell's weights sum to the number of pixels, so that this is one grey level.
    let level = image.width() as i128 * image.height() as i128;
    let (mut hash, mut structure) = ([0u64; 4], 0);
    for (place, pair) in cells.iter().flat_map(|row| row.windows(2)).enumerate() {
        let difference = i128::from(pair[1]) - i128::from(pair[0]);
        structure += usize::from(difference.abs() >= level);
        if difference >= level {
            hash[place / 64] |= 1 << (place % 64);
        }
    }
    (structure >= STRUCTURE).then_some(hash)
}

/// The grid's cells: grey levels, each weighted by the area that pixel and cell share, in units of a 17 x 16th of a pixel.
///
/// The rows of a cell are added up first, column by column, and then the columns: the inner loop runs along whole rows.
fn cell_sums(image: &Image) -> [[u64; GRID.0]; GRID.1] {
    /// The most rows whose weighted levels, below 2^12 each, certainly fit 32 bits.
    const ROWS: usize = 1 << 20;
    let grey = image.grey_levels();
    let width = image.width();
    let columns = shares::<{ GRID.0 }>(width);
    let mut down = vec![0u32; width];
    shares::<{ GRID.1 }>(image.height()).map(|row| {
        let mut sums = [0; GRID.0];
        for rows in row.chunks(ROWS) {
            down.fill(0);
            for &(y, weight) in rows {
                for (sum, &level) in down.iter_mut().zip(&grey[y * width..][..width]) {
                    *sum += u32::from(u16::from(level) * weight);
                }
            }
            for (sum, column) in sums.iter_mut().zip(&columns) {
                *sum += column.iter().map(|&(x, weight)| u64::from(down[x]) * u64::from(weight)).sum::<u64>();
            }
        }
        sums
    })
}

/// For each of `N` cells along a side of `pixels` the pixels that it touches, with the length they share: a pixel is `N` long,
/// and a cell is `pixels` long.
fn shares<const N: usize>(pixels: usize) -> [Vec<(usize, u16)>; N] {
    array::from_fn(|cell| {
        let (start, end) = (cell * pixels, (cell + 1) * pixels);
        (start / N..=(end - 1) / N)
            .map(|pixel| (pixel, (end.min((pixel + 1) * N) - start.max(pixel * N)) as u16))
            .collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each cell's sum by the area that it shares with every pixel.
    #[test]
    fn cells_weigh_pixels_by_the_area_they_share() {
        let shared = |cell: usize, cells: usize, pixel: usize, pixels: usize| {
            let end = ((cell + 1) * pixels).min((pixel + 1) * cells);
            end.saturating_sub((cell * pixels).max(pixel * cells)) as u64
        };
        for (width, height) in [(1, 1), (3, 40), (17, 16), (40, 3), (35, 33)] {
            let levels = (0..width * height).map(|place| (place * place % 251) as u8).collect();
            let image = Image::grey(width, height, levels).unwrap();
            for (row, sums) in cell_sums(&image).into_iter().enumerate() {
                for (column, sum) in sums.into_iter().enumerate() {
                    let part = |place: usize| {
                        let across = shared(column, GRID.0, place % width, width);
                        u64::from(image.as_bytes()[place]) * across * shared(row, GRID.1, place / width, height)
                    };
                    assert_eq!(sum, (0..width * height).map(part).sum::<u64>(), "{width} x {height}");
                }
            }
        }
    }
}

//! What stands at the edges of an image: by it a network may guess the device, the hospital or the ward instead of the finding.

use super::Image;
use super::histogram::histogram;

/// Share of each side that counts as border.
const BORDER: f64 = 0.1;
/// Share of each side that a corner has.
const CORNER: f64 = 0.2;
/// Levels by which a mark is brighter than the corner around it.
const MARK: usize = 100;

/// Grey levels of the edges and corners of an image.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BorderStatistics {
    /// Mean grey level of the outer tenth on each side, 0 to 255.
    pub mean: f64,
    /// Share of that border's pixels which are black (level 0), in [0, 1].
    pub black: f64,
    /// Share of pixels, in the corner that has most of them, which are more than 100 levels above that corner's median, in
    /// [0, 0.5]: letters and arrows burned in. A corner is a fifth of each side.
    pub corner_marks: f64,
}

impl BorderStatistics {
    /// Measures an image; colours are turned into grey by [`Image::to_grey`]. Deterministic.
    pub fn of(image: &Image) -> Self {
        let grey = image.grey_levels();
        let (width, height) = (image.width(), image.height());
        let rows = || grey.chunks_exact(width);
        let part = |length: usize, share: f64| ((length as f64 * share).round() as usize).clamp(1, length);
        let (across, down) = (part(width, BORDER), part(height, BORDER));
        let border = histogram(rows().enumerate().flat_map(|(y, row)| {
            let inside = y >= down && y + down < height && 2 * across < width;
            if inside { [&row[..across], &row[width - across..]] } else { [row, &[]] }
        }));
        let pixels = border.iter().sum::<u64>() as f64;
        let sum: u64 = (0..).zip(&border).map(|(level, count)| level * count).sum();
        let (across, down) = (part(width, CORNER), part(height, CORNER));
        let corners = [(0, 0), (width - across, 0), (0, height - down), (width - across, height - down)];
        let marks = corners.map(|(x, y)| marks(&histogram(rows().skip(y).take(down).map(|row| &row[x..x + across]))));
        Self {
            mean: sum as f64 / pixels,
            black: border[0] as f64 / pixels,
            corner_marks: marks.into_iter().fold(0.0, f64::max),
        }
    }
}

/// The share of pixels far above their median, the upper one of two.
fn marks(counts: &[u64; 256]) -> f64 {
    let pixels: u64 = counts.iter().sum();
    let mut below = 0;
    let median = counts.iter().position(|count| {
        below += count;
        below > pixels / 2
    });
    let bright = counts.iter().skip(median.unwrap_or(0) + MARK + 1);
    bright.sum::<u64>() as f64 / pixels as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 20 x 20, level 10 in the border of 2 pixels, 50 inside, `change` applied.
    fn framed(change: impl Fn(usize, usize) -> Option<u8>) -> Image {
        let level = |place: usize| {
            let (x, y) = (place % 20, place / 20);
            let inside = (2..18).contains(&x) && (2..18).contains(&y);
            change(x, y).unwrap_or(if inside { 50 } else { 10 })
        };
        Image::grey(20, 20, (0..400).map(level).collect()).unwrap()
    }

    #[test]
    fn the_border_is_the_outer_tenth() {
        let plain = BorderStatistics::of(&framed(|_, _| None));
        assert_eq!((plain.mean, plain.black, plain.corner_marks), (10.0, 0.0, 0.0));
        // One of the four sides black: 40 of 144 border pixels.
        let dark = BorderStatistics::of(&framed(|_, y| (y < 2).then_some(0)));
        assert!((dark.black - 40.0 / 144.0).abs() < 1e-12 && (dark.mean - 1040.0 / 144.0).abs() < 1e-12, "{dark:?}");
    }

    #[test]
    fn a_letter_in_a_corner_is_a_mark_and_a_bright_corner_is_none() {
        let letter = |x: usize, y: usize| (x >= 17 && y == 1).then_some(255);
        assert_eq!(BorderStatistics::of(&framed(letter)).corner_marks, 3.0 / 16.0);
        let bright = |x: usize, y: usize| (x >= 10 && y < 10).then_some(255);
        assert_eq!(BorderStatistics::of(&framed(bright)).corner_marks, 0.0);
    }

    #[test]
    fn one_pixel_is_all_border() {
        let pixel = BorderStatistics::of(&Image::rgb(1, 1, vec![30, 30, 30]).unwrap());
        assert_eq!((pixel.mean, pixel.black, pixel.corner_marks), (30.0, 0.0, 0.0));
    }
}

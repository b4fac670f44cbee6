//! Grey-level statistics of an image, as the metadata of a sample shows them.

use serde::{Deserialize, Serialize};

use super::Image;
use super::histogram::histogram;

/// Whose arithmetic turns a pixel into a grey level.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GreyMode {
    /// The Python integration's: `0.2989 B + 0.5870 G + 0.1140 R` in f64, cut to a whole number. These are the weights
    /// of RGB put to a BGR image, and they add up to 0.9999, so a grey pixel `v >= 1` counts as `v - 1`: the bins 199
    /// and 223 hold the grey levels 200 and 224, bin 0 the levels 0 and 1, and bin 255 is always empty.
    #[default]
    Reference,
    /// The levels of [`Image::to_grey`].
    Exact,
}

/// Counts, mean and standard deviation of an image's grey levels.
#[derive(Debug, Clone, PartialEq)]
pub struct GreyStatistics {
    /// Pixels of each grey level.
    pub counts: [u64; 256],
    /// Mean grey level, as numpy's `mean()`.
    pub mean: f64,
    /// Standard deviation of the grey levels over all pixels (no correction for a sample), as numpy's `std()`.
    pub std: f64,
}

impl GreyStatistics {
    /// The statistics of `image`.
    ///
    /// *Determinism*: bit-exact with numpy over the same pixels, rounding included; up to numpy 2.2, since numpy 2.3 adds
    /// up in another order and may differ in the last bit of `std`.
    ///
    /// ```
    /// use leap_binder::imaging::{GreyMode, GreyStatistics, Image};
    /// let image = Image::grey(2, 2, vec![0, 0, 10, 10])?;
    /// let exact = GreyStatistics::of(&image, GreyMode::Exact);
    /// assert_eq!((exact.mean, exact.std, exact.black_pixels()), (5.0, 5.0, 2));
    /// assert_eq!(GreyStatistics::of(&image, GreyMode::Reference).mean, 4.5);
    /// # Ok::<(), leap_binder::Error>(())
    /// ```
    pub fn of(image: &Image, mode: GreyMode) -> Self {
        // Pixels are counted as they are stored; grey ones become levels afterwards, one for each of 256 values.
        let same = std::array::from_fn(|value| value as u8);
        let (values, levels) = match (mode, image.channels()) {
            (GreyMode::Exact, _) => (image.grey_levels(), same),
            (GreyMode::Reference, 1) => {
                let levels = reference_levels(same.map(|grey| [grey; 3]));
                (image.grey_levels(), std::array::from_fn(|grey| levels[grey]))
            }
            (GreyMode::Reference, _) => (reference_levels(image.as_bytes().as_chunks().0.iter().copied()).into(), same),
        };
        let mut counts = [0; 256];
        for (level, count) in levels.iter().zip(histogram([&*values])) {
            counts[usize::from(*level)] += count;
        }
        let pixels = values.len() as f64;
        let sum: u64 = (0..).zip(&counts).map(|(level, count)| level * count).sum();
        let mean = sum as f64 / pixels;
        let squares = levels.map(|level| (f64::from(level) - mean) * (f64::from(level) - mean));
        Self { counts, mean, std: (numpy_sum(&values, &squares) / pixels).sqrt() }
    }

    /// The least level at or below which at least `percent` of the pixels lie (numpy's `inverted_cdf`); 0 to 255.
    ///
    /// `percent` is in [0, 100]; below it counts as 0, above it as 100.
    pub fn percentile(&self, percent: f64) -> u8 {
        let wanted = (percent.clamp(0.0, 100.0) / 100.0 * self.pixels() as f64).ceil().max(1.0) as u64;
        let mut below = 0;
        let level = self.counts.iter().position(|count| {
            below += count;
            below >= wanted
        });
        level.unwrap_or(255) as u8
    }

    /// Pixels of grey level zero.
    pub fn black_pixels(&self) -> u64 {
        self.counts[0]
    }

    /// All pixels.
    pub fn pixels(&self) -> u64 {
        self.counts.iter().sum()
    }
}

/// The level of each RGB pixel in [`GreyMode::Reference`]. The order of the operations matters: where the decimal result is a
/// whole number, f64 may fall just below it.
fn reference_levels(pixels: impl IntoIterator<Item = [u8; 3]>) -> Vec<u8> {
    let weighted = |weight: f64| -> [f64; 256] { std::array::from_fn(|value| value as f64 * weight) };
    let [blue, green, red] = [0.2989, 0.5870, 0.1140].map(weighted);
    let level = |[r, g, b]: [u8; 3]| (blue[usize::from(b)] + green[usize::from(g)] + red[usize::from(r)]) as u8;
    pixels.into_iter().map(level).collect()
}

/// The sum of `table[value]` over all values, added up in numpy's order, which decides the last bits of a standard
/// deviation: its reductions take 8192 values at a time (the buffer size of its ufuncs).
fn numpy_sum(values: &[u8], table: &[f64; 256]) -> f64 {
    values.chunks(8192).fold(0.0, |sum, buffer| sum + pairwise_sum(buffer, table))
}

/// numpy's sum of one buffer: halves of a multiple of eight down to at most 128 values, then eight sums side by side.
fn pairwise_sum(values: &[u8], table: &[f64; 256]) -> f64 {
    let look_up = |&value: &u8| table[usize::from(value)];
    if values.len() < 8 {
        return values.iter().map(look_up).fold(0.0, |sum, next| sum + next);
    }
    if values.len() > 128 {
        let half = values.len() / 2;
        let (left, right) = values.split_at(half - half % 8);
        return pairwise_sum(left, table) + pairwise_sum(right, table);
    }
    let (eights, rest) = values.as_chunks::<8>();
    let mut sums = [0.0; 8];
    for eight in eights {
        for (sum, value) in sums.iter_mut().zip(eight) {
            *sum += look_up(value);
        }
    }
    let [a, b, c, d, e, f, g, h] = sums;
    let sum = ((a + b) + (c + d)) + ((e + f) + (g + h));
    rest.iter().map(look_up).fold(sum, |sum, next| sum + next)
}

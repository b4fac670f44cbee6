//! OpenCV 4.10's `INTER_LINEAR` for eight bits. Bit-exact.
//!
//! Weights are whole 2048ths. Along the row a value keeps seven fractional bits, so that it fits sixteen; between two rows each
//! one's share is cut to two fractional bits before the one rounding. Everything is done in sixteen bits, of which vector
//! units hold the most: the neighbours of a row are first put side by side, and then every loop runs over plain slices.

use super::linear::{Rows, taps};

/// What a target row takes from a source row.
struct Columns {
    /// For each target pixel the place of its left neighbour.
    left: Vec<usize>,
    /// For each target value the weights of the left and of the right neighbour, in 32768ths.
    weights: [Vec<u16>; 2],
}

impl Columns {
    /// `source` is at least 2.
    fn new<const C: usize>(source: usize, target: usize) -> Self {
        let mut left = Vec::with_capacity(target);
        let mut weights = [(); 2].map(|()| Vec::with_capacity(target * C));
        for tap in taps(source, target, true) {
            // At the last column there is nothing to the right; the pair that ends in it has it too.
            let beyond = tap.sources[0] + 1 == source;
            left.push(tap.sources[0] - usize::from(beyond));
            for (weights, weight) in weights.iter_mut().zip(weights_of(if beyond { 1.0 } else { tap.fraction })) {
                weights.extend([weight << 4; C]);
            }
        }
        Self { left, weights }
    }

    /// Interpolates along one source row.
    fn across<const C: usize>(&self, row: &[u8], pairs: &mut [u16], values: &mut [u16]) {
        let pixels = row.as_chunks::<C>().0;
        let right = &pixels[1..];
        let left = &pixels[..right.len()];
        for (pairs, &place) in pairs.as_chunks_mut::<C>().0.iter_mut().zip(&self.left) {
            let (left, right) = (left[place], right[place]);
            *pairs = std::array::from_fn(|channel| u16::from_le_bytes([left[channel], right[channel]]));
        }
        let [left, right] = &self.weights;
        for (((value, &pair), &left), &right) in values.iter_mut().zip(&*pairs).zip(left).zip(right) {
            // A level in the upper byte times 32768ths has what is wanted in its upper half. The lower halves of both
            // products have only their four highest bits set, and their sum may carry.
            let (first, second) = (pair << 8, pair & 0xff00);
            let carry = ((first.wrapping_mul(left) >> 12) + (second.wrapping_mul(right) >> 12)) >> 4;
            *value = upper_half(first, left) + upper_half(second, right) + carry;
        }
    }
}

/// The weights of two neighbours in 2048ths, where `fraction` is the way from the first to the second.
fn weights_of(fraction: f32) -> [u16; 2] {
    [1.0 - fraction, fraction].map(|weight| (weight * 2048.0).round_ties_even() as u16)
}

/// The upper sixteen bits of a product.
fn upper_half(a: u16, b: u16) -> u16 {
    ((u32::from(a) * u32::from(b)) >> 16) as u16
}

/// Interpolates between two rows.
fn down([upper, lower]: [&[u16]; 2], [above, below]: [u16; 2], target: &mut [u8]) {
    for ((target, &upper), &lower) in target.iter_mut().zip(upper).zip(lower) {
        *target = ((upper_half(upper, above) + upper_half(lower, below) + 2) >> 2) as u8;
    }
}

/// Resizes `C` interleaved channels from `(width, height)` to `(width, height)`; no side is zero.
pub(super) fn resize<const C: usize>(
    data: &[u8],
    (width, height): (usize, usize),
    (new_width, new_height): (usize, usize),
) -> Vec<u8> {
    if width == 1 {
        // Every column is the only one: two of it give the same.
        let twice: Vec<u8> = data.as_chunks::<C>().0.iter().flat_map(|pixel| [*pixel; 2]).flatten().collect();
        return resize::<C>(&twice, (2, height), (new_width, new_height));
    }
    let columns = Columns::new::<C>(width, new_width);
    let mut pairs = vec![0; new_width * C];
    let mut rows = Rows::new(new_width * C);
    let mut target = vec![0; new_width * new_height * C];
    for (tap, target) in taps(height, new_height, false).zip(target.chunks_exact_mut(new_width * C)) {
        rows.load(tap.sources, |row, values| {
            columns.across::<C>(&data[row * width * C..][..width * C], &mut pairs, values);
        });
        down(rows.both(), weights_of(tap.fraction), target);
    }
    target
}

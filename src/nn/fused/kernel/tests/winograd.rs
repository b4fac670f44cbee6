//! The transforms against the matrices of Lavin and Gray (arXiv:1509.09308, 4.1 and 4.3), and whole convolutions against the sum over taps.

use proptest::prelude::*;

use super::super::super::GRANULE;
use super::super::super::buffer::{Buffer, Layout};
use super::super::super::layer::Winograd;
use super::super::{Product, Tile};
use super::memory::{Expected, Input, Output};
use super::{Draw, Numbers, Way, cases, tables, ways};

const SMALL_INPUT: [[f64; 4]; 4] =
    [[1.0, 0.0, -1.0, 0.0], [0.0, 1.0, 1.0, 0.0], [0.0, -1.0, 1.0, 0.0], [0.0, 1.0, 0.0, -1.0]];
const SMALL_OUTPUT: [[f64; 4]; 2] = [[1.0, 1.0, 1.0, 0.0], [0.0, 1.0, -1.0, -1.0]];
const LARGE_INPUT: [[f64; 6]; 6] = [
    [4.0, 0.0, -5.0, 0.0, 1.0, 0.0],
    [0.0, -4.0, -4.0, 1.0, 1.0, 0.0],
    [0.0, 4.0, -4.0, -1.0, 1.0, 0.0],
    [0.0, -2.0, -1.0, 2.0, 1.0, 0.0],
    [0.0, 2.0, -1.0, -2.0, 1.0, 0.0],
    [0.0, 4.0, 0.0, -5.0, 0.0, 1.0],
];
const LARGE_OUTPUT: [[f64; 6]; 4] = [
    [1.0, 1.0, 1.0, 1.0, 1.0, 0.0],
    [0.0, 1.0, -1.0, 2.0, -2.0, 0.0],
    [0.0, 1.0, 1.0, 4.0, 4.0, 0.0],
    [0.0, 1.0, -1.0, 8.0, -8.0, 1.0],
];

/// `M d M^T` at `(y, x)`, for the rows `M` of a tile of `side`.
fn transformed(side: usize, output: bool, (y, x): (usize, usize), d: impl Fn(usize, usize) -> f64) -> f64 {
    let row = |index: usize| -> &[f64] {
        match (side, output) {
            (4, false) => &SMALL_INPUT[index],
            (4, true) => &SMALL_OUTPUT[index],
            (_, false) => &LARGE_INPUT[index],
            (_, true) => &LARGE_OUTPUT[index],
        }
    };
    let (left, right) = (row(y), row(x));
    (0..side).map(|i| left[i] * (0..side).map(|j| d(i, j) * right[j]).sum::<f64>()).sum()
}

proptest! {
    #![proptest_config(cases(96))]

    #[test]
    fn pixels_become_operands(large: bool, granules in 1_usize..6, row in 0_usize..6, gap in 0_usize..3, seed: u64) {
        let side = if large { 6 } else { 4 };
        let mut draw = Draw(seed);
        let depth = granules * GRANULE;
        let right = depth + gap * GRANULE;
        let below = side * right + gap * GRANULE;
        let pixels = draw.values(Numbers::Whole, (side - 1) * (below + right) + depth);
        for way in ways() {
            // The tile is one row of six, as in a product's operands. Places are counted in channels, two of which may share a word.
            let per_word = GRANULE / way.products.words;
            let granule = 6 * GRANULE;
            let position = granules * granule + GRANULE;
            let mut expected: Vec<Expected> = vec![None; side * side * position];
            for channel in 0..depth {
                let place = channel / GRANULE * granule + row * GRANULE + channel % GRANULE;
                for index in 0..side * side {
                    let at = (index / side, index % side);
                    let value = transformed(side, false, at, |y, x| f64::from(pixels[y * below + x * right + channel]));
                    expected[index * position + place] = Some((way.operand(value), 0.0));
                }
            }
            for input in Input::of(&pixels) {
                let mut out = Output::new(expected.len() / per_word);
                let args = Tile {
                    pixels: input.as_ptr().cast_mut(),
                    right,
                    below,
                    depth,
                    places: out.start().wrapping_add(row * way.products.words),
                    position: position / per_word,
                    granule: granule / per_word,
                    inside: (0, 0),
                };
                // SAFETY: the table is of this processor's instructions; all pointers reach as far as the fields say, and the
                // pixels are only read.
                unsafe { (way.products.to_operands[usize::from(large)])(&args) };
                let what = format!("{} {} transforms {side} x {side} pixels", way.kernels.level, way.name);
                if way.pairs() {
                    out.check_pairs(&expected, &what);
                } else {
                    out.check(&expected, &what);
                }
            }
        }
    }

    #[test]
    fn results_become_pixels(
        large: bool, granules in 1_usize..4, inside in (1_usize..5, 1_usize..5), gap in 0_usize..3, seed: u64,
    ) {
        let side = if large { 6 } else { 4 };
        let inside = (inside.0.min(side - 2), inside.1.min(side - 2));
        let mut draw = Draw(seed);
        let depth = granules * GRANULE;
        let right = depth + gap * GRANULE;
        let below = 4 * right + gap * GRANULE;
        let granule = GRANULE + gap * GRANULE;
        let position = granules * granule + gap * GRANULE;
        let results = draw.values(Numbers::Whole, (side * side - 1) * position + (granules - 1) * granule + GRANULE);
        let mut expected: Vec<Expected> = vec![None; (inside.0 - 1) * below + (inside.1 - 1) * right + depth];
        for channel in 0..depth {
            let place = channel / GRANULE * granule + channel % GRANULE;
            for y in 0..inside.0 {
                for x in 0..inside.1 {
                    let result = |y, x| f64::from(results[(y * side + x) * position + place]);
                    let value = transformed(side, true, (y, x), result);
                    expected[y * below + x * right + channel] = Some((value, 0.0));
                }
            }
        }
        for kernels in tables() {
            for input in Input::of(&results) {
                let mut out = Output::new(expected.len());
                let args = Tile {
                    pixels: out.start(),
                    right,
                    below,
                    depth,
                    places: input.as_ptr().cast_mut(),
                    position,
                    granule,
                    inside,
                };
                // SAFETY: as above; the results are only read.
                unsafe { (kernels.to_pixels[usize::from(large)])(&args) };
                out.check(&expected, &format!("{} transforms {side} x {side} results", kernels.level));
            }
        }
    }
}

/// Tiles side by side in one row of an image, with all channels.
struct Row {
    side: usize,
    tiles: usize,
    inputs: usize,
    outs: usize,
    /// `[side][width][inputs]`.
    pixels: Vec<f32>,
    /// `[outs][inputs][3][3]`.
    taps: Vec<f32>,
}

impl Row {
    fn width(&self) -> usize {
        self.tiles * (self.side - 2) + 2
    }

    /// The convolution as its definition says: `[side - 2][width - 2][outs]`, and the sum of what it sums.
    fn convolved(&self) -> Vec<(f64, f64)> {
        let mut out = Vec::new();
        for y in 0..self.side - 2 {
            for x in 0..self.width() - 2 {
                for taps in self.taps.chunks_exact(9 * self.inputs) {
                    let terms = taps.iter().enumerate().map(|(index, &tap)| {
                        let (input, ky, kx) = (index / 9, index / 3 % 3, index % 3);
                        f64::from(tap)
                            * f64::from(self.pixels[((y + ky) * self.width() + x + kx) * self.inputs + input])
                    });
                    out.push(terms.fold((0.0, 0.0), |(sum, size), term| (sum + term, size + term.abs())));
                }
            }
        }
        out
    }

    /// The same by the kernels: all tiles in one product.
    fn by_tiles(&self, way: Way) -> Vec<f32> {
        let (kernels, products) = (way.kernels, way.products);
        let (panel, positions) = (kernels.panel, self.side * self.side);
        let depth = self.inputs.next_multiple_of(GRANULE);
        let mut layout = Layout::default();
        let layer = Winograd::plan(&mut layout, products, depth, self.outs, self.side, panel);
        let mut weights = Buffer::new(&layout).unwrap();
        layer.pack(&mut weights, &self.taps, self.inputs);
        let weights = Input::of(weights.slot(layer.weights)).swap_remove(0);
        let mut pixels = vec![0.0_f32; self.side * self.width() * depth];
        for (to, from) in pixels.chunks_exact_mut(depth).zip(self.pixels.chunks_exact(self.inputs)) {
            to[..self.inputs].copy_from_slice(from);
        }
        let (right, below) = (depth, self.width() * depth);
        let outputs = self.side - 2;
        let words = products.words(depth);
        let position = self.tiles * words;
        let mut operands = vec![0.0_f32; positions * position];
        for tile in 0..self.tiles {
            let args = Tile {
                pixels: pixels[tile * outputs * depth..].as_mut_ptr(),
                right,
                below,
                depth,
                places: operands[tile * products.words..].as_mut_ptr(),
                position,
                granule: self.tiles * products.words,
                inside: (0, 0),
            };
            // SAFETY: the table is of this processor's instructions; all pointers reach as far as the fields say.
            unsafe { (products.to_operands[self.side / 2 - 2])(&args) };
        }
        let width = layer.panels * panel;
        let mut results = vec![0.0_f32; positions * self.tiles * width];
        let rows: Vec<u32> = (0..self.tiles).map(|tile| (tile * width) as u32).collect();
        for index in 0..positions * layer.panels {
            let (at, part) = (index / layer.panels, index % layer.panels);
            let args = Product {
                depth,
                a: operands[at * position..].as_ptr(),
                b: weights.as_ptr().wrapping_add(index * words * panel),
                bias: std::ptr::null(),
                relu: false,
                out: results[at * self.tiles * width + part * panel..].as_mut_ptr(),
                rows: rows.as_ptr(),
                next: std::ptr::null(),
                ahead: 0,
            };
            // SAFETY: as above.
            unsafe { products.product[self.tiles - 1](&args) };
        }
        let mut out = vec![0.0_f32; outputs * outputs * self.tiles * width];
        for tile in 0..self.tiles {
            let args = Tile {
                pixels: out[tile * outputs * width..].as_mut_ptr(),
                right: width,
                below: self.tiles * outputs * width,
                depth: width,
                places: results[tile * width..].as_mut_ptr(),
                position: self.tiles * width,
                granule: GRANULE,
                inside: (outputs, outputs),
            };
            // SAFETY: as above.
            unsafe { (kernels.to_pixels[self.side / 2 - 2])(&args) };
        }
        out.chunks_exact(width).flat_map(|pixel| &pixel[..self.outs]).copied().collect()
    }
}

proptest! {
    #![proptest_config(cases(24))]

    /// Small tiles halve what they compute with and lose nothing on whole numbers; large ones divide by 3 and lose about two digits.
    #[test]
    fn tiles_convolve(large: bool, inputs in 1_usize..40, outs in 1_usize..70, seed: u64) {
        let side = if large { 6 } else { 4 };
        // What large tiles divide has too many bits for bf16: the engine never does that either.
        for way in ways().into_iter().filter(|way| !(large && way.pairs())) {
            for tiles in [1, way.products.rows()] {
                let mut draw = Draw(seed);
                let numbers = if large { Numbers::Real } else { Numbers::Whole };
                let mut row = Row { side, tiles, inputs, outs, pixels: Vec::new(), taps: Vec::new() };
                row.pixels = draw.values(numbers, side * row.width() * inputs);
                row.taps = draw.values(numbers, outs * inputs * 9);
                let found = row.by_tiles(way);
                let expected = row.convolved();
                prop_assert_eq!(found.len(), expected.len());
                for (found, (value, magnitude)) in found.iter().zip(expected) {
                    let tolerance = if large { 4e-6 * magnitude } else { 0.0 };
                    let near = (f64::from(*found) - value).abs() <= tolerance;
                    prop_assert!(near, "{} {} {side}: {found} instead of {value} +- {tolerance}", way.kernels.level, way.name);
                }
            }
        }
    }
}

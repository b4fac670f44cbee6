use proptest::prelude::*;

use super::super::super::GRANULE;
use super::super::{Average, Gather};
use super::memory::{Expected, Input, Output};
use super::{Draw, Numbers, Way, cases, rounding, tables, ways};

/// `relu(x * scale + shift)`, and what it is a sum of.
fn normalised(x: f32, scale: f32, shift: f32) -> (f64, f64) {
    let (product, shift) = (f64::from(x) * f64::from(scale), f64::from(shift));
    ((product + shift).max(0.0), product.abs() + shift.abs())
}

/// Pixels, where the rows' begin, and the neighbours' distances; pooled if these are given.
struct Case {
    numbers: Numbers,
    depth: usize,
    pixels: Vec<f32>,
    places: Vec<u32>,
    neighbours: Option<(usize, usize)>,
    scale: Vec<f32>,
    shift: Vec<f32>,
}

impl Case {
    fn draw(numbers: Numbers, rows: usize, granules: usize, pooled: bool, seed: u64) -> Self {
        let mut draw = Draw(seed);
        let depth = granules * GRANULE;
        let neighbours = pooled.then(|| {
            let right = depth + draw.below(3) * GRANULE;
            (right, (2 + draw.below(4)) * right)
        });
        let reach = neighbours.map_or(0, |(right, below)| right + below);
        // Rows may overlap: they are only read.
        let places: Vec<u32> = (0..rows).map(|_| draw.below(500) as u32).collect();
        let len = places.iter().max().map_or(0, |last| *last as usize) + reach + depth;
        Self {
            numbers,
            depth,
            pixels: draw.values(numbers, len),
            places,
            neighbours,
            scale: draw.values(numbers, depth),
            shift: draw.values(numbers, depth),
        }
    }

    fn expected(&self, way: Way) -> Vec<Expected> {
        let corners = match self.neighbours {
            None => vec![0],
            Some((right, below)) => vec![0, right, below, below + right],
        };
        let mut expected = Vec::new();
        for granule in (0..self.depth).step_by(GRANULE) {
            for &place in &self.places {
                for channel in granule..granule + GRANULE {
                    let (mut sum, mut magnitude) = (0.0, 0.0);
                    for corner in &corners {
                        let x = self.pixels[place as usize + corner + channel];
                        let (value, size) = normalised(x, self.scale[channel], self.shift[channel]);
                        (sum, magnitude) = (sum + value, magnitude + size);
                    }
                    let share = 1.0 / corners.len() as f64;
                    let (value, tolerance) = (sum * share, rounding(self.numbers, 4, magnitude * share));
                    // Where the sum is off by a bit, the nearest bf16 may be the next one.
                    let step = if way.pairs() && tolerance > 0.0 { value / 128.0 } else { 0.0 };
                    expected.push(Some((way.operand(value), tolerance + step)));
                }
            }
        }
        expected
    }

    fn check(&self, way: Way) {
        let inputs = [&self.pixels, &self.scale, &self.shift].map(|values| Input::of(values));
        for kind in 0..inputs[0].len() {
            let [pixels, scale, shift] = inputs.each_ref().map(|input| input[kind].as_ptr());
            let mut out = Output::new(way.products.words(self.depth) * self.places.len());
            let (right, below) = self.neighbours.unwrap_or((0, 0));
            let args = Gather {
                depth: self.depth,
                pixels,
                places: self.places.as_ptr(),
                rows: self.places.len(),
                right,
                below,
                scale,
                shift,
                out: out.start(),
            };
            let products = way.products;
            let gather = if self.neighbours.is_some() { products.gather_pooled } else { products.gather };
            // SAFETY: the table is of this processor's instructions; all pointers reach as far as the fields say.
            unsafe { gather(&args) };
            let what = format!("{} {} gathers", way.kernels.level, way.name);
            if way.pairs() {
                out.check_pairs(&self.expected(way), &what);
            } else {
                out.check(&self.expected(way), &what);
            }
        }
    }
}

proptest! {
    #![proptest_config(cases(128))]

    #[test]
    fn rows_are_gathered(rows in 1_usize..18, granules in 1_usize..9, pooled: bool, whole: bool, seed: u64) {
        let numbers = if whole { Numbers::Whole } else { Numbers::Real };
        for way in ways() {
            Case::draw(numbers, rows, granules, pooled, seed).check(way);
        }
    }

    #[test]
    fn pixels_are_averaged(count in 1_usize..60, granules in 1_usize..9, gap in 0_usize..3, seed: u64) {
        let mut draw = Draw(seed);
        let depth = granules * GRANULE;
        let stride = depth + gap * GRANULE;
        let pixels = draw.values(Numbers::Real, (count - 1) * stride + depth);
        let (scale, shift) = (draw.values(Numbers::Real, depth), draw.values(Numbers::Real, depth));
        let expected: Vec<Expected> = (0..depth)
            .map(|channel| {
                let terms = (0..count).map(|pixel| normalised(pixels[pixel * stride + channel], scale[channel], shift[channel]));
                let (sum, magnitude) = terms.fold((0.0, 0.0), |all, one| (all.0 + one.0, all.1 + one.1));
                Some((sum / count as f64, rounding(Numbers::Real, count + 2, magnitude / count as f64)))
            })
            .collect();
        let inputs = [pixels, scale, shift].map(|values| Input::of(&values));
        for kernels in tables() {
            for kind in 0..inputs[0].len() {
                let [pixels, scale, shift] = inputs.each_ref().map(|input| input[kind].as_ptr());
                let mut out = Output::new(depth);
                let args = Average { depth, pixels, count, stride, scale, shift, out: out.start() };
                // SAFETY: as above.
                unsafe { (kernels.average)(&args) };
                out.check(&expected, &format!("{} averages {count} pixels", kernels.level));
            }
        }
    }
}

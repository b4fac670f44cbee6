use proptest::prelude::*;

use super::super::super::GRANULE;
use super::super::{Max, Stem};
use super::memory::{Expected, Input, Output};
use super::{Draw, Numbers, cases, rounding, tables};

proptest! {
    #![proptest_config(cases(24))]

    /// Windows of 7 x 7 pixels, two pixels apart.
    #[test]
    fn windows_are_convolved(channels in 1_usize..5, gap in 0_usize..9, whole: bool, seed: u64) {
        let numbers = if whole { Numbers::Whole } else { Numbers::Real };
        for kernels in tables() {
            for count in 1..=kernels.stem.len() {
                let mut draw = Draw(seed);
                let (width, right, panel) = (7 * channels, 2 * channels, kernels.panel);
                let below = (count - 1) * right + width + gap;
                let stride = panel + gap;
                let pixels = draw.values(numbers, 6 * below + (count - 1) * right + width);
                let weights = draw.values(numbers, 7 * width * panel);
                let bias = draw.values(numbers, panel);
                let mut expected: Vec<Expected> = vec![None; (count - 1) * stride + panel];
                for m in 0..count {
                    for channel in 0..panel {
                        let (mut sum, mut magnitude) = (f64::from(bias[channel]), f64::from(bias[channel].abs()));
                        for y in 0..7 {
                            for k in 0..width {
                                let x = f64::from(pixels[y * below + m * right + k]);
                                let term = x * f64::from(weights[(y * width + k) * panel + channel]);
                                (sum, magnitude) = (sum + term, magnitude + term.abs());
                            }
                        }
                        expected[m * stride + channel] = Some((sum.max(0.0), rounding(numbers, 7 * width, magnitude)));
                    }
                }
                let inputs = [pixels, weights, bias].map(|values| Input::of(&values));
                for kind in 0..inputs[0].len() {
                    let [pixels, weights, bias] = inputs.each_ref().map(|input| input[kind].as_ptr());
                    let mut out = Output::new(expected.len());
                    let args = Stem { pixels, width, right, below, weights, bias, out: out.start(), stride };
                    // SAFETY: the table is of this processor's instructions; all pointers reach as far as the fields say.
                    unsafe { kernels.stem[count - 1](&args) };
                    out.check(&expected, &format!("{} convolves {count} windows", kernels.level));
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(cases(128))]

    /// The largest of up to 3 x 3 pixels and of zero; what is no number is not passed over.
    #[test]
    fn the_largest_is_kept(rows in 1_usize..4, columns in 1_usize..4, granules in 1_usize..7, nans: bool, seed: u64) {
        let mut draw = Draw(seed);
        let depth = granules * GRANULE;
        let right = depth + draw.below(3);
        let below = 3 * right + draw.below(5);
        let mut pixels = draw.values(Numbers::Real, (rows - 1) * below + (columns - 1) * right + depth);
        if nans {
            (0..pixels.len()).step_by(3).for_each(|place| pixels[place] = f32::NAN);
        }
        let window = || (0..rows).flat_map(|y| (0..columns).map(move |x| y * below + x * right));
        let largest = |channel: usize| window().map(|place| pixels[place + channel]).fold(0.0, f32::max);
        let faulty = |channel: usize| window().any(|place| pixels[place + channel].is_nan());
        let kept = |channel| if faulty(channel) { f64::NAN } else { f64::from(largest(channel)) };
        let expected: Vec<Expected> = (0..depth).map(|channel| Some((kept(channel), 0.0))).collect();
        for kernels in tables() {
            for input in Input::of(&pixels) {
                let mut out = Output::new(depth);
                let args = Max { pixels: input.as_ptr(), inside: (rows, columns), right, below, depth, out: out.start() };
                // SAFETY: as above.
                unsafe { (kernels.max)(&args) };
                out.check(&expected, &format!("{} of {rows} x {columns}", kernels.level));
            }
        }
    }
}

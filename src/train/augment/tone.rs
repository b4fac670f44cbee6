//! Brightness, contrast and gamma, each held to [0, 1], as torchvision's functions of these names.

use super::draw::Draw;
use super::{Augmentation, means};

/// The three factors; 1 leaves an image as it is.
#[derive(Debug)]
pub(super) struct Tone {
    brightness: f32,
    contrast: f32,
    gamma: f32,
}

impl Tone {
    /// The factors that `limits` and `draw` give.
    pub(super) fn drawn(limits: &Augmentation, draw: &Draw) -> Self {
        Self {
            brightness: 1.0 + draw.brightness * limits.brightness,
            contrast: 1.0 + draw.contrast * limits.contrast,
            gamma: (1.0 + f64::from(limits.gamma)).powf(draw.gamma) as f32,
        }
    }

    /// Changes `values` with the channel last, which are not empty. Contrast is about the mean of all channels.
    pub(super) fn apply(&self, values: &mut [f32], channels: usize) {
        if self.brightness != 1.0 {
            values.iter_mut().for_each(|value| *value = (self.brightness * *value).clamp(0.0, 1.0));
        }
        if self.contrast != 1.0 {
            let mean = (means(values, channels).iter().sum::<f64>() / channels as f64) as f32;
            values.iter_mut().for_each(|value| *value = (mean + self.contrast * (*value - mean)).clamp(0.0, 1.0));
        }
        if self.gamma != 1.0 {
            values.iter_mut().for_each(|value| *value = power(*value, self.gamma));
        }
    }
}

/// `x^exponent` for `x` in [0, 1] and an exponent above 0, to 1e-6: short enough to be computed for several values at once, and
/// the same on every machine. What lies below the smallest normal number is taken for 0.
#[inline(always)]
fn power(x: f32, exponent: f32) -> f32 {
    // x = 2^e m with m between the root of a half and the root of two.
    const ROOT_OF_HALF: u32 = 0x3f35_04f3;
    let bits = x.to_bits().wrapping_sub(ROOT_OF_HALF);
    let e = ((bits as i32) >> 23) as f32;
    let m = f32::from_bits((bits & 0x007f_ffff).wrapping_add(ROOT_OF_HALF));
    // log m by its series in (m - 1) / (m + 1), at most 0.172.
    let t = (m - 1.0) / (m + 1.0);
    let s = t * t;
    let series = t * (2.0 + s * (2.0 / 3.0 + s * (2.0 / 5.0 + s * (2.0 / 7.0 + s * (2.0 / 9.0)))));
    let y = (exponent * (e + series * std::f32::consts::LOG2_E)).clamp(-126.0, 0.0);
    // 2^y: the whole part goes to the exponent's bits, the rest, at most a half, into the series of exp.
    const ROUND: f32 = 12_582_912.0;
    let shifted = y + ROUND;
    let r = (y - (shifted - ROUND)) * std::f32::consts::LN_2;
    let rest = 1.0 + r * (1.0 + r * (0.5 + r * (1.0 / 6.0 + r * (1.0 / 24.0 + r * (1.0 / 120.0 + r / 720.0)))));
    let whole = f32::from_bits(shifted.to_bits().wrapping_add(127) << 23);
    if x < f32::MIN_POSITIVE { 0.0 } else { (whole * rest).min(1.0) }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    struct Golden {
        image: Vec<f32>,
        runs: Vec<Run>,
    }

    #[derive(Deserialize)]
    struct Run {
        brightness: f32,
        contrast: f32,
        gamma: f32,
        values: Vec<f32>,
    }

    #[test]
    fn tones_are_torchvisions() {
        let golden: Golden = serde_json::from_str(include_str!("../../../tests/fixtures/train/tone.json")).unwrap();
        assert!(golden.runs.len() >= 6);
        for run in golden.runs {
            let mut values = golden.image.clone();
            let tone = Tone { brightness: run.brightness, contrast: run.contrast, gamma: run.gamma };
            tone.apply(&mut values, 1);
            for (found, expected) in values.iter().zip(&run.values) {
                assert!((found - expected).abs() < 2e-6, "{tone:?}: {found}, not {expected}");
            }
        }
    }

    #[test]
    fn powers_are_those_of_f64() {
        let mut largest = 0f64;
        for exponent in [0.2f32, 0.5, 0.83, 1.2, 2.0, 5.0] {
            for x in (0..=100_000).map(|at| at as f32 / 100_000.0).chain([
                1e-30,
                1e-10,
                0.999_999_94,
                std::f32::consts::FRAC_1_SQRT_2,
            ]) {
                let expected = f64::from(x).powf(f64::from(exponent));
                largest = largest.max((f64::from(power(x, exponent)) - expected).abs());
            }
            assert_eq!((power(0.0, exponent), power(1.0, exponent)), (0.0, 1.0));
        }
        assert!(largest < 5e-7, "{largest}");
    }
}

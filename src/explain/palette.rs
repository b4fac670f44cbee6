//! Colours that are even to the eye and tell themselves apart for colour-blind readers: made in OKLab (Ottosson, 2020), where equal
//! distances look equal, so that lightness alone tells the order.

use std::f32::consts::PI;

/// The colour of a normalised value, as sRGB bytes.
///
/// Heat without a sign, in [0, 1]: from dark purple over red to light yellow, ever lighter. Signed heat, in [-1, 1]: from blue
/// (against) over near-white to orange (for), equally dark at both ends. Values outside are taken to the nearest end, NaN to 0.
pub fn colour(value: f32, signed: bool) -> [u8; 3] {
    let value = if value.is_nan() { 0.0 } else { value };
    let (lightness, chroma, hue) = if signed {
        let strength = value.abs().min(1.0);
        (0.95 - 0.35 * strength, 0.13 * strength, if value < 0.0 { 255.0 } else { 55.0 })
    } else {
        let v = value.clamp(0.0, 1.0);
        (0.30 + 0.60 * v, 0.12 + 0.05 * (PI * v).sin(), 310.0 + 145.0 * v)
    };
    srgb(lightness, chroma, hue)
}

/// From OKLab in polar form, the hue in degrees; what lies outside of sRGB is cut off.
fn srgb(lightness: f32, chroma: f32, hue: f32) -> [u8; 3] {
    linear(lightness, chroma, hue).map(|value| {
        let value = value.clamp(0.0, 1.0);
        let curved = if value <= 0.003_130_8 { 12.92 * value } else { 1.055 * value.powf(1.0 / 2.4) - 0.055 };
        (255.0 * curved).round() as u8
    })
}

/// Linear red, green and blue.
fn linear(lightness: f32, chroma: f32, hue: f32) -> [f32; 3] {
    let (sin, cos) = (hue * PI / 180.0).sin_cos();
    let (a, b) = (chroma * cos, chroma * sin);
    let l = (lightness + 0.396_337_78 * a + 0.215_803_76 * b).powi(3);
    let m = (lightness - 0.105_561_35 * a - 0.063_854_17 * b).powi(3);
    let s = (lightness - 0.089_484_18 * a - 1.291_485_5 * b).powi(3);
    [
        4.076_741_7 * l - 3.307_711_6 * m + 0.230_969_93 * s,
        -1.268_438 * l + 2.609_757_4 * m - 0.341_319_4 * s,
        -0.004_196_09 * l - 0.703_418_6 * m + 1.707_614_7 * s,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// CIE luminance of an sRGB colour.
    fn luminance(bytes: [u8; 3]) -> f64 {
        let linear = bytes.map(|byte| {
            let value = f64::from(byte) / 255.0;
            if value <= 0.040_45 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        });
        0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    }

    #[test]
    fn white_and_primaries_come_back() {
        assert_eq!(srgb(1.0, 0.0, 0.0), [255, 255, 255]);
        // Ottosson's coordinates of sRGB red and blue.
        assert_eq!(srgb(0.627_955, 0.257_683, 29.2339), [255, 0, 0]);
        assert_eq!(srgb(0.452_014, 0.313_214, 264.052), [0, 0, 255]);
    }

    #[test]
    fn hotter_is_lighter_and_signs_weigh_the_same() {
        let steps = (0..=100).map(|step| luminance(colour(step as f32 / 100.0, false))).collect::<Vec<_>>();
        assert!(steps.windows(2).all(|pair| pair[0] < pair[1]), "{steps:?}");
        for step in 0..=20 {
            let value = step as f32 / 20.0;
            let (against, towards) = (luminance(colour(-value, true)), luminance(colour(value, true)));
            assert!((against - towards).abs() < 0.06, "{value}: {against} {towards}");
        }
    }

    #[test]
    fn nothing_is_cut_off() {
        for step in 0..=200 {
            let v = step as f32 / 200.0;
            for (lightness, chroma, hue) in [
                (0.30 + 0.60 * v, 0.12 + 0.05 * (PI * v).sin(), 310.0 + 145.0 * v),
                (0.95 - 0.35 * v, 0.13 * v, 255.0),
                (0.95 - 0.35 * v, 0.13 * v, 55.0),
            ] {
                let found = linear(lightness, chroma, hue);
                assert!(found.iter().all(|value| (-0.01..=1.01).contains(value)), "{v} {hue}: {found:?}");
            }
        }
    }

    /// For those without one kind of cones (Machado, Oliveira, Fernandes, 2009) both signs stay apart in blue against red and green.
    #[test]
    fn signs_differ_for_the_colour_blind() {
        const PROTAN: [[f32; 3]; 3] = [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]];
        const DEUTAN: [[f32; 3]; 3] = [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]];
        for matrix in [PROTAN, DEUTAN] {
            let seen = |value| {
                let [r, g, b] = linear(0.95 - 0.35 * 1.0, 0.13, if value < 0.0 { 255.0 } else { 55.0 });
                matrix.map(|row| row[0] * r + row[1] * g + row[2] * b)
            };
            let (against, towards) = (seen(-1.0), seen(1.0));
            assert!(against[2] - towards[2] > 0.3, "{against:?} {towards:?}");
        }
        assert_eq!(colour(f32::NAN, true), colour(0.0, true));
        assert_eq!(colour(7.0, false), colour(1.0, false));
    }
}

//! Heat maps as pictures to lay over a picture: colour says for or against, opacity how much.

use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageEncoder};

use super::json::data_uri;
use super::numbers::{percent, three};
use crate::explain::{Faithfulness, HeatMap, Verdict};
use crate::{Error, Result};

/// Pixels of the longer side of a layer. The browser scales it up to the picture.
const SIDE: usize = 56;

/// Colours of a map without sign from no heat to most (inferno's, which also reads in grey), each with its opacity.
const WARM: [[f64; 4]; 5] = [
    [20.0, 11.0, 53.0, 0.0],
    [101.0, 21.0, 110.0, 110.0],
    [188.0, 55.0, 84.0, 190.0],
    [249.0, 142.0, 9.0, 225.0],
    [252.0, 255.0, 164.0, 245.0],
];

/// The colours of a signed map: against (blue) and for (vermilion), which colour-blind readers tell apart.
const AGAINST: [f64; 3] = [0.0, 114.0, 178.0];
const FOR: [f64; 3] = [213.0, 94.0, 0.0];

/// A heat map as the page shows it.
#[derive(Debug, Clone)]
pub(super) struct Layer {
    /// The method and its target, for example `grad_cam: virus`.
    pub(super) title: String,
    /// How far it can be trusted, in a sentence; or empty.
    pub(super) trust: String,
    pub(super) signed: bool,
    pub(super) source: String,
}

impl Layer {
    pub(super) fn new(map: &HeatMap, faithfulness: Option<&Faithfulness>) -> Result<Self> {
        let split = map.split.as_ref().map_or_else(String::new, |split| format!(" at {split}"));
        Ok(Self {
            title: format!("{}{split}: {}", map.method, map.target),
            trust: faithfulness.map_or_else(String::new, trust),
            signed: map.signed,
            source: data_uri("image/png", &png(map)?),
        })
    }
}

/// The verdict and the figures that it comes from, in one sentence.
fn trust(found: &Faithfulness) -> String {
    let verdict = match found.verdict() {
        Verdict::Faithful => "Faithful by this test",
        Verdict::BlindToTheModel => "Blind to the model: random weights give much the same map",
        Verdict::NoBetterThanChance => "No better than chance",
    };
    let area = |area: f64, chance: Option<f64>, good: &str| match chance {
        Some(chance) => format!("{} ({} by chance, {good} is good)", three(Some(area)), three(Some(chance))),
        None => format!("{} (chance not measured, {good} is good)", three(Some(area))),
    };
    let random = found
        .randomised_correlation
        .map_or_else(String::new, |correlation| format!(", correlation with a randomised model {correlation:.2}"));
    format!(
        "{verdict}: deletion AUC {}, insertion AUC {}, {} of the heat on the border{random}.",
        area(found.deletion_auc, found.chance_deletion_auc, "low"),
        area(found.insertion_auc, found.chance_insertion_auc, "high"),
        percent(found.border_share),
    )
}

/// The map as a PNG with an alpha channel, normalised by its largest absolute value.
fn png(map: &HeatMap) -> Result<Vec<u8>> {
    let finite = |value: f32| if value.is_finite() { f64::from(value) } else { 0.0 };
    let values: Vec<f64> = map.values.iter().map(|&value| finite(value)).collect();
    let largest = values.iter().fold(0.0f64, |most, value| most.max(value.abs()));
    let longer = map.width.max(map.height);
    let scaled = |length: usize| (length * SIDE).div_ceil(longer).max(1);
    let (width, height) = (scaled(map.width), scaled(map.height));
    let scaled = resize(&values, (map.width, map.height), (width, height));
    let pixel = |value: f64| match largest {
        0.0 => [0; 4],
        largest if map.signed => signed(value / largest),
        largest => warm((value / largest).max(0.0)),
    };
    let pixels: Vec<u8> = scaled.into_iter().flat_map(pixel).collect();
    let mut bytes = Vec::new();
    PngEncoder::new_with_quality(&mut bytes, CompressionType::Best, FilterType::Adaptive)
        .write_image(&pixels, width as u32, height as u32, ExtendedColorType::Rgba8)
        .map_err(|error| Error::io("write", "heat map", std::io::Error::other(error)))?;
    Ok(bytes)
}

fn signed(value: f64) -> [u8; 4] {
    let [red, green, blue] = if value < 0.0 { AGAINST } else { FOR };
    [red as u8, green as u8, blue as u8, (235.0 * value.abs().min(1.0)).round() as u8]
}

fn warm(value: f64) -> [u8; 4] {
    let place = value.clamp(0.0, 1.0) * (WARM.len() - 1) as f64;
    let low = (place as usize).min(WARM.len() - 2);
    let mix =
        |channel: usize| WARM[low][channel] + (WARM[low + 1][channel] - WARM[low][channel]) * (place - low as f64);
    [0, 1, 2, 3].map(|channel| mix(channel).round() as u8)
}

/// Values of one size at another one: a triangle filter as wide as a pixel of the coarser grid, which is bilinear
/// interpolation upwards and a weighted mean downwards.
fn resize(values: &[f64], from: (usize, usize), to: (usize, usize)) -> Vec<f64> {
    let (across, down) = (weights(from.0, to.0), weights(from.1, to.1));
    let narrow: Vec<f64> = values
        .chunks_exact(from.0)
        .flat_map(|line| across.iter().map(move |taps| taps.iter().map(|(place, weight)| line[*place] * weight).sum()))
        .collect();
    let column = |taps: &Vec<(usize, f64)>, x: usize| -> f64 {
        taps.iter().map(|(place, weight)| narrow[place * to.0 + x] * weight).sum()
    };
    down.iter().flat_map(|taps| (0..to.0).map(move |x| column(taps, x))).collect()
}

/// For each new place the old ones that make it, with weights that sum to 1.
fn weights(from: usize, to: usize) -> Vec<Vec<(usize, f64)>> {
    let scale = from as f64 / to as f64;
    let reach = scale.max(1.0);
    let taps = |place: usize| {
        let centre = (place as f64 + 0.5) * scale - 0.5;
        let (low, high) = ((centre - reach).floor() as i64, (centre + reach).ceil() as i64);
        let raw: Vec<(usize, f64)> = (low..=high)
            .map(|old| (old.clamp(0, from as i64 - 1) as usize, (1.0 - (old as f64 - centre).abs() / reach).max(0.0)))
            .filter(|(_, weight)| *weight > 0.0)
            .collect();
        let sum: f64 = raw.iter().map(|(_, weight)| weight).sum();
        raw.into_iter().map(|(old, weight)| (old, weight / sum)).collect()
    };
    (0..to).map(taps).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resizing_is_bilinear_upwards() {
        // torch.nn.functional.interpolate([0, 1], size=4, mode="linear", align_corners=False)
        assert_eq!(resize(&[0.0, 1.0], (2, 1), (4, 1)), [0.0, 0.25, 0.75, 1.0]);
        assert_eq!(
            resize(&[3.0; 12], (3, 4), (7, 5)).iter().map(|v| (v * 1e9).round()).max_by(f64::total_cmp),
            Some(3e9)
        );
        assert_eq!(resize(&[0.0, 8.0, 0.0, 8.0], (4, 1), (1, 1)), [4.0]);
    }

    #[test]
    fn colours_say_the_sign_and_opacity_the_strength() {
        assert_eq!(warm(0.0)[3], 0);
        assert_eq!(warm(1.0), [252, 255, 164, 245]);
        assert_eq!(signed(-1.0), [0, 114, 178, 235]);
        assert_eq!(signed(0.0)[3], 0);
    }
}

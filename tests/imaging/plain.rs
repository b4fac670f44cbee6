//! The fast paths against what they mean, pixel by pixel, on images of odd sizes.

use leap_binder::imaging::{
    BorderStatistics, ChannelOrder, Colours, GreyMode, GreyStatistics, Image, ImageSpec, Normalisation, Resampling,
};
use proptest::prelude::*;

/// Sizes around the lanes of vector units, one pixel among them, and levels that are far apart, or alike as in a black border.
fn images() -> impl Strategy<Value = Image> {
    let side = || prop_oneof![1..5usize, 5..40usize];
    let bytes = |length| {
        let level = prop_oneof![3 => Just(0u8), 1 => Just(255u8), 6 => any::<u8>()];
        prop::collection::vec(level, length)
    };
    (side(), side(), prop::bool::ANY).prop_flat_map(move |(width, height, grey)| {
        let channels = if grey { 1 } else { 3 };
        let make = if grey { Image::grey } else { Image::rgb };
        bytes(width * height * channels).prop_map(move |bytes| make(width, height, bytes).unwrap())
    })
}

fn pixels(image: &Image) -> Vec<[u8; 3]> {
    image.to_rgb().as_bytes().as_chunks().0.to_vec()
}

/// OpenCV's bilinear resize in fixed point: for each target value its four neighbours.
fn resized(image: &Image, width: usize, height: usize) -> Vec<u8> {
    let place = |index: usize, source: usize, target: usize| {
        let centre = ((index as f64 + 0.5) * (1.0 / (target as f64 / source as f64)) - 0.5) as f32;
        (centre.floor(), centre - centre.floor())
    };
    let weights = |fraction: f32| [1.0 - fraction, fraction].map(|weight| (weight * 2048.0).round_ties_even() as i32);
    let held = |place: f32, source: usize| place.clamp(0.0, (source - 1) as f32) as usize;
    let channels = image.channels();
    let mut target = Vec::new();
    for y in 0..height {
        let (top, down) = place(y, image.height(), height);
        for x in 0..width {
            let (left, mut across) = place(x, image.width(), width);
            if left < 0.0 || left >= (image.width() - 1) as f32 {
                across = 0.0;
            }
            for channel in 0..channels {
                let level = |x: f32, y: f32| {
                    let pixel = held(y, image.height()) * image.width() + held(x, image.width());
                    i32::from(image.as_bytes()[pixel * channels + channel])
                };
                let [first, second] = weights(across);
                let row = |y: f32| (level(left, y) * first + level(left + 1.0, y) * second) >> 4;
                let [above, below] = weights(down);
                let value = ((row(top) * above) >> 16) + ((row(top + 1.0) * below) >> 16);
                target.push(((value + 2) >> 2) as u8);
            }
        }
    }
    target
}

/// Border and corners, by looking at every pixel.
fn border(image: &Image) -> BorderStatistics {
    let (width, height, grey) = (image.width(), image.height(), image.to_grey());
    let part = |length: usize, share: f64| ((length as f64 * share).round() as usize).clamp(1, length);
    let levels = |wanted: &dyn Fn(usize, usize) -> bool| -> Vec<u8> {
        let places = (0..width * height).filter(|place| wanted(place % width, place / width));
        places.map(|place| grey.as_bytes()[place]).collect()
    };
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let (across, down) = (part(width, 0.1), part(height, 0.1));
    let edge = levels(&|x, y| x < across || y < down || x + across >= width || y + down >= height);
    let (across, down) = (part(width, 0.2), part(height, 0.2));
    let marks = |left: bool, top: bool| {
        let mut corner = levels(&|x, y| {
            (if left { x < across } else { x + across >= width }) && (if top { y < down } else { y + down >= height })
        });
        corner.sort_unstable();
        let median = u16::from(corner[corner.len() / 2]);
        mean(&corner.iter().map(|&level| f64::from(u8::from(u16::from(level) > median + 100))).collect::<Vec<_>>())
    };
    let corners = [(true, true), (true, false), (false, true), (false, false)];
    BorderStatistics {
        mean: mean(&edge.iter().map(|&level| f64::from(level)).collect::<Vec<_>>()),
        black: mean(&edge.iter().map(|&level| f64::from(u8::from(level == 0))).collect::<Vec<_>>()),
        corner_marks: corners.map(|(left, top)| marks(left, top)).into_iter().fold(0.0, f64::max),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn resizing_weighs_four_neighbours(image in images(), width in 1..45usize, height in 1..45usize) {
        prop_assume!((width, height) != (image.width(), image.height()));
        let found = image.resize(width, height, Resampling::OpenCvLinear).unwrap();
        prop_assert_eq!(found.as_bytes(), resized(&image, width, height));
    }

    #[test]
    fn statistics_count_every_pixel(image in images()) {
        for mode in [GreyMode::Reference, GreyMode::Exact] {
            let levels: Vec<u8> = match mode {
                GreyMode::Exact => image.to_grey().as_bytes().to_vec(),
                GreyMode::Reference => pixels(&image)
                    .into_iter()
                    .map(|pixel| {
                        let [red, green, blue] = pixel.map(f64::from);
                        (blue * 0.2989 + green * 0.5870 + red * 0.1140) as u8
                    })
                    .collect(),
            };
            let found = GreyStatistics::of(&image, mode);
            for level in 0..=255 {
                let count = levels.iter().filter(|&&found| found == level).count();
                prop_assert_eq!(found.counts[usize::from(level)], count as u64);
            }
            let n = levels.len() as f64;
            let mean = levels.iter().map(|&level| f64::from(level)).sum::<f64>() / n;
            let variance = levels.iter().map(|&level| (f64::from(level) - mean).powi(2)).sum::<f64>() / n;
            prop_assert_eq!(found.mean, mean);
            // Added up in another order.
            prop_assert!((found.std - variance.sqrt()).abs() <= 1e-12 * 256.0, "{} {}", found.std, variance.sqrt());
        }
    }

    #[test]
    fn the_border_is_looked_at_everywhere(image in images()) {
        let (found, expected) = (BorderStatistics::of(&image), border(&image));
        // Sums of whole numbers are exact, so only the shares' last bits may differ.
        prop_assert!((found.mean - expected.mean).abs() < 1e-12 * 256.0, "{found:?} {expected:?}");
        prop_assert!((found.black - expected.black).abs() < 1e-12, "{found:?} {expected:?}");
        prop_assert!((found.corner_marks - expected.corner_marks).abs() < 1e-12, "{found:?} {expected:?}");
    }

    #[test]
    fn encoding_goes_value_by_value_and_back(image in images(), bgr in any::<bool>(), imagenet in any::<bool>()) {
        let order = if bgr { ChannelOrder::Bgr } else { ChannelOrder::Rgb };
        let normalisation = if imagenet { Normalisation::IMAGENET } else { Normalisation::UnitRange };
        let mut expected = Vec::new();
        for pixel in pixels(&image) {
            for channel in if bgr { [2, 1, 0] } else { [0, 1, 2] } {
                let unit = (f64::from(pixel[channel]) / 255.0) as f32;
                expected.push(match normalisation {
                    Normalisation::UnitRange => unit,
                    Normalisation::MeanStd { mean, std } => (unit - mean[channel]) / std[channel],
                });
            }
        }
        let found = image.encode(order, normalisation);
        prop_assert_eq!(&found, &expected);
        let colours = if image.channels() == 1 { Colours::GreyReplicated } else { Colours::Rgb };
        let (width, height) = (image.width(), image.height());
        let spec = ImageSpec { width, height, colours, channel_order: order, normalisation, resampling: None };
        prop_assert_eq!(spec.image(&found).unwrap(), image);
    }

    #[test]
    fn a_value_goes_to_the_nearest_level(values in prop::collection::vec(-0.5f32..1.5, 12)) {
        let spec: ImageSpec = serde_json::from_str(r#"{"width": 4, "height": 3, "channels": 1, "scale": "1/255"}"#).unwrap();
        let expected: Vec<u8> = values.iter().map(|value| (value * 255.0).round() as u8).collect();
        let found = spec.image(&values).unwrap();
        prop_assert_eq!(found.as_bytes(), expected);
    }
}

/// Halves and their neighbours are where roundings differ.
#[test]
fn halves_go_up_and_what_is_just_below_goes_down() {
    let halves = (0..=255).map(|level| level as f32 + 0.5);
    let values: Vec<f32> =
        halves.flat_map(|half| [half.next_down(), half, half.next_up()]).map(|v| v / 255.0).collect();
    let json = format!(r#"{{"width": {}, "height": 1, "channels": 1, "scale": "1/255"}}"#, values.len());
    let spec: ImageSpec = serde_json::from_str(&json).unwrap();
    let expected: Vec<u8> = values.iter().map(|value| (value * 255.0).round() as u8).collect();
    assert_eq!(spec.image(&values).unwrap().as_bytes(), expected);
}

#[test]
fn a_long_run_of_one_level_is_counted() {
    let found = GreyStatistics::of(&Image::grey(1003, 997, vec![224; 1003 * 997]).unwrap(), GreyMode::Reference);
    assert_eq!((found.counts[223], found.mean, found.std), (1003 * 997, 223.0, 0.0));
}

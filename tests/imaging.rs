//! Images against OpenCV, numpy and Pillow (see `fixtures/imaging/make_fixtures.py`), and against damaged files.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::path::{Path, PathBuf};

use leap_binder::Error;
use leap_binder::imaging::{
    ChannelOrder, GreyMode, GreyStatistics, Image, Normalisation, Resampling, decode, decode_file, resize_f32,
    sniff_file,
};
use proptest::prelude::*;
use serde::Deserialize;
use serde::de::DeserializeOwned;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/imaging").join(name)
}

fn read<T: DeserializeOwned>(name: &str) -> T {
    serde_json::from_slice(&fs::read(fixture(name)).unwrap()).unwrap()
}

#[path = "imaging/plain.rs"]
mod plain;

mod golden {
    use std::collections::BTreeMap;

    use super::*;

    #[derive(Deserialize)]
    struct Samples {
        images: BTreeMap<String, Sample>,
    }

    #[derive(Deserialize)]
    struct Sample {
        width: usize,
        height: usize,
        reference: Statistics,
        exact: Statistics,
        encoded_sum_f64: String,
    }

    #[derive(Deserialize)]
    struct Statistics {
        counts: Vec<u64>,
        mean: String,
        std: String,
    }

    fn number(text: &str) -> f64 {
        text.parse().unwrap()
    }

    fn samples(extension: &str) -> impl Iterator<Item = (String, Sample, Image)> {
        let samples: Samples = read("samples.json");
        let chosen: Vec<_> = samples.images.into_iter().filter(|(name, _)| name.ends_with(extension)).collect();
        assert_eq!(chosen.len(), 10);
        chosen.into_iter().map(|(name, sample)| {
            let image = decode_file(fixture("samples").join(&name)).unwrap();
            assert_eq!((image.width(), image.height()), (sample.width, sample.height), "{name}");
            (name, sample, image.resize(640, 640, Resampling::OpenCvLinear).unwrap())
        })
    }

    #[test]
    fn percentiles_are_numpys() {
        let every = Image::grey(16, 16, (0..=255).collect()).unwrap();
        let grey = GreyStatistics::of(&every, GreyMode::Exact);
        // numpy.percentile(numpy.arange(256), p, method="inverted_cdf")
        for (percent, level) in [(0.0, 0), (1.0, 2), (5.0, 12), (50.0, 127), (95.0, 243), (99.0, 253), (100.0, 255)] {
            assert_eq!(grey.percentile(percent), level, "{percent} %");
        }
        assert_eq!((grey.percentile(-3.0), grey.percentile(300.0)), (0, 255));
    }

    #[test]
    fn equal_pixels_give_equal_numbers() {
        for (name, sample, image) in samples(".png") {
            for (mode, expected) in [(GreyMode::Reference, &sample.reference), (GreyMode::Exact, &sample.exact)] {
                let found = GreyStatistics::of(&image, mode);
                assert_eq!(found.counts[..], expected.counts, "{name} {mode:?}");
                assert_eq!(found.mean, number(&expected.mean), "{name} {mode:?}");
                assert_eq!(found.std, number(&expected.std), "{name} {mode:?}");
                assert_eq!(found.black_pixels(), expected.counts[0]);
                assert_eq!(found.pixels(), 640 * 640);
            }
            let encoded = image.encode(ChannelOrder::Bgr, Normalisation::UnitRange);
            let sum = encoded.iter().map(|&value| f64::from(value)).sum::<f64>();
            // Exact in any order: the values are multiples of 2^-31, and their sum stays below 2^21.
            assert_eq!(sum, number(&sample.encoded_sum_f64), "{name}");
        }
    }

    /// Decoders of JPEG differ by one level in some pixels, so their statistics agree within a tolerance.
    #[test]
    fn jpeg_statistics_stay_close() {
        for (name, sample, image) in samples(".jpeg") {
            let found = GreyStatistics::of(&image, GreyMode::Reference);
            let moved: u64 = found.counts.iter().zip(&sample.reference.counts).map(|(a, b)| a.abs_diff(*b)).sum();
            let distance = moved as f64 / (2 * found.pixels()) as f64;
            assert!(distance < 0.005, "{name}: total variation {distance}");
            assert!((found.mean - number(&sample.reference.mean)).abs() < 0.02, "{name}: mean {}", found.mean);
            assert!((found.std - number(&sample.reference.std)).abs() < 0.02, "{name}: std {}", found.std);
        }
    }

    #[derive(Deserialize)]
    struct Formats {
        files: BTreeMap<String, Pixels>,
    }

    #[derive(Deserialize)]
    struct Pixels {
        width: usize,
        height: usize,
        rgb: Vec<u8>,
    }

    #[test]
    fn every_format_decodes_as_opencv_decodes_it() {
        for (name, expected) in read::<Formats>("formats.json").files {
            let path = fixture("formats").join(&name);
            sniff_file(&path).unwrap();
            let image = decode_file(&path).unwrap();
            assert_eq!((image.width(), image.height()), (expected.width, expected.height), "{name}");
            let colour = ["rgb", "palette", "colour", "cmyk"].iter().any(|kind| name.starts_with(kind));
            assert_eq!(image.channels(), if colour { 3 } else { 1 }, "{name}");
            let rgb = image.to_rgb();
            let apart = rgb.as_bytes().iter().zip(&expected.rgb).map(|(a, b)| a.abs_diff(*b)).max();
            let tolerance = if name.ends_with(".jpeg") { 1 } else { 0 };
            assert!(apart.unwrap() <= tolerance, "{name}: {apart:?} levels apart");
        }
    }

    #[derive(Deserialize)]
    struct Cases {
        cases: Vec<Case>,
    }

    #[derive(Deserialize)]
    struct Case {
        from: [usize; 2],
        to: [usize; 2],
        channels: usize,
        image: Vec<u8>,
        opencv: Vec<u8>,
        pillow: Vec<u8>,
        opencv_f32: Vec<f32>,
        pillow_f32: Vec<f32>,
        grey: Vec<u8>,
    }

    #[test]
    fn resampling_is_that_of_the_named_library() {
        for Case { from, to, channels, image, opencv, pillow, opencv_f32, pillow_f32, grey } in
            read::<Cases>("resampling.json").cases
        {
            let case = format!("{from:?} to {to:?}, {channels} channels");
            let floats: Vec<f32> = image.iter().map(|&value| (f64::from(value) / 255.0) as f32).collect();
            let make = if channels == 1 { Image::grey } else { Image::rgb };
            let image = make(from[0], from[1], image).unwrap();
            assert_eq!(image.to_grey().as_bytes(), grey, "{case}");

            let resized = |kernel| image.resize(to[0], to[1], kernel).unwrap();
            assert_eq!(resized(Resampling::OpenCvLinear).as_bytes(), opencv, "{case}");
            let apart =
                resized(Resampling::PilBilinear).as_bytes().iter().zip(&pillow).map(|(a, b)| a.abs_diff(*b)).max();
            assert!(apart.unwrap() <= 1, "{case}: {apart:?} levels apart");

            for (kernel, expected) in [(Resampling::OpenCvLinear, opencv_f32), (Resampling::PilBilinear, pillow_f32)] {
                let found = resize_f32(&floats, from[0], from[1], channels, to[0], to[1], kernel).unwrap();
                assert_eq!(found.len(), expected.len());
                for (a, b) in found.iter().zip(&expected) {
                    assert!((a - b).abs() < 1e-6, "{case} {kernel}: {a} {b}");
                }
            }
        }
    }

    #[derive(Deserialize)]
    struct BicubicCases {
        cases: Vec<BicubicCase>,
    }

    #[derive(Deserialize)]
    struct BicubicCase {
        pillow: Vec<u8>,
        pillow_f32: Vec<f32>,
    }

    #[test]
    fn bicubic_resampling_is_pillows() {
        let sources = read::<Cases>("resampling.json").cases;
        let expected = read::<BicubicCases>("bicubic.json").cases;
        assert_eq!(sources.len(), expected.len());
        for (Case { from, to, channels, image, .. }, BicubicCase { pillow, pillow_f32 }) in
            sources.into_iter().zip(expected)
        {
            let case = format!("{from:?} to {to:?}, {channels} channels");
            let floats: Vec<f32> = image.iter().map(|&value| (f64::from(value) / 255.0) as f32).collect();
            let make = if channels == 1 { Image::grey } else { Image::rgb };
            let found = make(from[0], from[1], image).unwrap().resize(to[0], to[1], Resampling::PilBicubic).unwrap();
            let apart: Vec<u8> = found.as_bytes().iter().zip(&pillow).map(|(a, b)| a.abs_diff(*b)).collect();
            // Each of the two passes rounds.
            assert!(apart.iter().all(|&levels| levels <= 2), "{case}: {:?} levels apart", apart.iter().max());
            assert!(apart.iter().filter(|&&levels| levels == 2).count() * 100 <= apart.len(), "{case}");
            let found = resize_f32(&floats, from[0], from[1], channels, to[0], to[1], Resampling::PilBicubic).unwrap();
            assert_eq!(found.len(), pillow_f32.len());
            for (a, b) in found.iter().zip(&pillow_f32) {
                assert!((a - b).abs() < 1e-5, "{case}: {a} {b}");
            }
        }
    }
}

mod damaged {
    use super::*;

    /// A baseline and a progressive JPEG file, one with an embedded profile, and a PNG file.
    const WHOLE: [&str; 5] = [
        "samples/person325_virus_659.jpeg",
        "samples/person1554_bacteria_4057.jpeg",
        "samples/NORMAL2-IM-0744-0001.jpeg",
        "formats/progressive.jpeg",
        "samples/person325_virus_659.png",
    ];

    fn image_error(error: Error) -> (String, String) {
        match error {
            Error::Image { expected, found, .. } => (expected, found),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_file_cut_short_is_an_error() {
        for name in WHOLE {
            let bytes = fs::read(fixture(name)).unwrap();
            let end = bytes.len();
            for cut in [9, end / 5, end / 2, end * 9 / 10, end * 99 / 100, end - 100, end - 2, end - 1] {
                let (expected, found) = image_error(decode(&bytes[..cut], name).unwrap_err());
                assert_eq!(expected, "a complete image", "{name} cut at {cut} of {end}");
                assert!(found.starts_with(&format!("a file cut short at {cut} bytes")), "{found}");
            }
        }
    }

    #[test]
    fn what_follows_the_image_does_not_matter() {
        for name in WHOLE {
            let mut bytes = fs::read(fixture(name)).unwrap();
            let image = decode(&bytes, name).unwrap();
            bytes.extend(b"\x00\xff\xd8 trailing \xff\xd9");
            assert_eq!(decode(&bytes, name).unwrap(), image, "{name}");
        }
    }

    #[test]
    fn the_end_of_an_embedded_thumbnail_is_not_the_end() {
        let bytes = fs::read(fixture("formats/colour.jpeg")).unwrap();
        let thumbnail = [&b"\xff\xe2"[..], &u16::try_from(bytes.len() + 2).unwrap().to_be_bytes(), &bytes].concat();
        let nested = [&bytes[..2], &thumbnail, &bytes[2..]].concat();
        assert_eq!(decode(&nested, "nested").unwrap(), decode(&bytes, "plain").unwrap());
        assert!(decode(&nested[..thumbnail.len() + 200], "cut").is_err());
    }

    #[test]
    fn a_file_of_another_kind_is_named() {
        let folder = tempfile::tempdir().unwrap();
        for (name, bytes, kind) in [
            ("empty.jpeg", &b""[..], "an empty file (0 bytes)"),
            ("page.jpeg", b"<html>", "text that begins with \"<html>\""),
            ("moving.png", b"GIF89a\x01\x00\x01\x00", "a GIF image"),
        ] {
            let path = folder.path().join(name);
            fs::write(&path, bytes).unwrap();
            for error in [sniff_file(&path).unwrap_err(), decode_file(&path).unwrap_err()] {
                let text = error.to_string();
                assert_eq!(text, format!("image {}: expected a JPEG or PNG image, found {kind}", path.display()));
            }
        }
        let missing = folder.path().join("missing.jpeg");
        for path in [missing.as_path(), folder.path()] {
            assert!(matches!(sniff_file(path), Err(Error::Io { action: "read", .. })));
            assert!(matches!(decode_file(path), Err(Error::Io { action: "read", .. })));
        }
    }

    #[test]
    fn an_image_that_claims_to_be_huge_is_refused() {
        let mut jpeg = fs::read(fixture("formats/colour.jpeg")).unwrap();
        let frame = jpeg.windows(2).position(|pair| pair == [0xff, 0xc0]).unwrap();
        jpeg[frame + 5..frame + 9].copy_from_slice(&[0xff; 4]);
        let (expected, found) = image_error(decode(&jpeg, "huge").unwrap_err());
        assert_eq!(expected, "an image of at most 268435456 pixels and 1073741824 bytes");
        assert_eq!(found, "65535 x 65535 pixels");
    }

    fn mutated() -> impl Strategy<Value = Vec<u8>> {
        let files = ["colour.jpeg", "progressive.jpeg", "cmyk.jpeg", "orientation6.jpeg", "palette.png", "rgba16.png"];
        let files = files.map(|name| fs::read(fixture("formats").join(name)).unwrap());
        let changes = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8);
        (prop::sample::select(files.to_vec()), changes).prop_map(|(mut bytes, changes)| {
            for (place, value) in changes {
                let place = place.index(bytes.len());
                bytes[place] = value;
            }
            bytes
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), jpeg in any::<bool>()) {
            let start: &[u8] = if jpeg { b"\xff\xd8\xff" } else { b"\x89PNG\r\n\x1a\n" };
            prop_assert!(decode(&[start, &bytes, b"\xff\xd9"].concat(), "random").is_err() || jpeg);
            let _ = decode(&bytes, "random");
        }

        #[test]
        fn no_change_to_a_file_panics(bytes in mutated()) {
            if let Ok(image) = decode(&bytes, "mutated") {
                prop_assert_eq!(image.as_bytes().len(), image.width() * image.height() * image.channels());
            }
        }
    }
}

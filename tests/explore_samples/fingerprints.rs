//! Fingerprints equal an exact computation, survive what they should, and tell apart what they should.

use leap_binder::evaluate::Fingerprint;
use leap_binder::imaging::Image;
use leap_binder::rng::SplitMix64;

use crate::common::{fixture, picture, touched};

#[test]
fn equals_exact_fractions() {
    let mut hashed = 0;
    for case in fixture("fingerprints.json")["cases"].as_array().unwrap() {
        let [width, height, channels] = ["width", "height", "channels"].map(|key| case[key].as_u64().unwrap() as usize);
        let places = (0..height).flat_map(|y| (0..width).flat_map(move |x| (0..channels).map(move |c| (x, y, c))));
        let values = places.map(|(x, y, c)| ((x * x * 3 + y * x * 5 + y * 11 + c * 40) % 256) as u8).collect();
        let image = if channels == 1 { Image::grey } else { Image::rgb }(width, height, values).unwrap();
        let found = Fingerprint::of(&image);
        let digest: String = found.pixels.unwrap().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(digest, case["pixels"].as_str().unwrap(), "{width} x {height}");
        let expected = case["perceptual"]
            .as_array()
            .map(|words| words.iter().map(|word| word.as_str().unwrap().parse().unwrap()).collect());
        assert_eq!(found.perceptual.map(Vec::from), expected, "{width} x {height}");
        hashed += usize::from(expected.is_some());
        assert_eq!(found.bytes, None);
    }
    assert!(hashed >= 3);
}

#[test]
fn flat_pictures_are_like_no_other() {
    for level in [0, 128, 255] {
        assert_eq!(Fingerprint::of(&Image::grey(64, 64, vec![level; 4096]).unwrap()).perceptual, None);
    }
    let mut rng = SplitMix64::new(1);
    let grain = (0..4096).map(|_| 100 + rng.below(2) as u8).collect();
    assert_eq!(Fingerprint::of(&Image::grey(64, 64, grain).unwrap()).perceptual, None);
    // A bright square on black is too little as well.
    let square = (0..4096).map(|place| if place % 64 > 40 && place / 64 > 50 { 255 } else { 0 }).collect();
    assert_eq!(Fingerprint::of(&Image::grey(64, 64, square).unwrap()).perceptual, None);
}

#[test]
fn copies_are_near_and_others_far() {
    let mut rng = SplitMix64::new(2);
    let pictures: Vec<Image> = (0..60).map(|_| picture(&mut rng, 96)).collect();
    let hash = |image: &Image| Fingerprint::of(image).perceptual.unwrap();
    for (place, image) in pictures.iter().enumerate() {
        let copy = touched(image, &mut rng);
        assert_ne!(Fingerprint::of(image).pixels, Fingerprint::of(&copy).pixels);
        let distance = Fingerprint::hamming(&hash(image), &hash(&copy));
        assert!(distance <= 10, "{distance}");
        for other in &pictures[..place] {
            assert!(Fingerprint::hamming(&hash(image), &hash(other)) > 24);
        }
    }
    // The size is part of the digest: the same bytes, another picture.
    let levels: Vec<u8> = (0..64).collect();
    let [wide, high] = [(16, 4), (4, 16)].map(|(width, height)| Image::grey(width, height, levels.clone()).unwrap());
    assert_ne!(Fingerprint::of(&wide).pixels, Fingerprint::of(&high).pixels);
}

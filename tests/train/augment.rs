//! Changed images: what stays, what repeats, and what is refused.

use leap_binder::train::Augmentation;
use proptest::prelude::*;

/// All changes, strong.
const ALL: Augmentation = Augmentation {
    rotation: 180.0,
    scale: 0.5,
    aspect: 1.0,
    shift: 0.5,
    brightness: 1.0,
    contrast: 1.0,
    gamma: 4.0,
    flip: 0.5,
    erasing: 1.0,
    erasing_area: (0.1, 0.4),
};

/// An image of levels like those of 8-bit files.
fn picture([height, width, channels]: [usize; 3]) -> Vec<f32> {
    (0..height * width * channels).map(|at| (at * 7919 % 256) as f32 / 255.0).collect()
}

fn changed(augmentation: Augmentation, shape: [usize; 3], seed: u64) -> Vec<f32> {
    let mut values = picture(shape);
    augmentation.apply(&mut values, shape, seed).unwrap();
    values
}

#[test]
fn none_changes_no_bit_not_even_of_numbers_that_do_not_belong() {
    let before = [f32::NAN, -0.0, 2.0, f32::NEG_INFINITY, 1e-40, 0.3].map(f32::to_bits);
    for seed in 0..20 {
        let mut values = before.map(f32::from_bits);
        Augmentation::NONE.apply(&mut values, [2, 3, 1], seed).unwrap();
        assert_eq!(values.map(f32::to_bits), before);
    }
    assert_eq!(Augmentation::default(), Augmentation::NONE);
}

#[test]
fn a_flip_exchanges_left_and_right_and_a_second_one_undoes_it() {
    let flip = Augmentation { flip: 1.0, ..Augmentation::NONE };
    for shape in [[4, 5, 3], [3, 6, 1], [2, 2, 2]] {
        let before = picture(shape);
        let mut values = changed(flip, shape, 3);
        let [_, width, channels] = shape;
        for (row, mirrored) in before.chunks(width * channels).zip(values.chunks(width * channels)) {
            let expected: Vec<f32> = row.chunks(channels).rev().flatten().copied().collect();
            assert_eq!(mirrored, expected);
        }
        flip.apply(&mut values, shape, 4).unwrap();
        assert_eq!(values, before);
    }
}

#[test]
fn chances_are_as_often_as_they_say() {
    let flips = Augmentation { flip: 0.3, ..Augmentation::NONE };
    let erased = Augmentation { erasing: 0.2, ..Augmentation::NONE };
    let shape = [6, 6, 1];
    // Of 4000: five standard deviations are 145 and 127.
    for (augmentation, expected, bound) in [(flips, 1200usize, 145), (erased, 800, 127)] {
        let count = (0..4000).filter(|&seed| changed(augmentation, shape, seed) != picture(shape)).count();
        assert!(count.abs_diff(expected) <= bound, "{count}");
    }
}

#[test]
fn one_change_more_leaves_the_others_draws() {
    let shape = [16, 16, 1];
    // Erasing comes last: outside the patch the image is the one without it.
    let without = Augmentation { erasing: 0.0, ..ALL };
    for seed in 0..50 {
        let (with, without) = (changed(ALL, shape, seed), changed(without, shape, seed));
        let same = with.iter().zip(&without).filter(|(a, b)| a == b).count();
        assert!(same >= 100, "{same}");
    }
    // Brightness multiplies: a dark image and one that was turned are as dark.
    let dark = Augmentation { brightness: 0.5, ..Augmentation::NONE };
    let turned = Augmentation { rotation: 20.0, flip: 0.5, ..dark };
    for seed in 0..50 {
        let of = |augmentation: Augmentation| {
            let mut values = [0.25; 9];
            augmentation.apply(&mut values, [3, 3, 1], seed).unwrap();
            values
        };
        assert_eq!(of(dark), of(turned));
    }
}

#[test]
fn defaults_for_radiographs_change_little_and_never_mirror() {
    let defaults = Augmentation { erasing: 0.0, ..Augmentation::radiographs() };
    let shape = [64, 64, 1];
    let value = |x: usize, y: usize| 0.3 + 0.4 * (x as f32 / 63.0) * (1.0 - y as f32 / 126.0);
    let before: Vec<f32> = (0..4096).map(|at| value(at % 64, at / 64)).collect();
    for seed in 0..100 {
        let mut after = before.clone();
        defaults.apply(&mut after, shape, seed).unwrap();
        let mean = before.iter().zip(&after).map(|(a, b)| (a - b).abs()).sum::<f32>() / 4096.0;
        assert!(mean < 0.15, "{mean}");
        // Bright on the right, as before.
        let half = |right: bool| {
            after.iter().enumerate().filter(|(at, _)| (at % 64 >= 32) == right).map(|(_, v)| v).sum::<f32>()
        };
        assert!(half(true) > half(false));
    }
}

#[test]
fn numbers_outside_their_ranges_and_other_shapes_are_refused() {
    let refused = |augmentation: Augmentation| augmentation.apply(&mut [0.5], [1, 1, 1], 0).unwrap_err().to_string();
    let none = Augmentation::NONE;
    for (augmentation, name) in [
        (Augmentation { rotation: 181.0, ..none }, "rotation"),
        (Augmentation { scale: 1.0, ..none }, "scale"),
        (Augmentation { aspect: -0.1, ..none }, "aspect"),
        (Augmentation { shift: f32::NAN, ..none }, "shift"),
        (Augmentation { brightness: 1.1, ..none }, "brightness"),
        (Augmentation { contrast: -1.0, ..none }, "contrast"),
        (Augmentation { gamma: f32::INFINITY, ..none }, "gamma"),
        (Augmentation { flip: 2.0, ..none }, "flip"),
        (Augmentation { erasing: -0.5, ..none }, "erasing"),
        (Augmentation { erasing_area: (0.3, 0.2), ..none }, "erasing_area, its least"),
        (Augmentation { erasing_area: (0.0, 0.2), ..none }, "erasing_area, its least"),
        (Augmentation { erasing_area: (0.1, 1.5), ..none }, "erasing_area, its largest"),
    ] {
        let text = refused(augmentation);
        assert!(text.starts_with(&format!("option augmentation.{name}:")), "{text}");
    }
    for shape in [[1, 1, 2], [0, 1, 1], [usize::MAX, usize::MAX, 2]] {
        let text = none.apply(&mut [0.5], shape, 0).unwrap_err().to_string();
        assert!(text.starts_with("Augmentation::apply"), "{text}");
    }
    for shape in [[0, 0, 0], [3, 0, 1], [0, 3, 3], [2, 2, 0]] {
        ALL.apply(&mut [], shape, 0).unwrap();
    }
}

#[test]
fn settings_are_read_with_what_is_left_out_switched_off() {
    let read = |text: &str| serde_json::from_str::<Augmentation>(text);
    assert_eq!(read(r#"{"rotation": 5}"#).unwrap(), Augmentation { rotation: 5.0, ..Augmentation::NONE });
    assert!(read(r#"{"rotations": 5}"#).is_err());
    let text = serde_json::to_string(&ALL).unwrap();
    assert_eq!(read(&text).unwrap(), ALL);
}

proptest! {
    #[test]
    fn values_stay_in_range_channels_equal_and_seeds_repeat(
        height in 1usize..12,
        width in 1usize..12,
        channels in 1usize..5,
        levels in prop::collection::vec(0.0f32..=1.0, 144),
        seed: u64,
    ) {
        let grey = &levels[..height * width];
        let mut values: Vec<f32> = grey.iter().flat_map(|&level| vec![level; channels]).collect();
        let mut again = values.clone();
        ALL.apply(&mut values, [height, width, channels], seed).unwrap();
        ALL.apply(&mut again, [height, width, channels], seed).unwrap();
        prop_assert_eq!(&values, &again);
        prop_assert!(values.iter().all(|value| (0.0..=1.0).contains(value)));
        for pixel in values.chunks(channels) {
            prop_assert!(pixel.iter().all(|value| value == &pixel[0]));
        }
        let mut single = grey.to_vec();
        ALL.apply(&mut single, [height, width, 1], seed).unwrap();
        let first: Vec<f32> = values.iter().step_by(channels).copied().collect();
        // The mean of several channels is rounded once more.
        prop_assert!(single.iter().zip(&first).all(|(a, b)| (a - b).abs() < 1e-5));
    }
}

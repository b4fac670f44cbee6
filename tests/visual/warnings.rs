//! Soft warnings, and which images would be shown black.

use candle_core::{DType, Tensor};
use leap_binder::contract::{
    BoundingBox, LeapAudio, LeapGraph, LeapHorizontalBar, LeapImage, LeapImageMask, LeapImageWithBBox,
    LeapImageWithHeatmap, LeapPointCloud, LeapText, LeapTextMask, LeapVideo, Visualization,
};

use super::{bytes, fixture, full, zeros};

fn image(data: Tensor) -> Visualization {
    LeapImage::new(data).unwrap().into()
}

fn still(value: f32) -> Visualization {
    image(full(value, (2, 2, 3)))
}

fn video(data: Tensor) -> Visualization {
    LeapVideo::new(data).unwrap().into()
}

fn with_box(shape: BoundingBox) -> Visualization {
    LeapImageWithBBox::new(full(9.0, (2, 2, 3)), vec![shape]).unwrap().into()
}

fn image_mask(mask: Tensor, pixels: f32) -> Visualization {
    LeapImageMask::new(mask, full(pixels, (2, 2, 3)), ["a"]).unwrap().into()
}

fn text_mask(mask: Vec<u8>) -> Visualization {
    LeapTextMask::new(mask, ["a"], ["b"]).into()
}

fn heat(pixels: f32, heatmaps: Tensor) -> Visualization {
    LeapImageWithHeatmap::new(full(pixels, (2, 2, 3)), heatmaps, ["a"]).unwrap().into()
}

#[test]
fn the_recorded_probes_give_the_recorded_warnings() {
    let bars = || LeapHorizontalBar::new(vec![0.0; 2], ["a", "b"]);
    let probes = [
        ("image 0..1 float", still(0.5)),
        ("image all zero float", still(0.0)),
        ("image 0..255 float", still(200.0)),
        ("image negative float", still(-1.0)),
        ("image above 255", still(300.0)),
        ("image nan", still(f32::NAN)),
        ("image u8 0/1", image(bytes(1, (2, 2, 3)))),
        ("image u8 normal", image(bytes(9, (2, 2, 3)))),
        ("video 0..1", video(full(0.5, (1, 2, 2, 3)))),
        ("video 255", video(full(255.0, (1, 2, 2, 3)))),
        ("video u8 0/1", video(bytes(1, (1, 2, 2, 3)))),
        ("bbox pixels", with_box(BoundingBox::new(120.0, 3.0, 4.0, 5.0, 1.0, "a"))),
        ("bbox relative", with_box(BoundingBox::new(0.1, 0.3, 1.0, 0.0, 1.0, "a"))),
        ("hbar labels", LeapHorizontalBar::new(vec![0.0; 2], ["a"]).into()),
        ("hbar gt", bars().with_gt(vec![0.0; 3]).into()),
        ("mask size", image_mask(bytes(0, (3, 3)), 0.5)),
        ("mask class ids", image_mask(bytes(5, (2, 2)), 0.5)),
        ("mask nan image", image_mask(bytes(0, (2, 2)), f32::NAN)),
        ("mask 0..1 image is fine", image_mask(bytes(1, (2, 2)), 0.5)),
        ("text mask length", text_mask(vec![0; 3])),
        ("text mask ids", text_mask(vec![4])),
        ("heatmap size", heat(9.0, full(0.0, (1, 5, 5)))),
        ("heatmap unit image", heat(0.5, full(0.0, (1, 2, 2)))),
    ];
    let recorded = fixture("warnings.json");
    assert_eq!(recorded.as_object().unwrap().len(), probes.len());
    for (name, payload) in probes {
        let expected: Vec<&str> =
            recorded[name].as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect();
        let found = payload.warnings();
        assert_eq!(found.len(), expected.len(), "{name}: {found:?}");
        for (found, expected) in found.iter().zip(expected) {
            assert!(found.starts_with(expected), "{name}: {found}\nexpected {expected}");
        }
    }
}

#[test]
fn conditions_at_their_edges() {
    let count = |payload: Visualization| payload.warnings().len();
    assert_eq!([1.0, 1.001, 255.0, 255.5, -0.001].map(|value| count(still(value))), [1, 0, 0, 1, 1]);
    assert_eq!([0.0, 1.0, 1.001, -0.001].map(|value| count(video(full(value, (1, 1, 1, 3))))), [0, 0, 1, 1]);
    assert_eq!([0, 1, 2].map(|value| count(image(bytes(value, (1, 1, 3))))), [1, 1, 0]);
    assert_eq!(count(video(full(f32::INFINITY, (1, 1, 1, 1)))), 1);
    assert_eq!(count(image(zeros((0, 0, 3), DType::F32))), 0);
    assert_eq!(count(with_box(BoundingBox::new(0.5, 0.5, 0.5, 1.01, 1.0, "a"))), 1);
    assert_eq!(count(with_box(BoundingBox::new(f64::NAN, 0.5, 0.5, 0.5, 1.0, "a"))), 1);
    let both = LeapHorizontalBar::new(vec![0.0; 2], ["a"]).with_gt(vec![0.0]);
    assert_eq!(count(both.into()), 2);
    assert_eq!(count(image_mask(bytes(2, (3, 2)), f32::NAN)), 3);
    assert_eq!(count(text_mask(vec![2, 0])), 2);
    assert_eq!(count(heat(0.5, full(0.0, (1, 2, 3)))), 2);
    assert_eq!(count(heat(9.0, full(0.0, (1, 2, 2, 1)))), 0);
    let unit = LeapImage::new(full(0.5, (2, 2, 1))).unwrap();
    assert_eq!(count(LeapAudio::new(vec![0.0], 1, unit).unwrap().into()), 0);
    assert_eq!(count(LeapGraph::new(full(f32::NAN, (2, 1))).unwrap().into()), 0);
    assert_eq!(count(LeapPointCloud::new(zeros((1, 3), DType::F32)).unwrap().into()), 0);
    assert_eq!(count(LeapText::new(["a"]).into()), 0);
}

#[test]
fn images_that_would_be_black() {
    let black = |payload: Visualization| payload.would_render_black();
    assert_eq!(
        [0.0, 0.5, 1.4, 1.6, 2.0, -300.0, f32::NAN].map(|value| black(still(value))),
        [true, true, true, false, false, true, true]
    );
    assert_eq!([0, 1, 2].map(|value| black(image(bytes(value, (1, 1, 3))))), [true, true, false]);
    assert_eq!(
        [0.0, 0.005, 0.01, 1.0].map(|value| black(video(full(value, (1, 1, 1, 3))))),
        [true, true, false, false]
    );
    assert_eq!([1, 2].map(|value| black(video(bytes(value, (1, 1, 1, 3))))), [true, false]);
    assert!(black(with_box(BoundingBox::new(0.5, 0.5, 0.1, 0.1, 1.0, "a"))) != black(still(0.0)));
    assert!(black(heat(0.5, full(9.0, (1, 2, 2)))));
    let ramp = Tensor::new(&[[[0f32], [0.5]]], &candle_core::Device::Cpu).unwrap();
    let masked = |image: &Tensor| LeapImageMask::new(bytes(0, (1, 2)), image.clone(), ["a"]).unwrap();
    assert!(!black(masked(&ramp).into()) && black(masked(&full(200.0, (1, 2, 1))).into()));
    let dark = LeapImage::new(bytes(0, (2, 2, 1))).unwrap();
    assert!(black(LeapAudio::new(vec![0.0], 1, dark).unwrap().into()));
    assert!(!black(LeapGraph::new(full(0.0, (2, 1))).unwrap().into()));
    assert!(!black(image(zeros((0, 2, 3), DType::U8))) && !black(LeapText::new(["a"]).into()));
}

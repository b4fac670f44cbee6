//! Every construction rule: rows VDC-001 to VDC-121 of the contract's conformance table.

use std::collections::BTreeMap;

use candle_core::DType::{F16, F32, F64, I32, I64, U8};
use leap_binder::contract::{
    BoundingBox, BoundingBox3D, Code, LeapAudio, LeapGraph, LeapHorizontalBar, LeapImage, LeapImageMask,
    LeapImageWithBBox, LeapImageWithHeatmap, LeapPointCloud, LeapText, LeapTextMask, LeapVideo, Violation,
    Visualization,
};

use super::{fixture, full, zeros};

/// Rows that no Rust program can express, and the type that sees to it.
const IMPOSSIBLE: &[(&str, &str)] = &[
    ("VDC-005", "candle has no dtype bool"),
    ("VDC-012", "data: Tensor"),
    ("VDC-013", "data: Tensor"),
    ("VDC-015", "compress: bool"),
    ("VDC-016", "compress: bool"),
    ("VDC-017", "the type is the payload's own"),
    ("VDC-026", "bounding_boxes: Vec<BoundingBox>"),
    ("VDC-027", "bounding_boxes: Vec<BoundingBox>"),
    ("VDC-031", "numbers: f64, label: String"),
    ("VDC-038", "legend: texts"),
    ("VDC-039", "x_label: text"),
    ("VDC-040", "y_label: text"),
    ("VDC-041", "x_range: two f64"),
    ("VDC-042", "x_range: two f64"),
    ("VDC-043", "x_range: two f64"),
    ("VDC-044", "x_range: two f64"),
    ("VDC-048", "data: texts"),
    ("VDC-049", "data: texts"),
    ("VDC-050", "data: texts"),
    ("VDC-052", "heatmap: Vec<f64>"),
    ("VDC-053", "heatmap: Vec<f64>"),
    ("VDC-054", "heatmap: Vec<f64>"),
    ("VDC-058", "gt: Vec<f32>"),
    ("VDC-059", "gt: Vec<f32>"),
    ("VDC-060", "gt: Vec<f32>"),
    ("VDC-066", "labels: texts"),
    ("VDC-067", "labels: texts"),
    ("VDC-075", "labels: texts"),
    ("VDC-078", "mask: Vec<u8>"),
    ("VDC-079", "mask: Vec<u8>"),
    ("VDC-080", "text: texts"),
    ("VDC-081", "labels: texts"),
    ("VDC-088", "labels: texts"),
    ("VDC-091", "audio: Vec<f32>"),
    ("VDC-092", "audio: Vec<f32>"),
    ("VDC-093", "visual: AudioVisual"),
    ("VDC-095", "sample_rate: u32"),
    ("VDC-096", "sample_rate: u32"),
    ("VDC-097", "sample_rate: u32"),
    ("VDC-108", "intensity: Vec<f32>"),
    ("VDC-109", "intensity: Vec<f32>"),
    ("VDC-111", "bounding_boxes: Vec<BoundingBox3D>"),
    ("VDC-112", "bounding_boxes: Vec<BoundingBox3D>"),
    ("VDC-116", "numbers: f64"),
];

/// Rows about plain data: the two boxes stand in `payloads`, the others are no payloads. The kind of error (VDC-121) is
/// asserted of every rejected row.
const NO_PAYLOAD: [&str; 5] = ["VDC-117", "VDC-118", "VDC-119", "VDC-120", "VDC-121"];

type Row = (&'static str, Result<Visualization, Violation>);

fn row<V: Into<Visualization>>(id: &'static str, payload: Result<V, Violation>) -> Row {
    (id, payload.map(Into::into))
}

fn pictures() -> Vec<Row> {
    let rgb = || zeros((2, 2, 3), U8);
    let flat = || BoundingBox::new(0.5, 0.5, 0.1, 0.1, 1.0, "a");
    let far = BoundingBox::new(500.0, -3.0, 0.0, 9.0, 7.0, "a").with_rotation(999.0);
    vec![
        row("VDC-001", LeapImage::new(rgb())),
        row("VDC-002", LeapImage::new(zeros((2, 2, 1), F32))),
        row("VDC-003", LeapImage::new(zeros((2, 2, 3), F64))),
        row("VDC-004", LeapImage::new(zeros((2, 2, 3), I32))),
        row("VDC-006", LeapImage::new(zeros((2, 2), U8))),
        row("VDC-007", LeapImage::new(zeros((1, 2, 2, 3), U8))),
        row("VDC-008", LeapImage::new(zeros((2, 2, 2), U8))),
        row("VDC-009", LeapImage::new(zeros((2, 2, 4), U8))),
        row("VDC-010", LeapImage::new(zeros((0, 0, 3), U8))),
        row("VDC-011", LeapImage::new(full(f32::NAN, (1, 1, 1)))),
        row("VDC-014", LeapImage::new(rgb()).map(|image| image.with_compress(false))),
        row("VDC-018", LeapVideo::new(zeros((2, 2, 2, 3), F32))),
        row("VDC-019", LeapVideo::new(zeros((2, 2, 2, 1), U8))),
        row("VDC-020", LeapVideo::new(rgb())),
        row("VDC-021", LeapVideo::new(zeros((2, 2, 2, 4), U8))),
        row("VDC-022", LeapVideo::new(zeros((2, 2, 2, 3), F64))),
        row("VDC-023", LeapVideo::new(zeros((0, 2, 2, 3), U8))),
        row("VDC-024", LeapImageWithBBox::new(rgb(), vec![flat()])),
        row("VDC-025", LeapImageWithBBox::new(rgb(), vec![])),
        row("VDC-028", LeapImageWithBBox::new(zeros((2, 2, 3), F64), vec![])),
        row("VDC-029", LeapImageWithBBox::new(zeros((2, 2), U8), vec![])),
        row("VDC-030", LeapImageWithBBox::new(rgb(), vec![far])),
        row("VDC-082", LeapImageWithHeatmap::new(zeros((2, 2, 3), F32), zeros((2, 2, 2), F32), ["a", "b"])),
        row("VDC-083", LeapImageWithHeatmap::new(zeros((2, 2, 3), F32), zeros((2, 2, 2), F32), ["a"])),
        row("VDC-084", LeapImageWithHeatmap::new(rgb(), zeros((1, 2, 2), F32), ["a"])),
        row("VDC-085", LeapImageWithHeatmap::new(zeros((2, 2, 3), F32), zeros((1, 2, 2), F64), ["a"])),
        row("VDC-086", LeapImageWithHeatmap::new(zeros(2, F32), zeros((1, 2, 2), F32), ["a"])),
        row("VDC-087", LeapImageWithHeatmap::new(zeros((2, 2, 3), F32), zeros(1, F32), ["a"])),
    ]
}

fn plots_and_texts() -> Vec<Row> {
    let graph = || LeapGraph::new(zeros((5, 2), F32)).unwrap();
    let all_options = graph().with_x_label("x").with_y_label("y").with_x_range(0.0, 1.5).with_legend(["a", "b"]);
    let bars = |shape: &[usize], dtype| LeapHorizontalBar::from_tensor(&zeros(shape, dtype), ["a", "b"]);
    let words = || LeapText::new(["a", "b"]);
    vec![
        row("VDC-032", Ok(graph())),
        row("VDC-033", all_options),
        row("VDC-034", LeapGraph::new(zeros((5, 2), F64))),
        row("VDC-035", LeapGraph::new(zeros(5, F32))),
        row("VDC-036", graph().with_legend(["a"])),
        row("VDC-037", graph().with_legend::<String>([])),
        row("VDC-045", Ok(graph().with_x_range(5.0, 1.0))),
        row("VDC-046", Ok(LeapText::new(["a", ""]))),
        row("VDC-047", Ok(LeapText::new::<String>([]))),
        row("VDC-051", words().with_heatmap(vec![0.1, 2.0])),
        row("VDC-055", words().with_heatmap(vec![0.1])),
        row("VDC-056", bars(&[2], F32)),
        row("VDC-057", bars(&[2], F32).map(|bars| bars.with_gt(vec![0.0; 2]))),
        row("VDC-061", bars(&[2], F32).map(|bars| bars.with_gt(vec![0.0; 5]))),
        row("VDC-062", Ok(LeapHorizontalBar::new(vec![0.0; 2], ["a"]))),
        row("VDC-063", bars(&[2], F64)),
        row("VDC-064", bars(&[1, 2], F32)),
        row("VDC-065", bars(&[], F32)),
        row("VDC-076", Ok(LeapTextMask::new(vec![0; 2], ["a", "b"], ["c"]))),
        row("VDC-077", Ok(LeapTextMask::new(vec![0; 5], ["a", "b"], ["c"]))),
    ]
}

fn masks_sound_and_points() -> Vec<Row> {
    let image = || zeros((2, 2, 3), F32);
    let graph = || LeapGraph::new(zeros((4, 1), F32)).unwrap();
    let spectrogram = LeapImage::new(zeros((2, 2, 1), U8)).unwrap();
    let cloud = || LeapPointCloud::new(zeros((2, 3), F32)).unwrap();
    let cube = |[width, length, height]: [f64; 3]| BoundingBox3D::new([0.0; 3], [width, length, height], 0.0, "b");
    let unit = || cube([1.0; 3]);
    let turned = |yaw| BoundingBox3D::new([0.0; 3], [1.0; 3], yaw, "b");
    let with_box = |shape| cloud().with_bounding_boxes(vec![unit(), shape]);
    let everything = cloud().with_intensity(vec![0.0; 2]).and_then(|cloud| cloud.with_bounding_boxes(vec![unit()]));
    vec![
        row("VDC-068", LeapImageMask::new(zeros((2, 2), U8), image(), ["a"])),
        row("VDC-069", LeapImageMask::new(zeros((2, 2), F32), image(), ["a"])),
        row("VDC-070", LeapImageMask::new(zeros((2, 2, 1), U8), image(), ["a"])),
        row("VDC-071", LeapImageMask::new(zeros((2, 2), U8), zeros((2, 2, 2), F32), ["a"])),
        row("VDC-072", LeapImageMask::new(zeros((2, 2), U8), zeros((2, 2, 3), F64), ["a"])),
        row("VDC-073", LeapImageMask::new(zeros((9, 9), U8), image(), ["a"])),
        row("VDC-074", LeapImageMask::new::<String>(zeros((2, 2), U8), image(), [])),
        row("VDC-089", LeapAudio::new(vec![0.0; 4], 8000, graph())),
        row("VDC-090", LeapAudio::new(vec![0.0; 4], 8000, spectrogram)),
        row("VDC-094", LeapAudio::new(vec![0.0; 4], 0, graph())),
        row("VDC-098", Ok(cloud())),
        row("VDC-099", everything),
        row("VDC-100", cloud().with_bounding_boxes(vec![])),
        row("VDC-101", LeapPointCloud::new(zeros((2, 3), F64))),
        row("VDC-102", LeapPointCloud::new(zeros((2, 4), F32))),
        row("VDC-103", LeapPointCloud::new(zeros((0, 3), F32))),
        row("VDC-104", LeapPointCloud::new(zeros(3, F32))),
        row("VDC-105", LeapPointCloud::new(full(f32::NAN, (1, 3)))),
        row("VDC-106", LeapPointCloud::new(full(f32::INFINITY, (1, 3)))),
        row("VDC-107", cloud().with_intensity(vec![0.0; 3])),
        row("VDC-110", cloud().with_intensity(vec![0.0, f32::NAN])),
        row("VDC-113", with_box(cube([0.0, 1.0, 1.0]))),
        row("VDC-114", with_box(cube([1.0, -1.0, 1.0]))),
        row("VDC-115", with_box(turned(f64::NAN))),
    ]
}

#[test]
fn every_row_is_kept_or_impossible() {
    let recorded = fixture("construction.json");
    let mut left: BTreeMap<&str, _> = recorded.as_object().unwrap().iter().map(|(id, row)| (&**id, row)).collect();
    assert_eq!(left.len(), 121);
    for (id, found) in [pictures(), plots_and_texts(), masks_sound_and_points()].into_iter().flatten() {
        let probe = left.remove(id).unwrap_or_else(|| panic!("{id} twice or unknown"));
        match (found, probe["message"].as_str()) {
            (Ok(payload), None) => assert!(!payload.to_string().is_empty()),
            (Err(violation), Some(message)) => {
                assert_eq!(violation.code, Code::VisualizerPayload, "{id}");
                assert!(violation.to_string().contains(message), "{id}: {violation}\nwithout {message}");
            }
            (found, message) => panic!("{id} {}: {found:?}, but code_loader says {message:?}", probe["probe"]),
        }
    }
    for (id, _) in IMPOSSIBLE {
        assert!(left.remove(id).is_some(), "{id} twice or unknown");
    }
    assert_eq!(left.into_keys().collect::<Vec<_>>(), NO_PAYLOAD);
}

#[test]
fn rules_that_no_row_probes() {
    let text = |error: Violation| error.to_string();
    assert!(text(LeapImage::new(zeros((1, 1, 3), F16)).unwrap_err()).contains("got float16, allowed is one of ["));
    assert!(text(LeapImage::new(zeros((1, 1, 3), I64)).unwrap_err()).contains("got int64, allowed is one of ["));
    assert!(text(LeapImage::new(zeros((2, 2, 0), U8)).unwrap_err()).contains("Image channel must be"));
    let mask = LeapImageMask::new(zeros((2, 2), U8), zeros((2, 2), U8), ["a"]).unwrap_err();
    assert!(text(mask).contains("Image must be of shape 3."));
    let heat = LeapImageWithHeatmap::new::<String>(zeros((2, 2, 3), F32), zeros((), F32), []).unwrap_err();
    assert!(text(heat).contains("Number of heatmaps and labels must be equal"));
    let cloud = || LeapPointCloud::new(zeros((1, 3), F32)).unwrap();
    let place = BoundingBox3D::new([0.0, f64::INFINITY, 0.0], [1.0; 3], 0.0, "b");
    let sure = BoundingBox3D::new([0.0; 3], [1.0; 3], 0.0, "b").with_confidence(f64::NAN);
    for shape in [place, sure] {
        assert!(text(cloud().with_bounding_boxes(vec![shape]).unwrap_err()).contains("has a non-finite field"));
    }
}

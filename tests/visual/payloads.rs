//! Names, JSON and one-line texts of payloads.

use candle_core::{Device, Tensor};
use leap_binder::contract::{
    BoundingBox, BoundingBox3D, LeapAudio, LeapDataType, LeapGraph, LeapHorizontalBar, LeapImage, LeapImageMask,
    LeapImageWithBBox, LeapImageWithHeatmap, LeapPointCloud, LeapText, LeapTextMask, LeapVideo, Visual, Visualization,
};
use serde_json::{Value, json};

use super::{bytes, full};

/// A payload of each type, in the contract's order, with the names of its fields there.
fn payloads() -> [(Visualization, &'static [&'static str]); 11] {
    let image = || bytes(7, (1, 2, 1));
    let flat = BoundingBox::new(0.5, 0.5, 0.1, 0.1, 1.0, "a");
    let graph = || LeapGraph::new(full(0.5, (2, 1))).unwrap();
    let cloud = LeapPointCloud::new(full(1.0, (2, 3))).unwrap();
    let heat = LeapImageWithHeatmap::new(full(9.0, (1, 2, 1)), full(0.0, (1, 1, 2)), ["a"]);
    [
        (LeapImage::new(image()).unwrap().into(), &["data", "compress"]),
        (LeapText::new(["a", "b"]).with_heatmap(vec![0.5, 2.0]).unwrap().into(), &["data", "heatmap"]),
        (graph().with_x_range(0.0, 2.0).into(), &["data", "x_label", "y_label", "x_range", "legend"]),
        (LeapHorizontalBar::new(vec![0.5], ["a"]).into(), &["body", "labels", "gt"]),
        (LeapImageMask::new(bytes(1, (1, 2)), image(), ["a"]).unwrap().into(), &["mask", "image", "labels"]),
        (LeapTextMask::new(vec![1, 0], ["a", "b"], ["c"]).into(), &["mask", "text", "labels"]),
        (LeapImageWithBBox::new(image(), vec![flat]).unwrap().into(), &["data", "bounding_boxes"]),
        (heat.unwrap().into(), &["image", "heatmaps", "labels"]),
        (LeapVideo::new(bytes(7, (1, 1, 2, 1))).unwrap().into(), &["data"]),
        (LeapAudio::new(vec![0.5], 8, graph()).unwrap().into(), &["audio", "sample_rate", "visual"]),
        (cloud.with_intensity(vec![0.5; 2]).unwrap().into(), &["points", "intensity", "bounding_boxes"]),
    ]
}

#[test]
fn json_has_the_contracts_fields() {
    for ((payload, fields), data_type) in payloads().into_iter().zip(LeapDataType::ALL) {
        assert_eq!(payload.data_type(), data_type);
        let json = serde_json::to_value(&payload).unwrap();
        let mut expected: Vec<&str> = ["type"].iter().chain(fields).copied().collect();
        expected.sort_unstable();
        let found: Vec<&String> = json.as_object().unwrap().keys().collect();
        assert_eq!(found, expected, "{data_type:?}");
        assert_eq!(json["type"], data_type.as_str());
        assert_eq!(json!(data_type), data_type.as_str());
    }
    fn declared<V: Visual>(_: &V) -> LeapDataType {
        V::TYPE
    }
    assert_eq!(declared(&LeapText::new(["a"])), LeapDataType::Text);
}

#[test]
fn json_of_values() {
    let json = |payload: Visualization| serde_json::to_value(payload).unwrap();
    let pixels = Tensor::new(&[[[0.25f32], [f32::NAN]], [[2.0], [-3.5]]], &Device::Cpu).unwrap();
    let text = serde_json::to_string(&LeapImage::new(pixels).unwrap()).unwrap();
    let data = r#"{"dtype":"float32","shape":[2,2,1],"data":[[[0.25],[null]],[[2.0],[-3.5]]]}"#;
    assert_eq!(text, format!(r#"{{"type":"Image","data":{data},"compress":true}}"#));
    assert_eq!(
        json(LeapImage::new(bytes(0, (2, 0, 3))).unwrap().into())["data"],
        json!({
            "dtype": "uint8", "shape": [2, 0, 3], "data": [[], []]
        })
    );
    let masked = LeapTextMask::new(vec![1, 0], ["a", "b"], ["c"]);
    assert_eq!(json(masked.into())["mask"], json!({"dtype": "uint8", "shape": [2], "data": [1, 0]}));
    let graph = LeapGraph::new(full(0.5, (2, 1))).unwrap().with_x_range(0.0, 2.0).with_y_label("y");
    let sound = json(LeapAudio::new(vec![0.5], 8, graph).unwrap().into());
    assert_eq!(
        sound["visual"],
        json!({
            "type": "Graph", "data": {"dtype": "float32", "shape": [2, 1], "data": [[0.5], [0.5]]},
            "x_label": null, "y_label": "y", "x_range": [0.0, 2.0], "legend": null
        })
    );
    let bars = json(LeapHorizontalBar::new(vec![0.5], ["a"]).with_gt(vec![]).into());
    assert_eq!((&bars["gt"]["shape"], &bars["body"]["data"]), (&json!([0]), &json!([0.5])));
}

/// Rows VDC-119 and VDC-120: the recorded defaults.
#[test]
fn boxes_have_the_recorded_defaults() {
    let flat = BoundingBox::new(0.5, 0.5, 0.1, 0.1, 1.0, "a");
    assert_eq!(
        serde_json::to_value(&flat).unwrap(),
        json!({
            "x": 0.5, "y": 0.5, "width": 0.1, "height": 0.1, "confidence": 1.0, "label": "a",
            "rotation": 0.0, "metadata": null
        })
    );
    let cube = BoundingBox3D::new([0.0; 3], [1.0; 3], 0.0, "b");
    assert_eq!(
        serde_json::to_value(&cube).unwrap(),
        json!({
            "x": 0.0, "y": 0.0, "z": 0.0, "width": 1.0, "length": 1.0, "height": 1.0, "yaw": 0.0, "label": "b",
            "confidence": 1.0, "is_ground_truth": false, "metadata": null
        })
    );
    let known = cube.with_metadata([("source", "lidar")]).with_ground_truth(true);
    let json: Value = serde_json::to_value(&known).unwrap();
    assert_eq!((&json["metadata"], &json["is_ground_truth"]), (&json!({"source": "lidar"}), &json!(true)));
}

#[test]
fn one_line_says_what_is_drawn() {
    let texts = payloads().map(|(payload, _)| format!("{:?} {payload}", payload.shape()));
    assert_eq!(
        texts,
        [
            "[1, 2, 1] uint8 image",
            "[2] 2 words",
            "[2, 1] graph of 1 lines",
            "[1] 1 bars",
            "[1, 2, 1] uint8 image under a mask of 1 labels",
            "[2] 2 words under a mask of 1 labels",
            "[1, 2, 1] uint8 image with 1 boxes",
            "[1, 2, 1] float32 image with 1 heat maps",
            "[1, 1, 2, 1] uint8 video of 1 frames",
            "[1] 0.125 s of sound with a waveform",
            "[2, 3] 2 points with 0 boxes",
        ]
    );
}

//! Visualizers: what the setup says of them, and how they are registered and run.

use candle_core::{DType, Device, Tensor};
use leap_binder::binder::flow::CallOptions;
use leap_binder::check::check;
use leap_binder::contract::{
    Code, ConfusionMatrixElement, ConfusionMatrixValue, DataState, ElementInstance, HandlerResult, LeapAudio,
    LeapGraph, LeapHorizontalBar, LeapImage, LeapImageMask, LeapImageWithBBox, LeapImageWithHeatmap, LeapPointCloud,
    LeapText, LeapTextMask, LeapVideo, argument,
};
use serde_json::json;

use crate::support::{filled, plain, refused, says, split, zeros};
use crate::verdict::{Verdict, probe};

fn bytes(shape: &[usize]) -> HandlerResult<Tensor> {
    Ok(Tensor::zeros(shape, DType::U8, &Device::Cpu)?)
}

/// Same: VIS-001, VIS-002, VIS-003, VIS-004, VIS-005.
///
/// That the built-ins come first, in their order and with their arguments, is compared for every case.
#[test]
fn c070_visualizers_valid() {
    let a = || [argument("a")];
    let binder = plain()
        .visualizer("img", [argument("image")], |[_]| Ok(LeapImage::new(bytes(&[2, 2, 3])?)?))
        .visualizer("vid", a(), |[_]| Ok(LeapVideo::new(zeros(&[2, 2, 2, 3]))?))
        .visualizer("gra", [argument("a"), argument("b")], |[_, _]| Ok(LeapGraph::new(zeros(&[2, 2]))?))
        .visualizer("txt", a(), |[_]| Ok(LeapText::new(["a"])))
        .visualizer("bar", a(), |[_]| Ok(LeapHorizontalBar::new(vec![0.0], ["a"])))
        .visualizer("imgmask", a(), |[_]| Ok(LeapImageMask::new(bytes(&[2, 2])?, zeros(&[2, 2, 1]), ["a"])?))
        .visualizer("txtmask", a(), |[_]| Ok(LeapTextMask::new(vec![0], ["a"], ["b"])))
        .visualizer("bbox", a(), |[_]| Ok(LeapImageWithBBox::new(bytes(&[2, 2, 3])?, Vec::new())?))
        .visualizer("heat", a(), |[_]| Ok(LeapImageWithHeatmap::new(zeros(&[2, 2, 3]), zeros(&[1, 2, 2]), ["h"])?))
        .visualizer("aud", a(), |[_]| Ok(LeapAudio::new(vec![0.0; 4], 4, LeapGraph::new(zeros(&[2, 1]))?)?))
        .visualizer("pts", a(), |[_]| Ok(LeapPointCloud::new(zeros(&[2, 3]))?))
        .visualizer_with_sample("only_spr", [], |[], sample| Ok(LeapText::new([sample.sample_ids[0].to_string()])))
        .visualizer_with_sample("spr_first", a(), |[a], sample| {
            let [id, shape] = [format!("{:?}", sample.sample_ids), format!("{:?}", a.dims())];
            Ok(LeapText::new([id, shape, sample.state.to_string()]))
        })
        .build()
        .unwrap();
    Verdict::of("c070_visualizers_valid").holds(&check(&binder));

    let drawn = binder.run_visualizer("spr_first", DataState::Validation, &"s1".into(), &[&zeros(&[1, 2])]).unwrap();
    let drawn = serde_json::to_value(&drawn).unwrap();
    assert_eq!(drawn["data"], json!(["[Text(\"s1\")]", "[1, 2]", "validation"]));
    let recorded = probe("c070_visualizers_valid", "run_visualizer injects the sample argument");
    assert_eq!((&drawn["type"], &drawn["data"][2]), (&recorded["type"], &recorded["data"][2]));
    assert!(binder.run_heatmap("img", &[&zeros(&[2, 2])], &[&zeros(&[1, 2])]).unwrap().is_none());
    says(binder.run_visualizer("nope", DataState::Validation, &"s1".into(), &[]), "nope");
}

/// Same: VIS-013, VIS-016, VIS-017. Deviates: VIS-014.
#[test]
fn c071_visualizer_registration_rules() {
    let image = |_: [&Tensor; 1]| Ok(LeapImage::new(zeros(&[2, 2, 3]))?);
    let named = |name: &str| plain().visualizer(name, [argument("image")], image);
    for name in ["Image", "RawData"] {
        refused(named(name), Code::DuplicateName, &format!("Visualizer with name {name} already exists"));
    }
    let twice = named("good").visualizer("good", [argument("image")], image);
    refused(twice, Code::DuplicateName, "Visualizer with name good already exists");
    // A heat map's function has the visualizer's arguments and, if it wants them, the raw inputs by name.
    let heat = plain()
        .visualizer_with_heatmap("h1", [argument("image")], image, |[image], _| Ok(image.clone()))
        .visualizer_with_heatmap("h4", [argument("image")], image, |[_], raw| Ok(raw[0].1.clone()))
        .build()
        .unwrap();
    assert!(check(&heat).is_valid);
    assert_eq!(heat.visualizers().len(), 2);
}

/// Same: VIS-020, VIS-025.
#[test]
fn c074_visualizer_calls() {
    let image = |_: &[&Tensor]| Ok(LeapImage::new(filled(&[2, 2, 3], 7.0))?);
    let binder = plain()
        .visualizer("v", [argument("a")], move |[a]| image(&[a]))
        .visualizer("none", [], move |[]: [&Tensor; 0]| image(&[]))
        .build()
        .unwrap();
    let call = |name: &str, tensors: &[&Tensor], options: CallOptions| {
        let drawn = binder.calls(&split(DataState::Training, 3, 0), options).visualizer(name, tensors, &"s0".into());
        drawn.map_err(leap_binder::Error::from)
    };
    let (a, options) = (zeros(&[2, 2]), CallOptions::default());
    assert!(call("v", &[&a], options).is_ok());
    says(call("none", &[], options), "at least one positional");
    says(call("v", &[&a], options.batch_size(2)), "without batch dimension");
    assert!(call("v", &[&a], options.batch_size(5)).is_ok());
}

/// Same: VDC-117, VDC-118.
#[test]
fn c075_defaults_of_small_classes() {
    let element = ConfusionMatrixElement::new("a", ConfusionMatrixValue::Positive, 0.5);
    let recorded = probe("c075_visualizer_classes", "ConfusionMatrixElement defaults");
    assert_eq!(json!(element.id), recorded["id"]);
    let instance = ElementInstance::new("o", zeros(&[1]));
    let recorded = probe("c075_visualizer_classes", "ElementInstance defaults");
    assert!(recorded["instance_metadata"].is_null() && instance.metadata.is_empty());
    assert!(recorded["instance_metrics"].is_null() && instance.metrics.is_empty());
}

//! The check as a whole, and binders that cannot be built.

use std::process::Command;

use candle_core::{Device, Tensor};
use leap_binder::Binder;
use leap_binder::binder::flow::Flow;
use leap_binder::check::{CheckOptions, CheckReport, check, check_build, check_with};
use leap_binder::contract::{
    DataState, HandlerResult, LeapHorizontalBar, LeapImage, Metadata, MetricDirection, argument, ground_truth, input,
    prediction,
};
use serde_json::json;

use crate::support::{Calls, Data, NotLoaded, Sample, filled, over, plain, split, train_val};
use crate::verdict::Verdict;

/// Same: CHK-001, CHK-002, CHK-003, CHK-004.
#[test]
fn c001_minimal_valid() {
    let binder = plain()
        .input("image", |sample| Ok(filled(&[4, 4, 3], sample.number() as f32)))
        .ground_truth("classes", |sample| Ok(if sample.number() % 2 == 0 { [1.0, 0.0] } else { [0.0, 1.0] }))
        .build()
        .unwrap();
    Verdict::of("c001_minimal_valid").holds(&check(&binder));
}

/// Sample `i` of any subset: the image `0..48 * (i + 1) mod 256`.
fn pixels(sample: &Sample) -> Vec<u8> {
    (0..48).map(|k| ((k * (sample.number() + 1)) % 256) as u8).collect()
}

/// Same: REF-001, REF-002.
#[test]
fn c003_reference_shaped() {
    let subset = |state, length| leap_binder::contract::Subset::new(state, 0..length);
    let data = vec![subset(DataState::Training, 3), subset(DataState::Validation, 2), subset(DataState::Test, 1)];
    const NAMES: [&str; 2] = ["NORMAL", "Pneumonia"];
    let binder = Binder::builder(Data::of(data))
        .input("image", |sample| {
            let scaled = pixels(sample).into_iter().map(|pixel| (f64::from(pixel) / 255.0) as f32);
            Ok((scaled.collect::<Vec<f32>>(), [4, 4, 3]))
        })
        .ground_truth("classes", |sample| Ok(if sample.number() % 2 == 0 { [1.0, 0.0] } else { [0.0, 1.0] }))
        .metadata("gt_label", |sample| Ok(sample.number() % 2))
        .metadata("gt_name", |sample| Ok(NAMES[(sample.number() % 2) as usize]))
        .metadata("number_of_black_pixels", |sample| {
            Ok(pixels(sample).into_iter().filter(|&pixel| pixel == 0).count() as i64)
        })
        .metadata("pixels_count", |sample| {
            let count = |k: u8| pixels(sample).into_iter().filter(|pixel| pixel % 4 == k).count() as i64;
            Ok(Metadata::map((0..4).map(|k| (k.to_string(), count(k)))))
        })
        .prediction("classes", NAMES)
        .visualizer("pixels_histogram", [input("image")], |[_]| {
            Ok(LeapHorizontalBar::new(vec![0.0, 1.0, 2.0], ["a", "b", "c"]))
        })
        .visualizer("bar_names_visualizer", [prediction("classes").named("data")], |[data]| {
            Ok(LeapHorizontalBar::from_tensor(data, NAMES)?)
        })
        .loss(
            "categorical_crossentropy_loss",
            [ground_truth("classes").named("y_true"), prediction("classes").named("y_pred")],
            |[truth, scores]| leap_binder::binder::losses::categorical_crossentropy(truth, scores),
        )
        .build()
        .unwrap();
    // The recorded script declares no prediction type; an argument that reads a prediction needs one here.
    let verdict = Verdict::of("c003_reference_shaped").but(|recorded| {
        let types = json!([{"name": "classes", "labels": NAMES, "channel_dim": -1}]);
        recorded["setup"]["prediction_types"] = types;
    });
    verdict.holds(&check(&binder));
}

/// Same: CHK-007.
#[test]
fn c004_five_subsets() {
    let [training, validation, test, unlabeled, additional] = DataState::ALL;
    let subsets = vec![
        split(additional, 1, 4),
        split(unlabeled, 1, 3),
        split(training, 2, 0),
        split(test, 2, 2),
        split(validation, 2, 1),
    ];
    let calls = Calls::default();
    let note = |name: &'static str| {
        let calls = calls.clone();
        move |sample: &Sample| {
            calls.note(format!("{name} {}", sample.id));
            Ok([0.0f32])
        }
    };
    let noted = calls.clone();
    let binder = Binder::builder(Data::of(subsets))
        .input("x", note("x"))
        .ground_truth("y", note("y"))
        .metadata("m", move |sample: &Sample| {
            noted.note(format!("m {}", sample.id));
            Ok(1)
        })
        .build()
        .unwrap();
    let report = check(&binder);
    assert!(report.is_valid, "{report}");
    let input = ["x s0", "x s1", "x s2", "x s3", "x s4"];
    let truth = ["y s0", "y s1", "y s2", "y s4"];
    let metadata = ["m s0", "m s1", "m s2", "m s3", "m s4"];
    assert_eq!(calls.all(), input.into_iter().chain(truth).chain(metadata).collect::<Vec<_>>());
    let lengths = report.setup.unwrap().preprocess;
    assert_eq!((lengths.training_length, lengths.validation_length), (2, 2));
    assert_eq!((lengths.test_length, lengths.unlabeled_length, lengths.additional_length), (Some(2), Some(1), Some(1)));
}

/// Same: CHK-014. An entry for each subset, then the general error about the shape.
#[test]
fn c033_input_raises_everywhere() {
    let fails = |_: &Sample| Err::<[f32; 1], _>("no pixels".into());
    let report = check(&plain().ground_truth("y", |_| Ok([0.0])).input("img", fails).build().unwrap());
    assert!(!report.is_valid && report.setup.is_none());
    let payload = &report.payloads[2];
    assert!(payload.name == "img" && payload.display.keys().eq(["training", "validation"]), "{payload:?}");
    assert!(payload.display.values().all(|text| text.contains("no pixels")));
    assert_eq!((&payload.shape, payload.raw_result.is_some()), (&None, false));
    assert!(report.general_error.unwrap().contains("cant calculate shape for input, input name:img"));

    let report = check(&plain().input("x", |_| Ok([0.0])).ground_truth("y", fails).build().unwrap());
    assert!(report.setup.is_none());
    assert!(report.general_error.unwrap().contains("cant calculate shape for ground truth, gt name:y"));
}

/// Same: CHK-015.
#[test]
fn c034_gt_raises_in_validation_only() {
    let binder = plain()
        .input("img", |_| Ok([0.0, 0.0]))
        .ground_truth("y", |sample| {
            if sample.state == DataState::Validation { Err("validation label".into()) } else { Ok([0.0; 5]) }
        })
        .build()
        .unwrap();
    let verdict = Verdict::of("c034_gt_raises_in_validation_only");
    verdict.display("y", "validation", "validation label").holds(&check(&binder));
}

/// Same: SCR-003. Deviates: SCR-004. The error and its cause are named; the script's line and its output are not.
#[test]
fn c152_the_build_fails() {
    #[derive(Debug, thiserror::Error)]
    #[error("bad configuration")]
    struct Bad(#[source] std::num::ParseIntError);

    let report = check_build(|| -> Result<Binder<Data>, Bad> {
        let count: usize = "k".parse().map_err(Bad)?;
        Ok(Binder::builder(Data::of(vec![split(DataState::Training, count, 0)])).build().unwrap())
    });
    assert!(report.general_error.as_ref().unwrap().contains("invalid digit"), "{report}");
    let verdict = Verdict::of("c152_module_level_raise").general("bad configuration");
    verdict.but(|recorded| recorded["print_log"] = json!("")).holds(&report);
}

/// Same: SCR-006. A panic while the binder is built is a general error too.
#[test]
fn c154_the_build_panics() {
    let report = check_build(|| -> leap_binder::Result<Binder<Data>> { panic!("object has no len()") });
    Verdict::of("c154_type_error").general("object has no len()").holds(&report);
}

/// Deviates: SCR-007. The verdict is the recorded one but for the captured output: the library captures none.
#[test]
fn c155_print_log() {
    let data = Data::new(|| {
        println!("preprocess");
        Ok(train_val())
    });
    let binder = over(data).metadata("m", |_| Ok("v")).build().unwrap();
    Verdict::of("c155_print_log").but(|recorded| recorded["print_log"] = json!("")).holds(&check(&binder));
}

/// Same: SCR-008. The process ends: this test runs itself again and looks at the exit code.
#[test]
fn c156_the_build_exits() {
    const INNER: &str = "CONFORMANCE_EXITS";
    if std::env::var_os(INNER).is_some() {
        check_build(|| -> leap_binder::Result<Binder<Data>> { std::process::exit(3) });
        unreachable!("the process has ended");
    }
    let mut inner = Command::new(std::env::current_exe().unwrap());
    let status = inner.args(["--exact", "loading::c156_the_build_exits"]).env(INNER, "1").output().unwrap().status;
    assert_eq!(status.code(), Some(3));
}

fn on_the_platform(binder: &Binder<Data>) -> CheckReport {
    check_with(binder, &CheckOptions::default().platform(), &())
}

/// Same: CHK-005.
#[test]
fn c157_platform_requires_integration_test() {
    let binder = plain().input("x", |_| Ok([0.0, 0.0])).build().unwrap();
    let verdict = Verdict::of("c157_platform_requires_integration_test");
    let report = on_the_platform(&binder);
    verdict.display("integration_test", "Errors", "No integration test was found").holds(&report);
}

/// Same: CHK-006, MAP-001, MAP-002, MAP-003. The model is not loaded while the graph is recorded.
#[test]
fn c158_platform_with_integration_test() {
    let binder = plain()
        .input("x", |_| Ok([0.0, 0.0]))
        .ground_truth("y", |_| Ok([0.0, 0.0]))
        .metric("m", MetricDirection::Downward, [argument("a"), argument("b")], |[_, _]| Ok(vec![0.0]))
        .load_model(|| -> HandlerResult<NotLoaded> { Err("not loaded while mapping".into()) })
        .integration_test(|flow| {
            let x = flow.input("x")?;
            let prediction = flow.model([&x])?.at(0)?;
            let y = flow.ground_truth("y")?;
            flow.metric("m", (&y, &prediction))
        })
        .build()
        .unwrap();
    Verdict::of("c158_platform_with_integration_test").holds(&on_the_platform(&binder));
}

/// What a body wired before it could not be followed stays in the report, as recorded for c165 and c166.
#[test]
fn c166_a_broken_body_leaves_what_it_wired() {
    let names = ["classes", "scores"];
    let wired = |predictions: usize, body: fn(&mut Flow<'_>) -> leap_binder::Result<()>| {
        let mut builder = plain().input("x", |_| Ok([0.0; 3])).ground_truth("y", |_| Ok([0.0; 3]));
        for name in &names[..predictions] {
            builder = builder.prediction(*name, ["a", "b", "c"]);
        }
        let builder = builder.loss("ce", [argument("gt"), argument("pred")], |[_, pred]| Ok(pred.flatten_all()?));
        let report = check(&builder.integration_test(body).build().unwrap());
        assert!(!report.is_valid && report.payloads.is_empty(), "{report}");
        let nodes = report.engine_file_contract.node_connections.iter();
        let nodes: Vec<_> =
            nodes.map(|connection| (connection.node.name.clone(), json!(connection.node.node_type))).collect();
        (json!(nodes), report.general_error.unwrap())
    };
    let (nodes, error) = wired(2, |flow| {
        let x = flow.input("x")?;
        let outputs = flow.model([&x])?;
        let y = flow.ground_truth("y")?;
        flow.loss("ce", (&y, &outputs.prediction("scores")?))?;
        flow.loss("ce", (&y, &outputs.prediction("logits")?))
    });
    let labels = json!(["classes", "PredictionLabels"]);
    assert!(error.contains("Unknown prediction name"), "{error}");
    assert_eq!(nodes, json!([labels, ["scores", "PredictionLabels"], ["x", "Input0"], ["ce", "CustomLoss"]]));
    let (nodes, error) = wired(1, |flow| {
        let x = flow.input("x")?;
        let _ = flow.model([&x])?.at(10)?;
        Ok(())
    });
    assert!(error.contains("no more then 10 active predictions"), "{error}");
    assert_eq!(nodes, json!([labels, ["x", "Input0"]]));
}

/// Visualizers, losses and metrics are not run by this check.
#[test]
fn functions_over_tensors_are_not_run() {
    let image = |_: [&Tensor; 1]| -> HandlerResult<LeapImage> { panic!("not run") };
    let binder = plain()
        .input("x", |_| Ok(Tensor::zeros(2, candle_core::DType::F32, &Device::Cpu)?))
        .visualizer("v", [input("x")], image)
        .build()
        .unwrap();
    assert!(check(&binder).is_valid);
}

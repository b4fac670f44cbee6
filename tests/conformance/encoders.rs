//! Input and ground-truth encoders.

use candle_core::{DType, Device, Tensor};
use leap_binder::binder::InputOptions;
use leap_binder::check::{check, check_build};
use leap_binder::contract::{Code, DataState};
use serde_json::json;

use crate::support::{plain, refused, zeros};
use crate::verdict::{Verdict, probe, recorded};

/// Same: INP-001. The strict rules of the check, which find these, never change the verdict.
#[test]
fn c030_input_dtype_not_checked_by_check() {
    let binder = plain()
        .input("f64", |_| Ok(Tensor::new(&[1.0f64, f64::NAN, f64::INFINITY], &Device::Cpu)?))
        .input("ints", |_| Ok(Tensor::new(&[0i64, 1, 2], &Device::Cpu)?))
        .input("batched", |_| Ok(zeros(&[1, 4, 4, 3])))
        .ground_truth("gt_empty", |_| Ok(zeros(&[0])))
        .build()
        .unwrap();
    let without_text = |recorded: &mut serde_json::Value| {
        for list in ["/payloads", "/setup/outputs"] {
            let list = recorded.pointer_mut(list).unwrap().as_array_mut().unwrap();
            list.retain(|entry| entry["name"] != "gt_string");
        }
    };
    Verdict::of("c030_input_dtype_not_checked_by_check").but(without_text).holds(&check(&binder));
    let sample = binder.get_sample(DataState::Training, &"s1".into()).unwrap();
    let kept = probe("c030_input_dtype_not_checked_by_check", "get_sample keeps the dtypes");
    assert_eq!(sample.inputs.iter().map(Tensor::dtype).collect::<Vec<_>>(), [DType::F64, DType::I64, DType::F32]);
    for (name, xs) in ["f64", "ints", "batched"].into_iter().zip(&sample.inputs) {
        assert_eq!(json!(xs.dims()), kept["inputs"][name]["shape"]);
    }
}

/// Same: INP-006, GTE-003.
#[test]
fn c031_single_values() {
    let one = |value: f32| move |_: &crate::support::Sample| Ok(Tensor::new(value, &Device::Cpu)?);
    let binder = plain()
        .input("in_pyfloat", |_| Ok(Tensor::new(1.5f64, &Device::Cpu)?))
        .input("in_npscalar", one(2.0))
        .input("in_zero_d", one(3.0))
        .ground_truth("gt_pyfloat", |_| Ok(Tensor::new(1.5f64, &Device::Cpu)?))
        .ground_truth("gt_npscalar", one(2.0))
        .ground_truth("gt_zero_d", one(3.0))
        .ground_truth("gt_empty", |_| Ok(Tensor::zeros(0, DType::F64, &Device::Cpu)?))
        .build()
        .unwrap();
    let expressible = |recorded: &mut serde_json::Value| {
        let names = ["integration_test", "preprocess", "in_pyfloat", "in_npscalar", "in_zero_d", "gt_pyfloat"];
        let names: Vec<_> =
            names.into_iter().chain(["gt_npscalar", "gt_zero_d", "gt_empty"]).map(|n| json!(n)).collect();
        for list in ["/payloads", "/setup/inputs", "/setup/outputs"] {
            let list = recorded.pointer_mut(list).unwrap().as_array_mut().unwrap();
            list.retain(|entry| names.contains(&entry["name"]));
        }
    };
    Verdict::of("c031_input_odd_results").but(expressible).holds(&check(&binder));
}

/// Same: INP-015. A binder with two inputs of one name cannot be built, so there are no payloads.
#[test]
fn c036_duplicate_input_name() {
    let report = check_build(|| plain().input("img", |_| Ok([0.0, 0.0])).input("img", |_| Ok([0.0, 0.0])).build());
    Verdict::of("c036_duplicate_input_name").general("Input with name img already exists").holds(&report);
}

/// Deviates: INP-016, INP-023. There is one way to register: names and channel axes are held to the rules on all.
#[test]
fn c002_no_second_way_to_register() {
    assert_eq!(recorded("c002_legacy_binder_valid")["is_valid"], json!(true));
    let twice = plain().input("x", |_| Ok([0.0])).input("x", |_| Ok([0.0]));
    refused(twice, Code::DuplicateName, "Input with name x already exists");
    refused(plain().input_with("x", 0, |_| Ok([0.0])), Code::ChannelDim, "Invalid channel_dim (0)");
}

/// Same: INP-017, INP-018, INP-019, INP-020, INP-024, GTE-004.
#[test]
fn c037_input_registration_rules() {
    let same = || plain().input_with("same", -1, |_| Ok([0.0, 0.0])).ground_truth("same", |_| Ok([0.0, 0.0]));
    Verdict::of("c037_input_registration_rules").holds(&check(&same().build().unwrap()));

    let with = |options: InputOptions| plain().input_with("i", options, |_| Ok(zeros(&[2, 3])));
    let probed = |name: &str| probe("c037_input_registration_rules", name)["registered_channel_dim"].clone();
    let omitted = with(InputOptions::default()).build().unwrap();
    assert_eq!(json!(omitted.inputs()[0].channel_dim), probed("channel_dim omitted"));
    assert!(omitted.inputs()[0].channel_dim_defaulted);
    for axis in [-1, 1, 2] {
        let binder = with(axis.into()).build().unwrap();
        assert_eq!(json!(binder.inputs()[0].channel_dim), probed(&format!("channel_dim {axis}")));
        assert!(!binder.inputs()[0].channel_dim_defaulted);
    }
    refused(with(0.into()), Code::ChannelDim, "Invalid channel_dim (0)");
    refused(with((-2).into()), Code::ChannelDim, "Invalid channel_dim (-2)");
    assert!(with(InputOptions::default().model_input_index(9)).build().is_ok());
    refused(with(InputOptions::default().model_input_index(10)), Code::InputIndex, "Input10");
    let twice = same().ground_truth("same", |_| Ok([0.0]));
    refused(twice, Code::DuplicateName, "GT with name same already exists");
}

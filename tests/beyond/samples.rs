//! Rules that a single sample can break.

use candle_core::{D, DType};
use leap_binder::contract::{
    ConfusionMatrixElement, HandlerResult, LatentSpaceOptions, LeapHorizontalBar, Metadata, MetricResult, argument,
};

use super::*;

fn is(number: &Number, state: DataState, place: u64) -> bool {
    *number == (state, place)
}

#[test]
fn dtypes_and_types_of_columns() {
    let bad =
        healthy().input("bad", |n| Ok(image(n)?.to_dtype(if is(n, Test, 2) { DType::F64 } else { DType::F32 })?));
    assert_eq!(found(bad), ["BND-204 input_encoder::bad test t2"]);
    let bad = healthy().ground_truth("bad", |n| {
        let xs = Tensor::new(&[n.1 as f32, 1.0], &Device::Cpu)?;
        Ok(if is(n, Validation, 7) { xs.to_dtype(DType::I64)? } else { xs })
    });
    assert_eq!(found(bad), ["BND-204 gt_encoder::bad validation v7"]);
    let bad = healthy().metadata("bad", |n| -> HandlerResult<Metadata> {
        Ok(if is(n, Training, 50) { "text".into() } else { (n.1 as f64).into() })
    });
    assert_eq!(found(bad), ["BND-207 metadata::bad training t50"]);
}

#[test]
fn shapes_and_keys_drift() {
    let bad = healthy().input("bad", |n| {
        let xs = image(n)?;
        Ok(if is(n, Unlabeled, 4) { xs.permute((2, 0, 1))? } else { xs })
    });
    assert_eq!(found(bad), ["BND-205 input_encoder::bad unlabeled u4"]);
    let bad = healthy().ground_truth("bad", |n| Ok(vec![n.1 as f32; if is(n, Training, 99) { 3 } else { 1 }]));
    assert_eq!(found(bad), ["BND-205 gt_encoder::bad training t99"]);
    let missing = healthy().ground_truth("label", |n| Ok(if n.1 % 7 == 3 { vec![] } else { vec![n.1 as f32] }));
    assert_eq!(found(missing), [""; 0], "a missing label is an empty tensor");
    let bad = healthy().metadata("bad", |n| {
        let last = if is(n, Validation, 19) { "c" } else { "b" };
        Ok(Metadata::map([("a", n.1 as f64), (last, 0.5 * n.1 as f64)]))
    });
    assert_eq!(found(bad), ["BND-209 metadata::bad validation v19"]);
}

#[test]
fn what_is_not_finite_is_counted_and_placed() {
    for (value, text) in [(f32::NAN, "NaN"), (f32::INFINITY, "inf"), (f32::NEG_INFINITY, "-inf")] {
        let bad = healthy().input("bad", move |n| {
            let mut pixels = image(n)?.flatten_all()?.to_vec1::<f32>()?;
            if is(n, Training, 64) {
                pixels[13] = value;
            }
            Ok(pixels)
        });
        let report = report(bad, &thorough());
        assert_eq!(failures(&report), ["BND-206 input_encoder::bad training t64"]);
        let failure = report.failures().next().unwrap();
        assert_eq!(failure.found, format!("1 of 16 that are not, the first {text} at flat index 13"));
    }
    let bad = healthy().loss("bad", [ground_truth("class"), prediction("scores")], |[y, p]| {
        Ok((builtin::categorical_crossentropy(y, p)? / 0.0)?)
    });
    let found = failures(&report(bad, &CheckOptions::default().with(Rule::Loss)));
    assert_eq!(found, ["BND-206 loss::bad training t0"]);
}

#[test]
fn outputs_keep_their_rules() {
    let options = CheckOptions::default().with(Rule::Outputs).with(Rule::Black);
    let told = |builder| failures(&report(builder, &options));
    assert_eq!(told(healthy()), [""; 0]);
    let matrix = healthy().loss("bad", [ground_truth("class")], |[y]| Ok(y.clone()));
    let everywhere = ["training t0", "validation v0", "test t0"];
    assert_eq!(told(matrix), everywhere.map(|place| format!("BND-211 loss::bad {place}")));
    let lone = healthy().metric("bad", MetricDirection::Upward, [ground_truth("class")], |[y]| Ok(y.sum_all()?));
    assert_eq!(told(lone), everywhere.map(|place| format!("BND-210 metric::bad {place}")));
    let none = healthy().metric("bad", MetricDirection::Upward, [ground_truth("class")], |_| {
        Ok(MetricResult::from(Vec::<Vec<ConfusionMatrixElement>>::new()))
    });
    assert_eq!(told(none), everywhere.map(|place| format!("BND-210 metric::bad {place}")));
    let fails = healthy().visualizer("bad", [ground_truth("class")], |[y]| {
        if y.to_vec1::<f32>()?[0] < 2.0 { Err("no ink".into()) } else { Ok(LeapHorizontalBar::new(vec![1.0], ["a"])) }
    });
    assert_eq!(told(fails), everywhere.map(|place| format!("BND-202 visualizer::bad {place}")));
    let panics = healthy().metric("bad", MetricDirection::Upward, [ground_truth("class")], |[y]| {
        assert!(y.rank() > 2, "three axes");
        Ok(y.max(D::Minus1)?)
    });
    assert_eq!(told(panics), everywhere.map(|place| format!("BND-203 metric::bad {place}")));
}

#[test]
fn latent_spaces_keep_their_rules() {
    let options = CheckOptions::default().with(Rule::Outputs);
    let told = |builder| failures(&report(builder, &options));
    let plain = LatentSpaceOptions::default;
    let wide = |_: &Number| Ok(vec![0.5f32; 4096]);
    assert_eq!(told(healthy().latent_space("good", plain(), wide)), [""; 0]);
    let everywhere = ["training t0", "validation v0", "test t0", "unlabeled u0"];
    let fails = healthy().latent_space("bad", plain(), |_| -> HandlerResult<[f32; 2]> { Err("boom".into()) });
    assert_eq!(told(fails), everywhere.map(|place| format!("BND-202 latent_space::bad {place}")));
    let empty = healthy().latent_space("bad", plain(), |_| Ok(Vec::<f32>::new()));
    assert_eq!(told(empty), everywhere.map(|place| format!("BND-213 latent_space::bad {place}")));
    let too_wide = || healthy().latent_space("bad", plain(), |_| Ok(vec![0.5f32; 4097]));
    assert_eq!(told(too_wide()), everywhere.map(|place| format!("BND-213 latent_space::bad {place}")));
    assert!(report(too_wide(), &options).is_valid, "code_loader does not run it");
}

#[test]
fn pictures_that_would_be_black() {
    let bad = healthy().visualizer("bad", [input("image")], |[xs]| Ok(LeapImage::new(xs.clone())?));
    let told = failures(&report(bad, &CheckOptions::default().with(Rule::Black)));
    let places = ["training t0", "validation v0", "test t0", "unlabeled u0"];
    assert_eq!(told, places.map(|place| format!("BND-406 visualizer::bad {place}")));
    let bad = || healthy().visualizer("bad", [input("image")], |[xs]| Ok(LeapImage::new(xs.clone())?));
    assert_eq!(failures(&report(bad(), &CheckOptions::default().with(Rule::Outputs))), [""; 0], "another rule");
}

#[test]
fn nothing_is_blamed_for_an_output_whose_shape_is_not_known() {
    let detector = || {
        over(vec![subset(Training, 4), subset(Validation, 2)])
            .prediction("boxes", ["cat", "dog", "cow"])
            .visualizer("drawn", [prediction("boxes")], |[p]| {
                Ok(LeapHorizontalBar::from_tensor(&p.narrow(1, 0, 4)?.squeeze(0)?, ["a", "b", "c", "d"])?)
            })
            .loss("boxes", [ground_truth("class"), prediction("boxes")], |[_, p]| Ok(p.narrow(2, 0, 4)?.sum((1, 2))?))
            .loss("wired", [argument("anything")], |[xs]| Ok(xs.clone()))
    };
    let report = report(detector(), &CheckOptions::strict());
    assert!(report.passed(), "{report}");
    let of = |name: &str| report.functions.iter().rfind(|f| f.name == name).unwrap();
    assert!(of("boxes").subsets[0].skipped.as_ref().unwrap().contains("stand-in"));
    assert!(of("drawn").subsets[1].skipped.as_ref().unwrap().contains("shape is not known"));
    assert_eq!(of("wired").subsets[0].skipped.as_deref(), Some("only the integration test feeds it"));
    assert!(report.not_judged.iter().any(|open| open.function == "loss::boxes" && open.rule == Rule::Loss));
}

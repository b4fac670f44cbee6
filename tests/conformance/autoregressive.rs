//! Chains of model calls.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicI64, Ordering};

use candle_core::Tensor;
use leap_binder::binder::{Autoregressive, BinderBuilder};
use leap_binder::check::check;
use leap_binder::contract::{
    Chain, Code, DataState, HandlerResult, LatentSpaceAggregation, LeapText, MetricDirection, Step, ground_truth,
};
use serde::Serialize;
use serde_json::json;

use crate::support::{Data, Sample, filled, plain, refused, zeros};
use crate::verdict::{Verdict, probe};

const UPWARD: MetricDirection = MetricDirection::Upward;
const LAST: LatentSpaceAggregation = LatentSpaceAggregation::LastStep;

fn step(sample: &Sample, chain: Option<Chain<'_, i64>>) -> HandlerResult<Step<i64>> {
    let Some(chain) = chain else {
        return Ok(Step::next([("x", filled(&[3], sample.number() as f32)), ("t", zeros(&[1]))], 0));
    };
    if *chain.state >= 2 {
        return Ok(Step::end(*chain.state));
    }
    let x = chain.output("pred").ok_or("no output")?.clone();
    let t = (chain.input("t").ok_or("no input")? + 1.0)?;
    Ok(Step::next([("x", x), ("t", t)], chain.state + 1))
}

fn whole() -> Autoregressive<Data, i64> {
    Autoregressive::new(LatentSpaceAggregation::Mean, step)
}

/// Same: ARG-001, ARG-002.
#[test]
fn c110_autoregressive_valid() {
    let target = || [ground_truth("target")];
    let chain = whole()
        .metric("am", UPWARD, target(), |_, [_]| Ok(1.0))
        .loss("al", target(), |_, [_]| Ok(0.5))
        .visualizer("av", [], |_, []| Ok(LeapText::new(["x"])));
    let builder = plain().ground_truth("target", |_| Ok([0.0; 3])).autoregressive(chain);
    let binder = builder.prediction("pred", ["a", "b", "c"]).build().unwrap();
    Verdict::of("c110_autoregressive_valid").holds(&check(&binder));
    let aggregation = binder.autoregressive().unwrap().aggregation;
    assert_eq!(json!(aggregation), probe("c110_autoregressive_valid", "aggregation"));
}

/// Same: ARG-030, ARG-034.
#[test]
fn c110_registration_rules() {
    refused(plain().autoregressive(whole()).autoregressive(whole()), Code::AutoregressiveRule, "already defined");
    let taken = plain().autoregressive(whole().metric("Accuracy", UPWARD, [], |_, []| Ok(0.0)));
    refused(taken, Code::DuplicateName, "Metric with name Accuracy already exists");
    let taken = plain().autoregressive(whole().loss("al", [], |_, []| Ok(0.0)).loss("al", [], |_, []| Ok(0.0)));
    refused(taken, Code::DuplicateName, "Custom loss with name al already exists");
    let taken = plain().autoregressive(whole().visualizer("Image", [], |_, []| Ok(LeapText::new(["x"]))));
    refused(taken, Code::DuplicateName, "Visualizer with name Image already exists");
    let taken = whole().metric("m", UPWARD, [], |_, []| Ok(0.0));
    let taken = plain().metric("m", UPWARD, [], |[]: [&Tensor; 0]| Ok(vec![0.0])).autoregressive(taken);
    refused(taken, Code::DuplicateName, "Metric with name m already exists");
}

/// Same: ARG-003.
#[test]
fn c111_autoregressive_with_inputs() {
    let binder = plain().input("x", |_| Ok([0.0, 0.0])).autoregressive(whole()).prediction("p", ["a"]).build().unwrap();
    let verdict = Verdict::of("c111_autoregressive_with_inputs");
    verdict.general("must not declare input encoders").holds(&check(&binder));
}

/// Same: ARG-005.
#[test]
fn c113_autoregressive_without_predictions() {
    let report = check(&plain().autoregressive(whole()).build().unwrap());
    assert!(report.general_error.unwrap().contains("must declare prediction types"));
    assert!(report.setup.is_none() && report.payloads.len() == 1 && report.payloads[0].name == "integration_test");
}

/// A binder whose first hook call is `first`.
fn first<S: Serialize + Send + Sync + 'static>(
    first: impl Fn(&Sample) -> Step<S> + Send + Sync + 'static,
) -> BinderBuilder<Data> {
    let chain = Autoregressive::new(LAST, move |sample: &Sample, _| Ok(first(sample)));
    plain().autoregressive(chain).prediction("p", ["a"])
}

fn x() -> [(&'static str, Tensor); 1] {
    [("x", zeros(&[2]))]
}

/// The hook's payload: whether it passed, and what it shows.
#[track_caller]
fn hook(builder: BinderBuilder<Data>, fragment: Option<&str>) {
    let report = check(&builder.build().unwrap());
    let payload = report.payloads.iter().find(|payload| payload.name == "autoregressive_step").unwrap();
    assert_eq!(payload.is_passed, fragment.is_none(), "{payload:?}");
    if let Some(fragment) = fragment {
        assert!(payload.display["Errors"].contains(fragment), "`{fragment}`: {payload:?}");
    }
}

/// Same: ARG-006.
#[test]
fn c114_autoregressive_step_failures() {
    static CALLS: AtomicI64 = AtomicI64::new(0);
    let other = |_: &Sample| Step::next([("x", filled(&[2], CALLS.fetch_add(1, Ordering::SeqCst) as f32))], ());
    let verdict = Verdict::of("c114_autoregressive_step_failures");
    let verdict = verdict.display("autoregressive_step", "Errors", "not deterministic");
    verdict.holds(&check(&first(other).build().unwrap()));
}

/// Same: ARG-011, ARG-012, ARG-014, ARG-015, ARG-017, ARG-018, ARG-019, ARG-020, ARG-021.
#[test]
fn c114_first_calls() {
    static CALLS: AtomicI64 = AtomicI64::new(0);
    let count = || CALLS.fetch_add(1, Ordering::SeqCst);
    let none: [(&str, Tensor); 0] = [];
    hook(first(|_| Step::end(())), Some("initial model inputs from the first call, found none"));
    hook(first(move |_| Step::next(none.clone(), ())), Some("initial model"));
    hook(first(|_| Step::next([("_x", zeros(&[2]))], ())), Some("underscore"));
    // A map whose keys are no texts is a state that serde_json cannot write.
    let unwritable = || BTreeMap::from([(vec![1u8], 0)]);
    hook(first(move |_| Step::next(x(), unwritable())), Some("not serializable"));
    hook(first(|_| Step::next(x(), (BTreeSet::from([1, 2]), "a", b"c".to_vec(), 1f32))), None);
    hook(first(|_| Step::next(x(), (f64::NAN, [f32::NAN]))), None);
    hook(first(move |_| Step::next(x(), count())), Some("not deterministic"));
    hook(first(move |_| Step::next([(format!("x{}", count()), zeros(&[2]))], ())), Some("not deterministic"));
    let validation = |sample: &Sample| sample.state == DataState::Validation;
    let key = move |sample: &Sample| Step::next([(if validation(sample) { "y" } else { "x" }, zeros(&[2]))], ());
    hook(first(key), Some("across states"));
    let shape = move |sample: &Sample| Step::next([("x", zeros(&[if validation(sample) { 3 } else { 2 }]))], ());
    hook(first(shape), Some("across states"));
}

/// A chain has neither simulations, instances nor latent spaces.
#[test]
fn chains_exclude_other_sources_of_samples() {
    let chained = || plain().autoregressive(whole()).prediction("p", ["a"]);
    let general = |builder: BinderBuilder<Data>| check(&builder.build().unwrap()).general_error.unwrap();
    let simulated = chained().simulation(
        "s",
        [("p", leap_binder::contract::SimulationBounds::float(0.0, 1.0))],
        |_| Ok(Vec::new()),
    );
    assert!(general(simulated).contains("must not declare simulations"));
    let none: [(&str, leap_binder::contract::MetadataType); 0] = [];
    let instances = chained().instances(|_| Ok(0), |_, _| Ok(None), none);
    assert!(general(instances).contains("must not declare element instances"));
    let latent = chained().latent_space("l", leap_binder::contract::LatentSpaceOptions::default(), |_| Ok([0.0]));
    assert!(general(latent).contains("must not declare custom latent spaces"));
}

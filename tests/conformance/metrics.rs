//! Metrics, instance metrics and losses: what the setup says of them, and how they are registered.

use candle_core::Tensor;
use leap_binder::binder::flow::CallOptions;
use leap_binder::check::check;
use leap_binder::contract::{Code, DataState, HandlerResult, MetricDirection, argument};

use crate::support::{plain, refused, split, zeros};
use crate::verdict::Verdict;

const UPWARD: MetricDirection = MetricDirection::Upward;

fn values<const N: usize>(_: [&Tensor; N]) -> HandlerResult<Tensor> {
    Ok(zeros(&[2]))
}

/// Same: MET-001.
#[test]
fn c080_metrics_valid() {
    let pair = || [argument("gt"), argument("pred")];
    let binder = plain()
        .metric("plain", UPWARD, pair(), values)
        .metric_with_samples("with_sample", UPWARD, pair(), |_, samples| Ok(vec![samples.sample_ids.len() as f64]))
        .build()
        .unwrap();
    Verdict::of("c080_metrics_valid").holds(&check(&binder));
}

/// Deviates: MET-009. The direction is that of the called metric, whatever was registered after it.
#[test]
fn c080_a_call_keeps_to_its_own_direction() {
    let builder = plain().metric("first", UPWARD, [argument("x")], values);
    let binder = builder.metric("second", MetricDirection::Downward, [argument("x")], values).build().unwrap();
    let mut calls = binder.calls(&split(DataState::Training, 3, 0), CallOptions::default());
    let mut direction = |name: &str| calls.metric(name, &[&zeros(&[2])], &["s0".into()]).unwrap().directions;
    assert_eq!(direction("first"), UPWARD.into());
    assert_eq!(direction("second"), MetricDirection::Downward.into());
}

/// Same: MET-020, MET-021. Deviates: MET-033.
#[test]
fn c081_metric_signature_rules() {
    let named = |name: &str| plain().metric(name, UPWARD, [argument("a")], values);
    assert!(named("a").build().is_ok());
    let twice = named("a").metric("a", UPWARD, [argument("a")], values);
    refused(twice, Code::DuplicateName, "Metric with name a already exists");
    refused(named("Accuracy"), Code::DuplicateName, "Metric with name Accuracy already exists");
}

/// Same: LOS-011, LOS-012.
#[test]
fn c083_losses() {
    let named = |name: &str| plain().loss(name, [argument("a"), argument("b")], values);
    let binder = named("l").loss_with_samples("with_sample", [argument("a")], |[a], _| Ok(a.clone())).build().unwrap();
    Verdict::of("c083_losses").holds(&check(&binder));
    let twice = named("l").loss("l", [argument("a")], values);
    refused(twice, Code::DuplicateName, "Custom loss with name l already exists");
    let builtin = "Custom loss with name BinaryCrossentropy already exists";
    refused(named("BinaryCrossentropy"), Code::DuplicateName, builtin);
}

/// Same: MET-074. Instance metrics have names of their own and no place in the setup.
#[test]
fn c087_instance_metrics() {
    let named = |name: &str| plain().instance_metric(name, UPWARD, [argument("a")], |[a]| Ok(vec![(0, a.clone())]));
    Verdict::of("c087_instance_metrics").holds(&check(&named("im").build().unwrap()));
    let shared = named("shared").metric("shared", UPWARD, [argument("a")], values).build().unwrap();
    assert_eq!((shared.metrics().len(), shared.instance_metrics().len()), (1, 1));
    let twice = named("im").instance_metric("im", UPWARD, [argument("a")], |[a]| Ok(vec![(0, a.clone())]));
    refused(twice, Code::DuplicateName, "with name im already exists");
}

//! Binders that code_loader's check accepts and a rule beyond it, a direct call or the integration test does not.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use candle_core::{DType, Device, Tensor};
use leap_binder::Binder;
use leap_binder::binder::BinderBuilder;
use leap_binder::binder::flow::CallOptions;
use leap_binder::check::{CheckOptions, CheckReport, Rule, Samples, check_with};
use leap_binder::contract::*;

use super::binders::{Numbers, binder, over};

/// Forty numbers for training, so that every rule has enough to go by, and one for validation.
fn many() -> Numbers {
    Numbers {
        preprocess: || Ok(vec![Subset::new(DataState::Training, 0..40), Subset::new(DataState::Validation, [40])]),
        load: number,
        group: None,
    }
}

fn number(id: &SampleId) -> HandlerResult<f32> {
    Ok(id.to_string().parse()?)
}

/// The code that one rule, and no other, finds on all samples; code_loader has nothing against the binder.
fn found(builder: BinderBuilder<Numbers>, rule: Rule) -> String {
    let options = CheckOptions::default().samples(Samples::All).with(rule);
    let report = check_with(&builder.build().unwrap(), &options, &());
    assert!(report.is_valid, "{report}");
    first_code(&report)
}

fn first_code(report: &CheckReport) -> String {
    let warnings = report.findings.iter().map(|finding| &finding.failure);
    report.failures().chain(warnings).next().expect("a failure").code.to_owned()
}

/// A valid binder without an input.
fn blind() -> BinderBuilder<Numbers> {
    Binder::builder(many()).ground_truth("y", |x| Ok([(*x as usize % 2) as f32]))
}

pub(crate) fn duplicate_sample_id() -> String {
    let preprocess = || Ok(vec![Subset::new(DataState::Training, [1, 1]), Subset::new(DataState::Validation, [2])]);
    found(over(Numbers { preprocess, ..many() }), Rule::Duplicates)
}

pub(crate) fn wrong_dtype() -> String {
    found(blind().input("x", |_| Ok(Tensor::zeros(2, DType::F64, &Device::Cpu)?)), Rule::Dtype)
}

pub(crate) fn wrong_shape() -> String {
    found(blind().input("x", |x| Ok(vec![0f32; 1 + *x as usize % 2])), Rule::Shape)
}

pub(crate) fn not_finite() -> String {
    found(blind().input("x", |x| Ok([1.0 / (*x - 7.0)])), Rule::Finite)
}

pub(crate) fn not_deterministic() -> String {
    let calls = AtomicU32::new(0);
    found(blind().input("x", move |_| Ok([calls.fetch_add(1, Ordering::Relaxed) as f32])), Rule::Deterministic)
}

pub(crate) fn target_leak() -> String {
    found(blind().input("x", |x| Ok([*x, (*x as usize % 2) as f32])), Rule::Leak)
}

pub(crate) fn constant_metadata() -> String {
    found(blind().metadata("m", |_| Ok("the same")), Rule::Constant)
}

pub(crate) fn loss_not_per_sample() -> String {
    let loss = |[y]: [&Tensor; 1]| Ok(y.flatten_all()?.broadcast_sub(&y.mean_all()?)?);
    found(blind().loss("l", [ground_truth("y")], loss), Rule::Loss)
}

pub(crate) fn loss_does_not_fall() -> String {
    let binder = Binder::builder(many()).prediction("p", ["even", "odd"]).ground_truth("y", |x| {
        let odd = (*x as usize % 2) as f32;
        Ok([1.0 - odd, odd])
    });
    let reward = |[p, y]: [&Tensor; 2]| Ok((p * y)?.sum(1)?);
    found(binder.loss("l", [prediction("p"), ground_truth("y")], reward), Rule::Loss)
}

pub(crate) fn black_visualizer() -> String {
    let draw = |_: [&Tensor; 1]| Ok(LeapImage::new(Tensor::full(0.5f32, (4, 4, 1), &Device::Cpu)?)?);
    found(blind().visualizer("v", [ground_truth("y")], draw), Rule::Black)
}

pub(crate) fn slow_sample() -> String {
    let load = |id: &SampleId| {
        let number = number(id)?;
        // Far above what a busy machine makes of the others.
        std::thread::sleep(Duration::from_millis(if number == 20.0 { 1500 } else { 0 }));
        Ok(number)
    };
    found(over(Numbers { load, ..many() }), Rule::Slow)
}

pub(crate) fn latent_space_result() -> String {
    let wide = |_: &f32| Ok(vec![0f32; 4097]);
    let binder = binder().latent_space("wide", LatentSpaceOptions::default(), wide).build().unwrap();
    let subset = Subset::new(DataState::Training, [0, 1]);
    let refused = binder.calls(&subset, CallOptions::default()).latent_space("wide", &0.into());
    refused.unwrap_err().code.to_string()
}

/// The code with which the integration test ends.
fn tested(builder: BinderBuilder<Numbers>) -> String {
    let report = builder.build().unwrap().integration_test(DataState::Training, 0);
    report.failure.expect("a failure").code.to_string()
}

pub(crate) fn integration_test_missing() -> String {
    tested(binder())
}

pub(crate) fn integration_test() -> String {
    tested(binder().load_model(|| Ok(Two)).integration_test(|flow| {
        let x = flow.input("x")?;
        let _ = flow.model([&x, &x])?;
        Ok(())
    }))
}

pub(crate) fn model_call() -> String {
    tested(binder().load_model(|| Ok(Two)).integration_test(|flow| {
        let x = flow.input("x")?;
        let _ = flow.model([&x])?;
        Ok(())
    }))
}

/// A model of two inputs.
struct Two;

impl LeapModel for Two {
    fn inputs(&self) -> Vec<ModelInput> {
        vec![ModelInput::new("x", [None, Some(1)]), ModelInput::new("z", [None, Some(1)])]
    }

    fn run(&self, inputs: &[Tensor]) -> HandlerResult<Vec<Tensor>> {
        Ok(inputs.to_vec())
    }
}

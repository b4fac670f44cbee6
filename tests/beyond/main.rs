//! The check beyond code_loader: for each rule a binder that breaks it is told so by code, function, subset and sample,
//! and its healthy twin is not.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod harness;
mod junit;
mod losses;
mod options;
mod samples;
mod several;

use candle_core::{Device, Tensor};
use leap_binder::Binder;
use leap_binder::binder::{BinderBuilder, losses as builtin};
use leap_binder::check::{CheckOptions, CheckReport, Rule, Samples, check_with};
use leap_binder::contract::DataState::{self, Test, Training, Unlabeled, Validation};
use leap_binder::contract::{
    Dataset, HandlerResult, LeapImage, MetricDirection, SampleId, Subset, ground_truth, input, prediction,
};

/// Numbers as samples; the ids are the subset's initial and the number.
struct Numbers {
    subsets: Vec<Subset>,
    load: fn(&Number) -> HandlerResult<()>,
}

/// A sample: its subset and its number.
type Number = (DataState, u64);

fn subset(state: DataState, count: u64) -> Subset {
    Subset::new(state, (0..count).map(|number| format!("{}{number}", &state.as_str()[..1])))
}

impl Dataset for Numbers {
    type Sample = Number;

    fn preprocess(&self) -> HandlerResult<Vec<Subset>> {
        Ok(self.subsets.clone())
    }

    fn load(&self, id: &SampleId, state: DataState) -> HandlerResult<Number> {
        let number = (state, id.to_string()[1..].parse()?);
        (self.load)(&number)?;
        Ok(number)
    }
}

/// Bits that look random and are the same each time.
fn noise(number: u64, place: u64) -> u64 {
    let mut x = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ place.wrapping_mul(0xd6e8_feb8_6659_fd93);
    x = (x ^ (x >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
    x = (x ^ (x >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
    x ^ (x >> 32)
}

fn class(&(_, number): &Number) -> usize {
    (noise(number, 99) % 2) as usize
}

fn one_hot(number: &Number) -> [f32; 2] {
    if class(number) == 0 { [1.0, 0.0] } else { [0.0, 1.0] }
}

/// Four times four pixels in 0..1, the first black, and none of them telling.
fn image(&(_, number): &Number) -> HandlerResult<Tensor> {
    let mut pixels: Vec<f32> = (0..16).map(|place| (noise(number, place) % 250) as f32 / 255.0).collect();
    pixels[0] = 0.0;
    Ok(Tensor::from_vec(pixels, (4, 4, 1), &Device::Cpu)?)
}

fn over(subsets: Vec<Subset>) -> BinderBuilder<Numbers> {
    loading(subsets, |_| Ok(()))
}

/// A healthy binder but for what loading does.
fn loading(subsets: Vec<Subset>, load: fn(&Number) -> HandlerResult<()>) -> BinderBuilder<Numbers> {
    Binder::builder(Numbers { subsets, load })
        .input("image", image)
        .ground_truth("class", |number| Ok(one_hot(number)))
        .metadata("number", |(_, number)| Ok(*number as i64))
        .prediction("scores", ["even", "odd"])
        .loss("entropy", [ground_truth("class"), prediction("scores")], |[y, p]| {
            builtin::categorical_crossentropy(y, p)
        })
        .metric("sure", MetricDirection::Upward, [prediction("scores")], |[p]| Ok(p.max(1)?))
        .visualizer("picture", [input("image")], |[xs]| Ok(LeapImage::new((xs * 255.0)?)?))
}

fn healthy() -> BinderBuilder<Numbers> {
    over(vec![subset(Training, 100), subset(Validation, 20), subset(Test, 3), subset(Unlabeled, 5)])
}

/// Every rule on every sample, but for the one that looks at the clock.
fn thorough() -> CheckOptions {
    CheckOptions::thorough().without(Rule::Slow)
}

fn report(builder: BinderBuilder<Numbers>, options: &CheckOptions) -> CheckReport {
    check_with(&builder.build().unwrap(), options, &())
}

/// Everything that fails as `code function subset sample`; `-` stands for none.
fn failures(report: &CheckReport) -> Vec<String> {
    let line = |failure: &leap_binder::check::Failure| {
        let subset = failure.subset.map_or("-", DataState::as_str);
        let sample = failure.sample.as_deref().unwrap_or("-");
        for part in [failure.code, &failure.function, &failure.expected, &failure.found, failure.mend] {
            assert!(failure.message.contains(part), "{part} in {}", failure.message);
        }
        format!("{} {} {subset} {sample}", failure.code, failure.function)
    };
    assert_eq!(report.passed(), report.is_valid && report.failures().count() == 0);
    report.failures().map(line).collect()
}

/// What the thorough check finds in a binder that code_loader accepts.
fn found(builder: BinderBuilder<Numbers>) -> Vec<String> {
    let report = report(builder, &thorough());
    assert!(report.is_valid, "{report}");
    failures(&report)
}

#[test]
fn a_healthy_binder_passes_everything_and_every_rule_is_judged() {
    let report = report(healthy(), &thorough());
    assert_eq!(failures(&report), [""; 0]);
    assert_eq!(report.not_judged, [], "each rule was able to look");
    assert!(report.passed() && report.findings.is_empty());
    let entropy = report.functions.iter().find(|function| function.name == "entropy").unwrap();
    let samples: Vec<usize> = entropy.subsets.iter().map(|subset| subset.samples).collect();
    assert_eq!(samples, [100, 20, 3, 0]);
    assert_eq!(entropy.subsets[3].skipped.as_deref(), Some("it needs ground truth"));
    assert!(Samples::default() == Samples::First && !CheckOptions::strict().rules.has(Rule::Leak));
}

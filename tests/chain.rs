//! Autoregressive chains in the integration test: the recorded flow, and what the step may not do.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use candle_core::{Device, Tensor};
use leap_binder::Binder;
use leap_binder::binder::Autoregressive;
use leap_binder::binder::flow::{IntegrationReport, PartStatus, SampleChoice};
use leap_binder::contract::{
    Chain, ChainMetric, Code, DataState, Dataset, HandlerResult, LatentSpaceAggregation, LeapHorizontalBar, LeapModel,
    MetricDirection, MetricDirections, ModelInput, SampleId, Step, Subset, ground_truth,
};
use serde::{Serialize, Serializer};
use serde_json::Value as Json;

struct Numbers;

impl Dataset for Numbers {
    type Sample = i64;

    fn preprocess(&self) -> HandlerResult<Vec<Subset>> {
        Ok(vec![Subset::new(DataState::Training, ["s0", "s1", "s2"]), Subset::new(DataState::Validation, ["s100"])])
    }

    fn load(&self, id: &SampleId, _state: DataState) -> HandlerResult<i64> {
        Ok(id.to_string().trim_start_matches('s').parse()?)
    }
}

/// Adds one.
struct Next;

impl LeapModel for Next {
    fn inputs(&self) -> Vec<ModelInput> {
        vec![ModelInput::new("x", [None, Some(3)])]
    }

    fn run(&self, inputs: &[Tensor]) -> HandlerResult<Vec<Tensor>> {
        Ok(vec![(&inputs[0] + 1.0)?])
    }
}

fn full(value: f32) -> Tensor {
    Tensor::full(value, 3, &Device::Cpu).unwrap()
}

#[derive(Serialize, Debug, Clone, PartialEq)]
struct State {
    n: i64,
    done: bool,
}

fn step(n: &i64, chain: Option<Chain<'_, State>>) -> HandlerResult<Step<State>> {
    let Some(chain) = chain else { return Ok(Step::next([("x", full(*n as f32))], State { n: 0, done: false })) };
    if chain.state.n >= 2 {
        return Ok(Step::end(State { n: chain.state.n, done: true }));
    }
    let next = chain.output("pred").ok_or("no output")?.clone();
    Ok(Step::next([("x", next)], State { n: chain.state.n + 1, done: false }))
}

#[test]
fn a_chain_through_the_model_loop() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&seen);
    let chain = Autoregressive::new(LatentSpaceAggregation::LastStep, step)
        .metric(
            "dist",
            MetricDirection::Downward,
            [ground_truth("target")],
            move |chain: Chain<'_, State>, [target]| {
                let (x, pred) = (chain.input("x").ok_or("no input")?, chain.output("pred").ok_or("no output")?);
                log.lock().unwrap().push((
                    x.dims().to_vec(),
                    pred.to_vec1::<f32>()?,
                    chain.state.clone(),
                    target.dims().to_vec(),
                    target.dtype(),
                ));
                Ok(f64::from((pred - target)?.abs()?.sum_all()?.to_scalar::<f32>()?))
            },
        )
        .loss("loss", [ground_truth("target")], |_, [_]| Ok(0.5))
        .visualizer("text", [], |_, []| Ok(LeapHorizontalBar::new(vec![1.0], vec!["x".to_owned()])));
    let binder = Binder::builder(Numbers)
        .ground_truth("target", |_| Ok([4f32; 3]))
        .prediction_with("pred", ["a", "b", "c"], -1)
        .load_model(|| Ok(Next))
        .autoregressive(chain)
        .integration_test(|flow| {
            let chain = flow.chain()?;
            let target = flow.ground_truth("target")?;
            flow.autoregressive_metric("dist", &chain, [&target])?;
            flow.autoregressive_loss("loss", &chain, [&target])?;
            flow.autoregressive_visualizer("text", &chain, [])
        })
        .build()
        .unwrap();
    let report = binder.integration_test(DataState::Training, "s1");
    assert!(report.passed(), "{report}");
    // What the recorded metric printed: (3,) [4.0, 4.0, 4.0] {'n': 2, 'done': True} (3,) float32.
    let state = State { n: 2, done: true };
    assert_eq!(*seen.lock().unwrap(), [(vec![3], vec![4f32; 3], state, vec![3], candle_core::DType::F32)]);
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/flow/c183.json");
    let recorded: Json = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    assert_eq!(serde_json::to_value(&report.connections).unwrap(), recorded["node_connections"]);
    let lines: Vec<&str> = recorded["stdout"].as_array().unwrap().iter().map(|line| line.as_str().unwrap()).collect();
    assert_eq!(report.to_string().lines().collect::<Vec<_>>(), lines[..lines.len() - 1]);
    // The check records the graph without the model; only the step tells the names of the inputs.
    assert_eq!(serde_json::to_value(binder.node_connections().unwrap()).unwrap(), recorded["node_connections"]);
}

fn run<S: Serialize + Send + Sync + 'static>(
    step: impl Fn(&i64, Option<Chain<'_, S>>) -> HandlerResult<Step<S>> + Send + Sync + 'static,
) -> IntegrationReport {
    let binder = Binder::builder(Numbers)
        .prediction_with("pred", ["a"], -1)
        .load_model(|| Ok(Next))
        .autoregressive(Autoregressive::new(LatentSpaceAggregation::Mean, step))
        .integration_test(|flow| flow.chain().map(drop))
        .build()
        .unwrap();
    binder.integration_test(DataState::Training, SampleChoice::First)
}

fn refused(report: IntegrationReport, code: Code, fragment: &str) {
    let failure = report.failure.as_ref().unwrap_or_else(|| panic!("{fragment}\n{report}"));
    assert_eq!(failure.code, code, "{failure}");
    assert!(failure.to_string().contains(fragment), "{fragment} is not in {failure}");
    assert_ne!(report.table.status("tensorleap_model_loop"), Some(PartStatus::Passed));
}

/// Gives `second` after the first call, which gives three zeros under `x`.
fn second(
    second: impl Fn() -> Step<i64> + Send + Sync + 'static,
) -> impl Fn(&i64, Option<Chain<'_, i64>>) -> HandlerResult<Step<i64>> {
    move |_, chain| Ok(if chain.is_some() { second() } else { Step::next([("x", full(0.0))], 0) })
}

#[test]
fn what_a_step_may_not_do() {
    let rule = Code::AutoregressiveStep;
    let shape = || Tensor::zeros(4, candle_core::DType::F32, &Device::Cpu).unwrap();
    refused(run(second(|| Step::next([("z", full(0.0))], 0))), rule, "same key set");
    refused(run(second(move || Step::next([("x", shape())], 0))), rule, "identical on every call");
    refused(run(second(move || Step::next([("x", shape())], 0))), rule, "fixed tensor shapes");
    refused(run(second(|| Step::next([("x", full(0.0))], 0))), rule, "1000 steps");
    let random = AtomicI64::new(0);
    refused(
        run(second(move || Step::next([("x", full(random.fetch_add(1, Ordering::Relaxed) as f32))], 0))),
        rule,
        "not deterministic",
    );
    let random = AtomicI64::new(0);
    refused(
        run(second(move || Step::next([("x", full(0.0))], random.fetch_add(1, Ordering::Relaxed)))),
        rule,
        "not deterministic",
    );
    refused(run(|_, _: Option<Chain<'_, i64>>| Ok(Step::end(0))), rule, "may not end before it began");
    refused(run(|_, _: Option<Chain<'_, i64>>| Ok(Step { inputs: Some(Vec::new()), state: 0 })), rule, "an empty list");
    refused(run(|_, _: Option<Chain<'_, i64>>| Ok(Step::next([("_x", full(0.0))], 0))), rule, "start with `_`");
    refused(run(|_, _: Option<Chain<'_, i64>>| Err("no start".into())), Code::FunctionFailed, "no start");
    refused(run(|_, _: Option<Chain<'_, i64>>| Ok(Step::next([("z", full(0.0))], 0))), Code::ModelCall, "do not match");

    struct Secret;
    impl Serialize for Secret {
        fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(serde::ser::Error::custom("a lambda"))
        }
    }
    refused(run(|_, _: Option<Chain<'_, Secret>>| Ok(Step::next([("x", full(0.0))], Secret))), rule, "serialised");
}

#[test]
fn nan_is_equal_to_itself() {
    let report = run(|_, chain: Option<Chain<'_, f64>>| match chain {
        None => Ok(Step::next([("x", full(f32::NAN))], f64::NAN)),
        Some(_) => Ok(Step::end(f64::NAN)),
    });
    assert!(report.passed(), "{report}");
    assert_eq!(report.table.status("tensorleap_autoregressive_step"), Some(PartStatus::Passed));
    assert_eq!(report.table.status("tensorleap_input_encoder"), None);
}

#[test]
fn functions_over_a_chain() {
    type Body = fn(&mut leap_binder::binder::flow::Flow<'_>) -> leap_binder::Result<()>;
    let with = |body: Body| {
        let chain = Autoregressive::new(LatentSpaceAggregation::LastStep, step)
            .metric("map", MetricDirection::Upward, [], |_: Chain<'_, State>, []| Ok([("a", 1.0), ("b", 2.0)]))
            .metric("empty", MetricDirection::Upward, [], |_, []| Ok(ChainMetric::Map(Vec::new())))
            .metric("keys", MetricDirections::from([("z", MetricDirection::Upward)]), [], |_, []| Ok([("a", 1.0)]))
            .loss("loss", [ground_truth("target")], |_, [_]| Ok(f64::NAN));
        let binder = Binder::builder(Numbers)
            .ground_truth("target", |_| Ok([4f32; 3]))
            .prediction_with("pred", ["a"], -1)
            .load_model(|| Ok(Next))
            .autoregressive(chain)
            .integration_test(body)
            .build()
            .unwrap();
        binder.integration_test(DataState::Training, "s1")
    };
    let metric = |name: &'static str| match name {
        "map" => with(|flow| {
            let chain = flow.chain()?;
            flow.autoregressive_metric("map", &chain, [])
        }),
        "empty" => with(|flow| {
            let chain = flow.chain()?;
            flow.autoregressive_metric("empty", &chain, [])
        }),
        _ => with(|flow| {
            let chain = flow.chain()?;
            flow.autoregressive_metric("keys", &chain, [])
        }),
    };
    assert!(metric("map").passed());
    let stopped = |report: IntegrationReport, code: Code, fragment: &str| {
        let failure = report.failure.unwrap();
        assert!(failure.code == code && failure.to_string().contains(fragment), "{failure}");
    };
    stopped(metric("empty"), Code::MetricResult, "an empty map");
    stopped(metric("keys"), Code::MetricResult, "direction mapping");
    stopped(
        with(|flow| {
            let _ = flow.chain()?;
            flow.chain().map(drop)
        }),
        Code::IntegrationTest,
        "only one model loop",
    );
    let body: Body = |flow| {
        let chain = flow.chain()?;
        flow.autoregressive_loss("loss", &chain, [])
    };
    stopped(with(body), Code::IntegrationTest, "one ground truth for each argument");
    assert!(with(|flow| flow.wire_all()).failure.unwrap().to_string().contains("an empty map"));
}

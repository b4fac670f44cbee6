//! The integration test against what code_loader recorded for the same integrations: the graph and the status table.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use candle_core::{DType, Tensor};
use leap_binder::Binder;
use leap_binder::binder::BinderBuilder;
use leap_binder::binder::flow::{Ending, Handle, IntegrationReport, PartStatus, SampleChoice, TestOptions};
use leap_binder::contract::{
    Code, DataState, Dataset, HandlerResult, LatentSpaceOptions, LeapHorizontalBar, LeapModel, MetricDirection,
    ModelInput, SampleId, SimulationArguments, SimulationBounds, SimulationValue, Subset, argument, ground_truth,
    input, prediction,
};
use serde_json::Value as Json;

/// Three training samples `s0`.. and two validation samples `s100`..; a sample is the number in its id.
struct Numbers;

impl Dataset for Numbers {
    type Sample = i64;

    fn preprocess(&self) -> HandlerResult<Vec<Subset>> {
        let ids = |from: i64, n: i64| (from..from + n).map(|i| format!("s{i}"));
        Ok(vec![Subset::new(DataState::Training, ids(0, 3)), Subset::new(DataState::Validation, ids(100, 2))])
    }

    fn load(&self, id: &SampleId, _state: DataState) -> HandlerResult<i64> {
        Ok(id.to_string().trim_start_matches('s').parse()?)
    }
}

type Run = Box<dyn Fn(&[Tensor]) -> HandlerResult<Vec<Tensor>> + Send + Sync>;

struct Net(Vec<ModelInput>, Run);

impl Net {
    fn new(
        inputs: Vec<ModelInput>,
        run: impl Fn(&[Tensor]) -> HandlerResult<Vec<Tensor>> + Send + Sync + 'static,
    ) -> Self {
        Self(inputs, Box::new(run))
    }

    /// Divides by the sum over the classes.
    fn normalise() -> Self {
        Self::new(vec![ModelInput::new("inp", [None, Some(3)])], |xs| {
            Ok(vec![xs[0].broadcast_div(&xs[0].sum_keepdim(1)?)?])
        })
    }
}

impl LeapModel for Net {
    fn inputs(&self) -> Vec<ModelInput> {
        self.0.clone()
    }

    fn run(&self, inputs: &[Tensor]) -> HandlerResult<Vec<Tensor>> {
        (self.1)(inputs)
    }
}

fn labels() -> [leap_binder::contract::Argument; 2] {
    [ground_truth("y").named("gt"), prediction("classes").named("pred")]
}

fn base() -> BinderBuilder<Numbers> {
    Binder::builder(Numbers)
        .input_with("x", -1, |n| Ok([*n as f32 + 1.0; 3]))
        .ground_truth("y", |n| {
            let mut row = [0f32; 3];
            row[(n % 3) as usize] = 1.0;
            Ok(row)
        })
        .prediction_with("classes", ["a", "b", "c"], -1)
        .load_model(|| Ok(Net::normalise()))
        .loss("ce", labels(), |[gt, pred]| Ok((gt * pred.log()?)?.sum(1)?.neg()?))
}

fn bars(xs: &Tensor) -> HandlerResult<LeapHorizontalBar> {
    Ok(LeapHorizontalBar::new(xs.to_vec1()?, ["a", "b", "c"].map(String::from).to_vec()))
}

fn recorded(case: &str) -> Json {
    let path = format!("{}/tests/fixtures/flow/{case}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// The lines, of which long ones were recorded by their beginning, and the graph.
fn same_as(case: &str, report: &IntegrationReport) {
    same_text(case, report);
    assert_eq!(serde_json::to_value(&report.connections).unwrap(), recorded(case)["node_connections"], "{case}");
}

fn same_text(case: &str, report: &IntegrationReport) {
    let text = report.to_string();
    let mut lines = text.lines();
    let expected = recorded(case);
    let expected: Vec<&str> =
        expected["stdout"].as_array().unwrap().iter().map(|line| line.as_str().unwrap()).collect();
    assert!(expected.len() > 10);
    for expected in expected.split_last().unwrap().1 {
        let found = lines.next().unwrap_or_default();
        match expected.strip_suffix("...") {
            Some(start) => assert!(found.starts_with(start), "{case}: {found:?} is not {expected:?}"),
            None => assert_eq!(found, *expected, "{case}:\n{text}"),
        }
    }
}

fn test<D: Dataset>(binder: &Binder<D>, id: &str) -> IntegrationReport {
    binder.integration_test(DataState::Training, id)
}

fn failed(report: &IntegrationReport, code: Code, fragment: &str) {
    let failure = report.failure.as_ref().unwrap_or_else(|| panic!("{report}"));
    assert_eq!(failure.code, code, "{failure}");
    assert!(failure.to_string().contains(fragment), "{failure}");
}

#[test]
fn a_complete_flow() {
    let binder = base()
        .metric("m", MetricDirection::Upward, labels(), |[gt, pred]| {
            Ok(gt.argmax(1)?.eq(&pred.argmax(1)?)?.to_dtype(DType::F32)?)
        })
        .metadata("meta", |n| Ok(leap_binder::contract::Metadata::map([("n", *n)])))
        .visualizer("bar", [argument("data")], |[xs]| bars(xs))
        .integration_test(|flow| {
            let (x, gt) = (flow.input("x")?, flow.ground_truth("y")?);
            let pred = flow.model_named([("inp", &x)])?.at(0)?;
            flow.loss("ce", (&gt, &pred))?;
            flow.metric("m", (&gt, &pred))?;
            flow.visualizer("bar", &gt)?;
            flow.visualizer("bar", &pred)?;
            flow.metadata("meta")
        })
        .build()
        .unwrap();
    let report = test(&binder, "s0");
    same_as("c160", &report);
    assert!(report.passed() && report.table.is_complete() && report.table.ending == Ending::Clean);
    assert_eq!(serde_json::to_value(binder.node_connections().unwrap()).unwrap(), recorded("c160")["node_connections"]);
    assert_eq!(serde_json::to_value(&report.table).unwrap()["rows"][2]["status"], "passed");
}

#[test]
fn names_of_calls() {
    let visualizer = |flow: &mut leap_binder::binder::flow::Flow<'_>| {
        let (x, gt) = (flow.input("x")?, flow.ground_truth("y")?);
        flow.visualizer("bar", &gt)?;
        flow.visualizer("bar", &x)?;
        flow.named("input_bars").visualizer("bar", &x)?;
        flow.visualizer("bar", [&gt.wire()])?;
        flow.visualizer("other", vec![x.wire()])
    };
    let binder = base()
        .visualizer("bar", [argument("data")], |[xs]| bars(xs))
        .visualizer("other", [argument("data")], |[xs]| bars(xs))
        .integration_test(visualizer)
        .build()
        .unwrap();
    let report = test(&binder, "s0");
    assert!(report.passed(), "{report}");
    let names: Vec<_> = report.connections.iter().filter_map(|c| c.node.user_unique_name.as_deref()).collect();
    assert_eq!(names, ["bar", "bar_1", "input_bars", "bar_3", "other"]);
}

#[test]
fn two_inputs_and_two_outputs() {
    let binder = Binder::builder(Numbers)
        .input_with("left", 1, |_| Ok((vec![0f32; 8], [2, 4])))
        .input_with("right", 1, |_| Ok((vec![1f32; 8], [2, 4])))
        .prediction_with("sum", ["s"], 1)
        .prediction_with("diff", ["d"], 1)
        .load_model(|| {
            let inputs = ["l", "r"].map(|name| ModelInput::new(name, [None, Some(2), Some(4)]));
            Ok(Net::new(inputs.to_vec(), |xs| Ok(vec![(&xs[0] + &xs[1])?, (&xs[0] - &xs[1])?])))
        })
        .loss("l", [prediction("sum").named("a"), prediction("diff").named("b")], |[a, b]| {
            Ok((a - b)?.flatten_from(1)?.sum(1)?)
        })
        .integration_test(|flow| {
            let (left, right) = (flow.input("left")?, flow.input("right")?);
            let out = flow.model([&left, &right])?;
            flow.loss("l", [&out.at(0)?, &out.prediction("diff")?])
        })
        .build()
        .unwrap();
    same_as("c172", &test(&binder, "s1"));
}

#[test]
fn an_input_beside_the_model() {
    let binder = base()
        .input_with("weights", -1, |_| Ok([1f32; 3]))
        .loss(
            "weighted",
            [ground_truth("y").named("gt"), prediction("classes").named("pred"), input("weights").named("w")],
            |[gt, _, w]| Ok((gt * w)?.sum(1)?),
        )
        .integration_test(|flow| {
            let x = flow.input("x")?;
            let pred = flow.model([&x])?.only()?;
            let (y, w) = (flow.ground_truth("y")?, flow.input("weights")?);
            flow.loss("weighted", (&y, &pred, &w))
        })
        .build()
        .unwrap();
    let report = test(&binder, "s0");
    assert!(report.warnings.general[0].contains("not fed to the model"));
    same_as("c168", &report);
}

/// A loss that is fed something else than it was registered with; a visualizer may be.
#[test]
fn swapped_arguments_deserve_a_warning() {
    let wired = |swapped: bool| {
        base()
            .visualizer("bar", [prediction("classes")], |[xs]| bars(xs))
            .integration_test(move |flow| {
                let (x, y) = (flow.input("x")?, flow.ground_truth("y")?);
                let pred = flow.model([&x])?.only()?;
                flow.visualizer("bar", &y)?;
                if swapped { flow.loss("ce", (&pred, &y)) } else { flow.loss("ce", (&y, &pred)) }
            })
            .build()
            .unwrap()
    };
    assert_eq!(test(&wired(false), "s0").warnings.general, [""; 0]);
    let warnings = test(&wired(true), "s0").warnings.general;
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    assert!(
        warnings[0].contains("is registered with ground truth \"y\" and is fed prediction \"classes\""),
        "{warnings:?}"
    );
}

#[test]
fn functions_are_told_their_samples() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&seen);
    let binder = base()
        .metric_with_samples("m", MetricDirection::Upward, labels(), move |[gt, _], samples| {
            log.lock().unwrap().push((samples.sample_ids.to_vec(), samples.state, gt.dtype()));
            Ok(vec![0f32])
        })
        .integration_test(|flow| {
            let x = flow.input("x")?;
            let pred = flow.model([&x])?.at(0)?;
            let y = flow.ground_truth("y")?;
            for _ in 0..3 {
                flow.metric("m", (&y, &pred))?;
            }
            flow.loss("ce", (&y, &pred))
        })
        .build()
        .unwrap();
    same_as("c170", &test(&binder, "s0"));
    let one = (vec![SampleId::from("s0")], DataState::Training, DType::F16);
    assert_eq!(*seen.lock().unwrap(), [one.clone(), one.clone(), one]);
}

fn strict() -> Binder<Numbers> {
    base()
        .loss("strict", labels(), |[gt, pred]| {
            if pred.dtype() != DType::F32 {
                return Err(format!("float32 needed, got {:?}", pred.dtype()).into());
            }
            Ok(gt.zeros_like()?.sum(1)?)
        })
        .integration_test(|flow| {
            let x = flow.input("x")?;
            let pred = flow.model([&x])?.at(0)?;
            let y = flow.ground_truth("y")?;
            flow.loss("strict", (&y, &pred))
        })
        .build()
        .unwrap()
}

#[test]
fn a_loss_that_wants_float32() {
    let binder = strict();
    let report = test(&binder, "s0");
    failed(&report, Code::FunctionFailed, "received its tensors as float16");
    same_text("c171", &report);
    assert_eq!(serde_json::to_value(binder.node_connections().unwrap()).unwrap(), recorded("c171")["node_connections"]);

    let mut options = TestOptions::default();
    options.calls.float16 = false;
    assert!(binder.integration_test_with(DataState::Training, "s0", &options).passed());
}

/// Groups `a, b`, `c` and `d`.
struct Grouped(AtomicUsize);

impl Dataset for Grouped {
    type Sample = ();

    fn preprocess(&self) -> HandlerResult<Vec<Subset>> {
        Ok(vec![
            Subset::grouped(DataState::Training, [vec!["a", "b"], vec!["c"]])?,
            Subset::grouped(DataState::Validation, [vec!["d"]])?,
        ])
    }

    fn load(&self, _id: &SampleId, _state: DataState) -> HandlerResult<()> {
        Ok(())
    }

    fn load_group(&self, ids: &[SampleId], _state: DataState) -> HandlerResult<Vec<()>> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(vec![(); ids.len()])
    }
}

#[test]
fn a_group_is_loaded_together_and_each_sample_goes_through() {
    let runs = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&runs);
    let binder = Binder::builder(Grouped(AtomicUsize::new(0)))
        .input_with("x", -1, |()| Ok([1f32; 3]))
        .ground_truth("y", |()| Ok([0f32; 3]))
        .prediction_with("p", ["a"], -1)
        .load_model(|| Ok(Net::new(vec![ModelInput::new("inp", [None, Some(3)])], |xs| Ok(xs.to_vec()))))
        .loss("l", [ground_truth("y").named("a"), prediction("p").named("b")], move |[a, _]| {
            count.fetch_add(1, Ordering::Relaxed);
            Ok(a.sum(1)?)
        })
        .integration_test_from_registration()
        .build()
        .unwrap();
    let group = vec![SampleId::from("a"), SampleId::from("b")];
    let report = binder.integration_test(DataState::Training, group);
    assert!(report.passed(), "{report}");
    assert_eq!(report.table.status("tensorleap_metadata"), Some(PartStatus::Failed));
    // One load for the test, and one for each subset in the closing check.
    assert_eq!((binder.dataset().0.load(Ordering::Relaxed), runs.load(Ordering::Relaxed)), (3, 2));
    same_as("c174", &report);

    failed(&test(&binder, "a"), Code::MixedGrouping, "single sample id");
    assert!(binder.integration_test(DataState::Training, SampleChoice::First).passed());
}

#[test]
fn nothing_exercised() {
    let report = test(&base().build().unwrap(), "s0");
    failed(&report, Code::IntegrationTestMissing, "integration_test");
    let text = report.table.to_string();
    let expected = recorded("c175");
    let expected: Vec<&str> =
        expected["stdout"].as_array().unwrap().iter().map(|line| line.as_str().unwrap()).collect();
    assert_eq!(text.lines().collect::<Vec<_>>(), expected[..expected.len() - 1]);
}

#[test]
fn crashes_and_whom_they_are_blamed_on() {
    let binder = || Binder::builder(Numbers).metadata("m", |_| Ok(1i64));
    let boom = binder()
        .input_with("x", -1, |_| Ok([1f32; 3]))
        .input_with("boom", -1, |_| Err::<[f32; 3], _>("no image".into()))
        .integration_test(|flow| flow.input("boom").map(drop))
        .build()
        .unwrap();
    let report = test(&boom, "s0");
    same_as("c176", &report);
    failed(&report, Code::FunctionFailed, "no image");
    assert_eq!(report.failure.as_ref().unwrap().sample.as_deref(), Some("s0"));

    let body = binder()
        .integration_test(|flow| {
            flow.metadata("m")?;
            panic!("body")
        })
        .build()
        .unwrap();
    let report = test(&body, "s0");
    same_as("c177", &report);
    failed(&report, Code::FunctionPanicked, "body");
    assert_eq!(report.table.ending, Ending::FlowFailed);

    let closing = base()
        .metadata("m", |n| if *n >= 100 { Err("validation metadata".into()) } else { Ok(1i64) })
        .integration_test(|flow| {
            let (x, y) = (flow.input("x")?, flow.ground_truth("y")?);
            let pred = flow.model([&x])?.at(0)?;
            flow.loss("ce", (&y, &pred))?;
            flow.metadata("m")
        })
        .build()
        .unwrap();
    let report = test(&closing, "s0");
    same_as("c180", &report);
    failed(&report, Code::FunctionFailed, "validation metadata");
    assert_eq!(report.failure.unwrap().subset, Some(DataState::Validation));
}

/// Lists nothing.
struct Broken;

impl Dataset for Broken {
    type Sample = ();

    fn preprocess(&self) -> HandlerResult<Vec<Subset>> {
        Err("no data".into())
    }

    fn load(&self, _id: &SampleId, _state: DataState) -> HandlerResult<()> {
        Ok(())
    }
}

/// code_loader blames the metadata row (`c189`); everything else of the table is the same.
#[test]
fn a_crash_in_preprocess_is_blamed_on_preprocess() {
    let report = test(&Binder::builder(Broken).integration_test(|_| Ok(())).build().unwrap(), "s0");
    failed(&report, Code::PreprocessFailed, "no data");
    let table = report.table.to_string();
    assert!(table.contains("crashed at function 'tensorleap_preprocess'."), "{table}");
    let recorded = recorded("c189");
    let recorded: Vec<&str> =
        recorded["stdout"].as_array().unwrap().iter().map(|line| line.as_str().unwrap()).collect();
    let differ: Vec<&str> = table.lines().zip(recorded).filter(|(a, b)| a != b).map(|(a, _)| &a[..21]).collect();
    assert_eq!(differ, ["tensorleap_preprocess", "tensorleap_metadata (", "Script crashed before"]);
}

#[test]
fn an_encoder_that_seems_batched() {
    let shapes = Arc::new(Mutex::new(Vec::new()));
    let (seen, drawn) = (Arc::clone(&shapes), Arc::clone(&shapes));
    let binder = base()
        .input_with("img", -1, |_| Ok((vec![1f32; 16], [1, 4, 4])))
        .visualizer("v", [argument("a")], move |[xs]| {
            drawn.lock().unwrap().push(xs.dims().to_vec());
            Ok(LeapHorizontalBar::new(vec![1.0], vec!["x".to_owned()]))
        })
        .metric("shape", MetricDirection::Upward, [input("img")], move |[xs]| {
            seen.lock().unwrap().push(xs.dims().to_vec());
            Ok(vec![0f32])
        })
        .integration_test(|flow| {
            let img = flow.input("img")?;
            flow.visualizer("v", &img)
        })
        .build()
        .unwrap();
    let report = test(&binder, "s0");
    assert!(report.warnings.general[0].contains("will add a batch dimension at axis 0"), "{report}");
    assert_eq!(serde_json::to_value(&report.connections).unwrap(), recorded("c179")["node_connections"]);
    let table = report.table.to_string();
    let expected = recorded("c179");
    let expected = expected["stdout"].as_array().unwrap();
    assert_eq!(table.lines().collect::<Vec<_>>(), expected[1..expected.len() - 1]);
    // A visualizer takes one sample, a metric a batch of it.
    assert_eq!(*shapes.lock().unwrap(), [vec![1, 4, 4]]);

    let binder = base()
        .input_with("img", -1, |_| Ok((vec![1f32; 16], [1, 4, 4])))
        .metric("shape", MetricDirection::Upward, [input("img")], {
            let shapes = Arc::clone(&shapes);
            move |[xs]| {
                shapes.lock().unwrap().push(xs.dims().to_vec());
                Ok(vec![0f32])
            }
        })
        .integration_test(|flow| {
            let img = flow.input("img")?;
            flow.metric("shape", &img)
        })
        .build()
        .unwrap();
    assert!(test(&binder, "s0").passed());
    assert_eq!(shapes.lock().unwrap().last().unwrap(), &[1, 1, 4, 4]);
}

#[test]
fn simulations_have_a_row() {
    let bounds = || [("p", SimulationBounds::float(0.0, 1.0))];
    let make = |arguments: &SimulationArguments| Ok(vec![1i64; arguments.samples]);
    let call = |samples| SimulationArguments::new([("p", SimulationValue::Float(0.5))], samples, 0);
    let with = |body: fn(&mut leap_binder::binder::flow::Flow<'_>, &SimulationArguments) -> leap_binder::Result<()>,
                n| {
        base()
            .simulation("called", bounds(), make)
            .simulation("never_called", bounds(), move |arguments| {
                if arguments.samples == 1 { make(arguments) } else { Err("unable".into()) }
            })
            .integration_test(move |flow| body(flow, &call(n)))
            .build()
            .unwrap()
    };
    let report = test(&with(|flow, arguments| flow.simulation("called", arguments), 2), "s0");
    assert!(report.passed(), "{report}");
    let table = report.table.to_string();
    assert!(
        table.starts_with("\n⚠️  Simulation(s) not called in integration test: never_called\n\nDecorator Name"),
        "{table}"
    );
    assert_eq!(report.table.status("tensorleap simulation"), Some(PartStatus::Undecided));

    let report = test(&with(|flow, arguments| flow.simulation("never_called", arguments), 2), "s0");
    failed(&report, Code::FunctionFailed, "unable");
    assert_eq!(report.table.status("tensorleap simulation"), Some(PartStatus::Failed));
    assert_eq!(report.table.simulations_failed, ["never_called"]);

    let report = test(&with(|flow, arguments| flow.simulation("called", arguments), 0), "s0");
    failed(&report, Code::SimulationRule, "at least one");
}

#[test]
fn ids_must_be_of_the_subsets_type() {
    let binder = Binder::builder(Numbers)
        .metadata("m", |_| Ok(1i64))
        .integration_test(|flow| flow.metadata("m"))
        .build()
        .unwrap();
    same_text_of_table("c182", &test(&binder, "s0"));
    assert!(test(&binder, "s1").passed());
    let report = binder.integration_test(DataState::Training, 0);
    failed(&report, Code::MixedIdTypes, "same type");
    // The test had not begun.
    assert_eq!(report.table.ending, Ending::Crashed(None));
    assert!(report.table.to_string().ends_with("\nScript crashed before completing all steps.\n"));
    let group = vec![SampleId::from("s0")];
    failed(&binder.integration_test(DataState::Training, group), Code::MixedGrouping, "not grouped");
    failed(&binder.integration_test(DataState::Test, "s0"), Code::MissingSubset, "test");
}

fn same_text_of_table(case: &str, report: &IntegrationReport) {
    let expected = recorded(case);
    let lines: Vec<&str> = expected["stdout"].as_array().unwrap().iter().map(|line| line.as_str().unwrap()).collect();
    let header = lines.iter().position(|line| line.starts_with("Decorator Name")).unwrap();
    assert_eq!(report.table.to_string().lines().collect::<Vec<_>>(), lines[header - 1..lines.len() - 1]);
}

#[test]
fn a_model_latent_space_is_wired_once() {
    let binder = base()
        .model_latent_space("emb", LatentSpaceOptions::default(), [prediction("classes").named("pred")], |[xs], _| {
            Ok(xs.to_dtype(DType::F32)?)
        })
        .integration_test(|flow| {
            let x = flow.input("x")?;
            let pred = flow.model([&x])?.at(0)?;
            flow.model_latent_space("emb", &pred)?;
            flow.model_latent_space("emb", &pred)?;
            let y = flow.ground_truth("y")?;
            flow.loss("ce", (&y, &pred))
        })
        .build()
        .unwrap();
    same_as("c185", &test(&binder, "s0"));
}

#[test]
fn the_platform_could_not_follow() {
    type Body = fn(&mut leap_binder::binder::flow::Flow<'_>) -> leap_binder::Result<()>;
    let with = |body: Body| base().integration_test(body).build().unwrap();
    let cases: [(Body, Code, &str); 8] = [
        (
            |flow| {
                let x = flow.input("x")?;
                flow.model([&x, &x]).map(drop)
            },
            Code::IntegrationTest,
            "The same input source",
        ),
        (
            |flow| {
                let x = flow.input("x")?;
                flow.model([&x])?.at(10).map(drop)?;
                Ok(())
            },
            Code::IntegrationTest,
            "no more then 10 active predictions",
        ),
        (
            |flow| {
                let x = flow.input("x")?;
                flow.model([&x])?.prediction("logits").map(drop)?;
                Ok(())
            },
            Code::IntegrationTest,
            "Unknown prediction name \"logits\"",
        ),
        (
            |flow| {
                let x = flow.input("x")?;
                flow.model([&x])?.at(1).map(drop)?;
                Ok(())
            },
            Code::IntegrationTest,
            "place 1 of 1",
        ),
        (|flow| flow.model([]).map(drop), Code::ModelCall, "Missing required input"),
        (
            |flow| {
                let x = flow.input("x")?;
                flow.model_named([("z", &x)]).map(drop)
            },
            Code::ModelCall,
            "do not match",
        ),
        (
            |flow| {
                let y = flow.ground_truth("y")?;
                flow.loss("ce", &y)
            },
            Code::IntegrationTest,
            "one tensor for each argument",
        ),
        (|flow| flow.input("z").map(drop), Code::UnknownSource, "\"x\""),
    ];
    for (body, code, fragment) in cases {
        let report = test(&with(body), "s0");
        failed(&report, code, fragment);
        assert_eq!(report.table.status("tensorleap_integration_test"), Some(PartStatus::Passed));
    }
}

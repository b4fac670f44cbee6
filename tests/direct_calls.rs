//! Direct calls of a binder's functions: code_loader's rules for arguments and results, which its check does not apply.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use candle_core::{DType, Device, Tensor};
use leap_binder::Binder;
use leap_binder::binder::flow::{CallOptions, Calls, TestOptions};
use leap_binder::binder::{BinderBuilder, MetricOptions};
use leap_binder::contract::{
    Code, DataState, Dataset, HandlerResult, LatentSpaceOptions, LatentSpaceReduction, LeapHorizontalBar, LeapModel,
    Metadata, MetadataValue, MetricDirection, MetricDirections, MetricResult, ModelInput, SampleId,
    SimulationArguments, SimulationBounds, SimulationValue, Subset, Violation, argument,
};
use leap_binder::imaging::{ChannelOrder, ImageSpec, Normalisation};
use leap_binder::model::{AsLeapModel, Model, Output};

/// Samples are counted as they are loaded; those with a `!` cannot be.
#[derive(Default)]
struct Texts(AtomicUsize);

impl Dataset for Texts {
    type Sample = String;

    fn preprocess(&self) -> HandlerResult<Vec<Subset>> {
        Ok(vec![subset(), Subset::new(DataState::Validation, ["v0"])])
    }

    fn load(&self, id: &SampleId, _state: DataState) -> HandlerResult<String> {
        self.0.fetch_add(1, Ordering::Relaxed);
        if id.to_string().contains('!') { Err("unreadable".into()) } else { Ok(id.to_string()) }
    }
}

fn subset() -> Subset {
    Subset::new(DataState::Training, ["s0", "s1"])
}

fn zeros(dims: &[usize], dtype: DType) -> Tensor {
    Tensor::zeros(dims, dtype, &Device::Cpu).unwrap()
}

fn builder() -> BinderBuilder<Texts> {
    Binder::builder(Texts::default())
}

fn refused<T: std::fmt::Debug>(result: Result<T, Violation>, code: Code, fragment: &str) {
    let violation = result.expect_err(fragment);
    assert_eq!(violation.code, code, "{violation}");
    assert!(violation.to_string().contains(fragment), "{fragment:?} is not in {violation}");
}

fn with<T>(builder: BinderBuilder<Texts>, call: impl FnOnce(&mut Calls<'_>) -> T) -> T {
    let binder = builder.build().unwrap();
    call(&mut binder.calls(&subset(), CallOptions::default()))
}

#[test]
fn encoders_give_float32() {
    let id = SampleId::from("s0");
    let input = |xs: Tensor| with(builder().input("x", move |_| Ok(xs.clone())), |calls| calls.input("x", &id));
    let truth =
        |xs: Tensor| with(builder().ground_truth("x", move |_| Ok(xs.clone())), |calls| calls.ground_truth("x", &id));
    for dtype in [DType::F64, DType::F16, DType::U8, DType::I64, DType::U32, DType::BF16] {
        refused(input(zeros(&[2], dtype)), Code::WrongDtype, "a float32 tensor");
        refused(truth(zeros(&[2], dtype)), Code::WrongDtype, "a float32 tensor");
    }
    refused(input(zeros(&[2], DType::I64)), Code::WrongDtype, "int64");
    refused(truth(zeros(&[2], DType::U8)), Code::WrongDtype, "uint8");
    for xs in [zeros(&[], DType::F32), zeros(&[0], DType::F32), Tensor::new(&[f32::NAN], &Device::Cpu).unwrap()] {
        assert_eq!(input(xs.clone()).unwrap().dims(), xs.dims());
        assert_eq!(truth(xs.clone()).unwrap().dims(), xs.dims());
    }
    // No batch axis is added outside a test.
    assert_eq!(input(zeros(&[1, 2, 3], DType::F32)).unwrap().dims(), [1, 2, 3]);
}

#[test]
fn channel_axes_count_the_batch() {
    let id = SampleId::from("s0");
    let input = |axis: i64| {
        let builder = builder().input_with("x", axis, |_| Ok((vec![0f32; 6], [2, 3])));
        with(builder, |calls| calls.input("x", &id))
    };
    for axis in [-1, 1, 2, 3] {
        assert!(input(axis).is_ok(), "{axis}");
    }
    refused(input(4), Code::ChannelDim, "channel_dim (4)");
    let calls = with(builder().input("x", |_| Ok([0f32])).input_with("y", -1, |_| Ok([0f32])), |calls| {
        calls.input("x", &id).unwrap();
        calls.warnings().clone()
    });
    assert_eq!(calls.defaults["channel_dim"].value, "-1");
    assert_eq!(calls.defaults["channel_dim"].functions.iter().collect::<Vec<_>>(), ["x"]);
    let text = calls.to_string();
    assert!(text.contains("Parameter 'channel_dim' defaults to -1 in the following functions: [x]."), "{text}");
}

#[test]
fn ids_and_groups() {
    let binder = builder().input("x", |id| Ok([id.len() as f32])).metadata("m", |id| Ok(id.clone())).build().unwrap();
    let mut calls = binder.calls(&subset(), CallOptions::default());
    refused(calls.input("x", &SampleId::from(0)), Code::MixedIdTypes, "same type");
    refused(calls.input_group("x", &[SampleId::from("s0")]), Code::MixedGrouping, "not grouped");
    refused(calls.input("z", &SampleId::from("s0")), Code::UnknownSource, "\"x\"");
    refused(calls.input("x", &SampleId::from("!")), Code::LoadFailed, "unreadable");
    // An id is not looked up, and a sample is loaded once for calls in a row.
    let before = binder.dataset().0.load(Ordering::Relaxed);
    assert!(calls.input("x", &SampleId::from("nope")).is_ok() && calls.metadata("m", &SampleId::from("nope")).is_ok());
    assert_eq!(binder.dataset().0.load(Ordering::Relaxed), before + 1);

    let groups = Subset::grouped(DataState::Training, [vec!["a", "bc"], vec!["d"]]).unwrap();
    let mut calls = binder.calls(&groups, CallOptions::default());
    let ids = [SampleId::from("a"), SampleId::from("bc")];
    let lengths: Vec<f32> =
        calls.input_group("x", &ids).unwrap().iter().map(|xs| xs.to_vec1::<f32>().unwrap()[0]).collect();
    assert_eq!(lengths, [1.0, 2.0]);
    assert_eq!(calls.metadata_group("m", &ids).unwrap()[1], Metadata::from("bc"));
    refused(calls.input("x", &ids[0]), Code::MixedGrouping, "single sample id");
}

#[test]
fn metadata_is_handed_on() {
    let id = SampleId::from("s0");
    for value in
        [MetadataValue::Absent, MetadataValue::from(3u8), MetadataValue::from(f64::NAN), MetadataValue::from("a")]
    {
        let given = Metadata::Scalar(value);
        let expected = format!("{given:?}");
        let found =
            with(builder().metadata("m", move |_| Ok(given.clone())), |calls| calls.metadata("m", &id)).unwrap();
        assert_eq!(format!("{found:?}"), expected);
    }
}

#[test]
fn losses_and_metrics() {
    let (id, xs) = ([SampleId::from("s0")], zeros(&[1, 3], DType::F32));
    let loss = |result: Tensor| {
        let builder = builder().loss("l", [argument("a")], move |[_]| Ok(result.clone()));
        with(builder, |calls| calls.loss("l", &[&xs], &id))
    };
    assert!(loss(zeros(&[], DType::F32)).is_ok() && loss(zeros(&[7], DType::F64)).is_ok());
    refused(loss(zeros(&[1, 2], DType::F32)), Code::LossResult, "2Dim");

    let metric = |options: CallOptions, result: MetricResult| {
        let options_of = MetricOptions::from(MetricDirections::from([("a", MetricDirection::Upward)]));
        let builder = builder().metric("m", options_of, [argument("a")], move |[_]| Ok(result.clone()));
        let binder = builder.build().unwrap();
        let mut calls = binder.calls(&subset(), options);
        let result = calls.metric("m", &[&xs], &id);
        (result.map(|call| call.directions), calls.warnings().clone())
    };
    let plain = CallOptions::default();
    refused(metric(plain, zeros(&[2, 2], DType::F32).into()).0, Code::MetricResult, "2D");
    refused(metric(plain, zeros(&[], DType::F32).into()).0, Code::MetricResult, "0D");
    refused(metric(plain, [("b", vec![1f32])].into()).0, Code::MetricResult, "direction mapping");
    assert!(metric(plain, zeros(&[5], DType::F32).into()).0.is_ok());
    let (directions, warnings) = metric(plain, [("a", vec![1f32]), ("b", vec![2f32])].into());
    let expected = MetricDirections::map([("a", MetricDirection::Upward), ("b", MetricDirection::Downward)]);
    assert_eq!(directions.unwrap(), expected);
    assert_eq!(warnings.defaults.keys().collect::<Vec<_>>(), ["direction[{'b'}]"]);
    refused(metric(plain.batch_size(2), vec![1f32, 2.0].into()).0, Code::MetricResult, "batch size");
    refused(metric(plain.batch_size(1), vec![1f32, 2.0].into()).0, Code::MetricResult, "batch size");
    assert!(metric(plain.batch_size(1), vec![1f32].into()).0.is_ok());

    let nothing = builder().loss("l", [], |[]| Ok(vec![0f32]));
    refused(with(nothing, |calls| calls.loss("l", &[], &id)), Code::IntegrationTest, "at least one");
    let instances = |values: Vec<(i64, Tensor)>| {
        let builder =
            builder().instance_metric("m", MetricDirection::Upward, [argument("a")], move |[_]| Ok(values.clone()));
        with(builder, |calls| calls.instance_metric("m", &[&xs], &id))
    };
    assert!(instances(vec![(0, zeros(&[1], DType::F32)), (3, zeros(&[1], DType::F64))]).is_ok());
    refused(instances(vec![(0, zeros(&[1, 1], DType::F32))]), Code::MetricResult, "under the key `0`");
    refused(instances(vec![(1, zeros(&[1], DType::F32)), (1, zeros(&[1], DType::F32))]), Code::MetricResult, "twice");
}

#[test]
fn visualizers_keep_their_precision() {
    let drawn = |xs: Tensor, options: CallOptions| {
        let builder = builder().visualizer("v", [argument("a")], |[xs]| {
            Ok(LeapHorizontalBar::new(xs.flatten_all()?.to_vec1::<f32>()?, vec!["a".to_owned(); xs.elem_count()]))
        });
        let binder = builder.build().unwrap();
        binder.calls(&subset(), options).visualizer("v", &[&xs], &SampleId::from("s0"))
    };
    let xs = Tensor::new(&[0.1f32, 0.2], &Device::Cpu).unwrap();
    assert!(format!("{:?}", drawn(xs.clone(), CallOptions::default()).unwrap()).contains("[0.1, 0.2]"));
    refused(drawn(xs.clone(), CallOptions::default().batch_size(2)), Code::IntegrationTest, "batch");

    let unlabelled = builder()
        .visualizer("v", [argument("a")], |[xs]| Ok(LeapHorizontalBar::new(xs.to_vec1()?, Vec::<String>::new())));
    let binder = unlabelled.build().unwrap();
    let mut calls = binder.calls(&subset(), CallOptions::default());
    calls.visualizer("v", &[&xs], &SampleId::from("s0")).unwrap();
    assert!(calls.warnings().general[0].starts_with("visualizer::v: "), "{:?}", calls.warnings());
}

#[test]
fn latent_spaces_from_samples() {
    let id = SampleId::from("s0");
    let space = |xs: Tensor, options: LatentSpaceOptions| {
        let binder = builder().latent_space("d", options, move |_| Ok(xs.clone())).build().unwrap();
        let mut calls = binder.calls(&subset(), CallOptions::default());
        (calls.latent_space("d", &id), calls.warnings().general.clone())
    };
    let plain = LatentSpaceOptions::default();
    let pooled = |axis| plain.reduce(LatentSpaceReduction::MeanPool { channel_axis: axis });
    let rule = Code::LatentSpaceResult;
    refused(space(zeros(&[0], DType::F32), plain).0, rule, "no features");
    refused(space(zeros(&[4097], DType::F32), plain).0, rule, "4096 limit");
    refused(space(zeros(&[4, 5], DType::F32), pooled(2)).0, rule, "non-batch axis");
    refused(space(zeros(&[4, 5], DType::F32), pooled(-3)).0, rule, "non-batch axis");
    for axis in [0, 1, -1, -2] {
        assert!(space(zeros(&[4, 5], DType::F32), pooled(axis)).0.is_ok(), "{axis}");
    }
    let clean = |dims: &[usize], dtype| space(zeros(dims, dtype), plain);
    assert!(clean(&[1024], DType::I64).1.is_empty());
    let (xs, warnings) = clean(&[4096], DType::F32);
    assert!(xs.is_ok() && warnings[0].contains("4096 numbers"), "{warnings:?}");
    assert!(clean(&[2, 3], DType::F32).1[0].contains("flattened"));
    let values = |values: &[f32]| space(Tensor::new(values, &Device::Cpu).unwrap(), plain).1;
    assert!(values(&[1.0, f32::NAN])[0].contains("NaN"));
    assert!(values(&[65505.0])[0].contains("clipped"));
    assert!(values(&[65504.0]).is_empty());
    let large = Tensor::new(&[70_000i64], &Device::Cpu).unwrap();
    assert!(space(large, plain).1[0].contains("clipped"));
    let projected = plain.reduce(LatentSpaceReduction::RandomProjection { n_components: 64 });
    assert!(space(zeros(&[4097], DType::F32), projected).0.is_ok());
}

#[test]
fn latent_spaces_from_the_model() {
    let (ids, xs) = ([SampleId::from("s0")], zeros(&[1, 3], DType::F32));
    let space = |result: Tensor, options: LatentSpaceOptions| {
        let builder = builder().model_latent_space("m", options, [argument("a")], move |[_], _| Ok(result.clone()));
        with(builder, |calls| calls.model_latent_space("m", &[&xs], &ids))
    };
    let plain = LatentSpaceOptions::default();
    let rule = Code::LatentSpaceResult;
    refused(space(zeros(&[3], DType::F32), plain), rule, "batch axis");
    refused(space(zeros(&[1, 0], DType::F32), plain), rule, "no features");
    let batch = plain.reduce(LatentSpaceReduction::MeanPool { channel_axis: 0 });
    refused(space(zeros(&[1, 3], DType::F32), batch), rule, "channel_axis=0");
    assert_eq!(space(zeros(&[1, 3], DType::F32), plain).unwrap().dims(), [1, 3]);
}

#[test]
fn simulations() {
    let binder = builder()
        .input("x", |text| Ok([text.len() as f32]))
        .simulation("s", [("p", SimulationBounds::float(0.0, 1.0))], |arguments| {
            Ok(vec!["ab".to_owned(); if arguments.seed == 1 { 0 } else { arguments.samples }])
        })
        .build()
        .unwrap();
    let mut calls = binder.calls(&subset(), CallOptions::default());
    let arguments =
        |name: &str, samples, seed| SimulationArguments::new([(name, SimulationValue::Float(0.5))], samples, seed);
    assert_eq!(calls.simulation("s", &arguments("p", 2, 0)).unwrap()[1][0].to_vec1::<f32>().unwrap(), [2.0]);
    refused(calls.simulation("s", &arguments("q", 2, 0)), Code::SimulationRule, "\"p\"");
    refused(calls.simulation("s", &arguments("p", 2, 1)), Code::SimulationResult, "at least one sample");
}

type Run = Box<dyn Fn(&[Tensor]) -> Vec<Tensor> + Send + Sync>;

struct Net(Vec<ModelInput>, Run);

impl LeapModel for Net {
    fn inputs(&self) -> Vec<ModelInput> {
        self.0.clone()
    }

    fn run(&self, inputs: &[Tensor]) -> HandlerResult<Vec<Tensor>> {
        Ok((self.1)(inputs))
    }
}

#[test]
fn the_model_is_loaded_once_and_fed_what_it_declares() {
    let loads = Arc::new(AtomicUsize::new(0));
    let net = |names: &'static [&'static str], dtype: DType, outputs: usize, predictions: usize| {
        let count = Arc::clone(&loads);
        let builder =
            (0..predictions).fold(builder(), |builder, i| builder.prediction_with(format!("q{i}"), ["a"], -1));
        builder
            .load_model(move || {
                count.fetch_add(1, Ordering::Relaxed);
                let inputs =
                    names.iter().map(|name| ModelInput::new(*name, [None, Some(2)]).with_dtype(dtype)).collect();
                let run = move |xs: &[Tensor]| {
                    assert!(xs.iter().all(|xs| xs.dtype() == dtype));
                    vec![xs[0].clone(); outputs]
                };
                Ok(Net(inputs, Box::new(run)))
            })
            .build()
            .unwrap()
    };
    let xs = Tensor::new(&[[1.9f32, 0.0]], &Device::Cpu).unwrap();
    let binder = net(&["x"], DType::I64, 1, 1);
    let calls = binder.calls(&subset(), CallOptions::default());
    let outputs = calls.model().unwrap().run(&[&xs]).unwrap();
    assert_eq!(outputs[0].to_vec2::<i64>().unwrap(), [[1, 0]]);
    calls.model().unwrap();
    assert_eq!(loads.load(Ordering::Relaxed), 1);

    let call = |binder: &Binder<Texts>, feeds: &[&str]| {
        let feeds: Vec<(&str, &Tensor)> = feeds.iter().map(|name| (*name, &xs)).collect();
        binder.calls(&subset(), CallOptions::default()).model().unwrap().run_named(&feeds)
    };
    let rule = Code::ModelCall;
    refused(call(&net(&["x"], DType::F16, 1, 0), &["x"]), rule, "tensor(float16)");
    refused(call(&net(&["x"], DType::F32, 1, 0), &["z"]), rule, "do not match");
    refused(call(&net(&["x", "y"], DType::F32, 1, 0), &["x"]), rule, "Missing required input \"y\"");
    refused(call(&net(&["x", "y"], DType::F32, 1, 0), &["y", "x"]), rule, "order mismatch");
    refused(call(&net(&["x"], DType::F32, 1, 2), &["x"]), rule, "number of declared prediction types(2)");
    refused(call(&net(&["x"], DType::F32, 3, 2), &["x"]), rule, "3 outputs");
    assert_eq!(call(&net(&["x"], DType::F32, 3, 0), &["x"]).unwrap().len(), 3);
    let wide = zeros(&[1, 3], DType::F32);
    let binder = net(&["x"], DType::F32, 1, 0);
    let model = binder.calls(&subset(), CallOptions::default()).model().unwrap();
    refused(model.run(&[&wide]), rule, "[1, 3]");
    refused(model.run(&[&xs, &xs]), rule, "do not match");
    let none = builder().build().unwrap();
    refused(none.calls(&subset(), CallOptions::default()).model(), Code::IntegrationTest, "load_model");
    let failing = builder().load_model(|| Err::<Net, _>("no file".into())).build().unwrap();
    refused(failing.calls(&subset(), CallOptions::default()).model(), Code::FunctionFailed, "no file");
}

#[test]
fn a_fixed_batch_is_filled_inside_a_test_only() {
    let fed = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&fed);
    let binder = builder()
        .input_with("x", -1, |_| Ok([1f32; 3]))
        .prediction_with("p", ["a"], -1)
        .metric("rows", MetricDirection::Upward, [argument("a")], |[xs]| {
            assert_eq!(xs.dims(), [1, 3]);
            Ok(vec![0f32])
        })
        .load_model(move || {
            let seen = Arc::clone(&seen);
            let run = move |xs: &[Tensor]| {
                seen.store(xs[0].dims()[0], Ordering::Relaxed);
                xs.to_vec()
            };
            Ok(Net(vec![ModelInput::new("inp", [Some(4), Some(3)])], Box::new(run)))
        })
        .integration_test(|flow| {
            let x = flow.input("x")?;
            let pred = flow.model([&x])?.only()?;
            flow.metric("rows", &pred)
        })
        .build()
        .unwrap();
    let report = binder.integration_test(DataState::Training, "s0");
    assert!(report.passed(), "{report}");
    assert_eq!(fed.load(Ordering::Relaxed), 4);
    let model = binder.calls(&subset(), CallOptions::default()).model().unwrap();
    assert_eq!(model.run(&[&zeros(&[1, 3], DType::F32)]).unwrap()[0].dims(), [1, 3]);
    assert_eq!(fed.load(Ordering::Relaxed), 1);
}

/// Mean red against mean blue.
#[derive(Debug)]
struct RedOrBlue(Vec<String>, ImageSpec);

impl Model for RedOrBlue {
    fn name(&self) -> &str {
        "red_or_blue"
    }

    fn classes(&self) -> &[String] {
        &self.0
    }

    fn input(&self) -> &ImageSpec {
        &self.1
    }

    fn latent_dim(&self) -> usize {
        3
    }

    fn device(&self) -> &Device {
        &Device::Cpu
    }

    fn forward(&self, xs: &Tensor) -> leap_binder::Result<Output> {
        let latent = xs.mean((2, 3)).unwrap();
        let logits = latent.index_select(&Tensor::new(&[0u32, 2], &Device::Cpu).unwrap(), 1).unwrap();
        Ok(Output { logits, latent })
    }
}

#[test]
fn a_model_of_the_crate_in_an_integration_test() {
    let spec = ImageSpec {
        width: 2,
        height: 2,
        colours: Colours::Rgb,
        channel_order: ChannelOrder::Rgb,
        normalisation: Normalisation::UnitRange,
        resampling: None,
    };
    let model = RedOrBlue(vec!["red".to_owned(), "blue".to_owned()], spec.clone());
    let other = ImageSpec { width: 3, ..spec.clone() };
    assert!(AsLeapModel::new(RedOrBlue(Vec::new(), spec.clone()), other).is_err());
    let binder = builder()
        .image_input("image", spec.clone(), |_| Ok(([1.0f32, 0.0, 0.0].repeat(4), [2, 2, 3])))
        .prediction("colour", ["red", "blue"])
        .metric("red", MetricDirection::Upward, [argument("p")], |[p]| {
            // e / (e + 1) in 16 bits.
            assert_eq!(p.to_dtype(DType::F32)?.to_vec2::<f32>()?, [[1497.0 / 2048.0, 1102.0 / 4096.0]]);
            Ok(vec![1f32])
        })
        .integration_test(|flow| {
            let image = flow.input("image")?;
            let colour = flow.model([&image])?.prediction("colour")?;
            flow.metric("red", &colour)
        })
        .build()
        .unwrap();
    let options = TestOptions::default().model(AsLeapModel::new(model, spec).unwrap());
    let report = binder.integration_test_with(DataState::Training, "s0", &options);
    assert!(report.passed(), "{report}");
    let defaulted: Vec<&String> = report.warnings.defaults.keys().collect();
    assert_eq!(defaulted, ["prediction_types[0].channel_dim"]);
}

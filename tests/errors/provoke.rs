//! One way to provoke each code through the public API.

use candle_core::{DType, Device, Tensor};
use leap_binder::binder::Autoregressive;
use leap_binder::check::check_build;
use leap_binder::contract::*;

use super::beyond;
use super::binders::*;

type Provoke = fn() -> String;

pub(crate) const TABLE: &[(Code, Provoke)] = &[
    (Code::DuplicateName, || refused(binder().input("x", |x| Ok([*x])))),
    (Code::EmptyName, || refused(binder().metadata("", |x| Ok(*x)))),
    (Code::ChannelDim, || refused(binder().input_with("z", 0, |x| Ok([*x])))),
    (Code::UnknownSource, || refused(binder().loss("l", [prediction("p")], |[p]| Ok(p.clone())))),
    (Code::InputIndex, input_index),
    (Code::PredictionLimit, || {
        refused((0..11).fold(binder(), |binder, number| binder.prediction(number.to_string(), ["a", "b"])))
    }),
    (Code::LatentSpaceRule, || {
        let analysed = LatentSpaceOptions::default().for_analysis();
        refused(binder().latent_space("a", analysed, |x| Ok([*x])).latent_space("b", analysed, |x| Ok([*x])))
    }),
    (Code::SimulationRule, || {
        refused(binder().simulation("s", [("size", SimulationBounds::int(3, 3))], |_| Ok(vec![])))
    }),
    (Code::AutoregressiveRule, || reported(chained(binder().prediction("p", ["a"]), 1))),
    (Code::InstanceRule, || {
        let encode = |_: &f32, _: &NamedTensors| Ok(Vec::new());
        reported(binder().false_positives("f", [("key", MetadataType::Float)], encode))
    }),
    (Code::AnalysisConfiguration, || {
        let gap = Some(vec!["scanner".to_owned()]);
        let configuration = AnalysisConfiguration { domain_gap_metadata: gap, ..AnalysisConfiguration::default() };
        reported(binder().analysis_configuration(configuration))
    }),
    (Code::RegistrationFailed, || code_in(&check_build::<Numbers, &str>(|| Err("no configuration file")))),
    (Code::PreprocessFailed, || listing(|| Err("no such folder".into()))),
    (Code::MissingSubset, || listing(|| Ok(vec![training()]))),
    (Code::DuplicateState, || listing(|| Ok(vec![training(), training(), validation()]))),
    (Code::EmptySubset, || listing(|| Ok(vec![training(), Subset::new(DataState::Validation, 0..0)]))),
    (Code::LongSampleId, || {
        const STATES: [DataState; 2] = [DataState::Training, DataState::Validation];
        listing(|| Ok(STATES.map(|state| Subset::new(state, ["x".repeat(257)])).into()))
    }),
    (Code::MixedIdTypes, || listing(|| Ok(vec![training(), Subset::new(DataState::Validation, ["text"])]))),
    (Code::MixedGrouping, || listing(|| Ok(vec![training(), grouped(DataState::Validation)?]))),
    (Code::GroupRule, || broken(Subset::grouped(DataState::Training, [vec![1i64], vec![]]))),
    (Code::LoadFailed, || reported(over(Numbers { load: |id| Err(format!("no file {id}").into()), ..NUMBERS }))),
    (Code::FunctionFailed, || reported(binder().metadata("m", |_| Err::<i64, _>("no label".into())))),
    (Code::FunctionPanicked, || reported(binder().metadata("m", |x| Ok([1i64][(*x as usize) + 1])))),
    (Code::MetadataType, || reported(binder().metadata("m", |_| Ok(None::<f32>)))),
    (Code::VisualizerPayload, || broken(LeapImage::new(zeros(&[4, 4], DType::F32)))),
    (Code::MetadataKeys, || {
        let numbers = Numbers { load: |id| Ok(if *id == SampleId::Int(0) { 0.0 } else { 1.0 }), ..NUMBERS };
        reported(over(numbers).metadata("m", |x| {
            let keys = ["a", "b"].into_iter().take(1 + *x as usize);
            Ok(Metadata::map(keys.map(|key| (key, (key == "a").then_some(1i64)))))
        }))
    }),
    (Code::MetricResult, || broken(MetricResult::from(vec![0.5f32]).validate("metric::m", Some(2)))),
    (Code::LossResult, || broken(validate_loss("loss::l", &zeros(&[2, 2], DType::F32)))),
    (Code::GroupSize, || {
        let preprocess = || Ok(vec![grouped(DataState::Training)?, grouped(DataState::Validation)?]);
        reported(over(Numbers { preprocess, group: Some(3), ..NUMBERS }))
    }),
    (Code::SimulationResult, || {
        reported(binder().simulation("s", [("size", SimulationBounds::int(0, 3))], |_| Ok(Vec::new())))
    }),
    (Code::AutoregressiveStep, || reported(chained(leap_binder::Binder::builder(NUMBERS).prediction("p", ["a"]), 0))),
    (Code::EmptyGroundTruth, || {
        let encode = |_: &f32, _: &NamedTensors| Ok(Vec::new());
        let binder = binder().false_positives("f", [("key", MetadataType::Float)], encode);
        reported(binder.empty_ground_truth("y", |_| Ok([0.0, 0.0])))
    }),
    (Code::MetadataLimit, || reported((0..100).fold(binder(), |b, number| b.metadata(number.to_string(), |x| Ok(*x))))),
    (Code::InstanceMetadata, || {
        let mask = |_: &f32, _| {
            Ok(Some(ElementInstance::new("cell", zeros(&[2, 2], DType::U8)).with_metadata("area", None::<f32>)))
        };
        const STATES: [DataState; 2] = [DataState::Training, DataState::Validation];
        let preprocess = || Ok(STATES.map(|state| Subset::new(state, ["a"])).into());
        reported(over(Numbers { preprocess, ..NUMBERS }).instances(|_| Ok(1), mask, [("kind", MetadataType::String)]))
    }),
    (Code::DuplicateSampleId, beyond::duplicate_sample_id),
    (Code::WrongDtype, beyond::wrong_dtype),
    (Code::WrongShape, beyond::wrong_shape),
    (Code::NotFinite, beyond::not_finite),
    (Code::NotDeterministic, beyond::not_deterministic),
    (Code::TargetLeak, beyond::target_leak),
    (Code::ConstantMetadata, beyond::constant_metadata),
    (Code::LossNotPerSample, beyond::loss_not_per_sample),
    (Code::LossDoesNotFall, beyond::loss_does_not_fall),
    (Code::BlackVisualizer, beyond::black_visualizer),
    (Code::SlowSample, beyond::slow_sample),
    (Code::LatentSpaceResult, beyond::latent_space_result),
    (Code::IntegrationTestMissing, beyond::integration_test_missing),
    (Code::IntegrationTest, beyond::integration_test),
    (Code::ModelCall, beyond::model_call),
];

fn zeros(shape: &[usize], dtype: DType) -> Tensor {
    Tensor::zeros(shape, dtype, &Device::Cpu).unwrap()
}

fn training() -> Subset {
    Subset::new(DataState::Training, [0, 1])
}

fn validation() -> Subset {
    Subset::new(DataState::Validation, [2])
}

fn grouped(state: DataState) -> HandlerResult<Subset> {
    Ok(Subset::grouped(state, [[1, 2]])?)
}

fn input_index() -> String {
    let options = leap_binder::binder::InputOptions::default().model_input_index(10);
    refused(binder().input_with("z", options, |x| Ok([*x])))
}

/// A chain whose first call gives as many inputs as told.
fn chained(
    builder: leap_binder::binder::BinderBuilder<Numbers>,
    inputs: usize,
) -> leap_binder::binder::BinderBuilder<Numbers> {
    builder.autoregressive(Autoregressive::new(
        LatentSpaceAggregation::LastStep,
        move |_: &f32, _: Option<Chain<'_, ()>>| {
            Ok(Step::next((0..inputs).map(|number| (format!("tokens{number}"), zeros(&[1], DType::F32))), ()))
        },
    ))
}

use std::cell::OnceCell;

use candle_core::{DType, Device, Tensor};

use super::function::{Function, FunctionKind};
use super::observation::{Column, Failure, Observation, TensorSummary, Value, Verdict};
use crate::binder::{AnySample, Place, Registry, guarded};
use crate::contract::{
    Code, DataState, Metadata, MetadataType, MetadataTypes, MetadataValue, MetricResult, SampleId, SingleMetric,
    Source, Violation, Visualization,
};
use crate::imaging::ImageSpec;

/// Names of a metadata function's columns and their types, where known.
pub(super) type ColumnTypes = Vec<(String, Option<MetadataType>)>;

/// What the first training sample showed, which all other samples must agree with.
#[derive(Debug)]
pub(super) struct References {
    pub(super) sample: String,
    pub(super) inputs: Vec<Option<Vec<usize>>>,
    pub(super) ground_truths: Vec<Option<Vec<usize>>>,
    pub(super) metadata: Vec<Option<ColumnTypes>>,
}

/// One loaded sample and what its encoders gave; each encoder runs once however many functions read it.
pub(super) struct SampleRun<'a> {
    registry: &'a Registry,
    references: Option<&'a References>,
    state: DataState,
    id: &'a SampleId,
    sample: Result<Box<AnySample>, Box<Failure>>,
    inputs: Vec<OnceCell<Result<Tensor, Box<Failure>>>>,
    ground_truths: Vec<OnceCell<Result<Tensor, Box<Failure>>>>,
}

impl<'a> SampleRun<'a> {
    pub(super) fn load(
        registry: &'a Registry,
        references: Option<&'a References>,
        state: DataState,
        id: &'a SampleId,
    ) -> Self {
        let sample = guarded("load", || registry.dataset.load(id, state))
            .map_err(|violation| Box::new(violation.loading().on(state, Some(id)).into()));
        let cells = |count| (0..count).map(|_| OnceCell::new()).collect();
        let (inputs, ground_truths) = (cells(registry.inputs.len()), cells(registry.ground_truths.len()));
        Self { registry, references, state, id, sample, inputs, ground_truths }
    }

    /// Runs one function and its rules.
    pub(super) fn run(&self, function: &Function) -> Verdict {
        if !function.runs_on(self.registry, self.state) {
            return Verdict::Skipped("it needs ground truth".to_owned());
        }
        let sample = match (&self.sample, function.kind) {
            (Err(failure), FunctionKind::Load) => return Verdict::Failed(failure.clone()),
            (Err(_), _) => return Verdict::Skipped("the sample could not be loaded".to_owned()),
            (Ok(sample), _) => sample.as_ref(),
        };
        let result = match function.kind {
            FunctionKind::Load => Ok(Observation::default()),
            FunctionKind::InputEncoder => self.input(function.index, sample).map(|xs| encoder_column(function, xs)),
            FunctionKind::GtEncoder => self.ground_truth(function.index, sample).map(|xs| encoder_column(function, xs)),
            FunctionKind::Metadata => self.metadata(function, sample).map_err(|violation| self.failure(violation)),
            FunctionKind::Visualizer | FunctionKind::Loss | FunctionKind::Metric => {
                match self.tensors(function, sample) {
                    Err(source) => return Verdict::Skipped(format!("{source} failed")),
                    Ok(tensors) => self.over_tensors(function, &tensors).map_err(|violation| self.failure(violation)),
                }
            }
        };
        result.map_or_else(Verdict::Failed, Verdict::Passed)
    }

    fn place(&self) -> Place<'_> {
        Place { state: self.state, ids: std::slice::from_ref(self.id) }
    }

    fn failure(&self, violation: Violation) -> Box<Failure> {
        Box::new(violation.on(self.state, Some(self.id)).into())
    }

    fn input(&self, index: usize, sample: &AnySample) -> Result<&Tensor, Box<Failure>> {
        let encoder = &self.registry.inputs[index];
        let declared = encoder.image.as_ref().map(|spec| vec![spec.height, spec.width, ImageSpec::CHANNELS]);
        let known = self.references.and_then(|references| references.inputs[index].as_deref());
        let encoded = self.inputs[index].get_or_init(|| {
            let function = format!("input_encoder::{}", encoder.name);
            guarded(&function, || (encoder.encode)(sample, self.place()))
                .and_then(|xs| self.verified(&function, xs, declared.as_deref(), known))
                .map_err(|violation| self.failure(violation))
        });
        encoded.as_ref().map_err(Clone::clone)
    }

    fn ground_truth(&self, index: usize, sample: &AnySample) -> Result<&Tensor, Box<Failure>> {
        let encoder = &self.registry.ground_truths[index];
        let known = self.references.and_then(|references| references.ground_truths[index].as_deref());
        let encoded = self.ground_truths[index].get_or_init(|| {
            let function = format!("gt_encoder::{}", encoder.name);
            guarded(&function, || (encoder.encode)(sample, self.place()))
                .and_then(|xs| self.verified(&function, xs, None, known))
                .map_err(|violation| self.failure(violation))
        });
        encoded.as_ref().map_err(Clone::clone)
    }

    /// The rules of an encoder's tensor: f32, the declared shape, the shape of the first training sample, finite.
    fn verified(
        &self,
        function: &str,
        xs: Tensor,
        declared: Option<&[usize]>,
        known: Option<&[usize]>,
    ) -> Result<Tensor, Violation> {
        if xs.dtype() != DType::F32 {
            let found = format!("{:?} of shape {:?}", xs.dtype(), xs.dims());
            return Err(Violation::new(Code::WrongDtype, function, "an F32 tensor", found));
        }
        if let Some(declared) = declared.filter(|declared| *declared != xs.dims()) {
            let expected = format!("shape {declared:?} as its image specification declares");
            return Err(Violation::new(Code::WrongShape, function, expected, format!("{:?}", xs.dims())));
        }
        if let Some(known) = known.filter(|known| *known != xs.dims()) {
            let sample = self.references.map_or("", |references| &references.sample);
            let expected = format!("shape {known:?} as on training sample {sample}");
            return Err(Violation::new(Code::WrongShape, function, expected, format!("{:?}", xs.dims())));
        }
        let values = flat(&xs).map_err(|error| unreadable(function, error))?;
        let bad = values.iter().filter(|value| !value.is_finite()).count();
        if let Some(place) = values.iter().position(|value| !value.is_finite()) {
            let found =
                format!("{bad} of {} that are not, the first {} at flat index {place}", values.len(), values[place]);
            return Err(Violation::new(Code::NotFinite, function, "finite values", found));
        }
        Ok(xs)
    }

    fn metadata(&self, function: &Function, sample: &AnySample) -> Result<Observation, Violation> {
        let handler = &self.registry.metadata[function.index];
        let name = function.to_string();
        let metadata: Metadata = guarded(&name, || (handler.compute)(sample, self.place()))?;
        let columns = metadata.into_columns(&handler.name);
        let known = self.references.and_then(|references| references.metadata[function.index].as_deref());
        match known {
            None => known_types(&name, handler.declared.as_ref(), &columns)?,
            Some(known) => {
                let reference = self.references.map_or("", |references| &references.sample);
                agrees_with(&name, reference, known, &columns)?;
            }
        }
        let columns = columns.into_iter().map(|(name, value)| {
            let column_type =
                value.column_type().or_else(|| declared_type(&handler.name, handler.declared.as_ref(), &name));
            Column { name, shape: vec![1], value: Value::Metadata(value, column_type) }
        });
        Ok(Observation { columns: columns.collect() })
    }

    /// The tensors that a function reads, or the name of the encoder that failed to give one.
    fn tensors(&self, function: &Function, sample: &AnySample) -> Result<Vec<Tensor>, String> {
        let batched = function.kind != FunctionKind::Visualizer;
        let tensors = function.arguments(self.registry).iter().map(|argument| {
            let registry = self.registry;
            let xs = match &argument.source {
                Source::Input(name) => registry
                    .inputs
                    .iter()
                    .position(|encoder| &encoder.name == name)
                    .and_then(|index| self.input(index, sample).ok().cloned())
                    .ok_or_else(|| format!("input_encoder::{name}"))?,
                Source::GroundTruth(name) => registry
                    .ground_truths
                    .iter()
                    .position(|encoder| &encoder.name == name)
                    .and_then(|index| self.ground_truth(index, sample).ok().cloned())
                    .ok_or_else(|| format!("gt_encoder::{name}"))?,
                Source::Wired => return Err("the integration test feeds it, which".to_owned()),
                Source::Prediction(name) => stand_in(registry, name).ok_or_else(|| format!("prediction::{name}"))?,
            };
            if batched { xs.unsqueeze(0).map_err(|error| error.to_string()) } else { Ok(xs) }
        });
        tensors.collect()
    }

    fn over_tensors(&self, function: &Function, tensors: &[Tensor]) -> Result<Observation, Violation> {
        let name = function.to_string();
        let tensors: Vec<&Tensor> = tensors.iter().collect();
        let registry = self.registry;
        let compute = match function.kind {
            FunctionKind::Visualizer => {
                let visualizer = &registry.visualizers[function.index];
                let payload = guarded(&name, || (visualizer.compute)(&tensors, self.place()))?;
                return Ok(visual_column(function, &payload));
            }
            FunctionKind::Loss => &registry.losses[function.index].compute,
            _ => {
                let metric = &registry.metrics[function.index];
                let result = guarded(&name, || (metric.compute)(&tensors, self.place()))?;
                return Ok(match result {
                    MetricResult::Single(SingleMetric::Values(values)) => encoder_column(function, &values),
                    _ => Observation::default(),
                });
            }
        };
        let result = guarded(&name, || compute(&tensors, self.place()))?;
        if !matches!(result.dims(), [] | [1]) {
            let expected = "one value for each sample: shape [1] for a batch of one";
            return Err(Violation::new(Code::WrongShape, name, expected, format!("{:?}", result.dims())));
        }
        let values = flat(&result).map_err(|error| unreadable(&name, error))?;
        if let Some(value) = values.iter().find(|value| !value.is_finite()) {
            return Err(Violation::new(Code::NotFinite, name, "a finite value", value.to_string()));
        }
        Ok(encoder_column(function, &result))
    }
}

/// An even distribution over a prediction's labels: what functions that read the model's output are run on without one.
fn stand_in(registry: &Registry, name: &str) -> Option<Tensor> {
    let prediction = registry.predictions.iter().find(|prediction| prediction.name == name)?;
    let classes = prediction.labels.len();
    Tensor::full(1.0 / classes as f32, classes, &Device::Cpu).ok()
}

fn flat(xs: &Tensor) -> candle_core::Result<Vec<f32>> {
    xs.to_dtype(DType::F32)?.flatten_all()?.to_vec1()
}

fn unreadable(function: &str, error: candle_core::Error) -> Violation {
    Violation::new(Code::FunctionFailed, function, "a tensor that can be read", error.to_string()).because(error.into())
}

fn encoder_column(function: &Function, xs: &Tensor) -> Observation {
    let shape = if xs.rank() == 0 { vec![1] } else { xs.dims().to_vec() };
    let summary = TensorSummary::of(xs.dtype(), &flat(xs).unwrap_or_default());
    Observation { columns: vec![Column { name: function.name.clone(), shape, value: Value::Tensor(summary) }] }
}

fn visual_column(function: &Function, payload: &Visualization) -> Observation {
    let (shape, text) = (payload.shape(), payload.to_string());
    Observation { columns: vec![Column { name: function.name.clone(), shape, value: Value::Text(text) }] }
}

/// The first training sample must show every column's type, unless it is declared.
fn known_types(
    function: &str,
    declared: Option<&MetadataTypes>,
    columns: &[(String, MetadataValue)],
) -> Result<(), Violation> {
    let handler = function.trim_start_matches("metadata::");
    let typed = |(name, value): &&(String, MetadataValue)| {
        value.column_type().or_else(|| declared_type(handler, declared, name)).is_none()
    };
    match columns.iter().find(typed) {
        None => Ok(()),
        Some((column, _)) => {
            let expected = "a value on the first training sample, or a declared type";
            Err(Violation::new(Code::MetadataType, function, expected, format!("column {column} absent")))
        }
    }
}

fn declared_type(handler: &str, declared: Option<&MetadataTypes>, column: &str) -> Option<MetadataType> {
    let key = column.strip_prefix(handler).and_then(|rest| rest.strip_prefix('_'));
    declared.and_then(|types| types.of(if column == handler { None } else { key }))
}

fn agrees_with(
    function: &str,
    reference: &str,
    known: &[(String, Option<MetadataType>)],
    columns: &[(String, MetadataValue)],
) -> Result<(), Violation> {
    if !known.iter().map(|(name, _)| name).eq(columns.iter().map(|(name, _)| name)) {
        let missing: Vec<&String> = known
            .iter()
            .map(|(name, _)| name)
            .filter(|name| !columns.iter().any(|(other, _)| &other == name))
            .collect();
        let added: Vec<&String> = columns
            .iter()
            .map(|(name, _)| name)
            .filter(|name| !known.iter().any(|(other, _)| &other == name))
            .collect();
        let expected = format!("the {} columns of training sample {reference}", known.len());
        let found = format!("{} columns, missing {missing:?}, added {added:?}", columns.len());
        return Err(Violation::new(Code::MetadataKeys, function, expected, found));
    }
    for ((name, known), (_, value)) in known.iter().zip(columns) {
        if let (Some(known), Some(found)) = (known, value.column_type())
            && *known != found
        {
            let expected = format!("column {name} of type {known:?} as on training sample {reference}");
            return Err(Violation::new(Code::MetadataType, function, expected, format!("{found:?}")));
        }
    }
    Ok(())
}

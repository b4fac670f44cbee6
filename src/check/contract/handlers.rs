//! Step 7: input encoders, ground-truth encoders and metadata functions, in registration order.

use candle_core::Tensor;

use super::Outcome;
use super::first::FirstSamples;
use super::payload::{Payload, RawResult};
use crate::binder::{AnySample, MetadataFunction, Place, Prepared, Registry, guarded, instance_extra};
use crate::check::function::FunctionKind;
use crate::check::observation::{Column, Observation, TensorSummary, Value, Verdict};
use crate::check::report::{FunctionReport, SubsetReport};
use crate::contract::{Code, DataState, HandlerResult, Metadata, MetadataTypes, MetadataValue, Violation};

/// Metadata functions at most.
const MAX_METADATA: usize = 99;
/// Metadata columns at most.
const MAX_METADATA_KEYS: usize = 799;

/// The tensors of the last subset on which each encoder passed.
pub(super) struct Encoded {
    pub(super) inputs: Vec<Option<Tensor>>,
    pub(super) ground_truths: Vec<Option<Tensor>>,
}

pub(super) fn run(
    registry: &Registry,
    prepared: &Prepared,
    first: &FirstSamples<'_>,
    outcome: &mut Outcome,
) -> Result<Encoded, Violation> {
    let extra = (!prepared.instance_metadata.is_empty()).then(|| instance_extra(&prepared.instance_metadata));
    let metadata: Vec<&MetadataFunction> = registry.metadata.iter().chain(&extra).collect();
    if metadata.len() > MAX_METADATA {
        let found = format!("{}: More than 100 metadata functions", metadata.len());
        let expected = format!("at most {MAX_METADATA} metadata functions");
        return Err(Violation::new(Code::MetadataLimit, "metadata", expected, found));
    }
    // Beyond the limit code_loader has no payload of any function.
    let before = outcome.payloads.len();
    let mut encoded = Encoded { inputs: Vec::new(), ground_truths: Vec::new() };
    for encoder in &registry.inputs {
        let run = |sample: &AnySample, place: Place<'_>| (encoder.encode)(sample, place);
        encoded.inputs.push(encode(FunctionKind::InputEncoder, &encoder.name, first, outcome, run));
    }
    for encoder in &registry.ground_truths {
        let run = |sample: &AnySample, place: Place<'_>| (encoder.encode)(sample, place);
        encoded.ground_truths.push(encode(FunctionKind::GtEncoder, &encoder.name, first, outcome, run));
    }
    let mut keys = 0;
    for function in metadata {
        let payloads = metadata_payloads(function, first, &mut outcome.functions);
        keys += payloads.len();
        if keys > MAX_METADATA_KEYS {
            let found = format!("{keys} after {}: More than 800 metadata keys", function.name);
            let expected = format!("at most {MAX_METADATA_KEYS} metadata columns");
            outcome.payloads.truncate(before);
            return Err(Violation::new(Code::MetadataLimit, "metadata", expected, found));
        }
        outcome.payloads.extend(payloads);
    }
    Ok(encoded)
}

fn encode(
    kind: FunctionKind,
    name: &str,
    first: &FirstSamples<'_>,
    outcome: &mut Outcome,
    run: impl Fn(&AnySample, Place<'_>) -> HandlerResult<Tensor>,
) -> Option<Tensor> {
    let function = format!("{}::{name}", kind.as_str());
    let mut payload = Payload::new(name);
    let mut report = FunctionReport::new(kind, name);
    let mut last = None;
    for (place, sample) in first.iter() {
        if kind == FunctionKind::GtEncoder && place.state == DataState::Unlabeled {
            continue;
        }
        let mut subset = SubsetReport::new(place.state);
        match on_sample(&function, place, sample, |sample| run(sample, place)) {
            Ok(xs) => {
                let shape = if xs.rank() == 0 { vec![1] } else { xs.dims().to_vec() };
                subset.take(Verdict::Passed(tensor_observation(name, &xs, &shape)));
                payload.shape = Some(shape);
                payload.raw_result = Some(RawResult::Tensor(xs.clone()));
                last = Some(xs);
            }
            Err(violation) => {
                payload.fail(place.state.as_str(), &violation);
                subset.take(Verdict::Failed(Box::new(violation.into())));
            }
        }
        report.subsets.push(subset);
    }
    outcome.payloads.push(payload);
    outcome.functions.push(report);
    last
}

fn metadata_payloads(
    function: &MetadataFunction,
    first: &FirstSamples<'_>,
    functions: &mut Vec<FunctionReport>,
) -> Vec<Payload> {
    let name = format!("metadata::{}", function.name);
    let mut report = FunctionReport::new(FunctionKind::Metadata, &function.name);
    let mut payloads = vec![Payload::new(&*function.name)];
    for (place, sample) in first.iter() {
        let mut subset = SubsetReport::new(place.state);
        let typed = on_sample(&name, place, sample, |sample| (function.compute)(sample, place)).and_then(|value| {
            let typed = Typed { function, state: place.state, before: &payloads };
            typed.payloads(value).map_err(|violation| violation.on(place.state, place.ids.first().map(|id| id as _)))
        });
        match typed {
            Ok(mut now) => {
                subset.take(Verdict::Passed(metadata_observation(&now)));
                // A failure on an earlier subset stays, whatever columns the later one has.
                if let Some(failed) = payloads.first().filter(|first| !first.is_passed).cloned() {
                    if now.is_empty() {
                        now.push(Payload::new(&*function.name));
                    }
                    let Payload { display, is_passed, violation, .. } = failed;
                    now[0] = Payload { display, is_passed, violation, ..now[0].clone() };
                }
                payloads = now;
            }
            Err(violation) => {
                if payloads.is_empty() {
                    payloads.push(Payload::new(&*function.name));
                }
                payloads[0].fail(place.state.as_str(), &violation);
                subset.take(Verdict::Failed(Box::new(violation.into())));
            }
        }
        report.subsets.push(subset);
    }
    functions.push(report);
    payloads
}

/// code_loader's rules of a metadata value on one subset, after those before it.
struct Typed<'a> {
    function: &'a MetadataFunction,
    state: DataState,
    before: &'a [Payload],
}

impl Typed<'_> {
    fn payloads(&self, value: Metadata) -> Result<Vec<Payload>, Violation> {
        match value {
            Metadata::Scalar(MetadataValue::Absent) => self.absent_scalar(),
            Metadata::Scalar(value) => {
                Ok(vec![Payload::metadata(self.function.name.clone(), RawResult::Metadata(value))])
            }
            Metadata::Map(entries) => {
                let entries = entries.into_iter().enumerate();
                entries.map(|(place, (key, value))| self.entry(place, &key, value)).collect()
            }
        }
    }

    fn absent_scalar(&self) -> Result<Vec<Payload>, Violation> {
        if self.state != DataState::Training {
            return Ok(self.before.to_vec());
        }
        match self.function.declared.as_ref().and_then(|types| types.of(None)) {
            Some(one) => Ok(vec![Payload::metadata(self.function.name.clone(), RawResult::Type(one))]),
            None => Err(self.untyped(&self.function.name, "no metadata type is provided")),
        }
    }

    /// An absent value takes over the column of an earlier subset, if that had the same key at the same place.
    fn entry(&self, place: usize, key: &str, value: MetadataValue) -> Result<Payload, Violation> {
        let name = format!("{}_{key}", self.function.name);
        if value != MetadataValue::Absent {
            return Ok(Payload::metadata(name, RawResult::Metadata(value)));
        }
        // Where every earlier subset failed, nothing is known of its keys.
        let unknown = |payload: &Payload| !payload.is_passed && payload.handler_type.is_none();
        if self.state != DataState::Training && !matches!(self.before, [only] if unknown(only)) {
            let known = self.before.get(place).ok_or_else(|| {
                let found = format!("{name} is None and new on {}: list index out of range", self.state);
                self.violation(Code::MetadataKeys, "the keys of the training sample", found)
            })?;
            if known.name == name {
                return Ok(Payload { display: Default::default(), is_passed: true, violation: None, ..known.clone() });
            }
        }
        match &self.function.declared {
            Some(MetadataTypes::Scalar(_)) => Err(self.untyped(key, "metadata type is not a dict")),
            Some(types @ MetadataTypes::Map(_)) => match types.of(Some(key)) {
                Some(one) => Ok(Payload::metadata(name, RawResult::Type(one))),
                None => Err(self.untyped(key, "no metadata type is provided")),
            },
            None => Err(self.untyped(key, "no metadata type is provided")),
        }
    }

    fn untyped(&self, name: &str, why: &str) -> Violation {
        let found = format!("Metadata {name} is None and {why}");
        self.violation(Code::MetadataType, "a value on the first training sample, or a declared type", found)
    }

    fn violation(&self, code: Code, expected: &str, found: String) -> Violation {
        Violation::new(code, format!("metadata::{}", self.function.name), expected, found)
    }
}

/// Runs a function on a first sample; a sample that could not be loaded fails it too.
pub(super) fn on_sample<T>(
    function: &str,
    place: Place<'_>,
    sample: Result<&AnySample, &Violation>,
    run: impl FnOnce(&AnySample) -> HandlerResult<T>,
) -> Result<T, Violation> {
    let sample = loaded(place, sample)?;
    guarded(function, || run(sample))
        .map_err(|violation| violation.on(place.state, place.ids.first().map(|id| id as _)))
}

/// The first sample, or why there is none.
pub(super) fn loaded<'a>(
    place: Place<'_>,
    sample: Result<&'a AnySample, &Violation>,
) -> Result<&'a AnySample, Violation> {
    sample.map_err(|violation| violation.clone().on(place.state, place.ids.first().map(|id| id as _)))
}

fn tensor_observation(name: &str, xs: &Tensor, shape: &[usize]) -> Observation {
    let values = xs.to_dtype(candle_core::DType::F32).and_then(|xs| xs.flatten_all()?.to_vec1()).unwrap_or_default();
    let value = Value::Tensor(TensorSummary::of(xs.dtype(), &values));
    Observation { columns: vec![Column { name: name.to_owned(), shape: shape.to_vec(), value }] }
}

fn metadata_observation(payloads: &[Payload]) -> Observation {
    let column = |payload: &Payload| {
        let value = match &payload.raw_result {
            Some(RawResult::Metadata(value)) => value.clone(),
            _ => MetadataValue::Absent,
        };
        Column { name: payload.name.clone(), shape: vec![1], value: Value::Metadata(value) }
    };
    Observation { columns: payloads.iter().map(column).collect() }
}

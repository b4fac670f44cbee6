//! code_loader's view of a check: its payloads and setup, with the field names of version 1.0.214.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value as Json, json};

use super::function::FunctionKind;
use super::observation::{Column, Failure, Value};
use super::report::{FunctionReport, Status};
use crate::binder::Registry;
use crate::contract::{Argument, DataState, MetadataType, Subset};

/// One line of code_loader's result: a function, or one column of a metadata map.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Payload {
    /// The function's or the column's name.
    pub name: String,
    /// Subset to failure text; for preprocess the key is `Errors`.
    pub display: BTreeMap<String, String>,
    /// Whether it passed.
    pub is_passed: bool,
    /// The value's shape on the last subset that passed.
    pub shape: Option<Vec<usize>>,
    /// The metadata value, or a tensor's dtype, shape and range; the values themselves are left out.
    pub raw_result: Option<Json>,
    /// `metadata` for metadata, else absent.
    pub handler_type: Option<&'static str>,
}

impl Payload {
    fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            display: BTreeMap::new(),
            is_passed: true,
            shape: None,
            raw_result: None,
            handler_type: None,
        }
    }
}

/// code_loader's `DatasetSetup`: what the binder consists of.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Setup {
    /// Subset lengths: `training_length`, ...; null where there is no such subset.
    pub preprocess: Json,
    /// Inputs with name, shape and channel_dim.
    pub inputs: Vec<Json>,
    /// Metadata columns with name and type.
    pub metadata: Vec<Json>,
    /// Ground truths with name and shape.
    pub outputs: Vec<Json>,
    /// Visualizers with name, type and arg_names.
    pub visualizers: Vec<Json>,
    /// Prediction types with name, labels and channel_dim.
    pub prediction_types: Vec<Json>,
    /// Losses with name and arg_names.
    pub custom_losses: Vec<Json>,
    /// Metrics with name and arg_names.
    pub metrics: Vec<Json>,
    /// Always empty: simulations cannot be registered yet.
    pub simulations: Vec<Json>,
    /// Always false: element instances cannot be registered yet.
    pub has_element_instances: bool,
}

/// code_loader's `ModelSetup`: custom layers, of which a binder in Rust has none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ModelSetup {
    /// Always empty.
    pub custom_layers: Vec<Json>,
}

/// Payloads in code_loader's order. It has none for loading, visualizers, losses and metrics, which it does not run; a
/// sample that cannot be loaded stands under every encoder and metadata function, as it would there.
pub(super) fn payloads(preprocess_failures: &[Failure], functions: &[FunctionReport]) -> Vec<Payload> {
    let mut preprocess = Payload::new("preprocess");
    if !preprocess_failures.is_empty() {
        let texts: Vec<&str> = preprocess_failures.iter().map(|failure| failure.message.as_str()).collect();
        preprocess.display.insert("Errors".to_owned(), texts.join("\n"));
        preprocess.is_passed = false;
    }
    let load = functions.iter().find(|function| function.kind == FunctionKind::Load);
    let mut payloads = vec![Payload::new("integration_test"), preprocess];
    for function in functions {
        match function.kind {
            FunctionKind::InputEncoder | FunctionKind::GtEncoder | FunctionKind::Metadata => {
                payloads.extend(handler_payloads(load, function));
            }
            FunctionKind::Load | FunctionKind::Visualizer | FunctionKind::Loss | FunctionKind::Metric => {}
        }
    }
    payloads
}

fn handler_payloads(load: Option<&FunctionReport>, function: &FunctionReport) -> Vec<Payload> {
    let last = function.subsets.iter().rev().find(|subset| !subset.columns.is_empty());
    let mut payloads: Vec<Payload> = match last {
        None => vec![Payload::new(&function.name)],
        Some(subset) => subset.columns.iter().map(column_payload).collect(),
    };
    let failing = load.into_iter().chain([function]).flat_map(|report| &report.subsets);
    for subset in failing.filter(|subset| subset.status == Status::Failed) {
        let mut text = subset.failures.iter().map(|failure| &*failure.message).collect::<Vec<_>>().join("\n");
        if subset.failed_samples > subset.failures.len() {
            text.push_str(&format!("\nand {} more samples", subset.failed_samples - subset.failures.len()));
        }
        payloads[0].display.insert(subset.state.to_string(), text);
        payloads[0].is_passed = false;
    }
    if function.kind == FunctionKind::Metadata {
        payloads.iter_mut().for_each(|payload| payload.handler_type = Some("metadata"));
    }
    payloads
}

fn column_payload(column: &Column) -> Payload {
    let raw = match &column.value {
        Value::Metadata(value, Some(column_type)) if value.column_type().is_none() => json!(column_type),
        Value::Metadata(value, _) => json!(value),
        Value::Tensor(summary) => {
            json!({"dtype": summary.dtype, "shape": column.shape, "min": summary.min, "max": summary.max, "mean": summary.mean})
        }
        Value::Text(text) => json!(text),
    };
    Payload { shape: Some(column.shape.clone()), raw_result: Some(raw), ..Payload::new(&column.name) }
}

/// The setup, or why there is none: an input or ground truth that gave no tensor on any subset.
pub(super) fn setup(registry: &Registry, subsets: &[Subset], functions: &[FunctionReport]) -> Result<Setup, String> {
    let shape = |kind, index: usize, what: &str, name: &str| {
        let report = functions.iter().filter(|function| function.kind == kind).nth(index);
        let shape = report.and_then(|report| report.subsets.iter().rev().find_map(|subset| subset.shape.clone()));
        shape.ok_or_else(|| format!("cannot calculate the shape of {what} {name}: it failed on every subset"))
    };
    let mut inputs = Vec::new();
    for (index, input) in registry.inputs().iter().enumerate() {
        let shape = shape(FunctionKind::InputEncoder, index, "input", &input.name)?;
        inputs.push(json!({"name": input.name, "shape": shape, "channel_dim": input.channel_dim}));
    }
    let mut outputs = Vec::new();
    for (index, encoder) in registry.ground_truths().iter().enumerate() {
        let shape = shape(FunctionKind::GtEncoder, index, "ground truth", &encoder.name)?;
        outputs.push(json!({"name": encoder.name, "shape": shape}));
    }
    Ok(Setup {
        preprocess: lengths(subsets),
        inputs,
        metadata: functions
            .iter()
            .filter(|function| function.kind == FunctionKind::Metadata)
            .flat_map(columns)
            .collect(),
        outputs,
        visualizers: registry
            .visualizers()
            .iter()
            .map(|f| json!({"name": f.name, "type": f.data_type, "arg_names": names(&f.arguments)}))
            .collect(),
        prediction_types: registry
            .predictions()
            .iter()
            .map(|f| json!({"name": f.name, "labels": f.labels, "channel_dim": f.channel_dim}))
            .collect(),
        custom_losses: registry
            .losses()
            .iter()
            .map(|f| json!({"name": f.name, "arg_names": names(&f.arguments)}))
            .collect(),
        metrics: registry.metrics().iter().map(|f| json!({"name": f.name, "arg_names": names(&f.arguments)})).collect(),
        simulations: Vec::new(),
        has_element_instances: false,
    })
}

fn lengths(subsets: &[Subset]) -> Json {
    let length = |state| subsets.iter().find(|subset| subset.state == state).map(Subset::len);
    json!({
        "training_length": length(DataState::Training).unwrap_or(0),
        "validation_length": length(DataState::Validation).unwrap_or(0),
        "test_length": length(DataState::Test),
        "unlabeled_length": length(DataState::Unlabeled),
        "additional_length": length(DataState::Additional),
    })
}

fn columns(function: &FunctionReport) -> Vec<Json> {
    let last = function.subsets.iter().rev().find(|subset| !subset.columns.is_empty());
    let columns = last.into_iter().flat_map(|subset| &subset.columns);
    columns
        .map(|column| {
            let column_type = match &column.value {
                Value::Metadata(_, column_type) => *column_type,
                Value::Tensor(_) | Value::Text(_) => None,
            };
            json!({"name": column.name, "type": column_type.unwrap_or(MetadataType::Float)})
        })
        .collect()
}

fn names(arguments: &[Argument]) -> Vec<&str> {
    arguments.iter().map(|argument| argument.name.as_str()).collect()
}

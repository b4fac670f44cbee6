//! Step 12 and 13: what the binder consists of, and whether the analysis configuration names it.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value as Json;

use super::autoregressive::InputShapes;
use super::handlers::Encoded;
use super::payload::{Payload, RawResult};
use crate::binder::{Registry, losses, metrics, visualizers};
use crate::contract::{Argument, Code, CustomLayer, DataState, LeapDataType, MetadataType, Violation};

/// code_loader's `DatasetSetup`: what the binder consists of, built-in functions first.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Setup {
    /// Rows of each subset.
    pub preprocess: SubsetLengths,
    /// Inputs.
    pub inputs: Vec<InputSetup>,
    /// Metadata columns.
    pub metadata: Vec<MetadataSetup>,
    /// Ground truths.
    pub outputs: Vec<OutputSetup>,
    /// Visualizers.
    pub visualizers: Vec<VisualizerSetup>,
    /// Prediction types.
    pub prediction_types: Vec<PredictionSetup>,
    /// Losses.
    pub custom_losses: Vec<CustomLossSetup>,
    /// Metrics.
    pub metrics: Vec<MetricSetup>,
    /// Simulations.
    pub simulations: Vec<SimulationSetup>,
    /// Whether samples have instances.
    pub has_element_instances: bool,
}

/// Rows of each subset; training and validation are 0 and the others null where they are not known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct SubsetLengths {
    /// Training rows.
    pub training_length: usize,
    /// Validation rows.
    pub validation_length: usize,
    /// Test rows.
    pub test_length: Option<usize>,
    /// Unlabeled rows.
    pub unlabeled_length: Option<usize>,
    /// Additional rows.
    pub additional_length: Option<usize>,
}

impl SubsetLengths {
    pub(super) fn set(&mut self, state: DataState, rows: usize) {
        match state {
            DataState::Training => self.training_length = rows,
            DataState::Validation => self.validation_length = rows,
            DataState::Test => self.test_length = Some(rows),
            DataState::Unlabeled => self.unlabeled_length = Some(rows),
            DataState::Additional => self.additional_length = Some(rows),
        }
    }
}

macro_rules! setups {
    ($($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty,)* })*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Serialize)]
        #[non_exhaustive]
        pub struct $name {
            $($(#[$field_doc])* pub $field: $type,)*
        }
    )*};
}

setups! {
    /// An input.
    InputSetup {
        /// Its name.
        name: String,
        /// One sample's shape.
        shape: Vec<usize>,
        /// The channel axis of the batched tensor.
        channel_dim: i64,
    }
    /// A metadata column.
    MetadataSetup {
        /// Its name.
        name: String,
        /// Its type.
        #[serde(rename = "type")]
        metadata_type: MetadataType,
    }
    /// A ground truth.
    OutputSetup {
        /// Its name.
        name: String,
        /// One sample's shape.
        shape: Vec<usize>,
    }
    /// A visualizer.
    VisualizerSetup {
        /// Its name.
        name: String,
        /// What it draws.
        #[serde(rename = "type")]
        data_type: LeapDataType,
        /// Its arguments.
        arg_names: Vec<String>,
    }
    /// A prediction type.
    PredictionSetup {
        /// Its name.
        name: String,
        /// Its classes.
        labels: Vec<String>,
        /// The axis of the classes in the batched output.
        channel_dim: i64,
    }
    /// A loss.
    CustomLossSetup {
        /// Its name.
        name: String,
        /// Its arguments.
        arg_names: Vec<String>,
    }
    /// A metric.
    MetricSetup {
        /// Its name.
        name: String,
        /// Its arguments.
        arg_names: Vec<String>,
    }
    /// A simulation.
    SimulationSetup {
        /// Its name.
        name: String,
        /// Parameter to type and bounds.
        sim_config: BTreeMap<String, Json>,
    }
}

/// code_loader's `ModelSetup`: the layers that the platform does not know.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ModelSetup {
    /// The layers.
    pub custom_layers: Vec<CustomLayer>,
}

impl Setup {
    pub(super) fn new(
        registry: &Registry,
        preprocess: SubsetLengths,
        encoded: Encoded,
        payloads: &[Payload],
        chain_inputs: InputShapes,
    ) -> Result<Self, Violation> {
        let shape = |xs: Option<&candle_core::Tensor>, kind: &str, what: &str, name: &str| match xs {
            Some(xs) if xs.rank() == 0 => Ok(vec![1]),
            Some(xs) => Ok(xs.dims().to_vec()),
            None => {
                let found = format!("cant calculate shape for {what} name:{name}");
                let expected = "a tensor on at least one subset";
                Err(Violation::new(Code::FunctionFailed, format!("{kind}::{name}"), expected, found))
            }
        };
        let mut inputs = Vec::new();
        for (encoder, xs) in registry.inputs.iter().zip(&encoded.inputs) {
            let shape = shape(xs.as_ref(), "input_encoder", "input, input", &encoder.name)?;
            inputs.push(InputSetup { name: encoder.name.clone(), shape, channel_dim: encoder.channel_dim });
        }
        inputs.extend(chain_inputs.into_iter().map(|(name, shape)| InputSetup { name, shape, channel_dim: -1 }));
        let mut outputs = Vec::new();
        for (encoder, xs) in registry.ground_truths.iter().zip(&encoded.ground_truths) {
            let shape = shape(xs.as_ref(), "gt_encoder", "ground truth, gt", &encoder.name)?;
            outputs.push(OutputSetup { name: encoder.name.clone(), shape });
        }
        Ok(Self {
            preprocess,
            inputs,
            metadata: columns(payloads),
            outputs,
            visualizers: visualizer_setups(registry),
            prediction_types: registry
                .predictions
                .iter()
                .map(|f| PredictionSetup { name: f.name.clone(), labels: f.labels.clone(), channel_dim: f.channel_dim })
                .collect(),
            custom_losses: loss_setups(registry),
            metrics: metric_setups(registry),
            simulations: registry
                .simulations
                .iter()
                .map(|f| SimulationSetup {
                    name: f.name.clone(),
                    sim_config: f.parameters.iter().map(|(name, bounds)| (name.clone(), bounds.to_json())).collect(),
                })
                .collect(),
            has_element_instances: registry.false_positives.is_some() || registry.instances.is_some(),
        })
    }
}

fn columns(payloads: &[Payload]) -> Vec<MetadataSetup> {
    let metadata = payloads.iter().filter(|payload| payload.handler_type.is_some());
    metadata
        .filter_map(|payload| {
            let metadata_type = payload.raw_result.as_ref().and_then(RawResult::column_type)?;
            Some(MetadataSetup { name: payload.name.clone(), metadata_type })
        })
        .collect()
}

fn visualizer_setups(registry: &Registry) -> Vec<VisualizerSetup> {
    let builtin = visualizers::BUILTIN.iter().map(|f| VisualizerSetup {
        name: f.name.to_owned(),
        data_type: f.data_type,
        arg_names: f.arguments.iter().map(|&name| name.to_owned()).collect(),
    });
    let own = registry.visualizers.iter().map(|f| (&f.name, f.data_type, &f.arguments));
    let chain = registry.autoregressive.iter().flat_map(|chain| &chain.visualizers);
    let own = own.chain(chain.map(|(data_type, f)| (&f.name, *data_type, &f.arguments)));
    let own = own.map(|(name, data_type, arguments)| VisualizerSetup {
        name: name.clone(),
        data_type,
        arg_names: names(arguments),
    });
    builtin.chain(own).collect()
}

fn loss_setups(registry: &Registry) -> Vec<CustomLossSetup> {
    let builtin = losses::BUILTIN.iter().map(|f| (f.name.to_owned(), f.arguments.map(str::to_owned).to_vec()));
    let own = registry.losses.iter().map(|f| (f.name.clone(), names(&f.arguments)));
    let chain = registry.autoregressive.iter().flat_map(|chain| &chain.losses);
    let chain = chain.map(|f| (f.name.clone(), names(&f.arguments)));
    builtin.chain(own).chain(chain).map(|(name, arg_names)| CustomLossSetup { name, arg_names }).collect()
}

fn metric_setups(registry: &Registry) -> Vec<MetricSetup> {
    let builtin = metrics::BUILTIN.iter().map(|f| (f.name.to_owned(), f.arguments.map(str::to_owned).to_vec()));
    let own = registry.metrics.iter().map(|f| (f.name.clone(), names(&f.arguments)));
    let chain = registry.autoregressive.iter().flat_map(|chain| &chain.metrics);
    let chain = chain.map(|(_, f)| (f.name.clone(), names(&f.arguments)));
    builtin.chain(own).chain(chain).map(|(name, arg_names)| MetricSetup { name, arg_names }).collect()
}

fn names(arguments: &[Argument]) -> Vec<String> {
    arguments.iter().map(|argument| argument.name.clone()).collect()
}

/// Names in the analysis configuration must be there.
pub(super) fn configuration(registry: &Registry, setup: &Setup) -> Result<(), Violation> {
    let broken = |expected: String, found: String| {
        Err(Violation::new(Code::AnalysisConfiguration, "analysis_configuration", expected, found))
    };
    let columns: Vec<&str> = setup.metadata.iter().map(|column| &*column.name).collect();
    let gaps = registry.configuration.domain_gap_metadata.iter().flatten();
    if let Some(name) = gaps.clone().find(|name| !columns.contains(&name.as_str())) {
        return broken(format!("domain_gap_metadata among {columns:?}"), format!("'{name}' is not found"));
    }
    let inputs = setup.inputs.iter().map(|input| &*input.name);
    let predictions = setup.prediction_types.iter().map(|prediction| &*prediction.name);
    let known: Vec<&str> = std::iter::once("foreground").chain(inputs).chain(predictions).collect();
    for name in registry.configuration.ignore_latent_spaces.iter().flatten() {
        let expected = format!("ignore_latent_spaces among {known:?}");
        if ["balanced", "user_custom"].contains(&name.as_str()) {
            return broken(expected, format!("'{name}', which cannot be ignored"));
        }
        if !known.contains(&name.as_str()) {
            return broken(expected, format!("'{name}', which did not match any"));
        }
    }
    Ok(())
}

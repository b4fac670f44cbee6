use std::fmt;

use candle_core::Tensor;

use super::flow::{IntegrationBody, LoadModel};
use super::handlers::{
    AnyDataset, AutoregressiveFunctions, FalsePositives, GroundTruthEncoder, InputEncoder, InstanceMetric, Instances,
    LatentSpace, Loss, MetadataFunction, Metric, PredictionType, SampleFn, Simulation, Visualizer,
};
use crate::contract::{AnalysisConfiguration, CustomLayer};

/// Everything a binder registered, in registration order and without the sample's type.
///
/// A [`crate::Binder`] dereferences to this, so functions that take `&Registry` take `&binder`.
pub struct Registry {
    pub(crate) dataset: Box<dyn AnyDataset>,
    pub(crate) inputs: Vec<InputEncoder>,
    pub(crate) ground_truths: Vec<GroundTruthEncoder>,
    pub(crate) metadata: Vec<MetadataFunction>,
    pub(crate) predictions: Vec<PredictionType>,
    pub(crate) losses: Vec<Loss>,
    pub(crate) metrics: Vec<Metric>,
    pub(crate) instance_metrics: Vec<InstanceMetric>,
    pub(crate) visualizers: Vec<Visualizer>,
    pub(crate) latent_spaces: Vec<LatentSpace>,
    pub(crate) instances: Option<Instances>,
    pub(crate) false_positives: Option<FalsePositives>,
    pub(crate) empty_ground_truths: Vec<(String, SampleFn<Tensor>)>,
    pub(crate) simulations: Vec<Simulation>,
    pub(crate) autoregressive: Option<AutoregressiveFunctions>,
    pub(crate) custom_layers: Vec<CustomLayer>,
    pub(crate) configuration: AnalysisConfiguration,
    pub(crate) load_model: Option<LoadModel>,
    pub(crate) integration_test: Option<IntegrationBody>,
}

impl Registry {
    pub(super) fn new(dataset: Box<dyn AnyDataset>) -> Self {
        Self {
            dataset,
            inputs: Vec::new(),
            ground_truths: Vec::new(),
            metadata: Vec::new(),
            predictions: Vec::new(),
            losses: Vec::new(),
            metrics: Vec::new(),
            instance_metrics: Vec::new(),
            visualizers: Vec::new(),
            latent_spaces: Vec::new(),
            instances: None,
            false_positives: None,
            empty_ground_truths: Vec::new(),
            simulations: Vec::new(),
            autoregressive: None,
            custom_layers: Vec::new(),
            configuration: AnalysisConfiguration::default(),
            load_model: None,
            integration_test: None,
        }
    }

    /// Input encoders.
    pub fn inputs(&self) -> &[InputEncoder] {
        &self.inputs
    }

    /// Ground-truth encoders.
    pub fn ground_truths(&self) -> &[GroundTruthEncoder] {
        &self.ground_truths
    }

    /// Metadata functions, without those that instances and chains bring with them.
    pub fn metadata(&self) -> &[MetadataFunction] {
        &self.metadata
    }

    /// Prediction types, one for each output of the model.
    pub fn predictions(&self) -> &[PredictionType] {
        &self.predictions
    }

    /// Losses.
    pub fn losses(&self) -> &[Loss] {
        &self.losses
    }

    /// Metrics.
    pub fn metrics(&self) -> &[Metric] {
        &self.metrics
    }

    /// Metrics over instances.
    pub fn instance_metrics(&self) -> &[InstanceMetric] {
        &self.instance_metrics
    }

    /// Visualizers.
    pub fn visualizers(&self) -> &[Visualizer] {
        &self.visualizers
    }

    /// Custom latent spaces.
    pub fn latent_spaces(&self) -> &[LatentSpace] {
        &self.latent_spaces
    }

    /// Simulations.
    pub fn simulations(&self) -> &[Simulation] {
        &self.simulations
    }

    /// The autoregressive step and what goes with it.
    pub const fn autoregressive(&self) -> Option<&AutoregressiveFunctions> {
        self.autoregressive.as_ref()
    }

    /// Layers that the platform does not know.
    pub fn custom_layers(&self) -> &[CustomLayer] {
        &self.custom_layers
    }

    /// What is asked of the analysis.
    pub const fn configuration(&self) -> &AnalysisConfiguration {
        &self.configuration
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry")
            .field("inputs", &self.inputs)
            .field("ground_truths", &self.ground_truths)
            .field("metadata", &self.metadata)
            .field("predictions", &self.predictions)
            .field("losses", &self.losses)
            .field("metrics", &self.metrics)
            .field("visualizers", &self.visualizers)
            .field("latent_spaces", &self.latent_spaces)
            .field("simulations", &self.simulations)
            .finish_non_exhaustive()
    }
}

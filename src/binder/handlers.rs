use std::any::Any;
use std::fmt;

use candle_core::Tensor;

use crate::contract::{
    Argument, ChainMetric, ComputeInsights, ComputedAt, DataState, ElementInstance, HandlerResult,
    LatentSpaceAggregation, LatentSpaceOptions, LeapDataType, Metadata, MetadataType, MetadataTypes, MetricDirections,
    MetricResult, NamedTensors, SampleId, SimulationArguments, SimulationBounds, Subset, Visualization,
};
use crate::imaging::ImageSpec;

/// A loaded sample whose type only the binder's own functions know.
pub(crate) type AnySample = dyn Any + Send + Sync;

/// Where a function is run: on which samples of which subset.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) state: DataState,
    pub(crate) ids: &'a [SampleId],
}

pub(crate) type SampleFn<T> = Box<dyn Fn(&AnySample, Place<'_>) -> HandlerResult<T> + Send + Sync>;
pub(crate) type InstanceFn<T> = Box<dyn Fn(&AnySample, usize) -> HandlerResult<T> + Send + Sync>;
pub(crate) type TensorsFn<T> = Box<dyn Fn(&[&Tensor], Place<'_>) -> HandlerResult<T> + Send + Sync>;
pub(crate) type PredictionsFn<T> = Box<dyn Fn(&AnySample, &NamedTensors) -> HandlerResult<T> + Send + Sync>;
pub(crate) type HeatmapFn = Box<dyn Fn(&[&Tensor], &NamedTensors) -> HandlerResult<Tensor> + Send + Sync>;
pub(crate) type SimulateFn = Box<dyn Fn(&SimulationArguments) -> HandlerResult<Vec<Box<AnySample>>> + Send + Sync>;

/// [`crate::contract::Dataset`] without its sample type.
pub(crate) trait AnyDataset: Send + Sync {
    fn preprocess(&self) -> HandlerResult<Vec<Subset>>;
    fn unlabeled_preprocess(&self) -> HandlerResult<Option<Subset>>;
    fn load(&self, id: &SampleId, state: DataState) -> HandlerResult<Box<AnySample>>;
    fn load_group(&self, ids: &[SampleId], state: DataState) -> HandlerResult<Vec<Box<AnySample>>>;
    fn attributes(&self, id: &SampleId, state: DataState) -> Vec<(String, String)>;
    fn digest(&self, sample: &AnySample) -> Option<[u8; 32]>;
}

/// An input encoder: a sample in, one tensor of the model's input out.
pub struct InputEncoder {
    /// Unique among input encoders.
    pub name: String,
    /// The channel axis of the *batched* tensor: -1 channel last, 1 channel first.
    pub channel_dim: i64,
    /// Whether `channel_dim` was left at its default.
    pub channel_dim_defaulted: bool,
    /// Its place among the model's inputs, 0 to 9, where that is fixed.
    pub model_input_index: Option<usize>,
    /// How the image was prepared, where the encoder delivers one and says so.
    pub image: Option<ImageSpec>,
    pub(crate) encode: SampleFn<Tensor>,
}

/// A ground-truth encoder: a sample in, one tensor of what the model should say out.
pub struct GroundTruthEncoder {
    /// Unique among ground-truth encoders.
    pub name: String,
    pub(crate) encode: SampleFn<Tensor>,
}

/// A metadata function.
pub struct MetadataFunction {
    /// Unique among metadata functions.
    pub name: String,
    /// The types of its columns, where declared; used only where a value is absent.
    pub declared: Option<MetadataTypes>,
    pub(crate) compute: SampleFn<Metadata>,
}

/// What one output of the model means: a name and its classes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PredictionType {
    /// Unique among prediction types.
    pub name: String,
    /// Class names, in the order of the output's entries.
    pub labels: Vec<String>,
    /// The axis of the classes in the batched output; -1 the last.
    pub channel_dim: i64,
    /// Whether `channel_dim` was left at its default.
    pub channel_dim_defaulted: bool,
}

/// A loss: batched tensors in, one value for each sample `(n,)` out.
pub struct Loss {
    /// Unique among losses.
    pub name: String,
    /// What it reads.
    pub arguments: Vec<Argument>,
    pub(crate) compute: TensorsFn<Tensor>,
}

/// A metric: batched tensors in, one value for each sample out, or several by name.
pub struct Metric {
    /// Unique among metrics.
    pub name: String,
    /// What it reads.
    pub arguments: Vec<Argument>,
    /// Which way it gets better.
    pub directions: MetricDirections,
    /// Whether the analysis looks for insights in it; the platform decides when none.
    pub compute_insights: Option<ComputeInsights>,
    pub(crate) compute: TensorsFn<MetricResult>,
}

/// A metric over the instances of a sample: batched tensors in, for each instance one value for each sample out.
pub struct InstanceMetric {
    /// Unique among instance metrics; a metric may have the same name.
    pub name: String,
    /// What it reads.
    pub arguments: Vec<Argument>,
    /// Which way it gets better.
    pub directions: MetricDirections,
    /// Whether the analysis looks for insights in it; the platform decides when none.
    pub compute_insights: Option<ComputeInsights>,
    pub(crate) compute: TensorsFn<Vec<(i64, Tensor)>>,
}

/// A visualizer: one sample's tensors, without a batch axis, in; a payload out.
pub struct Visualizer {
    /// Unique among visualizers.
    pub name: String,
    /// What it draws.
    pub data_type: LeapDataType,
    /// What it reads.
    pub arguments: Vec<Argument>,
    pub(crate) compute: TensorsFn<Visualization>,
    pub(crate) heatmap: Option<HeatmapFn>,
}

/// A latent space of the binder's own.
pub struct LatentSpace {
    /// Unique among latent spaces.
    pub name: String,
    /// Where it is computed.
    pub computed_at: ComputedAt,
    /// Whether it is one of an instance and not of a sample.
    pub instance_aware: bool,
    /// What it reads, when it is computed from the model's tensors.
    pub arguments: Vec<Argument>,
    /// How it is used and reduced.
    pub options: LatentSpaceOptions,
    pub(crate) compute: LatentSpaceFn,
}

pub(crate) enum LatentSpaceFn {
    Dataset(SampleFn<Tensor>),
    Model(TensorsFn<Tensor>),
    Instance(InstanceFn<Tensor>),
}

/// The instances in a sample: how many there are, and each with its mask.
pub struct Instances {
    /// Types of the instances' metadata, where declared.
    pub metadata_types: Vec<(String, MetadataType)>,
    pub(crate) length: SampleFn<usize>,
    pub(crate) mask: InstanceFn<Option<ElementInstance>>,
}

/// Finds what a model saw that is not there.
pub struct FalsePositives {
    /// The encoder's name.
    pub name: String,
    /// Types of the instances' metadata, where declared.
    pub metadata_types: Vec<(String, MetadataType)>,
    pub(crate) encode: PredictionsFn<Vec<ElementInstance>>,
}

/// Makes samples that the data set does not have.
pub struct Simulation {
    /// Unique among simulations.
    pub name: String,
    /// Parameters and their bounds.
    pub parameters: Vec<(String, SimulationBounds)>,
    pub(crate) simulate: SimulateFn,
}

/// The state of a chain, whose type only the binder's own functions know.
pub(crate) trait AnyState: Send + Sync {
    fn as_any(&self) -> &dyn Any;
    /// For comparison and for the report; NaN is null and so equal to itself.
    fn to_json(&self) -> Result<serde_json::Value, serde_json::Error>;
}

impl<S: serde::Serialize + Send + Sync + 'static> AnyState for S {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn to_json(&self) -> Result<serde_json::Value, serde_json::Error> {
        serde_json::to_value(self)
    }
}

/// [`crate::contract::Chain`] without its state's type.
#[derive(Clone, Copy)]
pub(crate) struct ChainRef<'a> {
    pub(crate) inputs: &'a NamedTensors,
    pub(crate) outputs: &'a NamedTensors,
    pub(crate) state: &'a dyn AnyState,
}

pub(crate) type StepResult = (Option<NamedTensors>, Box<dyn AnyState>);
pub(crate) type StepFn =
    Box<dyn Fn(&AnySample, Option<ChainRef<'_>>, Place<'_>) -> HandlerResult<StepResult> + Send + Sync>;
pub(crate) type ChainFn<T> = Box<dyn Fn(ChainRef<'_>, &[&Tensor]) -> HandlerResult<T> + Send + Sync>;

/// A function over a whole chain.
pub struct ChainFunction<T> {
    /// Unique among functions of its kind, those over samples included.
    pub name: String,
    /// The ground truths it reads.
    pub arguments: Vec<Argument>,
    pub(crate) compute: ChainFn<T>,
}

/// A model that is called again and again: the step that makes its inputs, and functions over the whole chain.
pub struct AutoregressiveFunctions {
    /// How the steps' latent spaces become one.
    pub aggregation: LatentSpaceAggregation,
    pub(crate) step: StepFn,
    pub(crate) losses: Vec<ChainFunction<f64>>,
    pub(crate) metrics: Vec<(MetricDirections, ChainFunction<ChainMetric>)>,
    pub(crate) visualizers: Vec<(LeapDataType, ChainFunction<Visualization>)>,
}

macro_rules! debug_by_name {
    ($($handler:ident),*) => {$(
        impl fmt::Debug for $handler {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($handler)).field("name", &self.name).finish_non_exhaustive()
            }
        }
    )*};
}

debug_by_name!(
    InputEncoder,
    GroundTruthEncoder,
    MetadataFunction,
    Loss,
    Metric,
    InstanceMetric,
    Visualizer,
    LatentSpace,
    FalsePositives,
    Simulation
);

impl fmt::Debug for Instances {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Instances").field("metadata_types", &self.metadata_types).finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for ChainFunction<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChainFunction").field("name", &self.name).finish_non_exhaustive()
    }
}

impl fmt::Debug for AutoregressiveFunctions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AutoregressiveFunctions").field("aggregation", &self.aggregation).finish_non_exhaustive()
    }
}

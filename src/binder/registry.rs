use std::any::Any;
use std::fmt;

use candle_core::Tensor;

use crate::contract::{
    Argument, DataState, HandlerResult, LeapDataType, Metadata, MetadataType, MetricDirection, SampleId, Subset,
    Visualization,
};
use crate::imaging::ImageSpec;

/// A loaded sample whose type only the binder's own functions know.
pub(crate) type AnySample = dyn Any + Send + Sync;
pub(crate) type SampleFn<T> = Box<dyn Fn(&AnySample) -> HandlerResult<T> + Send + Sync>;
pub(crate) type TensorsFn<T> = Box<dyn Fn(&[&Tensor]) -> HandlerResult<T> + Send + Sync>;

/// [`crate::contract::Dataset`] without its sample type.
pub(crate) trait AnyDataset: Send + Sync {
    fn preprocess(&self) -> HandlerResult<Vec<Subset>>;
    fn load(&self, id: &SampleId, state: DataState) -> HandlerResult<Box<AnySample>>;
    fn attributes(&self, id: &SampleId, state: DataState) -> Vec<(String, String)>;
}

/// An input encoder: a sample in, one tensor of the model's input out.
pub struct InputEncoder {
    /// Unique among input encoders.
    pub name: String,
    /// The channel axis of the *batched* tensor: -1 channel last, 1 channel first.
    pub channel_dim: i64,
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
    /// The type of its columns, where declared; needed only if the first training sample's value is absent.
    pub declared: Option<MetadataType>,
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
}

/// A loss: batched tensors in, one value for each sample `(n,)` out.
pub struct Loss {
    /// Unique among losses.
    pub name: String,
    /// What it reads.
    pub arguments: Vec<Argument>,
    pub(crate) compute: TensorsFn<Tensor>,
}

/// A metric: batched tensors in, one value for each sample `(n,)` out.
pub struct Metric {
    /// Unique among metrics.
    pub name: String,
    /// What it reads.
    pub arguments: Vec<Argument>,
    /// Which way it gets better.
    pub direction: MetricDirection,
    pub(crate) compute: TensorsFn<Tensor>,
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
}

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
    pub(crate) visualizers: Vec<Visualizer>,
}

impl Registry {
    /// Input encoders.
    pub fn inputs(&self) -> &[InputEncoder] {
        &self.inputs
    }

    /// Ground-truth encoders.
    pub fn ground_truths(&self) -> &[GroundTruthEncoder] {
        &self.ground_truths
    }

    /// Metadata functions.
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

    /// Visualizers.
    pub fn visualizers(&self) -> &[Visualizer] {
        &self.visualizers
    }
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

debug_by_name!(InputEncoder, GroundTruthEncoder, MetadataFunction, Loss, Metric, Visualizer);

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
            .finish_non_exhaustive()
    }
}

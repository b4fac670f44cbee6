//! What a binder is made of, as plain data and small traits, in Tensorleap's words.
//!
//! A [`Dataset`] lists [`Subset`]s of [`SampleId`]s and loads samples; encoders turn a sample into tensors, metadata
//! functions into [`Metadata`], visualizers into payloads such as [`LeapHorizontalBar`]. Losses, metrics and visualizers
//! say by [`Argument`]s what they read. A broken rule is a [`Violation`] with a stable [`Code`].

mod autoregressive;
mod code;
mod configuration;
mod dataset;
mod directions;
mod graph;
mod instances;
mod latent;
mod metadata;
mod metric;
mod model;
mod sample;
mod simulation;
mod state;
pub(crate) mod tensor;
mod violation;
mod visual;
mod wiring;

pub use autoregressive::{Chain, ChainMetric, LatentSpaceAggregation, NamedTensors, Step};
pub use code::Code;
pub use configuration::{AnalysisConfiguration, CustomLayer};
pub use dataset::{Dataset, HandlerResult, IntoTensor};
pub use directions::{ComputeInsights, MetricDirections, ResolvedDirections, check_insights, resolve_directions};
pub use graph::{NodeConnection, NodeMapping, NodeType};
pub use instances::ElementInstance;
pub use latent::{ComputedAt, LatentSpaceOptions, LatentSpaceReduction};
pub use metadata::{Metadata, MetadataType, MetadataTypes, MetadataValue};
pub use metric::{ConfusionMatrixElement, ConfusionMatrixValue, MetricResult, SingleMetric, validate_loss};
pub use model::{LeapModel, ModelInput};
pub use sample::{SampleId, Subset};
pub(crate) use simulation::broken as broken_simulation;
pub use simulation::{SimulationArguments, SimulationBounds, SimulationValue};
pub use state::DataState;
pub use violation::Violation;
pub use visual::{
    AudioVisual, BoundingBox, BoundingBox3D, LeapAudio, LeapDataType, LeapGraph, LeapHorizontalBar, LeapImage,
    LeapImageMask, LeapImageWithBBox, LeapImageWithHeatmap, LeapPointCloud, LeapText, LeapTextMask, LeapVideo, Visual,
    Visualization,
};
pub use wiring::{Argument, MetricDirection, Source, argument, ground_truth, input, prediction};

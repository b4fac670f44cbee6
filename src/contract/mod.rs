//! What a binder is made of, as plain data and small traits, in Tensorleap's words.
//!
//! A [`Dataset`] lists [`Subset`]s of [`SampleId`]s and loads samples; encoders turn a sample into tensors, metadata
//! functions into [`Metadata`], visualizers into payloads such as [`LeapHorizontalBar`]. Losses, metrics and visualizers
//! say by [`Argument`]s what they read. A broken rule is a [`Violation`] with a stable [`Code`].

mod dataset;
mod metadata;
mod sample;
mod state;
mod violation;
mod visual;
mod wiring;

pub use dataset::{Dataset, HandlerResult, IntoTensor};
pub use metadata::{Metadata, MetadataType, MetadataValue};
pub use sample::{SampleId, Subset};
pub use state::DataState;
pub use violation::{Code, Violation};
pub use visual::{
    AudioVisual, BoundingBox, BoundingBox3D, LeapAudio, LeapDataType, LeapGraph, LeapHorizontalBar, LeapImage,
    LeapImageMask, LeapImageWithBBox, LeapImageWithHeatmap, LeapPointCloud, LeapText, LeapTextMask, LeapVideo, Visual,
    Visualization,
};
pub use wiring::{Argument, MetricDirection, Source, ground_truth, input, prediction};

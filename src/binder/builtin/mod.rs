//! What Tensorleap brings with every binder: losses, metrics, visualizers, and the metadata of instances and chains.

pub mod losses;
pub(crate) mod metadata;
pub mod metrics { pub(crate) const NAMES: [&str; 8] = ["MeanSquaredError","MeanSquaredLogarithmicError","MeanAbsoluteError","MeanAbsolutePercentageError","Accuracy","ConfusionMatrixClassification","CategoricalCrossentropy","BinaryCrossentropy"]; }
pub mod visualizers { pub(crate) const NAMES: [&str; 8] = ["Image", "Video", "Graph", "RawData", "HorizontalBar", "Text", "ImageMask", "TextMask"]; }


//! code_loader's built-in visualizers, number for number (binder contract, section 2.7; code_loader 1.0.214).
//!
//! Unlike a binder's own visualizers they take *batched* tensors `(n, ...)`. All but [`raw_data`], [`text`] and
//! [`image_mask`] draw item 0 of the batch only. [`BUILTIN`] lists the eight that are registered for every binder;
//! [`default_audio_visualizer`] is a helper that binders may register themselves. All are deterministic, on the CPU,
//! bit for bit NumPy's results.

mod audio;
mod masks;
mod pictures;
mod printed;
mod words;

use candle_core::Tensor;

pub use audio::default_audio_visualizer;
pub use masks::{image_mask, text_mask};
pub use pictures::{graph, horizontal_bar, image, rescale, video};
pub use words::{raw_data, text};

use crate::contract::{HandlerResult, LeapDataType, Visualization};

/// A visualizer that every binder has.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct BuiltinVisualizer {
    /// Its name, which no visualizer of the binder may take.
    pub name: &'static str,
    /// What it draws.
    pub data_type: LeapDataType,
    /// The names of its arguments.
    pub arguments: &'static [&'static str],
    draw: fn(&[&Tensor]) -> HandlerResult<Visualization>,
}

impl BuiltinVisualizer {
    /// Draws batched tensors, one for each argument and in their order.
    ///
    /// # Errors
    /// When the number of tensors is another, and those of the visualizer's function.
    pub fn draw(&self, tensors: &[&Tensor]) -> HandlerResult<Visualization> {
        if tensors.len() != self.arguments.len() {
            return Err(format!("{} takes {:?}, was given {} tensors", self.name, self.arguments, tensors.len()).into());
        }
        (self.draw)(tensors)
    }

    const fn new(
        name: &'static str,
        data_type: LeapDataType,
        arguments: &'static [&'static str],
        draw: fn(&[&Tensor]) -> HandlerResult<Visualization>,
    ) -> Self {
        Self { name, data_type, arguments, draw }
    }
}

/// The built-in visualizers in the order of their registration.
pub const BUILTIN: [BuiltinVisualizer; 8] = [
    BuiltinVisualizer::new("Image", LeapDataType::Image, &["data"], |xs| Ok(image(xs[0])?.into())),
    BuiltinVisualizer::new("Video", LeapDataType::Video, &["data"], |xs| Ok(video(xs[0])?.into())),
    BuiltinVisualizer::new("Graph", LeapDataType::Graph, &["data"], |xs| Ok(graph(xs[0])?.into())),
    BuiltinVisualizer::new("RawData", LeapDataType::Text, &["data"], |xs| Ok(raw_data(xs[0])?.into())),
    BuiltinVisualizer::new("HorizontalBar", LeapDataType::HorizontalBar, &["data"], |xs| {
        Ok(horizontal_bar(xs[0])?.into())
    }),
    BuiltinVisualizer::new("Text", LeapDataType::Text, &["data"], |xs| Ok(text(xs[0])?.into())),
    BuiltinVisualizer::new("ImageMask", LeapDataType::ImageMask, &["mask", "image"], |xs| {
        Ok(image_mask(xs[0], xs[1])?.into())
    }),
    BuiltinVisualizer::new("TextMask", LeapDataType::TextMask, &["mask", "text_data"], |xs| {
        Ok(text_mask(xs[0], xs[1])?.into())
    }),
];

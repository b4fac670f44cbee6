//! Visualizer payloads: what a visualizer returns and Tensorleap draws.
//!
//! Each payload keeps the construction rules of code_loader 1.0.214 (binder contract, section 1.5), in its type where
//! the type can and in its constructor else. Rules never look at pixel values; [`Visualization::warnings`] does.

mod audio;
mod boxes;
mod image;
mod masks;
mod plots;
mod points;
mod render;
mod rules;
mod summary;
mod text;
mod warnings;

use super::tensor;
use serde::Serialize;

pub use audio::{AudioVisual, LeapAudio};
pub use boxes::{BoundingBox, BoundingBox3D};
pub use image::{LeapImage, LeapImageWithBBox, LeapVideo};
pub use masks::{LeapImageMask, LeapImageWithHeatmap, LeapTextMask};
pub use plots::{LeapGraph, LeapHorizontalBar};
pub use points::LeapPointCloud;
pub use text::LeapText;

/// What a visualizer draws (Tensorleap: `LeapDataType`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[non_exhaustive]
pub enum LeapDataType {
    /// A still image.
    Image,
    /// Words, optionally with a heat value each.
    Text,
    /// Lines over a common axis.
    Graph,
    /// Bars with labels.
    HorizontalBar,
    /// A still image under class regions.
    ImageMask,
    /// Words, each with a class.
    TextMask,
    /// A still image with boxes.
    ImageWithBBox,
    /// A still image under heat maps.
    ImageWithHeatmap,
    /// Frames.
    Video,
    /// Sound with a picture of it.
    Audio,
    /// Points in space, optionally with boxes.
    PointCloud,
}

impl LeapDataType {
    /// Every type, in the contract's order.
    pub const ALL: [Self; 11] = [
        Self::Image,
        Self::Text,
        Self::Graph,
        Self::HorizontalBar,
        Self::ImageMask,
        Self::TextMask,
        Self::ImageWithBBox,
        Self::ImageWithHeatmap,
        Self::Video,
        Self::Audio,
        Self::PointCloud,
    ];

    /// The contract's spelling.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Image => "Image",
            Self::Text => "Text",
            Self::Graph => "Graph",
            Self::HorizontalBar => "HorizontalBar",
            Self::ImageMask => "ImageMask",
            Self::TextMask => "TextMask",
            Self::ImageWithBBox => "ImageWithBBox",
            Self::ImageWithHeatmap => "ImageWithHeatmap",
            Self::Video => "Video",
            Self::Audio => "Audio",
            Self::PointCloud => "PointCloud",
        }
    }
}

/// A payload type, so that a visualizer's declared type is the type it returns.
pub trait Visual: Into<Visualization> {
    /// What is drawn.
    const TYPE: LeapDataType;
}

macro_rules! visualization {
    ($($variant:ident($payload:ident): $what:literal,)*) => {
        /// Any visualizer's payload.
        ///
        /// Serialises as its payload does: code_loader's field names with `type`, tensors as `{"dtype", "shape",
        /// "data"}`.
        #[derive(Debug, Clone, Serialize)]
        #[serde(untagged)]
        #[non_exhaustive]
        pub enum Visualization {
            $(#[doc = $what] $variant($payload),)*
        }

        impl Visualization {
            /// What is drawn.
            pub const fn data_type(&self) -> LeapDataType {
                match self {
                    $(Self::$variant(_) => LeapDataType::$variant,)*
                }
            }
        }

        $(
            impl From<$payload> for Visualization {
                fn from(payload: $payload) -> Self {
                    Self::$variant(payload)
                }
            }

            impl Visual for $payload {
                const TYPE: LeapDataType = LeapDataType::$variant;
            }
        )*
    };
}

visualization! {
    Image(LeapImage): "A still image.",
    Text(LeapText): "Words, optionally with a heat value each.",
    Graph(LeapGraph): "Lines over a common axis.",
    HorizontalBar(LeapHorizontalBar): "Bars with labels.",
    ImageMask(LeapImageMask): "A still image under class regions.",
    TextMask(LeapTextMask): "Words, each with a class.",
    ImageWithBBox(LeapImageWithBBox): "A still image with boxes.",
    ImageWithHeatmap(LeapImageWithHeatmap): "A still image under heat maps.",
    Video(LeapVideo): "Frames.",
    Audio(LeapAudio): "Sound with a picture of it.",
    PointCloud(LeapPointCloud): "Points in space, optionally with boxes.",
}

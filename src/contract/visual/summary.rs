use std::fmt;

use super::tensor::numpy_name;
use super::{AudioVisual, Visualization};

impl Visualization {
    /// The shape of its main tensor: pixels, lines, points, or the number of words, bars or sound values.
    pub fn shape(&self) -> Vec<usize> {
        match self {
            Self::Image(payload) => payload.data().dims().to_vec(),
            Self::Text(payload) => vec![payload.data().len()],
            Self::Graph(payload) => payload.data().dims().to_vec(),
            Self::HorizontalBar(payload) => vec![payload.body().len()],
            Self::ImageMask(payload) => payload.image().dims().to_vec(),
            Self::TextMask(payload) => vec![payload.text().len()],
            Self::ImageWithBBox(payload) => payload.data().dims().to_vec(),
            Self::ImageWithHeatmap(payload) => payload.image().dims().to_vec(),
            Self::Video(payload) => payload.data().dims().to_vec(),
            Self::Audio(payload) => vec![payload.audio().len()],
            Self::PointCloud(payload) => payload.points().dims().to_vec(),
        }
    }
}

/// One line that says what is drawn, without values: `uint8 image`, `3 bars`.
impl fmt::Display for Visualization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Image(payload) => write!(f, "{} image", numpy_name(payload.data().dtype())),
            Self::Text(payload) => write!(f, "{} words", payload.data().len()),
            Self::Graph(payload) => write!(f, "graph of {} lines", payload.data().dims().last().unwrap_or(&0)),
            Self::HorizontalBar(payload) => write!(f, "{} bars", payload.body().len()),
            Self::ImageMask(payload) => {
                write!(
                    f,
                    "{} image under a mask of {} labels",
                    numpy_name(payload.image().dtype()),
                    payload.labels().len()
                )
            }
            Self::TextMask(payload) => {
                write!(f, "{} words under a mask of {} labels", payload.text().len(), payload.labels().len())
            }
            Self::ImageWithBBox(payload) => {
                let boxes = payload.bounding_boxes().len();
                write!(f, "{} image with {boxes} boxes", numpy_name(payload.data().dtype()))
            }
            Self::ImageWithHeatmap(payload) => {
                write!(f, "{} image with {} heat maps", numpy_name(payload.image().dtype()), payload.labels().len())
            }
            Self::Video(payload) => {
                write!(f, "{} video of {} frames", numpy_name(payload.data().dtype()), payload.data().dims()[0])
            }
            Self::Audio(payload) => {
                let seconds = payload.audio().len() as f64 / f64::from(payload.sample_rate());
                let picture = match payload.visual() {
                    AudioVisual::Image(_) => "spectrogram",
                    AudioVisual::Graph(_) => "waveform",
                };
                write!(f, "{seconds:.3} s of sound with a {picture}")
            }
            Self::PointCloud(payload) => {
                let boxes = payload.bounding_boxes().map_or(0, <[_]>::len);
                write!(f, "{} points with {boxes} boxes", payload.points().dims()[0])
            }
        }
    }
}

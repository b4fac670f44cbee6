use serde::Serialize;

use super::{LeapGraph, LeapImage, rules, tensor};
use crate::contract::Violation;

/// Sound of one channel with a picture of it.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "type", rename = "Audio")]
pub struct LeapAudio {
    #[serde(serialize_with = "tensor::serialize_f32")]
    audio: Vec<f32>,
    sample_rate: u32,
    visual: AudioVisual,
}

impl LeapAudio {
    /// Sound at `sample_rate` values a second, and its waveform ([`LeapGraph`]) or spectrogram ([`LeapImage`]).
    ///
    /// # Errors
    /// `BND-208` when the rate is 0.
    pub fn new(audio: Vec<f32>, sample_rate: u32, visual: impl Into<AudioVisual>) -> Result<Self, Violation> {
        if sample_rate == 0 {
            let text = "sample_rate must be a positive int, got 0";
            return Err(rules::broken("LeapAudio", "a positive sample rate", "0", text));
        }
        Ok(Self { audio, sample_rate, visual: visual.into() })
    }

    /// The sound.
    pub fn audio(&self) -> &[f32] {
        &self.audio
    }

    /// Values a second.
    pub const fn sample_rate(&self) -> u32 {
        self.sample_rate
    }

    /// The picture of the sound.
    pub const fn visual(&self) -> &AudioVisual {
        &self.visual
    }
}

/// A picture of sound.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub enum AudioVisual {
    /// A spectrogram.
    Image(LeapImage),
    /// A waveform.
    Graph(LeapGraph),
}

impl From<LeapImage> for AudioVisual {
    fn from(spectrogram: LeapImage) -> Self {
        Self::Image(spectrogram)
    }
}

impl From<LeapGraph> for AudioVisual {
    fn from(waveform: LeapGraph) -> Self {
        Self::Graph(waveform)
    }
}

use serde::Serialize;

use crate::imaging::{ChannelOrder, Colours, GreyMode, ImageSpec, Normalisation, Resampling};
use crate::{Error, Result};

/// Which classes the ground truth distinguishes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Classes {
    /// NORMAL, bacteria, virus.
    #[default]
    Three,
    /// NORMAL, PNEUMONIA.
    Binary,
}

impl Classes {
    /// Class names in the order of the one-hot ground truth.
    pub const fn labels(self) -> &'static [&'static str] {
        match self {
            Self::Three => &["NORMAL", "bacteria", "virus"],
            Self::Binary => &["NORMAL", "PNEUMONIA"],
        }
    }
}

/// How the X-rays are read and what the binder says about them. Every choice that changes a number is named here.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Config {
    /// The classes. Default: three.
    pub classes: Classes,
    /// Height and width of the input in pixels; images are squashed to it, their aspect is lost. Default: 224.
    pub side: usize,
    /// Turn images into grey (Pillow's `L`) before anything else, so that the three channels are equal. Default: true.
    pub grey: bool,
    /// Order of the input's channels; without effect on grey images. Default: RGB.
    pub channel_order: ChannelOrder,
    /// What the encoder does with 8-bit levels. A model's own mean and standard deviation are applied by the model, so
    /// the input stays viewable. Default: level / 255.
    pub normalisation: Normalisation,
    /// The resampling kernel. Default: Pillow's bilinear, which shrinks without aliasing.
    pub resampling: Resampling,
    /// The arithmetic of the grey levels behind the metadata. Default: the reference's.
    pub grey_mode: GreyMode,
    /// Chooses the validation patients where the data has no validation folder. Default: 0.
    pub validation_seed: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            classes: Classes::Three,
            side: 224,
            grey: true,
            channel_order: ChannelOrder::Rgb,
            normalisation: Normalisation::UnitRange,
            resampling: Resampling::PilBilinear,
            grey_mode: GreyMode::Reference,
            validation_seed: 0,
        }
    }
}

impl Config {
    /// What Tensorleap's Python original does for its DenseNet201: 640 x 640 by OpenCV's bilinear resize, channels kept
    /// in OpenCV's BGR order, / 255, and grey levels by RGB weights on BGR data, truncated.
    pub fn reference() -> Self {
        Self {
            side: 640,
            grey: false,
            channel_order: ChannelOrder::Bgr,
            resampling: Resampling::OpenCvLinear,
            ..Self::default()
        }
    }

    /// How the input `image` is prepared, for models to compare with what they want.
    pub fn image_spec(&self) -> ImageSpec {
        ImageSpec {
            width: self.side,
            height: self.side,
            colours: if self.grey { Colours::GreyReplicated } else { Colours::Rgb },
            channel_order: self.channel_order,
            normalisation: self.normalisation,
            resampling: Some(self.resampling),
        }
    }

    /// Checks the values that types leave open.
    ///
    /// # Errors
    /// [`Error::Config`] for a side outside 32..=4096, a standard deviation that is not positive, a mean that is not finite.
    pub fn validate(&self) -> Result<()> {
        if !(32..=4096).contains(&self.side) {
            return Err(Error::config("side", "32 to 4096 pixels", self.side.to_string()));
        }
        match self.normalisation {
            Normalisation::MeanStd { std, .. } if !std.iter().all(|std| *std > 0.0 && std.is_finite()) => {
                Err(Error::config("normalisation.std", "three positive numbers", format!("{std:?}")))
            }
            Normalisation::MeanStd { mean, .. } if !mean.iter().all(|mean| mean.is_finite()) => {
                Err(Error::config("normalisation.mean", "three finite numbers", format!("{mean:?}")))
            }
            _ => Ok(()),
        }
    }
}

//! How an image was prepared before it became a model's input.

use std::fmt;

use candle_core::{DType, Device, Tensor};
use serde::{Deserialize, Serialize};

use super::{ChannelOrder, Normalisation, Resampling};
use crate::{Error, Result};

/// The one scale that weights files may name: bytes become `[0, 1]`.
const SCALE: &str = "1/255";

/// How an image input is prepared: size, colours, value range, kernel. Three channels always.
///
/// In JSON (the key `input` of a weights file) `channels` and `scale` are always 3 and `"1/255"`; `mean` and `std` are
/// there or not together. The rest is optional: `grey_replicated` is false, `channel_order` is `"rgb"`, `resampling` is
/// not known. `width` and `height` may stand for `side`. Unknown keys are refused, since they may change the input.
///
/// ```
/// # use leap_binder::imaging::ImageSpec;
/// let json = r#"{"side": 224, "channels": 3, "grey_replicated": true, "scale": "1/255"}"#;
/// let spec: ImageSpec = serde_json::from_str(json)?;
/// assert_eq!(spec.to_string(), "224x224 grey x3, unit range");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Json", into = "Json")]
pub struct ImageSpec {
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Whether the three channels are copies of one grey channel.
    pub grey: bool,
    /// What the three channels are. When `grey` is set it only says where each mean and standard deviation goes.
    pub channel_order: ChannelOrder,
    /// The value range.
    pub normalisation: Normalisation,
    /// The kernel that brought the image to its size; `None` if that is not known or no image was resampled.
    pub resampling: Option<Resampling>,
}

/// How input that a model accepts becomes what it needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fit {
    /// It is ready.
    Ready,
    /// It lies in `[0, 1]`; the model's mean and standard deviation are still to be applied.
    Standardise,
}

impl ImageSpec {
    /// Every input has three channels.
    pub const CHANNELS: usize = 3;

    /// Whether a model that wants `self` takes input prepared as `given`.
    ///
    /// Sizes must be equal. A model trained on replicated grey takes no colours. The channel order must be the same
    /// unless the input is grey. A model that standardises takes input in `[0, 1]` or input that is standardised with
    /// its own numbers; one that does not takes `[0, 1]` only. Kernels are compared if both are known.
    /// [`crate::model::Adapted`] converts what is refused here.
    ///
    /// # Errors
    ///
    /// [`Error::Mismatch`] with both preparations in full.
    pub fn accepts(&self, given: &ImageSpec) -> Result<Fit> {
        let same_order = self.channel_order == given.channel_order;
        let colours = given.grey || (!self.grey && same_order);
        let kernels = match (self.resampling, given.resampling) {
            (Some(wanted), Some(given)) => wanted == given,
            _ => true,
        };
        let fit = match (self.normalisation, given.normalisation) {
            (Normalisation::UnitRange, Normalisation::UnitRange) => Some(Fit::Ready),
            (Normalisation::MeanStd { .. }, Normalisation::UnitRange) => Some(Fit::Standardise),
            // Each channel has numbers of its own, so the order matters even for replicated grey.
            (wanted, given) => (wanted == given && same_order).then_some(Fit::Ready),
        };
        let subject = if (self.width, self.height) != (given.width, given.height) {
            "image sizes"
        } else if !colours {
            "image colours"
        } else if !kernels {
            "resampling kernels"
        } else if let Some(fit) = fit {
            return Ok(fit);
        } else {
            "value ranges"
        };
        Err(Error::Mismatch {
            subject: subject.to_owned(),
            left: format!("the model wants {self}"),
            right: format!("the input is {given}"),
        })
    }

    /// Makes a batch `(n, 3, h, w)` for a model that wants `self` from `values` `(n, h, w, 3)` f32 prepared as `given`:
    /// moves it to `device`, puts the channels first and standardises if that is still to be done.
    ///
    /// # Errors
    ///
    /// [`Error::Mismatch`] if the model does not accept `given`, [`Error::Argument`] if `values` has another shape or
    /// type than `given` says, [`Error::Tensor`] if the device fails.
    pub fn prepare(&self, given: &ImageSpec, values: &Tensor, device: &Device) -> Result<Tensor> {
        let fit = self.accepts(given)?;
        match values.dims() {
            [_, h, w, Self::CHANNELS] if (*h, *w) == (given.height, given.width) && values.dtype() == DType::F32 => {}
            dims => {
                return Err(Error::argument(
                    "ImageSpec::prepare",
                    format!("values (n, {}, {}, {}) of type F32", given.height, given.width, Self::CHANNELS),
                    format!("{dims:?} of type {:?}", values.dtype()),
                ));
            }
        }
        let channels_first = || values.to_device(device)?.permute((0, 3, 1, 2))?.contiguous();
        let xs = channels_first().map_err(Error::tensor("input"))?;
        match fit {
            Fit::Ready => Ok(xs),
            Fit::Standardise => self.standardise(&xs).map_err(Error::tensor("input")),
        }
    }

    /// The number of images in a batch `(n, 3, height, width)`, or [`Error::Argument`].
    pub(crate) fn check_batch(&self, function: &'static str, xs: &Tensor) -> Result<usize> {
        match *xs.dims() {
            [n, Self::CHANNELS, h, w] if n > 0 && (w, h) == (self.width, self.height) => Ok(n),
            _ => {
                let expected = format!("a batch (n, 3, {}, {}) with n >= 1", self.height, self.width);
                Err(Error::argument(function, expected, format!("{:?}", xs.dims())))
            }
        }
    }

    /// Mean and standard deviation in the order of the input's channels; 0 and 1 for the unit range.
    pub(crate) fn mean_std(&self) -> ([f32; 3], [f32; 3]) {
        match (self.normalisation, self.channel_order) {
            (Normalisation::UnitRange, _) => ([0.0; 3], [1.0; 3]),
            (Normalisation::MeanStd { mean, std }, ChannelOrder::Rgb) => (mean, std),
            (Normalisation::MeanStd { mean: [r, g, b], std: [u, v, w] }, ChannelOrder::Bgr) => ([b, g, r], [w, v, u]),
        }
    }

    fn standardise(&self, xs: &Tensor) -> candle_core::Result<Tensor> {
        let per_channel = |values: [f32; 3]| Tensor::from_slice(&values, (1, 3, 1, 1), xs.device());
        let (mean, std) = self.mean_std();
        xs.broadcast_sub(&per_channel(mean)?)?.broadcast_div(&per_channel(std)?)
    }
}

impl fmt::Display for ImageSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let colours = match (self.grey, self.channel_order) {
            (true, _) => "grey x3",
            (false, ChannelOrder::Rgb) => "rgb",
            (false, ChannelOrder::Bgr) => "bgr",
        };
        write!(f, "{}x{} {colours}, unit range", self.width, self.height)?;
        if let Normalisation::MeanStd { mean, std } = &self.normalisation {
            write!(f, " then (x - {mean:?}) / {std:?}")?;
        }
        match self.resampling {
            Some(kernel) => write!(f, ", {kernel}"),
            None => Ok(()),
        }
    }
}

/// [`ImageSpec`] as weights files spell it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Json {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    side: Option<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    width: Option<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    height: Option<usize>,
    channels: usize,
    #[serde(default)]
    grey_replicated: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    channel_order: Option<ChannelOrder>,
    scale: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mean: Option<[f32; 3]>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    std: Option<[f32; 3]>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    resampling: Option<Resampling>,
}

impl TryFrom<Json> for ImageSpec {
    type Error = String;

    fn try_from(json: Json) -> Result<Self, String> {
        let (width, height) = match (json.side, json.width, json.height) {
            (Some(side), None, None) => (side, side),
            (None, Some(width), Some(height)) => (width, height),
            _ => return Err("expected either side or both width and height".to_owned()),
        };
        if width == 0 || height == 0 {
            return Err(format!("expected a size above zero, found {width}x{height}"));
        }
        if json.channels != Self::CHANNELS {
            return Err(format!("expected 3 channels, found {}", json.channels));
        }
        if json.scale != SCALE {
            return Err(format!("expected the scale {SCALE}, found {}", json.scale));
        }
        let normalisation = match (json.mean, json.std) {
            (None, None) => Normalisation::UnitRange,
            (Some(mean), Some(std)) if std.iter().all(|std| *std > 0.0) => Normalisation::MeanStd { mean, std },
            (Some(_), Some(std)) => return Err(format!("expected std above zero, found {std:?}")),
            _ => return Err("expected both mean and std, or neither".to_owned()),
        };
        Ok(Self {
            width,
            height,
            grey: json.grey_replicated,
            channel_order: json.channel_order.unwrap_or(ChannelOrder::Rgb),
            normalisation,
            resampling: json.resampling,
        })
    }
}

impl From<ImageSpec> for Json {
    fn from(spec: ImageSpec) -> Self {
        let square = spec.width == spec.height;
        let (mean, std) = match spec.normalisation {
            Normalisation::UnitRange => (None, None),
            Normalisation::MeanStd { mean, std } => (Some(mean), Some(std)),
        };
        Self {
            side: square.then_some(spec.width),
            width: (!square).then_some(spec.width),
            height: (!square).then_some(spec.height),
            channels: ImageSpec::CHANNELS,
            grey_replicated: spec.grey,
            channel_order: (spec.channel_order != ChannelOrder::Rgb).then_some(spec.channel_order),
            scale: SCALE.to_owned(),
            mean,
            std,
            resampling: spec.resampling,
        }
    }
}

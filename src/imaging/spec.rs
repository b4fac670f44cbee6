//! How an image was prepared before it became a model's input.

use std::fmt;

use candle_core::{DType, Device, Tensor};
use serde::{Deserialize, Serialize};

use super::planes::channels_first;
use super::{ChannelOrder, Normalisation, Resampling};
use crate::{Error, Result};

/// The one scale that weights files may name: bytes become `[0, 1]`.
const SCALE: &str = "1/255";

/// What the channels of an image input are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Colours {
    /// Three channels in the [`ChannelOrder`].
    Rgb,
    /// Three channels that are copies of one grey channel.
    GreyReplicated,
    /// One grey channel.
    Grey,
}

impl Colours {
    /// 1 or 3.
    pub const fn channels(self) -> usize {
        match self {
            Self::Rgb | Self::GreyReplicated => 3,
            Self::Grey => 1,
        }
    }

    /// Whether there is no colour in it.
    pub const fn is_grey(self) -> bool {
        !matches!(self, Self::Rgb)
    }
}

/// How an image input is prepared: size, colours, value range, kernel.
///
/// In JSON (the key `input` of a weights file) `channels` is 3 or, for one grey channel, 1, and `scale` always `"1/255"`; `mean` and
/// `std` are there or not together. The rest is optional: `grey_replicated` is false, `channel_order` is `"rgb"`, `resampling` is
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
    /// What the channels are.
    pub colours: Colours,
    /// The order of three channels. Of grey it only says where each mean and standard deviation goes; a single channel
    /// takes the first.
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
    /// 1 or 3.
    pub const fn channels(&self) -> usize {
        self.colours.channels()
    }

    /// Whether a model that wants `self` takes input prepared as `given`.
    ///
    /// Sizes must be equal. A model trained on grey takes no colours; one grey channel and three copies of it stand for each
    /// other. The channel order must be the same unless the input is grey. A model that standardises takes input in `[0, 1]` or input that is standardised with
    /// its own numbers; one that does not takes `[0, 1]` only. Kernels are compared if both are known.
    /// [`crate::model::Adapted`] converts what is refused here.
    ///
    /// # Errors
    ///
    /// [`Error::Mismatch`] with both preparations in full.
    pub fn accepts(&self, given: &ImageSpec) -> Result<Fit> {
        let same_order = self.channel_order == given.channel_order;
        let colours = given.colours.is_grey() || (!self.colours.is_grey() && same_order);
        let kernels = match (self.resampling, given.resampling) {
            (Some(wanted), Some(given)) => wanted == given,
            _ => true,
        };
        let fit = match (self.normalisation, given.normalisation) {
            (Normalisation::UnitRange, Normalisation::UnitRange) => Some(Fit::Ready),
            (Normalisation::MeanStd { .. }, Normalisation::UnitRange) => Some(Fit::Standardise),
            // Each channel has numbers of its own, so the order matters even for replicated grey, and one channel cannot
            // stand for three.
            (wanted, range) => {
                (wanted == range && same_order && given.channels() >= self.channels()).then_some(Fit::Ready)
            }
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

    /// Makes a batch `(n, channels, h, w)` for a model that wants `self` from `values` `(n, h, w, channels of given)` f32 prepared as
    /// `given`: moves it to `device`, puts the channels first, makes one grey channel three or three one, and standardises if
    /// that is still to be done.
    ///
    /// # Errors
    ///
    /// [`Error::Mismatch`] if the model does not accept `given`, [`Error::Argument`] if `values` has another shape or
    /// type than `given` says, [`Error::Tensor`] if the device fails.
    pub fn prepare(&self, given: &ImageSpec, values: &Tensor, device: &Device) -> Result<Tensor> {
        let fit = self.accepts(given)?;
        match values.dims() {
            [_, h, w, c] if [*h, *w, *c] == given.shape() && values.dtype() == DType::F32 => {}
            dims => {
                return Err(Error::argument(
                    "ImageSpec::prepare",
                    format!("values (n, {}, {}, {}) of type F32", given.height, given.width, given.channels()),
                    format!("{dims:?} of type {:?}", values.dtype()),
                ));
            }
        }
        if device.is_cpu() && !values.track_op() {
            let (mean, std) = self.mean_std();
            return match fit {
                Fit::Ready => channels_first(values, self.channels(), |value, _| value),
                Fit::Standardise => {
                    channels_first(values, self.channels(), |value, channel| (value - mean[channel]) / std[channel])
                }
            }
            .map_err(Error::tensor("input"));
        }
        let permuted = || {
            let xs = values.to_device(device)?.permute((0, 3, 1, 2))?;
            let (n, _, h, w) = xs.dims4()?;
            match (given.channels(), self.channels()) {
                (3, 1) => xs.narrow(1, 0, 1)?.contiguous(),
                (1, 3) => xs.broadcast_as((n, 3, h, w))?.contiguous(),
                _ => xs.contiguous(),
            }
        };
        let xs = permuted().map_err(Error::tensor("input"))?;
        match fit {
            Fit::Ready => Ok(xs),
            Fit::Standardise => self.standardise(&xs).map_err(Error::tensor("input")),
        }
    }

    /// `[height, width, channels]`: what an image input encoder gives.
    pub(crate) const fn shape(&self) -> [usize; 3] {
        [self.height, self.width, self.channels()]
    }

    /// The number of images in a batch `(n, channels, height, width)`, or [`Error::Argument`].
    pub(crate) fn check_batch(&self, function: &'static str, xs: &Tensor) -> Result<usize> {
        match *xs.dims() {
            [n, c, h, w] if n > 0 && [h, w, c] == self.shape() => Ok(n),
            _ => {
                let [h, w, c] = self.shape();
                let expected = format!("a batch (n, {c}, {h}, {w}) with n >= 1");
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
        let channels = self.channels();
        let per_channel = |values: [f32; 3]| Tensor::from_slice(&values[..channels], (1, channels, 1, 1), xs.device());
        let (mean, std) = self.mean_std();
        xs.broadcast_sub(&per_channel(mean)?)?.broadcast_div(&per_channel(std)?)
    }
}

impl fmt::Display for ImageSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let colours = match (self.colours, self.channel_order) {
            (Colours::Grey, _) => "grey",
            (Colours::GreyReplicated, _) => "grey x3",
            (Colours::Rgb, ChannelOrder::Rgb) => "rgb",
            (Colours::Rgb, ChannelOrder::Bgr) => "bgr",
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
        let colours = match (json.channels, json.grey_replicated) {
            (3, false) => Colours::Rgb,
            (3, true) => Colours::GreyReplicated,
            (1, false) => Colours::Grey,
            (1, true) => return Err("expected 3 channels for replicated grey, found 1".to_owned()),
            (channels, _) => return Err(format!("expected 1 or 3 channels, found {channels}")),
        };
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
            colours,
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
            channels: spec.channels(),
            grey_replicated: spec.colours == Colours::GreyReplicated,
            channel_order: (spec.channel_order != ChannelOrder::Rgb).then_some(spec.channel_order),
            scale: SCALE.to_owned(),
            mean,
            std,
            resampling: spec.resampling,
        }
    }
}

//! From an image to the numbers a network takes.

use serde::{Deserialize, Serialize};

use super::{Colours, Image, ImageSpec};
use crate::{Error, Result};

/// The order of the three channels in a network's input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChannelOrder {
    /// Red, green, blue.
    Rgb,
    /// Blue, green, red, as OpenCV decodes.
    Bgr,
}

/// How an eight-bit value becomes a network's input.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Normalisation {
    /// `value / 255`, divided in f64 and then rounded to f32: 0 to 1.
    UnitRange,
    /// `(value / 255 - mean) / std` in f32, with a mean and a standard deviation for each channel.
    MeanStd {
        /// Means of red, green, blue, whatever the order of the channels in the input.
        mean: [f32; 3],
        /// Standard deviations of red, green, blue, whatever the order of the channels in the input.
        std: [f32; 3],
    },
}

impl Normalisation {
    /// The mean and standard deviation of ImageNet that torchvision's networks are trained with.
    pub const IMAGENET: Self = Self::MeanStd { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };

    /// The input for one value of a channel (0 red, 1 green, 2 blue).
    fn apply(self, level: u8, channel: usize) -> f32 {
        let unit = (f64::from(level) / 255.0) as f32;
        match self {
            Self::UnitRange => unit,
            Self::MeanStd { mean, std } => (unit - mean[channel]) / std[channel],
        }
    }
}

impl Image {
    /// The image as a network's input, channels last; a grey image gives three channels of the same levels.
    ///
    /// *Shape*: `(height, width, 3)` f32, flattened row by row. Bit-exact.
    ///
    /// ```
    /// use leap_binder::imaging::{ChannelOrder, Image, Normalisation};
    /// let pixel = Image::rgb(1, 1, vec![255, 51, 0])?;
    /// assert_eq!(pixel.encode(ChannelOrder::Bgr, Normalisation::UnitRange), [0.0, 0.2, 1.0]);
    /// # Ok::<(), leap_binder::Error>(())
    /// ```
    pub fn encode(&self, order: ChannelOrder, normalisation: Normalisation) -> Vec<f32> {
        let table = |channel| std::array::from_fn(|level| normalisation.apply(level as u8, channel));
        let [red, green, blue]: [[f32; 256]; 3] = [0, 1, 2].map(table);
        let ordered = |[red, green, blue]: [f32; 3]| match order {
            ChannelOrder::Rgb => [red, green, blue],
            ChannelOrder::Bgr => [blue, green, red],
        };
        let encoded: Vec<[f32; 3]> = if self.channels() == 1 {
            let pixels: [_; 256] = std::array::from_fn(|level| ordered([red[level], green[level], blue[level]]));
            self.as_bytes().iter().map(|&level| pixels[usize::from(level)]).collect()
        } else {
            let pixels = self.as_bytes().as_chunks().0.iter();
            pixels
                .map(|&[r, g, b]| ordered([red[usize::from(r)], green[usize::from(g)], blue[usize::from(b)]]))
                .collect()
        };
        encoded.into_flattened()
    }

    /// The image as the input that `spec` describes, but for its size: grey or in colours, channels last, in the value range.
    ///
    /// *Shape*: `(height, width, channels)` f32, flattened row by row. Bit-exact.
    pub fn encode_as(&self, spec: &ImageSpec) -> Vec<f32> {
        let image = if spec.colours.is_grey() { self.to_grey() } else { self.to_rgb() };
        let values = image.encode(spec.channel_order, spec.normalisation);
        match spec.colours {
            Colours::Rgb | Colours::GreyReplicated => values,
            Colours::Grey => values.into_iter().step_by(3).collect(),
        }
    }
}

impl ImageSpec {
    /// The image behind encoded `values` `(height, width, channels)`, flattened row by row: what [`Image::encode_as`] encoded.
    ///
    /// Grey where the input is grey, else RGB. Values between two levels go to the nearest, values out of range to the end of
    /// it, NaN to black.
    ///
    /// # Errors
    /// [`Error::Argument`] when the number of values is another one.
    pub fn image(&self, values: &[f32]) -> Result<Image> {
        let [height, width, channels] = self.shape();
        if values.len() != height * width * channels {
            let expected = format!("{height} x {width} x {channels} values");
            return Err(Error::argument("ImageSpec::image", expected, values.len().to_string()));
        }
        let level = |value: f32, channel: usize| {
            let unit = match self.normalisation {
                Normalisation::UnitRange => value,
                Normalisation::MeanStd { mean, std } => value * std[channel] + mean[channel],
            };
            // To the nearest, halves up, without a call to `round`: the number below 0.5 keeps what is just below a half from
            // becoming a whole in the addition. `as` cuts, keeps to 0..=255 and makes NaN 0.
            (unit * 255.0 + 0.5f32.next_down()) as u8
        };
        let sources = match self.channel_order {
            ChannelOrder::Rgb => [0, 1, 2],
            ChannelOrder::Bgr => [2, 1, 0],
        };
        match self.colours {
            Colours::Rgb => {
                let pixels = values.as_chunks::<3>().0.iter();
                Image::rgb(
                    width,
                    height,
                    pixels.flat_map(|pixel| [0, 1, 2].map(|c| level(pixel[sources[c]], c))).collect(),
                )
            }
            Colours::GreyReplicated | Colours::Grey => {
                let first = values.iter().step_by(channels);
                Image::grey(width, height, first.map(|&value| level(value, sources[0])).collect())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_grey_channel_is_the_first_of_three() {
        let image = Image::rgb(2, 1, vec![0, 128, 255, 9, 9, 9]).unwrap();
        for channel_order in [ChannelOrder::Rgb, ChannelOrder::Bgr] {
            let spec = |colours| ImageSpec {
                width: 2,
                height: 1,
                colours,
                channel_order,
                normalisation: Normalisation::IMAGENET,
                resampling: None,
            };
            let three = image.encode_as(&spec(Colours::GreyReplicated));
            assert_eq!(three, image.to_grey().encode(channel_order, Normalisation::IMAGENET));
            assert_eq!(image.encode_as(&spec(Colours::Grey)), [three[0], three[3]]);
            assert_eq!(image.encode_as(&spec(Colours::Rgb)), image.encode(channel_order, Normalisation::IMAGENET));
        }
    }

    #[test]
    fn an_encoded_image_comes_back() {
        let image = Image::rgb(16, 16, (0..768).map(|place| (place % 256) as u8).collect()).unwrap();
        for (colours, channel_order, normalisation) in [
            (Colours::Rgb, ChannelOrder::Rgb, Normalisation::UnitRange),
            (Colours::Rgb, ChannelOrder::Bgr, Normalisation::IMAGENET),
            (Colours::GreyReplicated, ChannelOrder::Bgr, Normalisation::IMAGENET),
            (Colours::GreyReplicated, ChannelOrder::Rgb, Normalisation::UnitRange),
            (Colours::Grey, ChannelOrder::Bgr, Normalisation::IMAGENET),
        ] {
            let spec = ImageSpec { width: 16, height: 16, colours, channel_order, normalisation, resampling: None };
            let expected = if colours.is_grey() { image.to_grey() } else { image.clone() };
            assert_eq!(spec.image(&image.encode_as(&spec)).unwrap(), expected, "{spec}");
        }
        let spec: ImageSpec = serde_json::from_str(r#"{"side": 2, "channels": 1, "scale": "1/255"}"#).unwrap();
        assert_eq!(spec.image(&[f32::NAN, -1.0, 2.0, 0.5]).unwrap().as_bytes(), [0, 0, 255, 128]);
        assert!(spec.image(&[0.0]).unwrap_err().to_string().contains("expected 2 x 2 x 1 values, found 1"));
    }

    #[test]
    fn mean_and_std_follow_their_channel() {
        let image = Image::rgb(1, 1, vec![0, 128, 255]).unwrap();
        let rgb = image.encode(ChannelOrder::Rgb, Normalisation::IMAGENET);
        // torchvision.transforms: (torch.tensor([0., 128., 255.]) / 255 - mean) / std
        for (value, expected) in rgb.iter().zip([-2.117_904, 0.205_182_1, 2.64]) {
            assert!((value - expected).abs() < 1e-6, "{value} {expected}");
        }
        let bgr = image.encode(ChannelOrder::Bgr, Normalisation::IMAGENET);
        assert_eq!(bgr, [rgb[2], rgb[1], rgb[0]]);
    }

    #[test]
    fn grey_gives_three_channels_with_their_own_normalisation() {
        let grey = Image::grey(2, 1, vec![10, 200]).unwrap();
        for order in [ChannelOrder::Rgb, ChannelOrder::Bgr] {
            assert_eq!(
                grey.encode(order, Normalisation::IMAGENET),
                grey.to_rgb().encode(order, Normalisation::IMAGENET)
            );
        }
    }

    #[test]
    fn names_in_files_are_stable() {
        let json = serde_json::to_string(&(ChannelOrder::Bgr, Normalisation::UnitRange)).unwrap();
        assert_eq!(json, r#"["bgr","unit_range"]"#);
        let mean_std = r#"{"mean_std":{"mean":[0.485,0.456,0.406],"std":[0.229,0.224,0.225]}}"#;
        assert_eq!(serde_json::from_str::<Normalisation>(mean_std).unwrap(), Normalisation::IMAGENET);
        assert_eq!(serde_json::to_string(&Normalisation::IMAGENET).unwrap(), mean_std);
    }
}

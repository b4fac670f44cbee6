//! Giving a model input that was prepared for another one.

use candle_core::{Device, Tensor};

use super::{Mode, Model, Output};
use crate::imaging::{ChannelOrder, ImageSpec, Normalisation, Resampling, resize_f32};
use crate::{Error, Result};

/// BT.601 luma of red, green and blue, as `Image::to_grey` has it, in floating point.
const LUMA: [f32; 3] = [0.299, 0.587, 0.114];

/// A model behind a conversion, so that it takes input prepared under another [`ImageSpec`].
///
/// Each image of a batch goes through five steps, in f32 on the CPU:
///
/// 1. a standardisation of the given input is undone: `x * std + mean`;
/// 2. the channels are put in the model's order;
/// 3. colours become grey, `0.299 R + 0.587 G + 0.114 B`, if the model wants grey and the input is not; one grey channel becomes
///    three or three one;
/// 4. the image is resampled to the model's size with the kernel given to [`Adapted::new`];
/// 5. the model's own standardisation is applied.
///
/// Resampling loses what it loses: an image shrunk before it was given cannot regain its detail, and one that was
/// resampled with another kernel is not resampled anew from the original. Scores are therefore near, not equal to,
/// those of input prepared for the model. Classes are never adapted. No gradient flows to the given input.
#[derive(Debug, Clone)]
pub struct Adapted<M> {
    model: M,
    given: ImageSpec,
    resampling: Resampling,
}

impl<M: Model> Adapted<M> {
    /// Wraps `model` for input prepared as `given`; images of another size are resampled with `resampling`, whatever
    /// kernel the model's own preparation names.
    pub fn new(model: M, given: ImageSpec, resampling: Resampling) -> Self {
        Self { model, given, resampling }
    }

    /// The wrapped model.
    pub fn inner(&self) -> &M {
        &self.model
    }

    /// One image, channels last, from the given preparation to the model's size and colours in the unit range.
    fn convert(&self, values: &[f32]) -> Result<Vec<f32>> {
        let (given, wanted) = (&self.given, self.model.input());
        let (mean, std) = given.mean_std();
        let mut converted = Vec::with_capacity(given.width * given.height * wanted.channels());
        for pixel in values.chunks_exact(given.channels()) {
            // Red, green, blue; one grey channel stands for all three.
            let mut rgb: [f32; 3] = std::array::from_fn(|i| {
                let i = if pixel.len() == 1 { 0 } else { i };
                pixel[i] * std[i] + mean[i]
            });
            if given.channel_order == ChannelOrder::Bgr {
                rgb.reverse();
            }
            if wanted.colours.is_grey() && !given.colours.is_grey() {
                rgb = [rgb.iter().zip(LUMA).map(|(value, weight)| value * weight).sum(); 3];
            }
            if wanted.channel_order == ChannelOrder::Bgr {
                rgb.reverse();
            }
            converted.extend_from_slice(&rgb[..wanted.channels()]);
        }
        if (given.width, given.height) == (wanted.width, wanted.height) {
            return Ok(converted);
        }
        let (width, height) = (wanted.width, wanted.height);
        resize_f32(&converted, given.width, given.height, wanted.channels(), width, height, self.resampling)
    }

    /// A batch prepared as given, prepared as the model wants it.
    fn adapt(&self, xs: &Tensor) -> Result<Tensor> {
        let n = self.given.check_batch("Adapted", xs)?;
        let image = |i: usize| xs.get(i)?.permute((1, 2, 0))?.flatten_all()?.to_vec1::<f32>();
        let mut values = Vec::new();
        for i in 0..n {
            values.extend(self.convert(&image(i).map_err(Error::tensor("adapt"))?)?);
        }
        let wanted = self.model.input();
        let [height, width, channels] = wanted.shape();
        let values = Tensor::from_vec(values, (n, height, width, channels), &Device::Cpu);
        let values = values.map_err(Error::tensor("adapt"))?;
        let converted = ImageSpec { normalisation: Normalisation::UnitRange, resampling: None, ..wanted.clone() };
        wanted.prepare(&converted, &values, self.device())
    }
}

impl<M: Model> Model for Adapted<M> {
    fn name(&self) -> &str {
        self.model.name()
    }

    fn classes(&self) -> &[String] {
        self.model.classes()
    }

    /// The other preparation, which this model takes.
    fn input(&self) -> &ImageSpec {
        &self.given
    }

    fn latent_dim(&self) -> usize {
        self.model.latent_dim()
    }

    fn parameters(&self) -> usize {
        self.model.parameters()
    }

    fn device(&self) -> &Device {
        self.model.device()
    }

    fn split_points(&self) -> &[String] {
        self.model.split_points()
    }

    fn forward(&self, xs: &Tensor) -> Result<Output> {
        self.model.forward(&self.adapt(xs)?)
    }

    fn forward_t(&self, xs: &Tensor, mode: Mode) -> Result<Output> {
        self.model.forward_t(&self.adapt(xs)?, mode)
    }

    fn forward_to(&self, split: &str, xs: &Tensor) -> Result<Tensor> {
        self.model.forward_to(split, &self.adapt(xs)?)
    }

    fn forward_from(&self, split: &str, features: &Tensor) -> Result<Output> {
        self.model.forward_from(split, features)
    }

    fn forward_from_t(&self, split: &str, features: &Tensor, mode: Mode) -> Result<Output> {
        self.model.forward_from_t(split, features, mode)
    }
}

//! From picture files to classes.

use std::path::Path;
use std::sync::Arc;

use candle_core::{Device, Tensor};
use rayon::prelude::*;
use serde::Serialize;

use super::lanes::Lanes;
use super::{DenseNet, Model, Output, Weights};
use crate::imaging::{self, Image, ImageSpec, Resampling};
use crate::metrics::arg_max;
use crate::{Error, Result};

/// A trained network with its weights, its classes and its way of preparing images.
///
/// # Determinism
///
/// On the CPU neither the other images of a batch nor the number of threads changes a bit.
/// On CUDA the results agree within rounding.
#[derive(Debug, Clone)]
pub struct Classifier {
    name: String,
    classes: Vec<String>,
    input: ImageSpec,
    latent_dim: usize,
    device: Device,
    network: DenseNet,
    /// Threads to score images side by side on the CPU; shared by clones.
    lanes: Option<Arc<Lanes>>,
}

/// What a [`Classifier`] says of one image. A research result, not a diagnosis.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Classification {
    /// The name of the most probable class.
    pub label: String,
    /// Its index; the lowest one if several are equally probable.
    pub class: usize,
    /// The softmax of the logits, in f64: each in `[0, 1]`, together 1 within rounding.
    pub probabilities: Vec<f64>,
    /// The latent vector, the head's input.
    pub latent: Vec<f32>,
}

impl Classifier {
    /// Reads the weights file at `weights` and puts its network on `device`.
    ///
    /// # Errors
    ///
    /// As [`Weights::open`]; [`Error::Tensor`] if the device fails, [`Error::Device`] if no thread can be started.
    pub fn load(weights: impl AsRef<Path>, device: &Device) -> Result<Self> {
        Self::new(&Weights::open(weights)?, device)
    }

    /// Puts the network of `weights` on `device`.
    ///
    /// # Errors
    ///
    /// [`Error::Tensor`] if the device fails, [`Error::Device`] if no thread can be started.
    pub fn new(weights: &Weights, device: &Device) -> Result<Self> {
        let network = DenseNet::new(weights.config(), weights.classes().len(), weights.var_builder(device))?;
        Ok(Self {
            name: weights.architecture().to_owned(),
            classes: weights.classes().to_vec(),
            input: weights.input().clone(),
            latent_dim: weights.config().latent_dim(),
            device: device.clone(),
            network,
            lanes: if device.is_cpu() { Some(Arc::new(Lanes::new()?)) } else { None },
        })
    }

    /// Classifies the JPEG or PNG file at `path`.
    ///
    /// # Errors
    ///
    /// As [`imaging::decode_file`] and [`Classifier::classify`].
    pub fn classify_file(&self, path: impl AsRef<Path>) -> Result<Classification> {
        self.classify(&imaging::decode_file(path)?)
    }

    /// Classifies a JPEG or PNG file that lies in memory.
    ///
    /// # Errors
    ///
    /// As [`imaging::decode`] and [`Classifier::classify`].
    pub fn classify_bytes(&self, bytes: &[u8]) -> Result<Classification> {
        self.classify(&imaging::decode(bytes, "<bytes>")?)
    }

    /// Classifies one image of any size. It is brought to grey or colour, squashed to the input's size and encoded, all
    /// as the weights say. Weights that do not name a resampling kernel get [`Resampling::PilBilinear`], torchvision's
    /// usual one.
    ///
    /// # Errors
    ///
    /// [`Error::Image`] if the image cannot be resized, [`Error::Tensor`] if the device fails.
    pub fn classify(&self, image: &Image) -> Result<Classification> {
        let only = self.classify_batch(std::slice::from_ref(image))?.pop();
        only.ok_or_else(|| Error::argument("Classifier::classify", "one result", "none"))
    }

    /// Classifies images of any sizes in one batch, with results in the same order. The whole
    /// prepared batch (0.6 MB an image at 224 x 224) and the activations of a layer are in memory at once, so hand over
    /// as many as fit.
    ///
    /// # Errors
    ///
    /// As [`Classifier::classify`].
    pub fn classify_batch(&self, images: &[Image]) -> Result<Vec<Classification>> {
        if images.is_empty() {
            return Ok(Vec::new());
        }
        let output = self.forward(&self.batch(images)?)?;
        let logits = output.logits.to_vec2::<f32>().map_err(Error::tensor("logits"))?;
        let latent = output.latent.to_vec2::<f32>().map_err(Error::tensor("latent"))?;
        Ok(logits.iter().zip(latent).map(|(logits, latent)| self.classification(logits, latent)).collect())
    }

    /// The batch `(n, 3, h, w)` that [`Model::forward`] takes, made of images of any sizes.
    fn batch(&self, images: &[Image]) -> Result<Tensor> {
        let values = images.par_iter().map(|image| self.encode(image)).collect::<Result<Vec<_>>>()?.concat();
        let shape = (images.len(), self.input.height, self.input.width, ImageSpec::CHANNELS);
        let values = Tensor::from_vec(values, shape, &Device::Cpu).map_err(Error::tensor("input"))?;
        self.input.prepare(&self.input, &values, &self.device)
    }

    fn encode(&self, image: &Image) -> Result<Vec<f32>> {
        let image = if self.input.grey { image.to_grey() } else { image.to_rgb() };
        let kernel = self.input.resampling.unwrap_or(Resampling::PilBilinear);
        let image = image.resize(self.input.width, self.input.height, kernel)?;
        Ok(image.encode(self.input.channel_order, self.input.normalisation))
    }

    fn classification(&self, logits: &[f32], latent: Vec<f32>) -> Classification {
        let probabilities = softmax(logits);
        let class = arg_max(&probabilities);
        let label = self.classes.get(class).cloned().unwrap_or_default();
        Classification { label, class, probabilities, latent }
    }
}

impl Classifier {
    fn pass(&self, xs: &Tensor) -> Result<Output> {
        let (logits, latent) = self.network.forward_with_latent(xs)?;
        Ok(Output { logits, latent })
    }
}

impl Model for Classifier {
    fn name(&self) -> &str {
        &self.name
    }

    fn classes(&self) -> &[String] {
        &self.classes
    }

    fn input(&self) -> &ImageSpec {
        &self.input
    }

    fn latent_dim(&self) -> usize {
        self.latent_dim
    }

    fn device(&self) -> &Device {
        &self.device
    }

    /// On the CPU the images of a batch are scored side by side, one a thread.
    fn forward(&self, xs: &Tensor) -> Result<Output> {
        let n = self.input.check_batch("Model::forward", xs)?;
        let Some(lanes) = self.lanes.as_ref().filter(|_| n > 1) else {
            return self.pass(xs);
        };
        let rows = lanes.map(n, |i| self.pass(&xs.narrow(0, i, 1).map_err(Error::tensor("input"))?));
        let rows = rows.into_iter().collect::<Result<Vec<_>>>()?;
        let stack = |part: fn(&Output) -> &Tensor| {
            Tensor::cat(&rows.iter().map(part).collect::<Vec<_>>(), 0).map_err(Error::tensor("output"))
        };
        Ok(Output { logits: stack(|row| &row.logits)?, latent: stack(|row| &row.latent)? })
    }
}

/// `exp(x - max) / sum`, in f64.
pub(crate) fn softmax(logits: &[f32]) -> Vec<f64> {
    let highest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let powers: Vec<f64> = logits.iter().map(|&logit| (f64::from(logit) - f64::from(highest)).exp()).collect();
    let sum: f64 = powers.iter().sum();
    powers.iter().map(|power| power / sum).collect()
}

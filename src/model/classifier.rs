//! From picture files to classes.

use std::path::Path;
use std::sync::Arc;

use candle_core::{DType, Device, Tensor};
use rayon::prelude::*;
use serde::Serialize;

use super::lanes::Lanes;
use super::{Card, Engine, Mode, Model, Network, Output, Weights};
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
    network: Arc<dyn Network>,
    classes: Vec<String>,
    input: ImageSpec,
    parameters: usize,
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

    /// Puts the network of `weights` on `device`, in f32.
    ///
    /// # Errors
    ///
    /// As [`Classifier::with_dtype`].
    pub fn new(weights: &Weights, device: &Device) -> Result<Self> {
        Self::with_dtype(weights, device, DType::F32)
    }

    /// Puts the network of `weights` on `device`, where it computes in `dtype`: f32, f16, or bf16, which on the CPU only the
    /// DenseNets have (see [`Engine::Fused`]).
    ///
    /// # Errors
    ///
    /// As [`Classifier::with_engine`].
    pub fn with_dtype(weights: &Weights, device: &Device, dtype: DType) -> Result<Self> {
        Self::with_engine(weights, device, dtype, Engine::default())
    }

    /// The same with an engine of the caller's choice.
    ///
    /// # Errors
    ///
    /// As [`Engine::network`]; [`Error::Device`] if no thread can be started.
    pub fn with_engine(weights: &Weights, device: &Device, dtype: DType, engine: Engine) -> Result<Self> {
        Self::around(engine.network(weights, device, dtype)?.into(), weights.card())
    }

    /// A classifier around a network that is already built, of the architecture and for the classes and channels that `card`
    /// names. With the network of [`Weights::trainable`] it follows the training.
    ///
    /// # Errors
    ///
    /// [`Error::Mismatch`] if the card names another architecture, other channels or another number of classes, [`Error::Device`] if no thread can be
    /// started.
    pub fn around(network: Arc<dyn Network>, card: &Card) -> Result<Self> {
        let (channels, classes) = (card.input.channels(), card.classes.len());
        let name = card.architecture.name();
        if (network.name(), network.channels(), network.classes()) != (name, channels, classes) {
            let (found, n, m) = (network.name(), network.channels(), network.classes());
            return Err(Error::Mismatch {
                subject: "network and card".to_owned(),
                left: format!("the network is {found} with {n} channels and {m} classes"),
                right: format!("the card says {name} with {channels} and {classes}"),
            });
        }
        let side_by_side = network.device().is_cpu() && !network.shares_threads();
        Ok(Self {
            network,
            classes: card.classes.clone(),
            input: card.input.clone(),
            parameters: card.architecture.parameters(channels, classes)?,
            lanes: if side_by_side { Some(Arc::new(Lanes::new()?)) } else { None },
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

    /// The batch `(n, channels, h, w)` f32 that [`Model::forward`] and [`Model::forward_to`] take, made of images of any sizes.
    ///
    /// # Errors
    ///
    /// As [`Classifier::classify`].
    pub fn batch(&self, images: &[Image]) -> Result<Tensor> {
        let values = images.par_iter().map(|image| self.encode(image)).collect::<Result<Vec<_>>>()?.concat();
        let [height, width, channels] = self.input.shape();
        let values = Tensor::from_vec(values, (images.len(), height, width, channels), &Device::Cpu);
        self.input.prepare(&self.input, &values.map_err(Error::tensor("input"))?, self.device())
    }

    fn encode(&self, image: &Image) -> Result<Vec<f32>> {
        let image = if self.input.colours.is_grey() { image.to_grey() } else { image.to_rgb() };
        let kernel = self.input.resampling.unwrap_or(Resampling::PilBilinear);
        Ok(image.resize(self.input.width, self.input.height, kernel)?.encode_as(&self.input))
    }

    fn classification(&self, logits: &[f32], latent: Vec<f32>) -> Classification {
        let probabilities = softmax(logits);
        let class = arg_max(&probabilities);
        let label = self.classes.get(class).cloned().unwrap_or_default();
        Classification { label, class, probabilities, latent }
    }
}

impl Model for Classifier {
    fn name(&self) -> &str {
        self.network.name()
    }

    fn classes(&self) -> &[String] {
        &self.classes
    }

    fn input(&self) -> &ImageSpec {
        &self.input
    }

    fn latent_dim(&self) -> usize {
        self.network.latent_dim()
    }

    fn parameters(&self) -> usize {
        self.parameters
    }

    fn device(&self) -> &Device {
        self.network.device()
    }

    fn split_points(&self) -> &[String] {
        self.network.split_points()
    }

    /// On the CPU the images of a batch are scored side by side.
    fn forward(&self, xs: &Tensor) -> Result<Output> {
        let n = self.input.check_batch("Model::forward", xs)?;
        let Some(lanes) = self.lanes.as_ref().filter(|_| n > 1) else {
            return self.forward_t(xs, Mode::Eval);
        };
        let image = |i| xs.narrow(0, i, 1).map_err(Error::tensor("input"));
        let rows = lanes.map(n, |i| self.forward_t(&image(i)?, Mode::Eval));
        let rows = rows.into_iter().collect::<Result<Vec<_>>>()?;
        let stack = |part: fn(&Output) -> &Tensor| {
            Tensor::cat(&rows.iter().map(part).collect::<Vec<_>>(), 0).map_err(Error::tensor("output"))
        };
        Ok(Output { logits: stack(|row| &row.logits)?, latent: stack(|row| &row.latent)? })
    }

    /// The whole batch in one pass, on all threads.
    fn forward_t(&self, xs: &Tensor, mode: Mode) -> Result<Output> {
        self.input.check_batch("Model::forward_t", xs)?;
        self.network.forward_t(&self.typed(xs)?, mode)?.to_f32()
    }

    fn forward_to(&self, split: &str, xs: &Tensor) -> Result<Tensor> {
        self.input.check_batch("Model::forward_to", xs)?;
        self.network.forward_to(split, &self.typed(xs)?)
    }

    fn forward_from(&self, split: &str, features: &Tensor) -> Result<Output> {
        self.network.forward_from(split, features)?.to_f32()
    }

    fn forward_from_t(&self, split: &str, features: &Tensor, mode: Mode) -> Result<Output> {
        self.network.forward_from_t(split, features, mode)?.to_f32()
    }
}

impl Classifier {
    /// The batch in the network's type.
    fn typed(&self, xs: &Tensor) -> Result<Tensor> {
        xs.to_dtype(self.network.dtype()).map_err(Error::tensor("input"))
    }
}

/// `exp(x - max) / sum`, in f64.
pub(crate) fn softmax(logits: &[f32]) -> Vec<f64> {
    let highest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let powers: Vec<f64> = logits.iter().map(|&logit| (f64::from(logit) - f64::from(highest)).exp()).collect();
    let sum: f64 = powers.iter().sum();
    powers.iter().map(|power| power / sum).collect()
}

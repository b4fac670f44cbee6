//! The inference engine: a DenseNet compiled for one processor.

#[cfg(any(test, feature = "cudnn"))]
pub(super) mod cuda;
mod engine;

use std::io::ErrorKind;
use std::ops::{Range, RangeInclusive};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use candle_core::{DType, Device, Storage, Tensor};
pub use engine::Engine;

use super::{DenseNet, DenseNetConfig, Mode, Network, Output, Weights};
use crate::nn::fused::{self, Level, Maps, Precision, Shape};
use crate::nn::values;
use crate::{Error, Result};

/// A [`DenseNet`] compiled for evaluation on the CPU.
///
/// Normalisations are folded into convolutions or done on the way into them, a dense block is one buffer to which each layer
/// appends, 3x3 convolutions are Winograd products, transitions average before they convolve, and the weights are packed once for
/// the processor's vectors. Each image in flight works in memory that was planned for its size and is kept for the next.
///
/// # Shapes
///
/// As [`DenseNet`], with the same split points.
///
/// # Errors
///
/// Beside what [`Network`] says, a pass gives [`Error::Device`] where there is no memory for an image of its size.
///
/// # Agreement
///
/// In [`Precision::F32`] logits and latents are within 1e-4 of the plain network's, relative to the largest of them. Gradients and
/// training, which need the plain network, get it: it is built from the same weights when it is first asked for. Training moves its
/// running statistics and not what was compiled; to train, take [`Weights::trainable`]. An image with a value that is not finite
/// gets logits that are not numbers.
///
/// # Determinism
///
/// An image gives the same bits in any batch and for any number of threads. Another [`Level`] rounds otherwise, and in
/// [`Precision::Bf16`] so does a processor with AVX512-BF16.
#[derive(Debug)]
pub struct FusedDenseNet {
    compiled: fused::Network,
    weights: Weights,
    plain: Mutex<Option<Arc<dyn Network>>>,
    split_points: Vec<String>,
}

impl FusedDenseNet {
    /// Reads and packs `weights` for the fastest instruction set of this processor.
    ///
    /// # Errors
    ///
    /// As [`FusedDenseNet::for_level`].
    pub fn new(weights: &Weights, precision: Precision) -> Result<Self> {
        Self::for_level(weights, precision, Level::best())
    }

    /// The same for an instruction set that need not be the fastest.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`] for weights of a network that is no DenseNet, [`Error::Device`] if the processor does not have the
    /// instructions or there is no memory; otherwise as [`Weights::network`].
    pub fn for_level(weights: &Weights, precision: Precision, level: Level) -> Result<Self> {
        let card = weights.card();
        let Some(config) = card.architecture.densenet() else {
            return Err(Error::argument("FusedDenseNet", "weights of a DenseNet", card.architecture.name()));
        };
        let config = DenseNetConfig { channels: card.input.channels(), ..config };
        let shape = Shape {
            channels: config.channels,
            init_features: config.init_features,
            growth_rate: config.growth_rate,
            bn_size: config.bn_size,
            block_layers: config.block_layers.clone(),
            classes: card.classes.len(),
            usual: (card.input.height, card.input.width),
        };
        let compiled =
            fused::Network::new(shape, precision, level).map_err(|source| no_memory("its weights", source))?;
        let mut compiled = compiled.ok_or_else(|| Error::Device {
            requested: format!("cpu with {level}"),
            reason: "this processor does not have the instructions".to_owned(),
            source: None,
        })?;
        weights.read(&Device::Cpu, DType::F32, |vb| {
            let mut source = |name: &str, shape: &[usize]| {
                let values = vb.get(shape, name).and_then(|tensor| tensor.flatten_all()?.to_vec1());
                values.map_err(Error::tensor(name))
            };
            compiled.load(&mut source)
        })?;
        let split_points = DenseNet::split_points_of(&config);
        Ok(Self { compiled, weights: weights.clone(), plain: Mutex::default(), split_points })
    }

    /// The instruction set that it is compiled for.
    pub fn level(&self) -> Level {
        self.compiled.level()
    }

    /// What the products are computed in.
    pub fn precision(&self) -> Precision {
        self.compiled.precision()
    }

    /// The time of each step of a pass of the batch's first image, with the step's kind (`load`, `stem`, `pool`, `1x1`, `3x3`, `transition`)
    /// and the index of its block.
    ///
    /// # Errors
    ///
    /// As [`Network::forward_t`].
    pub fn profile(&self, xs: &Tensor) -> Result<Vec<(&'static str, usize, Duration)>> {
        self.check_input(xs)?;
        with_maps(xs, |maps| self.compiled.profile(maps))
    }

    /// The network with gradients.
    fn plain(&self) -> Result<Arc<dyn Network>> {
        let mut plain = self.plain.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(plain) = &*plain {
            return Ok(Arc::clone(plain));
        }
        let network: Arc<dyn Network> = self.weights.network(&Device::Cpu, DType::F32)?.into();
        *plain = Some(Arc::clone(&network));
        Ok(network)
    }
}

impl Network for FusedDenseNet {
    fn name(&self) -> &str {
        self.weights.architecture().name()
    }

    fn channels(&self) -> usize {
        self.weights.input().channels()
    }

    fn sides(&self) -> RangeInclusive<usize> {
        DenseNet::SIDES
    }

    fn classes(&self) -> usize {
        self.weights.classes().len()
    }

    fn latent_dim(&self) -> usize {
        self.compiled.shape().latent_dim()
    }

    fn dtype(&self) -> DType {
        DType::F32
    }

    fn device(&self) -> &Device {
        &Device::Cpu
    }

    fn split_points(&self) -> &[String] {
        &self.split_points
    }

    fn shares_threads(&self) -> bool {
        true
    }

    fn run(&self, xs: &Tensor, stages: Range<usize>, mode: Mode) -> Result<Tensor> {
        self.check_run(xs, &stages)?;
        if mode.is_train() || xs.track_op() {
            return self.plain()?.run(xs, stages, mode);
        }
        if stages.is_empty() {
            return Ok(xs.clone());
        }
        self.check_features(xs, stages.start)?;
        let (values, [channels, height, width]) = with_maps(xs, |maps| self.compiled.run(maps, stages.clone()))?;
        let count = values.len() / (channels * height * width).max(1);
        Tensor::from_vec(values, (count, channels, height, width), &Device::Cpu).map_err(Error::tensor("fused"))
    }

    fn top(&self, features: &Tensor, mode: Mode) -> Result<Output> {
        if mode.is_train() || features.track_op() {
            return self.plain()?.top(features, mode);
        }
        self.rest(features, self.split_points.len())
    }

    fn forward_t(&self, xs: &Tensor, mode: Mode) -> Result<Output> {
        self.check_input(xs)?;
        if mode.is_train() || xs.track_op() {
            return self.plain()?.forward_t(xs, mode);
        }
        let (logits, latent) = with_maps(xs, |maps| self.compiled.forward(maps))?;
        self.output(logits, latent)
    }

    fn forward_from_t(&self, split: &str, features: &Tensor, mode: Mode) -> Result<Output> {
        let stage = self.stage(split)? + 1;
        if mode.is_train() || features.track_op() {
            return self.plain()?.forward_from_t(split, features, mode);
        }
        self.check_run(features, &(stage..self.split_points.len()))?;
        self.rest(features, stage)
    }
}

impl FusedDenseNet {
    /// The pass from what enters stage `stage`, or left the last one.
    fn rest(&self, features: &Tensor, stage: usize) -> Result<Output> {
        self.check_features(features, stage)?;
        let (logits, latent) = with_maps(features, |maps| self.compiled.forward_from(maps, stage))?;
        self.output(logits, latent)
    }

    fn output(&self, logits: Vec<f32>, latent: Vec<f32>) -> Result<Output> {
        let rows = |values: Vec<f32>, width: usize| {
            Tensor::from_vec(values, ((), width), &Device::Cpu).map_err(Error::tensor("fused"))
        };
        Ok(Output { logits: rows(logits, self.classes())?, latent: rows(latent, self.latent_dim())? })
    }

    /// Refuses a feature map of another shape than the one before stage `stage`.
    fn check_features(&self, xs: &Tensor, stage: usize) -> Result<()> {
        let channels = self.compiled.channels_into(stage);
        match *xs.dims() {
            [n, found, h, w] if n * h * w > 0 && found == channels && xs.dtype() == DType::F32 => Ok(()),
            _ => {
                let expected = format!("F32 (n, {channels}, h, w) into stage {stage}");
                Err(Error::argument("FusedDenseNet", expected, format!("{:?} {:?}", xs.dtype(), xs.dims())))
            }
        }
    }
}

/// Hands the values of a four-dimensional tensor over.
fn with_maps<T>(xs: &Tensor, f: impl FnOnce(Maps<'_>) -> std::io::Result<T>) -> Result<T> {
    let stage = || Error::tensor("fused");
    let xs = xs.contiguous().map_err(stage())?;
    let (images, _, height, width) = xs.dims4().map_err(stage())?;
    let (storage, layout) = xs.storage_and_layout();
    let Storage::Cpu(storage) = &*storage else {
        return Err(Error::argument("FusedDenseNet", "a tensor on the CPU", format!("{:?}", xs.device().location())));
    };
    let values = values(storage, layout, "fused").map_err(stage())?;
    f(Maps { values, images, height, width }).map_err(|source| match source.kind() {
        ErrorKind::InvalidInput => {
            Error::argument("FusedDenseNet", "a map that the network can take", source.to_string())
        }
        _ => no_memory(&format!("a map of {height} x {width}"), source),
    })
}

fn no_memory(what: &str, source: std::io::Error) -> Error {
    Error::Device { requested: "cpu".to_owned(), reason: format!("no memory for {what}"), source: Some(source.into()) }
}

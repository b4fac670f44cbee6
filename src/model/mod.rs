//! Networks that score images: what a model promises, the networks, their weights, and a classifier that takes picture files.
//!
//! [`Classifier::load`] is the short way from a weights file to the classes of a picture. [`Model`] is what the rest of
//! the crate sees: a batch goes in, logits and latent vectors come out. [`ImageSpec`] says how the input must be
//! prepared, and [`ImageSpec::prepare`] is the one way from channel-last values to a batch.
//!
//! [`Architecture`] lists the networks by name. A [`Network`] has no classes and no preprocessing yet: those are on the
//! [`Card`] of its [`Weights`], which come from a [`Checkpoint`] of any format, with or without its head, or from a seed.
//! [`Weights::network`] builds for evaluation, [`Weights::trainable`] with variables, [`save`] writes what was trained.

mod adapt;
mod architecture;
mod checkpoint;
mod classifier;
mod densenet;
mod device;
#[cfg(feature = "download")]
pub mod download;
mod fused;
mod lanes;
mod leap;
mod network;
mod small_cnn;
mod staged;
mod weights;
mod yolo;
#[cfg(feature = "zoo")]
mod zoo;

use std::fmt::Debug;
use std::sync::Arc;

use candle_core::{DType, Device, Tensor};

pub use adapt::Adapted;
pub use architecture::Architecture;
pub use checkpoint::{Checkpoint, Entry};
pub(crate) use checkpoint::{replace, write_safetensors};
pub(crate) use classifier::softmax;
pub use classifier::{Classification, Classifier};
pub use densenet::{DenseNet, DenseNetConfig};
pub use device::{device, dtype};
#[cfg(feature = "cudnn")]
pub use fused::cuda::{CudaDenseNet, CudaOptions};
pub use fused::{Engine, FusedDenseNet};
pub use leap::AsLeapModel;
pub use network::{Mode, Network};
pub use weights::{Card, Weights, learned, save};
pub use yolo::{StrongestBox, YoloDetector, YoloSize};
#[cfg(feature = "zoo")]
pub use zoo::Zoo;

use crate::imaging::ImageSpec;
#[cfg(feature = "cuda")]
pub use crate::nn::cuda::PinnedUploads;
pub use crate::nn::fused::{Level, Precision};
use crate::{Error, Result};

/// A network with its classes and its way of preparing images.
///
/// # Contract
///
/// Row `i` of the output belongs to image `i` of the batch and, but for [`Mode::Train`], does not depend on the other
/// images. `classes` has one name for each logit, in order. A wrapper that changes what goes in must change `input` with it.
pub trait Model: Debug + Send + Sync {
    /// The architecture's name, for example `densenet201`.
    fn name(&self) -> &str;

    /// The classes in the order of the logits.
    fn classes(&self) -> &[String];

    /// How the input must be prepared.
    fn input(&self) -> &ImageSpec;

    /// The width of the latent vector.
    fn latent_dim(&self) -> usize;

    /// The number of learned values.
    fn parameters(&self) -> usize;

    /// Where the weights lie, and where the input must lie too.
    fn device(&self) -> &Device;

    /// Scores a batch `(n, channels, h, w)` f32 with `n >= 1`, prepared as [`Model::input`] says (see
    /// [`ImageSpec::prepare`]), in evaluation mode. Logits and latent are f32.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`] for a batch of another shape, [`Error::Tensor`] if the device fails.
    fn forward(&self, xs: &Tensor) -> Result<Output>;

    /// The same in either mode, and with gradients where the weights or `xs` are variables. By default a model only
    /// evaluates.
    ///
    /// # Errors
    ///
    /// As [`Model::forward`]; [`Error::Argument`] if the model cannot be trained.
    fn forward_t(&self, xs: &Tensor, mode: Mode) -> Result<Output> {
        match mode {
            Mode::Eval => self.forward(xs),
            Mode::Train { .. } => Err(Error::argument("Model::forward_t", "a model that can be trained", self.name())),
        }
    }

    /// The points where the pass can be cut, in the order of the data; see [`Network::split_points`]. None by default.
    fn split_points(&self) -> &[String] {
        &[]
    }

    /// What flows out of the stage `split`, in evaluation mode.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`] for a name that is not among [`Model::split_points`]; otherwise as [`Model::forward`].
    fn forward_to(&self, split: &str, xs: &Tensor) -> Result<Tensor> {
        let _ = xs;
        Err(no_such_split(self.name(), split))
    }

    /// The rest of the pass from what [`Model::forward_to`] gave.
    ///
    /// # Errors
    ///
    /// As [`Model::forward_to`].
    fn forward_from(&self, split: &str, features: &Tensor) -> Result<Output> {
        let _ = features;
        Err(no_such_split(self.name(), split))
    }

    /// The same in either mode, and with gradients where the weights or `features` are variables: what trains the stages after
    /// `split` while those before it stand still. By default a model only evaluates.
    ///
    /// # Errors
    ///
    /// As [`Model::forward_from`] and [`Model::forward_t`].
    fn forward_from_t(&self, split: &str, features: &Tensor, mode: Mode) -> Result<Output> {
        match mode {
            Mode::Eval => self.forward_from(split, features),
            Mode::Train { .. } => {
                Err(Error::argument("Model::forward_from_t", "a model that can be trained", self.name()))
            }
        }
    }
}

fn no_such_split(model: &str, split: &str) -> Error {
    Error::argument("split point", format!("none, since {model} has none"), split)
}

impl<M: Model + ?Sized> Model for Arc<M> {
    fn name(&self) -> &str {
        (**self).name()
    }

    fn classes(&self) -> &[String] {
        (**self).classes()
    }

    fn input(&self) -> &ImageSpec {
        (**self).input()
    }

    fn latent_dim(&self) -> usize {
        (**self).latent_dim()
    }

    fn parameters(&self) -> usize {
        (**self).parameters()
    }

    fn device(&self) -> &Device {
        (**self).device()
    }

    fn split_points(&self) -> &[String] {
        (**self).split_points()
    }

    fn forward(&self, xs: &Tensor) -> Result<Output> {
        (**self).forward(xs)
    }

    fn forward_t(&self, xs: &Tensor, mode: Mode) -> Result<Output> {
        (**self).forward_t(xs, mode)
    }

    fn forward_to(&self, split: &str, xs: &Tensor) -> Result<Tensor> {
        (**self).forward_to(split, xs)
    }

    fn forward_from(&self, split: &str, features: &Tensor) -> Result<Output> {
        (**self).forward_from(split, features)
    }

    fn forward_from_t(&self, split: &str, features: &Tensor, mode: Mode) -> Result<Output> {
        (**self).forward_from_t(split, features, mode)
    }
}

/// What a [`Model`] or [`Network`] says of a batch of `n` images.
#[derive(Debug, Clone)]
pub struct Output {
    /// `(n, classes)`: before softmax.
    pub logits: Tensor,
    /// `(n, latent_dim)`: the input of the classification head.
    pub latent: Tensor,
}

impl Output {
    /// Both as f32.
    fn to_f32(&self) -> Result<Self> {
        let widened = |xs: &Tensor| xs.to_dtype(DType::F32).map_err(Error::tensor("output"));
        Ok(Self { logits: widened(&self.logits)?, latent: widened(&self.latent)? })
    }
}

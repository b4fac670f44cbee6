//! Networks that score images: what a model promises, DenseNet, its weights, and a classifier that takes picture files.
//!
//! [`Classifier::load`] is the short way from a weights file to the classes of a picture. [`Model`] is what the rest of
//! the crate sees: a batch goes in, logits and latent vectors come out. [`ImageSpec`] says how the input must be
//! prepared, and [`ImageSpec::prepare`] is the one way from channel-last values to a batch.

mod adapt;
mod classifier;
mod densenet;
mod device;
mod dropout;
mod head;
mod interim;
mod lanes;
mod leap;
mod network;
mod small_cnn;
mod staged;
mod weights;
mod yolo;

use std::fmt::Debug;
use std::sync::Arc;

use candle_core::{Device, Tensor};

pub use adapt::Adapted;
pub(crate) use classifier::softmax;
pub use classifier::{Classification, Classifier};
pub use densenet::{DenseNet, DenseNetConfig};
pub use device::device;
pub use leap::AsLeapModel;
pub use network::{Mode, Network};
pub use weights::Weights;
pub use yolo::{StrongestBox, YoloDetector, YoloSize};

use crate::Result;
use crate::imaging::ImageSpec;

/// A network that classifies images.
///
/// # Contract
///
/// Row `i` of the output belongs to image `i` of the batch and does not depend on the other images. `classes` has one
/// name for each logit, in order. A wrapper that changes what goes in must change `input` with it.
pub trait Model: Debug + Send + Sync {
    /// The architecture's name, for example `densenet201`.
    fn name(&self) -> &str;

    /// The classes in the order of the logits.
    fn classes(&self) -> &[String];

    /// How the input must be prepared.
    fn input(&self) -> &ImageSpec;

    /// The width of the latent vector.
    fn latent_dim(&self) -> usize;

    /// Where the weights lie, and where the input must lie too.
    fn device(&self) -> &Device;

    /// Scores a batch `(n, 3, h, w)` f32 with `n >= 1`, prepared as [`Model::input`] says (see
    /// [`ImageSpec::prepare`]).
    ///
    /// # Errors
    ///
    /// [`Error::Argument`](crate::Error::Argument) for a batch of another shape,
    /// [`Error::Tensor`](crate::Error::Tensor) if the device fails.
    fn forward(&self, xs: &Tensor) -> Result<Output>;
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

    fn device(&self) -> &Device {
        (**self).device()
    }

    fn forward(&self, xs: &Tensor) -> Result<Output> {
        (**self).forward(xs)
    }
}

/// What a [`Model`] says of a batch of `n` images.
#[derive(Debug, Clone)]
pub struct Output {
    /// `(n, classes)`: before softmax.
    pub logits: Tensor,
    /// `(n, latent_dim)`: the input of the classification head.
    pub latent: Tensor,
}

/// Stands in for the table of architectures until it lands.
#[doc(hidden)]
pub fn interim_network(
    name: &str,
    channels: usize,
    classes: usize,
    vb: candle_nn::VarBuilder,
) -> Result<Box<dyn Network>> {
    let wrong = || crate::Error::argument("network", "a known name", name);
    let build = || -> candle_core::Result<Option<staged::Staged>> {
        for size in YoloSize::ALL {
            if name == format!("yolov8{}-cls", size.letter()) {
                return Ok(Some(yolo::classifier(size, channels, classes, vb)?));
            }
            if name == format!("yolov8{}", size.letter()) {
                return Ok(Some(yolo::detector(size, channels, classes, vb)?));
            }
        }
        Ok(if name == small_cnn::NAME { Some(small_cnn::new(channels, classes, vb)?) } else { None })
    };
    Ok(Box::new(build().map_err(crate::Error::tensor("model"))?.ok_or_else(wrong)?))
}

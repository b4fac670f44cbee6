//! What a network is before it has classes and a way to prepare images: stages that run one after the other.

use std::fmt::Debug;
use std::ops::{Range, RangeInclusive};

use candle_core::{DType, Device, Tensor};

use super::Output;
use crate::{Error, Result};

/// How a pass treats batch normalisation and dropout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// Batch normalisation with the stored statistics, no dropout. Still differentiable.
    #[default]
    Eval,
    /// Batch normalisation with the batch's own statistics, which also move the stored ones (momentum 0.1, unbiased
    /// variance, as PyTorch does). Dropout is drawn from `seed`: equal seeds drop equal values.
    Train {
        /// Draw another for each step.
        seed: u64,
    },
}

impl Mode {
    /// Whether batch statistics are taken.
    pub const fn is_train(self) -> bool {
        matches!(self, Self::Train { .. })
    }
}

/// A network for images as a row of named stages and what follows them.
///
/// The stages end in the last feature map (or token sequence); [`Network::top`] makes of it the latent vector and the
/// logits. After each stage the network can be cut, so that heat maps and training see what flows there.
///
/// # Contract
///
/// Row `i` of what comes out belongs to image `i` and, in [`Mode::Eval`], does not depend on the other images. A
/// network is built from a [`VarBuilder`](candle_nn::VarBuilder) and holds the tensors that it was given: where they are
/// variables, gradients reach them.
pub trait Network: Debug + Send + Sync {
    /// The architecture's name, for example `densenet201`.
    fn name(&self) -> &str;

    /// Channels of the input, 1 or 3.
    fn channels(&self) -> usize;

    /// The input sides, in pixels, that the network takes.
    fn sides(&self) -> RangeInclusive<usize>;

    /// The number of logits.
    fn classes(&self) -> usize;

    /// The width of the latent vector.
    fn latent_dim(&self) -> usize;

    /// The type of the weights, and so of the input and of everything in between.
    fn dtype(&self) -> DType;

    /// Where the weights lie, and where the input must lie too.
    fn device(&self) -> &Device;

    /// The stages' names in the order of the data: the points where [`Network::forward_to`] can stop. Never empty.
    fn split_points(&self) -> &[String];

    /// Whether a batch runs on all threads without the caller's help. Default: no.
    fn shares_threads(&self) -> bool {
        false
    }

    /// Runs the stages `stages` (places in [`Network::split_points`]) on what the stage before them gave, or on the input.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`] as [`Network::check_run`] says; [`Error::Tensor`] with the stage's name if a shape does not fit or
    /// the device fails.
    fn run(&self, xs: &Tensor, stages: Range<usize>, mode: Mode) -> Result<Tensor>;

    /// Latent and logits of the last stage's output.
    ///
    /// # Errors
    ///
    /// As [`Network::run`].
    fn top(&self, features: &Tensor, mode: Mode) -> Result<Output>;

    /// The whole pass over a batch `(n, channels, h, w)` with `n >= 1` and sides within [`Network::sides`].
    ///
    /// # Errors
    ///
    /// [`Error::Argument`] for input of another shape or type; otherwise as [`Network::run`].
    fn forward_t(&self, xs: &Tensor, mode: Mode) -> Result<Output> {
        self.check_input(xs)?;
        let features = self.run(xs, 0..self.split_points().len(), mode)?;
        self.top(&features, mode)
    }

    /// What flows out of the stage `split`, in evaluation mode.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`] for a name that is not among [`Network::split_points`]; otherwise as [`Network::forward_t`].
    fn forward_to(&self, split: &str, xs: &Tensor) -> Result<Tensor> {
        self.check_input(xs)?;
        self.run(xs, 0..self.stage(split)? + 1, Mode::Eval)
    }

    /// The rest of the pass from what [`Network::forward_to`] gave, in evaluation mode:
    /// `forward_from(s, forward_to(s, xs))` is the whole pass.
    ///
    /// # Errors
    ///
    /// As [`Network::forward_to`].
    fn forward_from(&self, split: &str, features: &Tensor) -> Result<Output> {
        self.forward_from_t(split, features, Mode::Eval)
    }

    /// The same in either mode.
    ///
    /// # Errors
    ///
    /// As [`Network::forward_to`].
    fn forward_from_t(&self, split: &str, features: &Tensor, mode: Mode) -> Result<Output> {
        let features = self.run(features, self.stage(split)? + 1..self.split_points().len(), mode)?;
        self.top(&features, mode)
    }

    /// The place of a stage.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`] with all names if there is none of that name.
    fn stage(&self, split: &str) -> Result<usize> {
        let points = self.split_points();
        points
            .iter()
            .position(|point| point == split)
            .ok_or_else(|| Error::argument("split point", points.join(", "), split))
    }

    /// Refuses stages that are not there, and an empty feature map.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`].
    fn check_run(&self, xs: &Tensor, stages: &Range<usize>) -> Result<()> {
        let count = self.split_points().len();
        if stages.end <= count && xs.elem_count() > 0 {
            return Ok(());
        }
        let found = format!("stages {stages:?} of {count} on {:?}", xs.dims());
        Err(Error::argument("Network::run", "stages of the network on a tensor that is not empty", found))
    }

    /// Refuses a batch of another shape or type than the network takes.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`].
    fn check_input(&self, xs: &Tensor) -> Result<()> {
        let sides = self.sides();
        match *xs.dims() {
            [n, channels, h, w]
                if n > 0
                    && channels == self.channels()
                    && sides.contains(&h)
                    && sides.contains(&w)
                    && xs.dtype() == self.dtype() =>
            {
                Ok(())
            }
            _ => {
                let sides = sides_in_words(&sides);
                let expected = format!("{:?} (n >= 1, {}, h, w) with {sides}", self.dtype(), self.channels());
                Err(Error::argument("Network", expected, format!("{:?} {:?}", xs.dtype(), xs.dims())))
            }
        }
    }
}

/// `sides of 32 or more`, for errors.
pub(super) fn sides_in_words(sides: &RangeInclusive<usize>) -> String {
    match (sides.start(), sides.end()) {
        (least, &usize::MAX) => format!("sides of {least} or more"),
        (least, most) if least == most => format!("sides of {least}"),
        (least, most) => format!("sides of {least} to {most}"),
    }
}

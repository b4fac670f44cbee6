use std::fmt;

use candle_core::Tensor;

use super::goal::{Goal, Pull};
use super::loss::SampleLoss;
use crate::binder::{EncodedSample, Registry};
use crate::contract::{DataState, SampleId};
use crate::model::{Model, Output};
use crate::{Error, Result};

/// A class of a model: by its place among the logits or by its name.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Class {
    /// The place of its logit.
    Place(usize),
    /// One of [`Model::classes`].
    Name(String),
}

impl From<usize> for Class {
    fn from(place: usize) -> Self {
        Self::Place(place)
    }
}

impl From<&str> for Class {
    fn from(name: &str) -> Self {
        Self::Name(name.to_owned())
    }
}

impl From<String> for Class {
    fn from(name: String) -> Self {
        Self::Name(name)
    }
}

impl Class {
    fn place(&self, classes: &[String]) -> Result<usize> {
        let place = match self {
            Self::Place(place) => Some(*place).filter(|place| *place < classes.len()),
            Self::Name(name) => classes.iter().position(|class| class == name),
        };
        place.ok_or_else(|| {
            let expected = format!("a class of the model: {classes:?} or a place below {}", classes.len());
            let found = match self {
                Self::Place(place) => place.to_string(),
                Self::Name(name) => format!("{name:?}"),
            };
            Error::argument("explain", expected, found)
        })
    }
}

/// What the last of [`Objective::custom`]'s arguments is: one value for each row of an output.
pub(super) type Compute<'a> = dyn Fn(&Output, &[usize]) -> Result<Tensor> + Send + Sync + 'a;

/// What a heat map explains: a number that follows from a model's output, one for each image.
///
/// | objective | value | what heat means |
/// |---|---|---|
/// | [`Objective::class`] | the class's logit | speaks for the class |
/// | [`Objective::predicted`] | the logit of the class that the model predicts for that image | speaks for what was said |
/// | [`Objective::log_probability`] | `ln softmax(logits)` of the class | speaks for the class and against the others |
/// | [`Objective::contrast`] | logit of one class minus logit of another | speaks for the one rather than for the other |
/// | [`Objective::loss`] | a loss of a binder | makes the model wrong |
/// | [`Objective::custom`] | a function of one's own | raises it |
///
/// A class is explained by its logit, as Grad-CAM does: the probability also moves with the other classes' logits, and its
/// gradient vanishes where the model is sure.
pub struct Objective<'a> {
    kind: Kind<'a>,
}

enum Kind<'a> {
    Logit(Class),
    Predicted,
    LogProbability(Class),
    Contrast(Class, Class),
    Loss(SampleLoss<'a>),
    Custom(String, Box<Compute<'a>>),
}

impl<'a> Objective<'a> {
    /// The logit of `class`.
    pub fn class(class: impl Into<Class>) -> Self {
        Self { kind: Kind::Logit(class.into()) }
    }

    /// The logit of the class that the model finds most probable; each image has its own.
    pub fn predicted() -> Self {
        Self { kind: Kind::Predicted }
    }

    /// The logarithm of the probability of `class`.
    pub fn log_probability(class: impl Into<Class>) -> Self {
        Self { kind: Kind::LogProbability(class.into()) }
    }

    /// What speaks for one class and against another: the difference of their logits. With the classes exchanged a
    /// signed map changes its sign.
    pub fn contrast(class: impl Into<Class>, against: impl Into<Class>) -> Self {
        Self { kind: Kind::Contrast(class.into(), against.into()) }
    }

    /// The loss that `binder` registered as `name`, for samples of the subset `state` that were encoded by
    /// [`Registry::get_sample`]. The batch to explain holds the same samples in the same order.
    ///
    /// The loss reads the model's probabilities (softmax), the ground truths, and the inputs as they were encoded: those
    /// are constants, so that all heat comes by way of the prediction. The built-in losses have gradients; one that has none,
    /// since it was computed outside of candle, can be explained by [`super::Method::Occlusion`].
    ///
    /// # Errors
    ///
    /// [`Error::Config`] for a loss that is not registered; [`Error::Argument`] when there are no samples or not as many as ids,
    /// a sample has no ground truth that the loss reads, or an argument is fed by the integration test only; [`Error::Tensor`] when samples
    /// differ in shape.
    pub fn loss(
        binder: &'a Registry,
        name: &str,
        state: DataState,
        ids: &[SampleId],
        samples: &[EncodedSample],
    ) -> Result<Self> {
        Ok(Self { kind: Kind::Loss(SampleLoss::new(binder, name, state, ids, samples)?) })
    }

    /// A function of one's own, called `name` in the maps: from a model's output for `m` rows to `m` values, by candle's operations where
    /// a gradient is wanted. Its second argument says which image of the batch each row stands for; one image may come many times.
    pub fn custom(
        name: impl Into<String>,
        compute: impl Fn(&Output, &[usize]) -> Result<Tensor> + Send + Sync + 'a,
    ) -> Self {
        Self { kind: Kind::Custom(name.into(), Box::new(compute)) }
    }

    /// Settles classes and names for the batch `xs` `(n, c, h, w)`.
    pub(super) fn settle(&self, model: &dyn Model, xs: &Tensor, n: usize) -> Result<Goal<'_>> {
        let classes = model.classes();
        let same = |name: String| vec![name; n];
        let (pull, names) = match &self.kind {
            Kind::Logit(class) => {
                let place = class.place(classes)?;
                (Pull::Logit(vec![place; n]), same(classes[place].clone()))
            }
            Kind::Predicted => {
                let places = super::goal::predictions(model, xs, n)?;
                let names = places.iter().map(|&place| classes[place].clone()).collect();
                (Pull::Logit(places), names)
            }
            Kind::LogProbability(class) => {
                let place = class.place(classes)?;
                (Pull::LogProbability(place), same(classes[place].clone()))
            }
            Kind::Contrast(class, against) => {
                let (one, other) = (class.place(classes)?, against.place(classes)?);
                if one == other {
                    return Err(Error::argument(
                        "explain",
                        "a contrast of two classes",
                        format!("{} twice", classes[one]),
                    ));
                }
                (Pull::Contrast(one, other), same(format!("{} against {}", classes[one], classes[other])))
            }
            Kind::Loss(loss) => {
                loss.check_batch(n)?;
                (Pull::Loss(loss), same(loss.name().to_owned()))
            }
            Kind::Custom(name, compute) => (Pull::Custom(&**compute), same(name.clone())),
        };
        Ok(Goal { pull, names, classes: classes.len() })
    }
}

impl fmt::Debug for Objective<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::Logit(class) => f.debug_tuple("Class").field(class).finish(),
            Kind::Predicted => f.write_str("Predicted"),
            Kind::LogProbability(class) => f.debug_tuple("LogProbability").field(class).finish(),
            Kind::Contrast(class, against) => f.debug_tuple("Contrast").field(class).field(against).finish(),
            Kind::Loss(loss) => f.debug_tuple("Loss").field(&loss.name()).finish(),
            Kind::Custom(name, _) => f.debug_tuple("Custom").field(name).finish(),
        }
    }
}

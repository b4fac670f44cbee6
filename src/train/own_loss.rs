use candle_core::{DType, Tensor};

use super::samples::Labelled;
use crate::binder::{Loss, Place, Registry, guarded};
use crate::contract::{Argument, Code, Source, Violation};
use crate::{Error, Result};

/// A loss of the binder's own as what is minimised.
pub(super) struct OwnLoss<'a> {
    loss: &'a Loss,
}

impl<'a> OwnLoss<'a> {
    /// The loss called `name`, if it reads nothing but the first ground truth and the prediction.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] for a name that is not there or a loss that reads something else.
    pub(super) fn new(binder: &'a Registry, name: &str) -> Result<Self> {
        let loss = binder.losses().iter().find(|loss| loss.name == name).ok_or_else(|| {
            let known: Vec<&str> = binder.losses().iter().map(|loss| &*loss.name).collect();
            Error::config("loss", format!("one of {known:?}"), format!("{name:?}"))
        })?;
        let first = binder.ground_truths().first().map(|truth| &truth.name);
        let known = |argument: &&Argument| match &argument.source {
            Source::Prediction(_) => true,
            Source::GroundTruth(name) => Some(name) == first,
            _ => false,
        };
        match loss.arguments.iter().find(|argument| !known(argument)) {
            None => Ok(Self { loss }),
            Some(other) => {
                let expected = "a loss of the first ground truth and the prediction";
                Err(Error::config("loss", expected, format!("{name:?}, which reads {}", other.source)))
            }
        }
    }

    /// Its mean over a batch, a scalar f32 with gradient: the prediction is the softmax of `logits`, the ground truth is `targets`.
    ///
    /// # Errors
    ///
    /// [`Error::Contract`] when it fails or does not give one value for each sample.
    pub(super) fn compute(&self, logits: &Tensor, targets: &Tensor, samples: &[&Labelled]) -> Result<Tensor> {
        let prediction = candle_nn::ops::softmax(logits, 1).map_err(Error::tensor("softmax"))?;
        let arguments = self.loss.arguments.iter().map(|argument| match argument.source {
            Source::Prediction(_) => &prediction,
            _ => targets,
        });
        let arguments: Vec<&Tensor> = arguments.collect();
        let ids: Vec<_> = samples.iter().map(|sample| sample.id.clone()).collect();
        let Some(first) = samples.first() else { return Err(Error::argument("train", "a batch", "no samples")) };
        let function = format!("loss::{}", self.loss.name);
        let values = guarded(&function, || {
            let values = (self.loss.compute)(&arguments, Place { state: first.state, ids: &ids })?;
            Ok(values.to_dtype(DType::F32)?.flatten_all()?)
        });
        // Which sample of the batch is at fault, a loss does not tell.
        let on = |violation: Violation| Error::from(violation.on(first.state, None));
        let values = values.map_err(on)?;
        if values.elem_count() != samples.len() {
            let expected = format!("one value for each of {} samples", samples.len());
            let found = format!("{} values", values.elem_count());
            return Err(on(Violation::new(Code::LossResult, function, expected, found)));
        }
        values.mean_all().map_err(Error::tensor("loss"))
    }
}

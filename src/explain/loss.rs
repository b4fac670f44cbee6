use candle_core::{DType, Device, Tensor};

use crate::binder::{EncodedSample, Loss, Place, Registry, guarded};
use crate::contract::{DataState, SampleId, Source};
use crate::{Error, Result};

/// A registered loss with everything that it reads but the prediction.
pub(super) struct SampleLoss<'a> {
    loss: &'a Loss,
    state: DataState,
    ids: Vec<SampleId>,
    arguments: Vec<Feed>,
}

/// What an argument is fed from.
enum Feed {
    /// One entry for each sample, on the CPU.
    Samples(Tensor),
    /// The model's probabilities.
    Prediction,
}

impl<'a> SampleLoss<'a> {
    pub(super) fn new(
        binder: &'a Registry,
        name: &str,
        state: DataState,
        ids: &[SampleId],
        samples: &[EncodedSample],
    ) -> Result<Self> {
        let loss = binder.losses().iter().find(|loss| loss.name == name).ok_or_else(|| {
            let known: Vec<&str> = binder.losses().iter().map(|loss| &*loss.name).collect();
            Error::config("loss", format!("one of {known:?}"), format!("{name:?}"))
        })?;
        if samples.is_empty() || samples.len() != ids.len() {
            let found = format!("{} samples and {} ids", samples.len(), ids.len());
            return Err(Error::argument("Objective::loss", "at least one sample, and as many as ids", found));
        }
        let stack = |place: Option<usize>, of: fn(&EncodedSample) -> &[Tensor], source: &Source| {
            let tensors: Option<Vec<&Tensor>> =
                place.and_then(|place| samples.iter().map(|sample| of(sample).get(place)).collect());
            let tensors = tensors.ok_or_else(|| unfed(name, source))?;
            let stacked = Tensor::stack(&tensors, 0).and_then(|xs| xs.to_device(&Device::Cpu));
            stacked.map(Feed::Samples).map_err(Error::tensor(format!("loss {name}: stacking {source}")))
        };
        let arguments = loss.arguments.iter().map(|argument| match &argument.source {
            source @ Source::Input(wanted) => {
                stack(binder.inputs().iter().position(|f| &f.name == wanted), |sample| &sample.inputs, source)
            }
            source @ Source::GroundTruth(wanted) => {
                stack(binder.ground_truths().iter().position(|f| &f.name == wanted), |s| &s.ground_truths, source)
            }
            Source::Prediction(_) => Ok(Feed::Prediction),
            source @ Source::Wired => Err(unfed(name, source)),
        });
        let arguments = arguments.collect::<Result<Vec<_>>>()?;
        Ok(Self { loss, state, ids: ids.to_vec(), arguments })
    }

    pub(super) fn name(&self) -> &str {
        &self.loss.name
    }

    pub(super) fn check_batch(&self, n: usize) -> Result<()> {
        if n == self.ids.len() {
            return Ok(());
        }
        let expected = format!("a batch of the {} samples of the loss {}", self.ids.len(), self.name());
        Err(Error::argument("explain", expected, format!("{n} images")))
    }

    /// The loss of each row: row `i` of `probabilities` is one of the sample `images[i]`.
    pub(super) fn compute(&self, probabilities: &Tensor, images: &[usize]) -> Result<Tensor> {
        let rows: Vec<u32> = images.iter().map(|&image| image as u32).collect();
        let prepare = || {
            let rows = Tensor::new(rows.as_slice(), &Device::Cpu)?;
            let arguments = self.arguments.iter().map(|argument| match argument {
                Feed::Samples(xs) => xs.index_select(&rows, 0),
                Feed::Prediction => probabilities.to_device(&Device::Cpu),
            });
            arguments.collect::<candle_core::Result<Vec<_>>>()
        };
        let arguments = prepare().map_err(Error::tensor(format!("loss {}", self.name())))?;
        let ids: Vec<SampleId> = images.iter().map(|&image| self.ids[image].clone()).collect();
        let place = Place { state: self.state, ids: &ids };
        let values = guarded(&format!("loss::{}", self.name()), || {
            Ok((self.loss.compute)(&arguments.iter().collect::<Vec<_>>(), place)?.to_dtype(DType::F32)?)
        });
        Ok(values.map_err(|violation| violation.on(self.state, ids.first().map(|id| id as _)))?)
    }
}

fn unfed(loss: &str, source: &Source) -> Error {
    let expected = format!("samples that have every argument of the loss {loss:?}");
    Error::argument("Objective::loss", expected, format!("none for {source}"))
}

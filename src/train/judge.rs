use candle_core::Tensor;

use super::loader::{Batch, Loader};
use super::run::Run;
use super::samples::Labelled;
use super::stem::Stem;
use super::{Augmentation, Scores};
use crate::binder::Registry;
use crate::contract::{DataState, SampleId};
use crate::evaluate::{Interface, SampleFailure};
use crate::metrics::Predictions;
use crate::model::{Model, Output, softmax};
use crate::progress::Progress;
use crate::{Error, Result};

/// What `model` holds probable of `samples`, such as [`Samples::validation`](super::Samples::validation), and the samples that could not be
/// read. Where whole subsets are to be scored, with losses and metadata, [`evaluate`](crate::evaluate::evaluate()) does it.
///
/// # Errors
///
/// As [`train`](super::train()) for binder and model; [`Error::Argument`] where no sample can be read, or a logit is not finite.
pub fn predict(
    binder: &Registry,
    model: &dyn Model,
    samples: &[(DataState, SampleId)],
    batch_size: usize,
    progress: &dyn Progress,
) -> Result<(Predictions, Vec<SampleFailure>)> {
    let interface = Interface::new("predict", binder, model, None)?;
    let loader = Loader::new(interface, model, Augmentation::NONE, 0);
    let scanned = loader.scan("the", samples, progress);
    let load = |chunk: &[(usize, &Labelled)]| loader.batch(&unnumbered(chunk), None);
    let forward = |inputs: &Tensor| model.forward(inputs);
    let scored = scored("predict", &scanned.samples, batch_size.max(1), (&load, &forward), progress)?;
    Ok((Predictions::new(model.classes().iter().cloned(), scored.truths, scored.probabilities)?, scanned.failures))
}

impl Run<'_> {
    /// The model, or its average, on the validation samples.
    pub(super) fn judge(&mut self) -> Result<Option<Scores>> {
        if self.validation.is_empty() {
            return Ok(None);
        }
        let Some(average) = &self.average else { return self.score().map(Some) };
        let own = self.trainee.values()?;
        self.trainee.set(&average.values)?;
        let scores = self.score();
        self.trainee.set(&own)?;
        scores.map(Some)
    }

    fn score(&self) -> Result<Scores> {
        let scorer = self.trainee.scorer()?;
        let load = |chunk: &[(usize, &Labelled)]| match &self.stem.validation {
            Some(features) => features.batch(&chunk.iter().map(|(place, _)| *place).collect::<Vec<_>>()),
            None => self.loader.batch(&unnumbered(chunk), None),
        };
        let forward = |inputs: &Tensor| match &self.stem {
            Stem { validation: Some(_), still: Some((_, split)), .. } => scorer.forward_from(split, inputs),
            _ => scorer.forward(inputs),
        };
        let size = self.options.batch_size;
        let Scored { truths, probabilities } =
            scored("validation", self.validation, size, (&load, &forward), self.progress)?;
        let classes = self.trainee.model().classes().iter().cloned();
        Scores::of(&Predictions::new(classes, truths, probabilities)?)
    }
}

fn unnumbered<'s>(chunk: &[(usize, &'s Labelled)]) -> Vec<&'s Labelled> {
    chunk.iter().map(|(_, sample)| *sample).collect()
}

/// Classes and probabilities of the samples that could be loaded.
#[derive(Default)]
struct Scored {
    truths: Vec<usize>,
    probabilities: Vec<f64>,
}

/// Makes batches of numbered samples.
type Load<'a> = &'a (dyn Fn(&[(usize, &Labelled)]) -> Result<Batch> + Sync);

/// Gives the logits of a batch's inputs.
type Forward<'a> = &'a (dyn Fn(&Tensor) -> Result<Output> + Sync);

/// Lets `forward` score all samples, while `load` makes the next batch.
fn scored(
    stage: &str,
    samples: &[Labelled],
    batch_size: usize,
    (load, forward): (Load<'_>, Forward<'_>),
    progress: &dyn Progress,
) -> Result<Scored> {
    let whole: Vec<(usize, &Labelled)> = samples.iter().enumerate().collect();
    let logits_of = |batch: Result<Batch>| {
        let batch = batch?;
        if let Some(failure) = batch.failures.first() {
            let found = format!("one that could be read before: {}", failure.message);
            return Err(Error::argument("train", "samples that judge in every epoch", found));
        }
        let Some(inputs) = &batch.inputs else { return Ok((Vec::new(), Vec::new())) };
        let logits = forward(inputs)?.logits.to_vec2::<f32>().map_err(Error::tensor("logits"))?;
        Ok((batch.places, logits))
    };
    let mut scored = Scored::default();
    progress.begin(stage, whole.len());
    let mut chunks = whole.chunks(batch_size);
    let mut ready = chunks.next().map(|chunk| (chunk, load(chunk)));
    while let Some((chunk, batch)) = ready {
        let (logits, next) = rayon::join(|| logits_of(batch), || chunks.next().map(|chunk| (chunk, load(chunk))));
        ready = next;
        let (places, logits) = logits.inspect_err(|_: &Error| progress.end())?;
        for (sample, logits) in places.iter().map(|&at| chunk[at].1).zip(&logits) {
            if logits.iter().any(|logit| !logit.is_finite()) {
                progress.end();
                let found = format!("{logits:?} for sample {}", sample.id);
                return Err(Error::argument("train", "finite logits in evaluation", found));
            }
            scored.truths.push(sample.label);
            scored.probabilities.extend(softmax(logits));
        }
        progress.advance(chunk.len());
    }
    progress.end();
    Ok(scored)
}

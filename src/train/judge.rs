use super::Scores;
use super::run::Run;
use super::samples::Labelled;
use super::stem::Stem;
use crate::metrics::Predictions;
use crate::model::{Model, softmax};
use crate::{Error, Result};

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
        let whole: Vec<(usize, &Labelled)> = self.validation.iter().enumerate().collect();
        let load = |chunk: &[(usize, &Labelled)]| match &self.stem.validation {
            Some(features) => features.batch(&chunk.iter().map(|(place, _)| *place).collect::<Vec<_>>()),
            None => self.loader.batch(&chunk.iter().map(|(_, sample)| *sample).collect::<Vec<_>>(), None),
        };
        let (mut truths, mut probabilities) = (Vec::new(), Vec::new());
        self.progress.begin("validation", whole.len());
        let mut chunks = whole.chunks(self.options.batch_size);
        let mut ready = chunks.next().map(|chunk| (chunk, load(chunk)));
        while let Some((chunk, batch)) = ready {
            let scored = || -> Result<(Vec<usize>, Vec<Vec<f32>>)> {
                let batch = batch?;
                let Some(inputs) = &batch.inputs else { return Ok(Default::default()) };
                let output = match &self.stem {
                    Stem { validation: Some(_), still: Some((_, split)), .. } => scorer.forward_from(split, inputs)?,
                    _ => scorer.forward(inputs)?,
                };
                let labels = batch.places.iter().map(|&at| chunk[at].1.label).collect();
                let logits = output.logits.to_vec2::<f32>().map_err(Error::tensor("logits"))?;
                Ok((labels, logits))
            };
            let (scored, next) = rayon::join(scored, || chunks.next().map(|chunk| (chunk, load(chunk))));
            ready = next;
            let (labels, logits) = scored.inspect_err(|_| self.progress.end())?;
            self.progress.advance(chunk.len());
            if logits.iter().flatten().any(|logit| !logit.is_finite()) {
                self.progress.end();
                return Err(self.diverged("finite logits on the validation samples", "others".to_owned()));
            }
            truths.extend(labels);
            probabilities.extend(logits.iter().flat_map(|logits| softmax(logits)));
        }
        self.progress.end();
        let classes = self.trainee.model().classes().iter().cloned();
        Scores::of(&Predictions::new(classes, truths, probabilities)?)
    }
}

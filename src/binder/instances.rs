//! Instances of samples and false positives of predictions, for the engine and for one's own analysis.

use candle_core::Tensor;

use super::guarded;
use super::handlers::{AnySample, Place};
use super::registry::Registry;
use crate::contract::{Code, DataState, ElementInstance, NamedTensors, SampleId, Violation};
use crate::{Error, Result};

/// The row that preprocess adds for one instance of a sample.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct InstanceRow {
    /// The row's own id: `<sample>_<instance>`.
    pub id: SampleId,
    /// The sample that the instance is in.
    pub sample: SampleId,
    /// Its number among the sample's instances, from 0.
    pub instance: usize,
}

impl Registry {
    /// The rows that instances add to each subset, after those of its samples, in contract order.
    ///
    /// # Errors
    /// As [`Registry::subsets`], and [`Error::Contract`] when a sample cannot be loaded or its instances not be counted.
    pub fn instance_rows(&self) -> Result<Vec<(DataState, Vec<InstanceRow>)>> {
        let prepared = self.prepare()?;
        Ok(prepared.subsets.iter().map(|subset| subset.state).zip(prepared.instances).collect())
    }

    /// One instance of a sample, or none where the mask encoder gives none.
    ///
    /// # Errors
    /// [`Error::Config`] when the binder has no instances; [`Error::Contract`] when loading or the encoder fails.
    pub fn instance(&self, state: DataState, sample: &SampleId, instance: usize) -> Result<Option<ElementInstance>> {
        let Some(instances) = &self.instances else {
            return Err(Error::config("instance", "a binder with instances", "none registered"));
        };
        let loaded = guarded("load", || self.dataset.load(sample, state)).map_err(Violation::loading);
        let found =
            loaded.and_then(|loaded| guarded("instances_masks_encoder", || (instances.mask)(&*loaded, instance)));
        Ok(found.map_err(|violation| violation.on(state, Some(sample)))?)
    }

    /// What the model saw in each sample and is not there; `predictions` are batched, one row for each sample.
    ///
    /// A sample that fails stands in the result with its violation and does not stop the others.
    ///
    /// # Errors
    /// [`Error::Config`] when the binder has no false-positive encoder; [`Error::Argument`] when a prediction has another
    /// number of rows than there are samples.
    pub fn false_positive_instances(
        &self,
        state: DataState,
        samples: &[SampleId],
        predictions: &NamedTensors,
    ) -> Result<Vec<Result<Vec<ElementInstance>, Violation>>> {
        let Some(encoder) = &self.false_positives else {
            return Err(Error::config("false_positives", "a binder with a false-positive encoder", "none registered"));
        };
        let rows = |xs: &Tensor| xs.dims().first().copied().unwrap_or(0);
        if let Some((name, xs)) = predictions.iter().find(|(_, xs)| rows(xs) != samples.len()) {
            let expected = format!("a batch of {} rows in every prediction", samples.len());
            let found = format!("{} rows in {name}", rows(xs));
            return Err(Error::argument("false_positive_instances", expected, found));
        }
        let function = format!("false_positives::{}", encoder.name);
        let one = |(row, id): (usize, &SampleId)| {
            let sample = guarded("load", || self.dataset.load(id, state)).map_err(Violation::loading)?;
            let found = guarded(&function, || {
                let alone = predictions.iter().map(|(name, xs)| Ok((name.clone(), xs.get(row)?)));
                let alone: NamedTensors = alone.collect::<candle_core::Result<_>>()?;
                (encoder.encode)(&*sample, &alone)
            })?;
            self.known_metrics(&function, &found)?;
            Ok(found)
        };
        let located = |(row, id)| one((row, id)).map_err(|violation: Violation| violation.on(state, Some(id)));
        Ok(samples.iter().enumerate().map(located).collect())
    }

    fn known_metrics(&self, function: &str, found: &[ElementInstance]) -> Result<(), Violation> {
        let known: Vec<&str> = self.instance_metrics.iter().map(|metric| &*metric.name).collect();
        let mut names = found.iter().flat_map(|instance| &instance.metrics).map(|(name, _)| name);
        match names.find(|name| !known.contains(&name.as_str())) {
            None => Ok(()),
            Some(name) => {
                let expected = format!("values of registered instance metrics, among {known:?}");
                Err(Violation::new(Code::InstanceRule, function, expected, format!("{name:?}")))
            }
        }
    }

    /// What the ground truth called `name` is where there is nothing, for one sample.
    ///
    /// # Errors
    /// [`Error::Config`] when none is registered for that ground truth; [`Error::Contract`] when it fails.
    pub fn empty_ground_truth(&self, name: &str, state: DataState, sample: &SampleId) -> Result<Tensor> {
        let Some((_, encode)) = self.empty_ground_truths.iter().find(|(known, _)| known == name) else {
            let known: Vec<&str> = self.empty_ground_truths.iter().map(|(known, _)| &**known).collect();
            return Err(Error::config("empty_ground_truth", format!("one of {known:?}"), format!("{name:?}")));
        };
        let loaded = guarded("load", || self.dataset.load(sample, state)).map_err(Violation::loading);
        let place = Place { state, ids: std::slice::from_ref(sample) };
        let run = |loaded: Box<AnySample>| guarded(&format!("empty_ground_truth::{name}"), || encode(&*loaded, place));
        Ok(loaded.and_then(run).map_err(|violation| violation.on(state, Some(sample)))?)
    }
}

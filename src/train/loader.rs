use candle_core::{Device, Tensor};
use rayon::prelude::*;

use super::augment::Augmentation;
use super::samples::{Labelled, Scanned};
use crate::binder::guarded;
use crate::contract::{Code, DataState, SampleId, Violation};
use crate::evaluate::{Interface, SampleFailure};
use crate::imaging::{ImageSpec, with_values};
use crate::model::Model;
use crate::progress::Progress;
use crate::rng::SplitMix64;
use crate::{Error, Result};

/// Samples that are looked at between two notes of progress.
const SCAN: usize = 64;

/// How far the entries of a ground truth may sum from 1.
const SUM_TOLERANCE: f32 = 1e-3;

/// Decodes samples in parallel and makes batches of them.
#[derive(Debug)]
pub(super) struct Loader<'a> {
    pub(super) interface: Interface<'a>,
    pub(super) wanted: ImageSpec,
    pub(super) device: Device,
    pub(super) augmentation: Augmentation,
    pub(super) seed: u64,
}

/// One sample ready for a batch.
struct Example {
    /// Channels last.
    input: Vec<f32>,
    /// The share of each class.
    target: Vec<f32>,
    label: usize,
}

/// Samples that go through the model together.
#[derive(Debug)]
pub(super) struct Batch {
    /// `(n, channels, h, w)`, prepared for the model; none if no sample could be loaded.
    pub(super) inputs: Option<Tensor>,
    /// `(n, classes)`.
    pub(super) targets: Vec<f32>,
    /// Places, among those asked for, of the samples that are in the batch.
    pub(super) places: Vec<usize>,
    pub(super) failures: Vec<SampleFailure>,
}

impl<'a> Loader<'a> {
    pub(super) fn new(interface: Interface<'a>, model: &dyn Model, augmentation: Augmentation, seed: u64) -> Self {
        Self { interface, wanted: model.input().clone(), device: model.device().clone(), augmentation, seed }
    }

    /// Loads every sample once, in order: what its class is, and whether it can be used at all.
    pub(super) fn scan(&self, what: &str, samples: &[(DataState, SampleId)], progress: &dyn Progress) -> Scanned {
        let mut scanned = Scanned { samples: Vec::with_capacity(samples.len()), failures: Vec::new() };
        progress.begin(&format!("read {what} samples"), samples.len());
        for chunk in samples.chunks(SCAN) {
            let read = |(state, id): &(DataState, SampleId)| {
                Ok(Labelled { state: *state, id: id.clone(), label: self.load(*state, id)?.label })
            };
            for sample in chunk.par_iter().map(read).collect::<Vec<Result<_, SampleFailure>>>() {
                match sample {
                    Ok(sample) => scanned.samples.push(sample),
                    Err(failure) => scanned.failures.push(failure),
                }
            }
            progress.advance(chunk.len());
        }
        progress.end();
        scanned
    }

    /// Loads and prepares `samples`; with an epoch and the place of the first in that epoch's order, also augments them.
    pub(super) fn batch(&self, samples: &[&Labelled], augmented: Option<(usize, usize)>) -> Result<Batch> {
        let one = |(place, sample): (usize, &&Labelled)| {
            let mut example = self.load(sample.state, &sample.id)?;
            if let Some((epoch, first)) = augmented {
                let draws = format!("augment {epoch} {}", first + place);
                let seed = SplitMix64::named(self.seed, &draws).next_u64();
                let augmented = guarded("augmentation", || Ok(self.augment(&mut example.input, seed)?));
                augmented.map_err(|violation| SampleFailure::new(&sample.id, sample.state, violation))?;
            }
            Ok(example)
        };
        let loaded: Vec<Result<_, SampleFailure>> = samples.par_iter().enumerate().map(one).collect();
        let [height, width, channels] = self.interface.given.shape();
        let mut batch = Batch { inputs: None, targets: Vec::new(), places: Vec::new(), failures: Vec::new() };
        let mut values = Vec::with_capacity(samples.len() * height * width * channels);
        for (place, sample) in loaded.into_iter().enumerate() {
            match sample {
                Ok(example) => {
                    values.extend(example.input);
                    batch.targets.extend(example.target);
                    batch.places.push(place);
                }
                Err(failure) => batch.failures.push(failure),
            }
        }
        if !batch.places.is_empty() {
            let values = Tensor::from_vec(values, (batch.places.len(), height, width, channels), &Device::Cpu);
            let values = values.map_err(Error::tensor("input"))?;
            batch.inputs = Some(self.wanted.prepare(&self.interface.given, &values, &self.device)?);
        }
        Ok(batch)
    }

    fn load(&self, state: DataState, id: &SampleId) -> Result<Example, SampleFailure> {
        let interface = &self.interface;
        let loaded = interface.binder.encode_tensors(state, id).and_then(|(inputs, truths)| {
            let input = &inputs[interface.input];
            interface.fits_model(input)?;
            let name = || format!("input_encoder::{}", interface.binder.inputs()[interface.input].name);
            let values = guarded(&name(), || Ok(with_values(input, <[f32]>::to_vec)?))?;
            if let Some(value) = values.iter().find(|value| !value.is_finite()) {
                return Err(Violation::new(Code::NotFinite, name(), "finite values", value.to_string()));
            }
            let (target, label) = self.target(state, truths.first())?;
            Ok(Example { input: values, target, label })
        });
        loaded.map_err(|violation| SampleFailure::new(id, state, violation))
    }

    /// A ground truth as the share of each class, and the class with the largest.
    fn target(&self, state: DataState, truth: Option<&Tensor>) -> Result<(Vec<f32>, usize), Violation> {
        let name = || {
            let encoder = self.interface.binder.ground_truths().first();
            format!("gt_encoder::{}", encoder.map_or("", |encoder| &encoder.name))
        };
        let Some(truth) = truth else {
            let found = format!("none in {state}");
            return Err(Violation::new(Code::WrongShape, name(), "a ground truth", found));
        };
        let label = self.interface.label(truth)?;
        let target = truth.flatten_all().and_then(|xs| xs.to_vec1::<f32>()).unwrap_or_default();
        let sum: f32 = target.iter().sum();
        if target.iter().all(|&share| share >= 0.0) && (sum - 1.0).abs() <= SUM_TOLERANCE {
            return Ok((target, label));
        }
        let expected = "shares of the classes, at least 0 and together 1, such as a one-hot vector";
        Err(Violation::new(Code::WrongShape, name(), expected, format!("{target:?}")))
    }

    /// Augments an input, whatever its normalisation, in the unit range.
    fn augment(&self, values: &mut [f32], seed: u64) -> Result<()> {
        let given = &self.interface.given;
        let (mean, std) = given.mean_std();
        let channels = given.channels();
        values.iter_mut().enumerate().for_each(|(i, x)| *x = *x * std[i % channels] + mean[i % channels]);
        self.augmentation.apply(values, given.shape(), seed)?;
        values.iter_mut().enumerate().for_each(|(i, x)| *x = (*x - mean[i % channels]) / std[i % channels]);
        Ok(())
    }
}

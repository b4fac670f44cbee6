use serde::Serialize;

use super::thumbnail::thumbnail;
use super::{Fingerprint, Plan};
use crate::binder::{EncodedSample, guarded};
use crate::contract::{DataState, SampleId, Violation};
use crate::imaging::{Image, with_values};

/// A sample, or a function on a sample, that failed in an evaluation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct SampleFailure {
    /// The sample.
    pub id: SampleId,
    /// Its subset.
    pub state: DataState,
    /// What failed: `load`, `input_encoder::image`, ...
    pub function: String,
    /// Why, with expected and found.
    pub message: String,
}

impl SampleFailure {
    pub(crate) fn new(id: &SampleId, state: DataState, violation: Violation) -> Self {
        let function = violation.function.clone();
        Self { id: id.clone(), state, function, message: violation.on(state, Some(id)).to_string() }
    }
}

/// A sample ready for the model.
pub(super) struct Loaded {
    pub(super) id: SampleId,
    pub(super) attributes: Vec<(String, String)>,
    pub(super) encoded: EncodedSample,
    /// Index of the true class.
    pub(super) label: Option<usize>,
    pub(super) fingerprint: Fingerprint,
    pub(super) thumbnail: Option<Image>,
}

impl Plan<'_> {
    /// Loads one sample and runs its encoders and metadata functions.
    pub(super) fn load_one(&self, state: DataState, id: &SampleId) -> Result<Loaded, SampleFailure> {
        let loaded = self.interface.binder.encode(state, id).and_then(|encoded| {
            self.interface.fits_model(&encoded.inputs[self.interface.input])?;
            let label = encoded.ground_truths.first().map(|xs| self.interface.label(xs)).transpose()?;
            let attributes = guarded("attributes", || Ok(self.interface.binder.dataset.attributes(id, state)))?;
            let (fingerprint, thumbnail) = self.recognise(&encoded)?;
            Ok(Loaded { id: id.clone(), attributes, encoded, label, fingerprint, thumbnail })
        });
        loaded.map_err(|violation| SampleFailure::new(id, state, violation))
    }

    /// The fingerprint of the image that goes into the model, and a small picture of it where one is asked for.
    fn recognise(&self, encoded: &EncodedSample) -> Result<(Fingerprint, Option<Image>), Violation> {
        let name = || format!("input_encoder::{}", self.interface.binder.inputs[self.interface.input].name);
        let input = &encoded.inputs[self.interface.input];
        let image = guarded(&name(), || Ok(with_values(input, |values| self.interface.given.image(values))??))?;
        let fingerprint = Fingerprint { bytes: encoded.digest, ..Fingerprint::of(&image) };
        Ok((fingerprint, self.thumbnail_side.and_then(|side| thumbnail(&image, side))))
    }
}

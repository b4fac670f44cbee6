use candle_core::{DType, Tensor};
use serde::Serialize;

use super::thumbnail::thumbnail;
use super::{Fingerprint, Plan};
use crate::binder::{EncodedSample, guarded};
use crate::contract::{Code, DataState, SampleId, Violation};
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
    pub(super) fn new(id: &SampleId, state: DataState, violation: Violation) -> Self {
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
        let loaded = self.binder.encode(state, id).and_then(|encoded| {
            self.fits_model(&encoded.inputs[self.input])?;
            let label = encoded.ground_truths.first().map(|xs| self.label(xs)).transpose()?;
            let attributes = guarded("attributes", || Ok(self.binder.dataset.attributes(id, state)))?;
            let (fingerprint, thumbnail) = self.recognise(&encoded)?;
            Ok(Loaded { id: id.clone(), attributes, encoded, label, fingerprint, thumbnail })
        });
        loaded.map_err(|violation| SampleFailure::new(id, state, violation))
    }

    /// The fingerprint of the image that goes into the model, and a small picture of it where one is asked for.
    fn recognise(&self, encoded: &EncodedSample) -> Result<(Fingerprint, Option<Image>), Violation> {
        let name = || format!("input_encoder::{}", self.binder.inputs[self.input].name);
        let input = &encoded.inputs[self.input];
        let image = guarded(&name(), || Ok(with_values(input, |values| self.given.image(values))??))?;
        let fingerprint = Fingerprint { bytes: encoded.digest, ..Fingerprint::of(&image) };
        Ok((fingerprint, self.thumbnail_side.and_then(|side| thumbnail(&image, side))))
    }

    fn fits_model(&self, xs: &Tensor) -> Result<(), Violation> {
        let encoder = &self.binder.inputs[self.input];
        let wanted = self.given.shape();
        if xs.dims() == wanted && xs.dtype() == DType::F32 {
            return Ok(());
        }
        let found = format!("{:?} of shape {:?}", xs.dtype(), xs.dims());
        let function = format!("input_encoder::{}", encoder.name);
        Err(Violation::new(Code::WrongShape, function, format!("F32 of shape {wanted:?}"), found))
    }

    /// The true class: the largest entry of the first ground truth, which must have one for each class.
    fn label(&self, xs: &Tensor) -> Result<usize, Violation> {
        let classes = self.prediction.labels.len();
        let values = xs.flatten_all().and_then(|xs| xs.to_vec1::<f32>()).unwrap_or_default();
        let largest = (0..values.len()).reduce(|best, place| if values[place] > values[best] { place } else { best });
        match largest {
            Some(label) if values.len() == classes => Ok(label),
            _ => {
                let function = format!("gt_encoder::{}", self.binder.ground_truths[0].name);
                let expected = format!("one F32 entry for each of the {classes} classes");
                let found = format!("{:?} of shape {:?}", xs.dtype(), xs.dims());
                Err(Violation::new(Code::WrongShape, function, expected, found))
            }
        }
    }
}

use candle_core::{DType, Tensor};
use serde::Serialize;

use super::Plan;
use crate::binder::guarded;
use crate::contract::{Code, DataState, MetadataValue, SampleId, Violation};
use crate::imaging::ImageSpec;

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
    /// All input encoders' tensors.
    pub(super) inputs: Vec<Tensor>,
    /// All ground-truth encoders' tensors; none for unlabeled samples.
    pub(super) ground_truths: Vec<Tensor>,
    pub(super) metadata: Vec<(String, MetadataValue)>,
    /// Index of the true class.
    pub(super) label: Option<usize>,
}

impl Plan<'_> {
    /// Loads one sample and runs its encoders and metadata functions.
    pub(super) fn load_one(&self, state: DataState, id: &SampleId) -> Result<Loaded, SampleFailure> {
        self.encode_one(state, id).map_err(|violation| SampleFailure::new(id, state, violation))
    }

    fn encode_one(&self, state: DataState, id: &SampleId) -> Result<Loaded, Violation> {
        let binder = self.binder;
        let sample = guarded("load", || binder.dataset.load(id, state)).map_err(|violation| violation.loading())?;
        let mut inputs = Vec::with_capacity(binder.inputs.len());
        for encoder in &binder.inputs {
            let name = format!("input_encoder::{}", encoder.name);
            let xs = guarded(&name, || (encoder.encode)(sample.as_ref()))?;
            if std::ptr::eq(encoder, self.input) {
                self.fits_model(&name, &xs)?;
            }
            inputs.push(xs);
        }
        let mut ground_truths = Vec::new();
        let mut label = None;
        if state != DataState::Unlabeled {
            for encoder in &binder.ground_truths {
                let name = format!("gt_encoder::{}", encoder.name);
                let xs = guarded(&name, || (encoder.encode)(sample.as_ref()))?;
                if label.is_none() {
                    label = Some(self.label(&name, &xs)?);
                }
                ground_truths.push(xs);
            }
        }
        let mut metadata = Vec::new();
        for handler in &binder.metadata {
            let name = format!("metadata::{}", handler.name);
            let values = guarded(&name, || (handler.compute)(sample.as_ref()))?;
            metadata.extend(values.into_columns(&handler.name));
        }
        let attributes = binder.dataset.attributes(id, state);
        Ok(Loaded { id: id.clone(), attributes, inputs, ground_truths, metadata, label })
    }

    fn fits_model(&self, function: &str, xs: &Tensor) -> Result<(), Violation> {
        let (height, width, channels) = (self.given.height, self.given.width, ImageSpec::CHANNELS);
        let wanted = if self.input.channel_dim == 1 { [channels, height, width] } else { [height, width, channels] };
        if xs.dims() == wanted && xs.dtype() == DType::F32 {
            return Ok(());
        }
        let found = format!("{:?} of shape {:?}", xs.dtype(), xs.dims());
        Err(Violation::new(Code::WrongShape, function, format!("F32 of shape {wanted:?}"), found))
    }

    /// The true class: the largest entry of the first ground truth, which must have one for each class.
    fn label(&self, function: &str, xs: &Tensor) -> Result<usize, Violation> {
        let classes = self.prediction.labels.len();
        let values = xs.flatten_all().and_then(|xs| xs.to_vec1::<f32>()).unwrap_or_default();
        let largest = (0..values.len()).reduce(|best, place| if values[place] > values[best] { place } else { best });
        match largest {
            Some(label) if values.len() == classes => Ok(label),
            _ => {
                let expected = format!("one F32 entry for each of the {classes} classes");
                let found = format!("{:?} of shape {:?}", xs.dtype(), xs.dims());
                Err(Violation::new(Code::WrongShape, function, expected, found))
            }
        }
    }
}

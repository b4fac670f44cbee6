use candle_core::{DType, Tensor};

use crate::binder::{InputEncoder, PredictionType, Registry};
use crate::contract::{Code, DataState, Subset, Violation};
use crate::imaging::ImageSpec;
use crate::model::Model;
use crate::{Error, Result};

/// Where a binder and a model meet: one image input, one prediction with the model's classes.
#[derive(Debug, Clone)]
pub(crate) struct Interface<'a> {
    pub(crate) binder: &'a Registry,
    /// Place of the input encoder that feeds the model.
    pub(crate) input: usize,
    /// How that encoder prepares its images.
    pub(crate) given: ImageSpec,
    pub(crate) prediction: &'a PredictionType,
}

impl<'a> Interface<'a> {
    /// Holds the binder against the model. `input` names the input encoder; the first by default.
    pub(crate) fn new(
        function: &'static str,
        binder: &'a Registry,
        model: &dyn Model,
        input: Option<&str>,
    ) -> Result<Self> {
        let [prediction] = binder.predictions() else {
            let found = format!("{}", binder.predictions().len());
            return Err(Error::argument(function, "a binder with one prediction type", found));
        };
        if prediction.labels != model.classes() {
            return Err(Error::Mismatch {
                subject: "classes".to_owned(),
                left: format!("the model {} has {:?}", model.name(), model.classes()),
                right: format!("the binder's prediction {} has {:?}", prediction.name, prediction.labels),
            });
        }
        let wanted = |encoder: &InputEncoder| input.is_none_or(|name| encoder.name == name);
        let place = binder.inputs().iter().position(wanted).ok_or_else(|| {
            let known: Vec<&str> = binder.inputs().iter().map(|encoder| &*encoder.name).collect();
            Error::config("input", format!("one of {known:?}"), format!("{input:?}"))
        })?;
        let encoder = &binder.inputs()[place];
        let given = encoder.image.clone().ok_or_else(|| Error::Mismatch {
            subject: "image preparations".to_owned(),
            left: format!("the model wants {}", model.input()),
            right: format!("the binder does not say how input {} is prepared (see image_input)", encoder.name),
        })?;
        model.input().accepts(&given)?;
        Ok(Self { binder, input: place, given, prediction })
    }

    /// The subsets of `states` in the binder's order; all when empty.
    pub(crate) fn subsets(&self, states: &[DataState]) -> Result<Vec<Subset>> {
        let subsets = self.binder.subsets()?;
        if let Some(missing) = states.iter().find(|state| !subsets.iter().any(|subset| subset.state == **state)) {
            let known: Vec<&str> = subsets.iter().map(|subset| subset.state.as_str()).collect();
            return Err(Error::config("subset", format!("one of {known:?}"), missing.to_string()));
        }
        Ok(subsets.into_iter().filter(|subset| states.is_empty() || states.contains(&subset.state)).collect())
    }

    /// Refuses an encoded input of another shape or type than the encoder's preparation says.
    pub(crate) fn fits_model(&self, xs: &Tensor) -> Result<(), Violation> {
        let wanted = self.given.shape();
        if xs.dims() == wanted && xs.dtype() == DType::F32 {
            return Ok(());
        }
        let found = format!("{:?} of shape {:?}", xs.dtype(), xs.dims());
        let function = format!("input_encoder::{}", self.binder.inputs[self.input].name);
        Err(Violation::new(Code::WrongShape, function, format!("F32 of shape {wanted:?}"), found))
    }

    /// The true class.
    pub(crate) fn label(&self, xs: &Tensor) -> Result<usize, Violation> {
        label(self.binder, self.prediction.labels.len(), xs)
    }
}

/// The true class: the largest entry of the first ground truth, which must have one for each class.
pub(crate) fn label(binder: &Registry, classes: usize, xs: &Tensor) -> Result<usize, Violation> {
    let values = xs.flatten_all().and_then(|xs| xs.to_vec1::<f32>()).unwrap_or_default();
    let largest = (0..values.len()).reduce(|best, place| if values[place] > values[best] { place } else { best });
    match largest {
        Some(label) if values.len() == classes => Ok(label),
        _ => {
            let function = format!("gt_encoder::{}", binder.ground_truths[0].name);
            let expected = format!("one F32 entry for each of the {classes} classes");
            let found = format!("{:?} of shape {:?}", xs.dtype(), xs.dims());
            Err(Violation::new(Code::WrongShape, function, expected, found))
        }
    }
}

use candle_core::{Device, Tensor};

use super::{Model, softmax};
use crate::contract::{HandlerResult, LeapModel, ModelInput};
use crate::imaging::ImageSpec;
use crate::{Error, Result};

/// A [`Model`] as an integration test runs it: images in, probabilities out.
///
/// The input is called `image` and takes what an image input encoder gives, `(n, height, width, channels)` f32, prepared as
/// `given` says; the one output is `(n, classes)` f32 after a softmax in f64, as [`crate::evaluate::evaluate`] computes it.
///
/// *Determinism*: as the model's.
#[derive(Debug, Clone)]
pub struct AsLeapModel<M> {
    model: M,
    given: ImageSpec,
}

impl<M: Model> AsLeapModel<M> {
    /// Wraps `model` for a binder whose images are prepared as `given` says.
    ///
    /// # Errors
    /// [`Error::Mismatch`] when the model wants images prepared another way.
    pub fn new(model: M, given: ImageSpec) -> Result<Self> {
        model.input().accepts(&given)?;
        Ok(Self { model, given })
    }

    /// The model.
    pub const fn model(&self) -> &M {
        &self.model
    }
}

impl<M: Model> LeapModel for AsLeapModel<M> {
    fn inputs(&self) -> Vec<ModelInput> {
        let shape = [None, Some(self.given.height), Some(self.given.width), Some(self.given.channels())];
        vec![ModelInput::new("image", shape)]
    }

    fn run(&self, inputs: &[Tensor]) -> HandlerResult<Vec<Tensor>> {
        let [images] = inputs else {
            return Err(Error::argument("AsLeapModel::run", "one input", inputs.len().to_string()).into());
        };
        let xs = self.model.input().prepare(&self.given, images, self.model.device())?;
        let logits = self.model.forward(&xs)?.logits.to_vec2::<f32>()?;
        let rows = logits.len();
        let flat: Vec<f32> = logits.iter().flat_map(|logits| softmax(logits)).map(|p| p as f32).collect();
        Ok(vec![Tensor::from_vec(flat, (rows, self.model.classes().len()), &Device::Cpu)?])
    }
}

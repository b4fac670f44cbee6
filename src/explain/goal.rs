use candle_core::{D, DType, Device, Tensor, Var};

use super::loss::SampleLoss;
use super::objective::Compute;
use crate::metrics::arg_max;
use crate::model::{Model, Output, softmax};
use crate::{Error, Result};

/// An objective for one batch: classes by their places, a name for each image.
pub(super) struct Goal<'a> {
    pub(super) pull: Pull<'a>,
    pub(super) names: Vec<String>,
    pub(super) classes: usize,
}

/// What is taken from an output.
pub(super) enum Pull<'a> {
    /// For each image the place of a logit.
    Logit(Vec<usize>),
    LogProbability(usize),
    Contrast(usize, usize),
    Loss(&'a SampleLoss<'a>),
    Custom(&'a Compute<'a>),
}

impl Goal<'_> {
    /// One value for each row of `output`, `(m,)`; row `i` is one of the image `images[i]`.
    fn compute(&self, output: &Output, images: &[usize]) -> Result<Tensor> {
        let (m, logits) = (images.len(), &output.logits);
        if logits.dims() != [m, self.classes] {
            let expected = format!("logits ({m}, {}) from the model", self.classes);
            return Err(Error::argument("explain", expected, format!("{:?}", logits.dims())));
        }
        let column = |place: usize| logits.narrow(1, place, 1)?.squeeze(1);
        let values = match &self.pull {
            Pull::Logit(places) => {
                let places: Vec<u32> = images.iter().map(|&image| places[image] as u32).collect();
                Tensor::from_vec(places, (m, 1), logits.device()).and_then(|at| logits.gather(&at, 1)?.squeeze(1))
            }
            Pull::LogProbability(place) => {
                probabilities(logits).and_then(|ps| ps.narrow(1, *place, 1)?.squeeze(1)?.log())
            }
            Pull::Contrast(one, other) => column(*one).and_then(|one| one - column(*other)?),
            Pull::Loss(loss) => {
                let probabilities = probabilities(logits).and_then(|ps| ps.to_dtype(DType::F32));
                Ok(loss.compute(&probabilities.map_err(Error::tensor("probabilities"))?, images)?)
            }
            Pull::Custom(compute) => Ok(compute(output, images)?),
        };
        let values = values.map_err(Error::tensor("objective"))?;
        if values.elem_count() == m {
            return values.reshape(m).map_err(Error::tensor("objective"));
        }
        let expected = format!("one value of {} for each of {m} rows", self.name(images));
        Err(Error::argument("explain", expected, format!("a tensor {:?}", values.dims())))
    }

    fn name(&self, images: &[usize]) -> &str {
        images.first().map_or("", |&image| &self.names[image])
    }

    fn finite(&self, values: &Tensor, images: &[usize]) -> Result<Vec<f64>> {
        let values = values.to_device(&Device::Cpu).and_then(|xs| xs.to_dtype(DType::F64)?.to_vec1::<f64>());
        let values = values.map_err(Error::tensor("objective"))?;
        match values.iter().position(|value| !value.is_finite()) {
            None => Ok(values),
            Some(row) => {
                let expected = format!("a finite value of {}", self.name(&images[row..]));
                Err(Error::argument("explain", expected, format!("{} for image {}", values[row], images[row])))
            }
        }
    }

    /// The values as numbers.
    pub(super) fn values(&self, output: &Output, images: &[usize]) -> Result<Vec<f64>> {
        self.finite(&self.compute(output, images)?, images)
    }

    /// The gradient of each value with respect to its own row of `at`, f32 on the CPU. `pass` runs the model from
    /// there on.
    pub(super) fn slope(
        &self,
        at: &Tensor,
        images: &[usize],
        pass: impl FnOnce(&Tensor) -> Result<Output>,
    ) -> Result<Tensor> {
        let at = Var::from_tensor(&at.detach()).map_err(Error::tensor("gradient"))?;
        let values = self.compute(&pass(&at)?, images)?;
        let flat = || {
            Error::argument(
                "explain",
                format!(
                    "an objective and a model with a gradient; occlusion is the method for {} without one",
                    self.name(images)
                ),
                "none",
            )
        };
        // A row has no part in another row's value, so that the gradient of the sum is each one's own.
        let gradients = values
            .sum_all()
            .and_then(|sum| sum.backward())
            .map_err(|error| if is_unsupported(&error) { flat() } else { Error::tensor("gradient")(error) })?;
        let gradient = gradients.get(&at).ok_or_else(flat)?;
        self.finite(&values, images)?;
        let gradient = gradient.to_device(&Device::Cpu).and_then(|xs| xs.to_dtype(DType::F32));
        gradient.map_err(Error::tensor("gradient"))
    }

    /// The values as scores in [0, 1]: the probability of a class; of one class among two for a contrast; `1 - exp(-loss)`
    /// for a loss, which for the cross-entropy of one class is the probability of the others; the logistic function of a value of one's own.
    pub(super) fn scores(&self, output: &Output, images: &[usize]) -> Result<Vec<f64>> {
        let logistic = |value: f64| 1.0 / (1.0 + (-value).exp());
        let values = self.values(output, images)?;
        let place = |row: usize| match &self.pull {
            Pull::Logit(places) => Some(places[images[row]]),
            Pull::LogProbability(place) => Some(*place),
            _ => None,
        };
        if place(0).is_some() {
            let logits = rows(&output.logits)?;
            let of_row = |(row, logits): (usize, &Vec<f32>)| place(row).map_or(0.0, |place| softmax(logits)[place]);
            return Ok(logits.iter().enumerate().map(of_row).collect());
        }
        let score = |value: f64| match &self.pull {
            Pull::Loss(_) => 1.0 - (-value.max(0.0)).exp(),
            _ => logistic(value),
        };
        Ok(values.into_iter().map(score).collect())
    }
}

/// The class of the highest logit for each image.
pub(super) fn predictions(model: &dyn Model, xs: &Tensor, n: usize) -> Result<Vec<usize>> {
    let classes = model.classes().len();
    let mut places = Vec::with_capacity(n);
    for start in (0..n).step_by(super::FORWARD_ROWS) {
        let part = xs.narrow(0, start, super::FORWARD_ROWS.min(n - start)).map_err(Error::tensor("input"))?;
        let logits = rows(&model.forward(&part)?.logits)?;
        places.extend(logits.iter().map(|logits| arg_max(&softmax(logits))));
    }
    match places.iter().find(|place| **place >= classes) {
        None => Ok(places),
        Some(place) => {
            let expected = format!("as many logits as the model {} has classes, {classes}", model.name());
            Err(Error::argument("explain", expected, format!("one at {place}")))
        }
    }
}

fn rows(logits: &Tensor) -> Result<Vec<Vec<f32>>> {
    let rows = logits.to_device(&Device::Cpu).and_then(|xs| xs.to_dtype(DType::F32)?.to_vec2::<f32>());
    rows.map_err(Error::tensor("logits"))
}

/// Softmax in f64, on the graph.
fn probabilities(logits: &Tensor) -> candle_core::Result<Tensor> {
    let logits = logits.to_dtype(DType::F64)?;
    let powers = logits.broadcast_sub(&logits.max_keepdim(D::Minus1)?.detach())?.exp()?;
    powers.broadcast_div(&powers.sum_keepdim(D::Minus1)?)
}

fn is_unsupported(error: &candle_core::Error) -> bool {
    match error {
        candle_core::Error::BackwardNotSupported { .. } => true,
        candle_core::Error::WithBacktrace { inner, .. } => is_unsupported(inner),
        _ => false,
    }
}

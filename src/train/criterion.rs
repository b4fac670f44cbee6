//! What training makes small: losses for classes of unlike size.

use candle_core::{D, DType, Result as TensorResult, Tensor};
use serde::{Deserialize, Serialize};

use super::range;
use crate::{Error, Result};

/// How much each class counts in a loss.
///
/// The derived weights count 1 on the average of the training samples, so that they leave the learning rate its meaning.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClassWeights {
    /// All the same.
    None,
    /// By inverse frequency, scikit-learn's `balanced`: `samples / (classes * samples of the class)`. Classes have equal say
    /// together, and single samples of a rare class a very large one.
    Balanced,
    /// By the root of the inverse frequency: half-way between the two.
    SqrtBalanced,
    /// One for each class, in order: at least 0, and above it for one class at least. Taken as they are.
    Given(Vec<f64>),
}

/// The loss of a batch, from logits and from what share of each sample is of which class.
///
/// ```
/// use leap_binder::train::{ClassWeights, Criterion};
///
/// let plain = Criterion::CrossEntropy { label_smoothing: 0.0, class_weights: ClassWeights::None };
/// assert_eq!(plain, serde_json::from_str(r#"{"cross_entropy": {"label_smoothing": 0.0, "class_weights": "none"}}"#)?);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Criterion {
    /// `-w_c t_c log p_c`, summed over the classes. Over the batch it is divided by the sum of `w_c t_c`, which is what
    /// `torch.nn.CrossEntropyLoss` does for class indices; for probabilities with weights torch divides by the number of samples
    /// instead.
    CrossEntropy {
        /// The share of each target that is spread evenly over all classes (Szegedy et al., CVPR 2016), from 0 to below 1.
        label_smoothing: f64,
        /// The weights `w`.
        class_weights: ClassWeights,
    },
    /// `-w_c t_c (1 - p_c)^gamma log p_c` (Lin et al., *Focal Loss for Dense Object Detection*, ICCV 2017) with the softmax for
    /// `p`: samples that are right already count little. Over the batch as cross-entropy, which it is for a `gamma` of 0.
    Focal {
        /// At least 0. The paper found 2 best.
        gamma: f64,
        /// The weights `w`, the paper's alpha.
        class_weights: ClassWeights,
    },
    /// Cross-entropy of logits to which the logarithm of each class's number of training samples was added (Ren et al., *Balanced
    /// Meta-Softmax*, NeurIPS 2020). The network then learns the logits of balanced classes, and is used without the addition.
    BalancedSoftmax {
        /// As that of cross-entropy.
        label_smoothing: f64,
    },
}

impl ClassWeights {
    /// The weights for classes with so many training samples. A class without samples gets a weight that is not finite where the
    /// weight is derived from their number, which [`Criterion::validate`] refuses.
    fn of(&self, counts: &[usize]) -> Option<Vec<f64>> {
        self.of_totals(&counts.iter().map(|&count| count as f64).collect::<Vec<_>>())
    }

    /// The same for classes whose samples count so much together.
    pub(super) fn of_totals(&self, counts: &[f64]) -> Option<Vec<f64>> {
        let samples = counts.iter().sum::<f64>();
        match self {
            Self::None => None,
            Self::Balanced => Some(counts.iter().map(|count| samples / (counts.len() as f64 * count)).collect()),
            Self::SqrtBalanced => {
                let roots = counts.iter().map(|count| count.sqrt());
                let scale = samples / roots.clone().sum::<f64>();
                Some(roots.map(|root| scale / root).collect())
            }
            Self::Given(weights) => Some(weights.clone()),
        }
    }

    /// Whether the weight of `class` says that it has samples to learn from.
    fn needs(&self, class: usize) -> bool {
        match self {
            Self::None => false,
            Self::Balanced | Self::SqrtBalanced => true,
            Self::Given(weights) => weights.get(class).is_some_and(|&weight| weight > 0.0),
        }
    }
}

impl Criterion {
    /// The mean loss of a batch, a scalar f32 with gradient: `logits` and `targets` are `(n, classes)` on one device, the rows of
    /// `targets` sum to 1 and take no gradient, and `counts` has the training samples of each class. Finite for finite logits
    /// whose differences are.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`] for shapes that do not go together, [`Error::Tensor`] if the device fails.
    pub(crate) fn compute(&self, logits: &Tensor, targets: &Tensor, counts: &[usize]) -> Result<Tensor> {
        if logits.rank() != 2 || logits.dims() != targets.dims() || logits.dims()[1] != counts.len() {
            let expected = format!("logits and targets (n, {})", counts.len());
            let found = format!("{:?} and {:?}", logits.dims(), targets.dims());
            return Err(Error::argument("Criterion::compute", expected, found));
        }
        self.mean(logits, targets, counts).map_err(Error::tensor("loss"))
    }

    fn mean(&self, logits: &Tensor, targets: &Tensor, counts: &[usize]) -> TensorResult<Tensor> {
        let row = |values: Vec<f64>| {
            let values: Vec<f32> = values.into_iter().map(|value| value as f32).collect();
            Tensor::from_vec(values, (1, counts.len()), logits.device())
        };
        let logits = logits.to_dtype(DType::F32)?;
        let targets = targets.detach().to_dtype(DType::F32)?;
        let weighted = |targets: &Tensor, weights: &ClassWeights| match weights.of(counts) {
            Some(weights) => targets.broadcast_mul(&row(weights)?),
            None => Ok(targets.clone()),
        };
        match self {
            Self::CrossEntropy { label_smoothing, class_weights } => {
                let counted = weighted(&targets, class_weights)?;
                let spread = weighted(&smooth(&targets, *label_smoothing)?, class_weights)?;
                mean(&(log_softmax(&logits)? * spread)?, &counted)
            }
            Self::Focal { gamma, class_weights } => {
                let counted = weighted(&targets, class_weights)?;
                let fading = (log_rest(&logits)? * *gamma)?.exp()?;
                mean(&((log_softmax(&logits)? * fading)? * &counted)?, &counted)
            }
            Self::BalancedSoftmax { label_smoothing } => {
                let prior = row(counts.iter().map(|&count| (count as f64).ln()).collect())?;
                let spread = smooth(&targets, *label_smoothing)?;
                mean(&(log_softmax(&logits.broadcast_add(&prior)?)? * spread)?, &targets)
            }
        }
    }

    /// Refuses numbers outside the ranges above, weights that are too many or too few, and classes without training samples
    /// that the loss needs some of. `counts` are those of `classes`.
    ///
    /// # Errors
    ///
    /// [`Error::Config`], which names the classes.
    pub(crate) fn validate(&self, classes: &[String], counts: &[usize]) -> Result<()> {
        let smoothing = |value: f64| range::check("criterion.label_smoothing", value, 0.0..1.0);
        let weights = match self {
            Self::CrossEntropy { label_smoothing, class_weights } => {
                smoothing(*label_smoothing)?;
                class_weights
            }
            Self::Focal { gamma, class_weights } => {
                range::check("criterion.gamma", *gamma, 0.0..f64::INFINITY)?;
                class_weights
            }
            Self::BalancedSoftmax { label_smoothing } => {
                smoothing(*label_smoothing)?;
                &ClassWeights::Balanced
            }
        };
        if let ClassWeights::Given(given) = weights {
            if given.len() != classes.len() {
                let expected = format!("{} weights, for {}", classes.len(), classes.join(", "));
                return Err(Error::config("criterion.class_weights", expected, given.len().to_string()));
            }
            for (class, &weight) in classes.iter().zip(given) {
                range::check(&format!("criterion.class_weights of {class}"), weight, 0.0..f64::INFINITY)?;
            }
            if given.iter().all(|&weight| weight == 0.0) {
                return Err(Error::config("criterion.class_weights", "one weight above 0 at least", "only 0"));
            }
        }
        let absent = classes.iter().zip(counts).enumerate();
        let absent = absent.filter(|(class, (_, count))| **count == 0 && weights.needs(*class));
        let absent: Vec<&str> = absent.map(|(_, (name, _))| name.as_str()).collect();
        if absent.is_empty() {
            return Ok(());
        }
        let found = format!("none of {}", absent.join(", "));
        Err(Error::config("criterion", "training samples of each class that the loss gives weight to", found))
    }
}

/// `-sum(parts) / sum(counted)`. A batch that counts nothing, since all of it is of classes without weight, loses 0.
fn mean(parts: &Tensor, counted: &Tensor) -> TensorResult<Tensor> {
    let total = counted.sum_all()?;
    let total = total.eq(0f64)?.where_cond(&total.ones_like()?, &total)?;
    (parts.sum_all()? / total)?.neg()
}

fn smooth(targets: &Tensor, share: f64) -> TensorResult<Tensor> {
    targets.affine(1.0 - share, share / targets.dim(D::Minus1)? as f64)
}

/// The logits of each row less their largest, which is taken for a constant: no softmax depends on it.
fn lowered(logits: &Tensor) -> TensorResult<Tensor> {
    logits.broadcast_sub(&logits.detach().max_keepdim(D::Minus1)?)
}

/// `log p`, `(n, classes)`.
fn log_softmax(logits: &Tensor) -> TensorResult<Tensor> {
    let logits = lowered(logits)?;
    logits.broadcast_sub(&logits.exp()?.sum_keepdim(D::Minus1)?.log()?)
}

/// `log(1 - p)`, `(n, classes)`: the logarithm of the other classes' share. Exact where `p` rounds to 1, with a gradient that is
/// never more than 1.
fn log_rest(logits: &Tensor) -> TensorResult<Tensor> {
    let logits = lowered(logits)?;
    let (rows, classes) = logits.dims2()?;
    // Row c of each sample's square has all logits but that of class c. The mask is finite: with one class nothing is left.
    let mask: Vec<f32> = (0..classes * classes).map(|at| if at % (classes + 1) == 0 { -1e30 } else { 0.0 }).collect();
    let mask = Tensor::from_vec(mask, (1, classes, classes), logits.device())?;
    let others = logits.unsqueeze(1)?.broadcast_add(&mask)?;
    let top = others.detach().max_keepdim(D::Minus1)?;
    let others_sum = (others.broadcast_sub(&top)?.exp()?.sum_keepdim(D::Minus1)?.log()? + top)?;
    let sum = logits.exp()?.sum_keepdim(D::Minus1)?.log()?;
    others_sum.reshape((rows, classes))?.broadcast_sub(&sum)
}

#[cfg(test)]
mod tests;

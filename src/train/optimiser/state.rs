//! What an optimiser remembers of each parameter, and its step.

use std::collections::BTreeMap;

use candle_core::{Result as TensorResult, Tensor, Var};

use super::Optimiser;
use super::kernel::{is_plain, same_shape, update, update_by_two};
use crate::{Error, Result};

/// The key under which [`State::to_tensors`] keeps how often a parameter was stepped.
const STEPS: &str = "steps";

/// An optimiser under way. Parameters are known by name; one that was never stepped has no state.
///
/// A step costs some reads and writes of the parameter's size, in place and shared among rayon's threads on the CPU in f32, and by
/// candle's operations otherwise. On the CPU equal steps give equal bits for any number of threads.
#[derive(Debug)]
pub(crate) struct State {
    optimiser: Optimiser,
    slots: BTreeMap<String, Slot>,
}

/// One parameter's state.
#[derive(Debug)]
struct Slot {
    steps: u32,
    /// In the order of [`Optimiser::buffers`], each in the shape and type of the parameter. Nothing else holds their storage.
    buffers: Vec<Tensor>,
}

impl State {
    /// Before the first step.
    pub(crate) fn new(optimiser: Optimiser) -> Self {
        Self { optimiser, slots: BTreeMap::new() }
    }

    /// Copies of all that is needed to go on: `momentum/<name>`, or `m/<name>` and `v/<name>`, and `steps/<name>` (u32 scalars).
    ///
    /// # Errors
    ///
    /// [`Error::Tensor`] if the device fails.
    pub(crate) fn to_tensors(&self) -> Result<BTreeMap<String, Tensor>> {
        let mut tensors = BTreeMap::new();
        for (name, slot) in &self.slots {
            let failed = || Error::tensor(format!("optimiser state of {name}"));
            for (kind, buffer) in self.optimiser.buffers().iter().zip(&slot.buffers) {
                tensors.insert(format!("{kind}/{name}"), buffer.copy().map_err(failed())?);
                let steps = Tensor::new(slot.steps, buffer.device()).map_err(failed())?;
                tensors.insert(format!("{STEPS}/{name}"), steps);
            }
        }
        Ok(tensors)
    }

    /// The state that [`State::to_tensors`] gave, copied: further steps give the bits that they would have given. The tensors lie
    /// where the parameters do; the step counts anywhere.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`] that names a tensor that is missing or that `optimiser` does not keep.
    pub(crate) fn from_tensors(optimiser: Optimiser, tensors: &BTreeMap<String, Tensor>) -> Result<Self> {
        let wrong = |expected: String, found: String| Error::argument("optimiser state", expected, found);
        let kinds = optimiser.buffers();
        let mut slots = BTreeMap::new();
        for key in tensors.keys() {
            let known = key.split_once('/').filter(|(kind, _)| *kind == STEPS || kinds.contains(kind));
            let (_, name) = known.ok_or_else(|| {
                let kinds: Vec<String> =
                    kinds.iter().chain([&STEPS]).map(|kind| format!("{kind}/<parameter>")).collect();
                wrong(format!("only {} for {optimiser:?}", kinds.join(", ")), key.clone())
            })?;
            if slots.contains_key(name) {
                continue;
            }
            let tensor = |kind: &str| {
                let key = format!("{kind}/{name}");
                tensors.get(&key).ok_or_else(|| wrong(format!("a tensor {key}"), "none".to_owned()))
            };
            let failed = || Error::tensor(format!("optimiser state of {name}"));
            let steps = tensor(STEPS)?.to_scalar::<u32>().map_err(failed())?;
            let buffers = kinds.iter().map(|kind| tensor(kind)?.detach().copy().map_err(failed()));
            slots.insert(name.to_owned(), Slot { steps, buffers: buffers.collect::<Result<_>>()? });
        }
        Ok(Self { optimiser, slots })
    }

    /// Moves the parameter `name`, whose value is `var`, by its `gradient` at the learning rate `rate`. `decays` says whether the
    /// optimiser's weight decay applies to it.
    ///
    /// Fails if shapes differ, those of a state that was handed in included.
    pub(crate) fn step(
        &mut self,
        name: &str,
        var: &Var,
        gradient: &Tensor,
        rate: f64,
        decays: bool,
    ) -> TensorResult<()> {
        let value = var.as_detached_tensor();
        same_shape(&value, gradient)?;
        let gradient = gradient.detach().to_dtype(value.dtype())?.contiguous()?;
        if !self.slots.contains_key(name) {
            let zeros = self.optimiser.buffers().iter().map(|_| value.zeros_like());
            self.slots.insert(name.to_owned(), Slot { steps: 0, buffers: zeros.collect::<TensorResult<_>>()? });
        }
        let Some(slot) = self.slots.get_mut(name) else { return Ok(()) };
        for buffer in &slot.buffers {
            same_shape(&value, buffer)?;
        }
        slot.steps = slot.steps.saturating_add(1);
        let decay = |weight_decay: f64| if decays { weight_decay } else { 0.0 };
        match (self.optimiser, slot.buffers.as_mut_slice()) {
            (Optimiser::Sgd { weight_decay, .. }, []) => descend(var, &gradient, rate, decay(weight_decay)),
            (Optimiser::Sgd { momentum, nesterov, weight_decay }, [buffer]) => {
                let rule = Momentum { momentum, nesterov, weight_decay: decay(weight_decay), rate };
                rule.step(var, &gradient, buffer)
            }
            (Optimiser::AdamW { beta1, beta2, eps, weight_decay }, [mean, square]) => {
                let steps = i32::try_from(slot.steps).unwrap_or(i32::MAX);
                let rule = Adam {
                    beta1,
                    beta2,
                    eps,
                    kept: 1.0 - rate * decay(weight_decay),
                    pace: rate / (1.0 - beta1.powi(steps)),
                    root: (1.0 - beta2.powi(steps)).sqrt(),
                };
                rule.step(var, &gradient, mean, square)
            }
            (optimiser, buffers) => candle_core::bail!("{optimiser:?} does not keep {} tensors", buffers.len()),
        }
    }
}

/// `w -= rate (g + weight_decay w)`.
fn descend(var: &Var, gradient: &Tensor, rate: f64, weight_decay: f64) -> TensorResult<()> {
    if is_plain(var) {
        let (rate, decay) = (rate as f32, weight_decay as f32);
        return update(var, gradient, move |w, g| w - rate * (g + decay * w));
    }
    let value = var.as_detached_tensor();
    var.set(&(&value - ((gradient + (&value * weight_decay)?)? * rate)?)?)
}

/// A step of SGD with momentum.
struct Momentum {
    momentum: f64,
    nesterov: bool,
    weight_decay: f64,
    rate: f64,
}

impl Momentum {
    fn step(&self, var: &Var, gradient: &Tensor, buffer: &mut Tensor) -> TensorResult<()> {
        if is_plain(var) {
            let (momentum, decay, rate) = (self.momentum as f32, self.weight_decay as f32, self.rate as f32);
            update_by_two(buffer, [gradient, var], move |b, g, w| momentum * b + (g + decay * w))?;
            return if self.nesterov {
                update_by_two(var, [gradient, buffer], move |w, g, b| w - rate * ((g + decay * w) + momentum * b))
            } else {
                update(var, buffer, move |w, b| w - rate * b)
            };
        }
        let value = var.as_detached_tensor();
        let gradient = (gradient + (&value * self.weight_decay)?)?;
        *buffer = ((&*buffer * self.momentum)? + &gradient)?;
        let direction = if self.nesterov { (gradient + (&*buffer * self.momentum)?)? } else { buffer.clone() };
        var.set(&(value - (direction * self.rate)?)?)
    }
}

/// A step of AdamW with its corrections made.
struct Adam {
    beta1: f64,
    beta2: f64,
    eps: f64,
    /// The share of the weight that decay leaves.
    kept: f64,
    /// The learning rate with the correction of the mean.
    pace: f64,
    /// The correction of the root of the mean square.
    root: f64,
}

impl Adam {
    fn step(&self, var: &Var, gradient: &Tensor, mean: &mut Tensor, square: &mut Tensor) -> TensorResult<()> {
        let (fresh1, fresh2) = (1.0 - self.beta1, 1.0 - self.beta2);
        if is_plain(var) {
            let (fresh1, beta2, fresh2) = (fresh1 as f32, self.beta2 as f32, fresh2 as f32);
            let (kept, pace, root, eps) = (self.kept as f32, self.pace as f32, self.root as f32, self.eps as f32);
            update(mean, gradient, move |m, g| m + fresh1 * (g - m))?;
            update(square, gradient, move |v, g| beta2 * v + fresh2 * g * g)?;
            return update_by_two(var, [mean, square], move |w, m, v| kept * w - pace * (m / (v.sqrt() / root + eps)));
        }
        *mean = (&*mean + ((gradient - &*mean)? * fresh1)?)?;
        *square = ((&*square * self.beta2)? + (gradient.sqr()? * fresh2)?)?;
        let direction = (&*mean / ((square.sqrt()? / self.root)? + self.eps)?)?;
        var.set(&((var.as_detached_tensor() * self.kept)? - (direction * self.pace)?)?)
    }
}

use std::time::Instant;

use candle_core::Tensor;
use serde::Serialize;

use super::Contender;
use super::memory::Watch;
use crate::binder::Registry;
use crate::contract::DataState;
use crate::evaluate::{EvaluateOptions, Interface, evaluate};
use crate::model::Model;
use crate::progress::Progress;
use crate::{Error, Result};

/// What scoring with a model costs, as far as it is known.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Cost {
    /// Learned values.
    pub parameters: Option<usize>,
    /// How fast it scores.
    pub speed: Option<Speed>,
    /// By how many bytes the process's resident memory rose while the model scored its first batch: activations, and
    /// weights that are packed anew, but not the weights as they were loaded. A lower bound, since memory that was
    /// freed before is used again. None where the system does not tell (it does on Linux).
    pub memory_bytes: Option<u64>,
}

/// How fast a model scores batches that are prepared already.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Speed {
    /// Images of a batch.
    pub images: usize,
    /// Batches that were timed.
    pub rounds: usize,
    /// Images in a second, by the median time of a batch.
    pub images_per_second: f64,
    /// The same by the slowest batch.
    pub slowest: f64,
    /// The same by the fastest batch.
    pub fastest: f64,
}

/// How the speed is measured: one batch of each model in turn, so that whatever else the machine does falls on all alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpeedOptions {
    /// Images of a batch. Default: 8.
    pub images: usize,
    /// Rounds in which each model scores one batch, after one that is not timed. Default: 5.
    pub rounds: usize,
}

impl Default for SpeedOptions {
    fn default() -> Self {
        Self { images: 8, rounds: 5 }
    }
}

/// Makes contenders of models: one pass over the samples of `states` for each, then their cost side by side.
///
/// A model whose input is prepared in another way than the binder's stands in a
/// [`model::Adapted`](crate::model::Adapted), whose work counts as its own. `speed` is measured on the first samples of
/// the first of `states` that can be loaded; none to leave it out, and the memory with it. Measuring resets the
/// high-water mark that Linux keeps of the process's memory.
///
/// # Errors
/// As [`evaluate`] and [`Contender::from_evaluation`]; [`Error::Argument`] if no sample can be loaded to measure the
/// speed.
pub fn evaluate_models(
    binder: &Registry,
    models: &[(&str, &dyn Model)],
    states: &[DataState],
    options: &EvaluateOptions,
    speed: Option<&SpeedOptions>,
    progress: &dyn Progress,
) -> Result<Vec<Contender>> {
    // Before the passes, so that the memory of none of them is there to be used again.
    let costs = match speed {
        Some(speed) => costs(binder, models, states, options, speed, progress)?,
        None => vec![Cost::default(); models.len()],
    };
    let contender = |((name, model), cost): (&(&str, &dyn Model), Cost)| {
        let evaluation = evaluate(binder, *model, states, options, progress)?;
        let cost = Cost { parameters: Some(model.parameters()), ..cost };
        Ok(Contender::from_evaluation(*name, &evaluation)?.with_cost(cost))
    };
    models.iter().zip(costs).map(contender).collect()
}

/// The first pass of each model, watched, and then rounds of one batch each.
fn costs(
    binder: &Registry,
    models: &[(&str, &dyn Model)],
    states: &[DataState],
    options: &EvaluateOptions,
    speed: &SpeedOptions,
    progress: &dyn Progress,
) -> Result<Vec<Cost>> {
    let rounds = speed.rounds.max(1);
    let interface =
        |(_, model): &(&str, &dyn Model)| Interface::new("evaluate_models", binder, *model, options.input.as_deref());
    let interfaces: Vec<Interface<'_>> = models.iter().map(interface).collect::<Result<_>>()?;
    let Some(first) = interfaces.first() else { return Ok(Vec::new()) };
    let values = values(first, states, speed.images.max(1))?;
    let batch = |((_, model), interface): (&(&str, &dyn Model), &Interface<'_>)| {
        model.input().prepare(&interface.given, &values, model.device())
    };
    let batches: Vec<Tensor> = models.iter().zip(&interfaces).map(batch).collect::<Result<_>>()?;
    progress.begin("measure the speed", models.len() * (rounds + 1));
    let measured = || {
        let mut memory = Vec::new();
        for ((_, model), batch) in models.iter().zip(&batches) {
            let watch = Watch::start();
            seconds(*model, batch)?;
            memory.push(watch.and_then(|watch| watch.rise()));
            progress.advance(1);
        }
        let mut times = vec![Vec::with_capacity(rounds); models.len()];
        for round in 0..rounds {
            // Each round begins with another model.
            for place in (0..models.len()).map(|place| (place + round) % models.len()) {
                times[place].push(seconds(models[place].1, &batches[place])?);
                progress.advance(1);
            }
        }
        let images = values.dims()[0];
        let cost =
            |(memory_bytes, times)| Cost { speed: Some(Speed::of(images, times)), memory_bytes, ..Cost::default() };
        Ok(memory.into_iter().zip(times).map(cost).collect())
    };
    let costs = measured();
    progress.end();
    costs
}

/// The input's values of the first samples that can be loaded, stacked.
fn values(interface: &Interface<'_>, states: &[DataState], images: usize) -> Result<Tensor> {
    let subsets = interface.subsets(states)?;
    let samples = subsets.iter().flat_map(|subset| subset.sample_ids.iter().map(|id| (subset.state, id)));
    let loaded = samples.filter_map(|(state, id)| {
        let inputs = interface.binder.encode(state, id).ok()?.inputs;
        inputs.into_iter().nth(interface.input).filter(|xs| interface.fits_model(xs).is_ok())
    });
    let loaded: Vec<Tensor> = loaded.take(images).collect();
    if loaded.is_empty() {
        return Err(Error::argument(
            "evaluate_models",
            "a sample to measure the speed with",
            "none that can be loaded",
        ));
    }
    Tensor::stack(&loaded, 0).map_err(Error::tensor("stacking inputs"))
}

/// How long the model takes until its answer lies on the CPU.
fn seconds(model: &dyn Model, batch: &Tensor) -> Result<f64> {
    let started = Instant::now();
    let output = model.forward(batch)?;
    output.logits.to_vec2::<f32>().map_err(Error::tensor("logits"))?;
    Ok(started.elapsed().as_secs_f64())
}

impl Speed {
    fn of(images: usize, mut seconds: Vec<f64>) -> Self {
        seconds.sort_by(f64::total_cmp);
        let per_second = |seconds: f64| images as f64 / seconds.max(f64::MIN_POSITIVE);
        let rounds = seconds.len();
        let at = |place: usize| seconds.get(place).copied().unwrap_or(f64::INFINITY);
        Self {
            images,
            rounds,
            images_per_second: per_second(0.5 * (at((rounds.max(1) - 1) / 2) + at(rounds / 2))),
            slowest: per_second(at(rounds.max(1) - 1)),
            fastest: per_second(at(0)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speed_is_by_the_median() {
        let speed = Speed::of(8, vec![4.0, 1.0, 2.0]);
        assert_eq!((speed.images_per_second, speed.slowest, speed.fastest), (4.0, 2.0, 8.0));
        assert_eq!(Speed::of(6, vec![2.0, 4.0]).images_per_second, 2.0);
    }
}

use candle_core::Tensor;

use super::perturb::{Areas, Curves};
use super::rank::spearman;
use super::{Baseline, Batch, Faithfulness, HeatMap, Method, Objective};
use crate::model::Model;
use crate::rng::SplitMix64;
use crate::{Error, Result};

const MOST_STEPS: usize = 1000;

/// How heat maps are tested.
///
/// A map costs `2 * (steps - 1) * (moves + 1) + 3` passes without gradients, and one map of the randomised model.
#[derive(Debug, Clone)]
pub struct FaithfulnessOptions<'a> {
    /// Points of a curve beside its start, 1 to 1000. Default: 10.
    pub steps: usize,
    /// What deleted pixels become. Default: the image's mean.
    pub deleted: Baseline,
    /// The image into which pixels are inserted. Default: a strong blur.
    pub inserted: Baseline,
    /// How often the map is moved elsewhere, around the edges, to see what its shape alone gives. Default: 3.
    pub moves: usize,
    /// Where to. Default: 0.
    pub seed: u64,
    /// A second model with random weights. Default: none.
    pub randomised: Option<Randomised<'a>>,
}

/// A model of the same classes and input with random weights (see [`crate::model::Weights::random`]), and the method that made the maps.
#[derive(Debug, Clone, Copy)]
pub struct Randomised<'a> {
    /// The model.
    pub model: &'a dyn Model,
    /// The method.
    pub method: &'a Method,
}

impl Default for FaithfulnessOptions<'_> {
    fn default() -> Self {
        Self { steps: 10, deleted: Baseline::Mean, inserted: Baseline::blurred(), moves: 3, seed: 0, randomised: None }
    }
}

/// Tests `maps`, one for each image of `xs` `(n, c, h, w)`, on the model that they explain: is the score of `objective` lost when the hottest
/// pixels are deleted, does it come when they are inserted (Petsiuk, Das, Saenko, *RISE*, BMVC 2018), is the heat where the object can
/// be, and does the map depend on the weights (Adebayo et al., *Sanity Checks for Saliency Maps*, NeurIPS 2018)?
///
/// The score is in [0, 1]: for a class its probability; for a contrast the probability of the one class among the two; for a
/// loss `1 - exp(-loss)`, which for the cross-entropy of one class is the probability of the others; for an objective of one's
/// own the logistic function of its value. Of signed maps the hottest pixels are the most positive ones. The correlation is Spearman's, of absolute
/// values at the map's own size; none where a map is flat.
///
/// *Determinism*: as [`super::explain()`]; the moves follow from the seed.
///
/// # Errors
///
/// [`Error::Config`] for options out of their range; [`Error::Argument`] for another number of maps than images, a map that [`HeatMap::new`]
/// would refuse, or a randomised model of other classes or another input; otherwise as [`super::explain()`].
pub fn faithfulness(
    model: &dyn Model,
    xs: &Tensor,
    maps: &[HeatMap],
    objective: &Objective<'_>,
    options: &FaithfulnessOptions<'_>,
) -> Result<Vec<Faithfulness>> {
    let batch = Batch::new(model, xs)?;
    if maps.len() != batch.n {
        let expected = format!("a heat map for each of {} images", batch.n);
        return Err(Error::argument("faithfulness", expected, maps.len().to_string()));
    }
    if !(1..=MOST_STEPS).contains(&options.steps) {
        return Err(Error::config("steps", format!("1 to {MOST_STEPS}"), options.steps.to_string()));
    }
    maps.iter().try_for_each(|map| map.check("faithfulness"))?;
    let goal = objective.settle(model, &batch.xs, batch.n)?;
    let spec = model.input();
    let twins = match &options.randomised {
        Some(twin) => {
            same_interface(model, twin.model)?;
            Batch::new(twin.model, xs)?.explain(twin.model, &goal, twin.method)?.into_iter().map(Some).collect()
        }
        None => vec![None; batch.n],
    };
    let deleted = options.deleted.of_batch(&batch, spec)?;
    let inserted = options.inserted.of_batch(&batch, spec)?;
    let images = maps.iter().zip(twins).zip(deleted.into_iter().zip(inserted)).enumerate();
    images
        .map(|(image, ((map, twin), (deleted, inserted)))| {
            let curves = Curves::new(&batch, model, &goal, image, (deleted, inserted), options.steps)?;
            let heat = map.upsampled(spec.width, spec.height)?;
            let found = curves.areas(&heat.values)?;
            let chance = by_chance(&curves, &heat, options)?;
            Ok(Faithfulness {
                deletion_auc: found.deletion,
                insertion_auc: found.insertion,
                border_share: heat.border_share(),
                randomised_correlation: twin.map_or(Ok(None), |twin| correlation(map, &twin))?,
                chance_deletion_auc: chance.as_ref().map(|chance| chance.deletion),
                chance_insertion_auc: chance.map(|chance| chance.insertion),
            })
        })
        .collect()
}

/// The mean areas of the map moved by a quarter to three quarters of each side, around the edges.
fn by_chance(curves: &Curves<'_>, heat: &HeatMap, options: &FaithfulnessOptions<'_>) -> Result<Option<Areas>> {
    if options.moves == 0 {
        return Ok(None);
    }
    let (width, height) = (heat.width, heat.height);
    let mut rng = SplitMix64::named(options.seed, "explain::faithfulness");
    let mut sum = Areas { deletion: 0.0, insertion: 0.0 };
    for _ in 0..options.moves {
        let right = width / 4 + rng.below(width / 2 + 1);
        let down = height / 4 + rng.below(height / 2 + 1);
        let moved = (0..width * height).map(|place| {
            let (row, column) = (place / width, place % width);
            heat.values[(row + down) % height * width + (column + right) % width]
        });
        let areas = curves.areas(&moved.collect::<Vec<_>>())?;
        (sum.deletion, sum.insertion) = (sum.deletion + areas.deletion, sum.insertion + areas.insertion);
    }
    let count = options.moves as f64;
    Ok(Some(Areas { deletion: sum.deletion / count, insertion: sum.insertion / count }))
}

/// Spearman's correlation of absolute heat at the size of `map`, which may have been brought to another one.
fn correlation(map: &HeatMap, twin: &HeatMap) -> Result<Option<f64>> {
    let absolute = |map: &HeatMap| map.values.iter().map(|value| value.abs()).collect::<Vec<_>>();
    if (map.width, map.height) == (twin.width, twin.height) {
        return Ok(spearman(&absolute(map), &absolute(twin)));
    }
    let twin = twin.upsampled(map.width, map.height)?;
    Ok(spearman(&absolute(map), &absolute(&twin)))
}

fn same_interface(model: &dyn Model, twin: &dyn Model) -> Result<()> {
    if model.classes() == twin.classes() && model.input() == twin.input() {
        return Ok(());
    }
    let of = |model: &dyn Model| format!("{} with {:?} on {}", model.name(), model.classes(), model.input());
    Err(Error::argument("faithfulness", format!("a randomised model like {}", of(model)), of(twin)))
}

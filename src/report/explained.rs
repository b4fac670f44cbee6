use candle_core::Tensor;

use super::Picture;
use super::study::StudyOptions;
use crate::binder::Registry;
use crate::evaluate::{Evaluation, SampleRow, SampleTable};
use crate::explain::{Faithfulness, HeatMap, Method, Objective, explain, faithfulness};
use crate::explore::{Exploration, InsightKind};
use crate::imaging::Image;
use crate::model::Model;
use crate::progress::Progress;
use crate::{Error, Result};

/// Places of the samples that are shown large, the most important first.
pub(super) struct Chosen(Vec<usize>);

impl Chosen {
    /// Takes in turn the next of the worst samples, of the suspected labels, and of each insight, until there are `most`.
    pub(super) fn of(table: &SampleTable, exploration: &Exploration, most: usize) -> Self {
        let insights = |wanted: bool| {
            let of_kind = exploration.insights.iter();
            of_kind.filter(move |insight| (insight.kind == InsightKind::MislabeledSamples) == wanted)
        };
        let mut queues: Vec<Vec<usize>> = vec![table.worst_places(most)];
        queues.extend(insights(true).chain(insights(false)).map(|insight| insight.samples.clone()));
        let mut chosen = Vec::new();
        let longest = queues.iter().map(Vec::len).max().unwrap_or(0);
        for turn in 0..longest {
            for queue in &queues {
                if let Some(&place) = queue.get(turn).filter(|place| !chosen.contains(*place)) {
                    if chosen.len() == most {
                        return Self(chosen);
                    }
                    chosen.push(place);
                }
            }
        }
        Self(chosen)
    }
}

/// Loads the chosen samples and explains what the model says of them: the predicted class and, where it is wrong, what speaks for
/// it against the true one.
pub(super) fn pictures(
    binder: &Registry,
    model: &dyn Model,
    evaluation: &Evaluation,
    chosen: &Chosen,
    options: &StudyOptions<'_>,
    progress: &dyn Progress,
) -> Result<Vec<Picture>> {
    progress.begin("explain", chosen.0.len());
    let explained = chosen.0.iter().map(|&place| {
        let row = &evaluation.table.rows[place];
        let (image, xs) = input(binder, model, row, &evaluation.input)?;
        let heat_maps = heat_maps(model, &xs, row, options)?;
        progress.advance(1);
        Ok(Picture { row: place, image, heat_maps })
    });
    let explained = explained.collect();
    progress.end();
    explained
}

/// A sample's picture, and the batch of one that the model sees of it.
fn input(binder: &Registry, model: &dyn Model, row: &SampleRow, input: &str) -> Result<(Image, Tensor)> {
    let encoders = binder.inputs();
    let place = encoders.iter().position(|encoder| encoder.name == input);
    let given = place.and_then(|place| encoders[place].image.clone());
    let (Some(place), Some(given)) = (place, given) else {
        return Err(Error::argument("Study::new", format!("a binder with the image input {input}"), "another binder"));
    };
    let sample = binder.get_sample(row.state, &row.id)?;
    let tensor = &sample.inputs[place];
    let values = tensor.flatten_all().and_then(|values| values.to_vec1::<f32>()).map_err(Error::tensor("input"))?;
    let batch = tensor.unsqueeze(0).map_err(Error::tensor("input"))?;
    Ok((given.image(&values)?, model.input().prepare(&given, &batch, model.device())?))
}

fn heat_maps(
    model: &dyn Model,
    xs: &Tensor,
    row: &SampleRow,
    options: &StudyOptions<'_>,
) -> Result<Vec<(HeatMap, Option<Faithfulness>)>> {
    let needs_split = !matches!(options.method, Method::IntegratedGradients { .. } | Method::Occlusion { .. });
    if needs_split && model.split_points().is_empty() {
        return Ok(Vec::new());
    }
    let mut objectives = vec![Objective::class(row.prediction)];
    if let Some(label) = row.label.filter(|label| *label != row.prediction) {
        objectives.push(Objective::contrast(row.prediction, label));
    }
    let mut found = Vec::new();
    for (place, objective) in objectives.iter().enumerate() {
        let method = if place == 0 { options.method.clone() } else { signed(&options.method) };
        let maps = explain(model, xs, objective, &method)?;
        let tests = match &options.faithfulness {
            Some(tests) => faithfulness(model, xs, &maps, objective, tests)?.into_iter().map(Some).collect(),
            None => vec![None; maps.len()],
        };
        found.extend(maps.into_iter().zip(tests));
    }
    Ok(found)
}

/// The method with its negative values kept, where it has such an option: a contrast speaks in two directions.
fn signed(method: &Method) -> Method {
    match method {
        Method::GradCam { split, .. } => Method::GradCam { split: split.clone(), signed: true },
        other => other.clone(),
    }
}

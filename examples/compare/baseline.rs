//! What a model must beat: a linear head that sees no image, only the statistics of its grey levels.

use std::collections::HashMap;

use leap_binder::binder::Registry;
use leap_binder::compare::{Contender, Cost};
use leap_binder::contract::{DataState, MetadataValue, SampleId};
use leap_binder::metrics::Predictions;
use leap_binder::train::{HeadFit, HeadOptions, LabelledRows};
use leap_binder::{Error, Result};
use rayon::prelude::*;

/// What the comparison calls it.
const NAME: &str = "pixel statistics";

/// Metadata that describe grey levels; not the ids, the labels, or the file's own size.
const STATISTICS: [&str; 5] = ["number_of_black_pixels", "pixels_count_", "image_", "exposure_", "border_"];

/// The patient of each X-ray.
pub(crate) type Patients = HashMap<SampleId, String>;

/// A subset's samples as rows of numbers.
struct Statistics {
    columns: usize,
    values: Vec<f32>,
    labels: Vec<usize>,
    ids: Vec<SampleId>,
    failed: Vec<SampleId>,
}

/// Fits the head to the training samples, with the penalty chosen by cross-validation over patients, and scores `states`.
pub(crate) fn baseline(binder: &Registry, patients: &Patients, states: &[DataState], seed: u64) -> Result<Contender> {
    let training = statistics(binder, DataState::Training)?;
    let groups = training.ids.iter().map(|id| patients.get(id).cloned());
    let classes = binder.predictions().first().map_or_else(Vec::new, |prediction| prediction.labels.clone());
    let rows = LabelledRows::new(classes.clone(), training.columns, training.values, training.labels)?;
    let rows = rows.with_groups(groups.collect::<Vec<_>>())?.with_ids(&training.ids)?;
    let head = HeadFit::new(&rows, &HeadOptions { seed, ..HeadOptions::default() })?.head;
    let mut contender: Option<Contender> = None;
    for &state in states {
        let Statistics { values, labels, ids, failed, .. } = statistics(binder, state)?;
        let scored = Predictions::new(classes.clone(), labels, head.probabilities(&values)?)?;
        contender = Some(match contender {
            Some(contender) => contender.and(state, ids, &scored)?,
            None => Contender::from_predictions(NAME, state, ids, &scored)?,
        });
        contender = contender.map(|contender| contender.failed_on(state, failed));
    }
    let parameters = Some(classes.len() * (head.width() + 1));
    let none = || Error::Argument { function: "baseline", expected: "a subset".to_owned(), found: "none".to_owned() };
    Ok(contender.ok_or_else(none)?.with_cost(Cost { parameters, ..Cost::default() }))
}

/// Loads a subset, without any model.
fn statistics(binder: &Registry, state: DataState) -> Result<Statistics> {
    let subsets = binder.subsets()?;
    let ids: Vec<SampleId> =
        subsets.into_iter().filter(|subset| subset.state == state).flat_map(|subset| subset.sample_ids).collect();
    let samples: Vec<_> = ids.par_iter().map(|id| binder.get_sample(state, id)).collect();
    let mut found = Statistics { columns: 0, values: vec![], labels: vec![], ids: vec![], failed: vec![] };
    for (id, sample) in ids.into_iter().zip(samples) {
        let Ok(sample) = sample else {
            found.failed.push(id);
            continue;
        };
        let statistics =
            sample.metadata.iter().filter(|(name, _)| STATISTICS.iter().any(|start| name.starts_with(start)));
        let before = found.values.len();
        found.values.extend(statistics.filter_map(|(_, value)| number(value)));
        found.columns = found.values.len() - before;
        let label = sample.metadata.iter().find(|(name, _)| name == "gt_label").and_then(|(_, value)| number(value));
        let Some(label) = label else {
            let (expected, found) = ("gt_label among the metadata".to_owned(), format!("none for {id}"));
            return Err(Error::Argument { function: "baseline", expected, found });
        };
        found.labels.push(label as usize);
        found.ids.push(id);
    }
    Ok(found)
}

fn number(value: &MetadataValue) -> Option<f32> {
    match value {
        MetadataValue::Int(value) => Some(*value as f32),
        MetadataValue::Float(value) => Some(*value as f32),
        _ => None,
    }
}

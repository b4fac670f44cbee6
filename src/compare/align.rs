//! The samples that all contenders scored.

use std::collections::{BTreeMap, BTreeSet};

use super::Contender;
use crate::contract::{DataState, SampleId};
use crate::evaluate::SampleRow;
use crate::metrics::Predictions;
use crate::{Error, Result};

/// One subset as all contenders see it, in the order of the ids.
pub(super) struct Aligned {
    /// One for each contender, of the same samples.
    pub(super) predictions: Vec<Predictions>,
    /// Samples that some contender failed on.
    pub(super) left_out: Vec<SampleId>,
}

/// Finds the samples that all have, and refuses contenders that were not asked about the same ones.
pub(super) fn align(contenders: &[Contender], state: DataState) -> Result<Aligned> {
    check_contenders(contenders)?;
    let rows: Vec<BTreeMap<&SampleId, &SampleRow>> =
        contenders.iter().map(|one| one.labelled(state).into_iter().map(|row| (&row.id, row)).collect()).collect();
    let failed: Vec<BTreeSet<&SampleId>> = contenders.iter().map(|one| one.failed_at(state).collect()).collect();
    let all: BTreeSet<&SampleId> = rows.iter().flat_map(|rows| rows.keys().copied()).collect();
    let all_failed: BTreeSet<&SampleId> = failed.iter().flatten().copied().collect();
    let mut common: Vec<Vec<&SampleRow>> = vec![Vec::new(); contenders.len()];
    for id in all {
        let having: Vec<Option<&SampleRow>> = rows.iter().map(|rows| rows.get(id).copied()).collect();
        for (place, row) in having.iter().enumerate() {
            if row.is_none() && !failed[place].contains(id) {
                return Err(missing(contenders, &having, place, state, id));
            }
        }
        let Some(having) = having.into_iter().collect::<Option<Vec<_>>>().filter(|_| !all_failed.contains(id)) else {
            continue;
        };
        if let Some(other) = having.iter().position(|row| row.label != having[0].label) {
            return Err(other_truth(contenders, &having, other, state));
        }
        common.iter_mut().zip(having).for_each(|(common, row)| common.push(row));
    }
    if common.iter().any(Vec::is_empty) {
        let expected = format!("labelled samples of {state} that all of {} contenders scored", contenders.len());
        return Err(Error::argument("compare", expected, "none"));
    }
    let predictions = contenders.iter().zip(&common).map(|(contender, rows)| predictions(contender, rows));
    Ok(Aligned {
        predictions: predictions.collect::<Result<_>>()?,
        left_out: all_failed.into_iter().cloned().collect(),
    })
}

/// The rows as predictions; the first row at fault is named by its id.
pub(super) fn predictions(contender: &Contender, rows: &[&SampleRow]) -> Result<Predictions> {
    let of = |rows: &[&SampleRow]| {
        let y_true = rows.iter().filter_map(|row| row.label).collect();
        let probabilities = rows.iter().flat_map(|row| row.probabilities.iter().copied());
        Predictions::new(contender.table().classes.iter().cloned(), y_true, probabilities)
    };
    of(rows).map_err(|error| match rows.iter().find_map(|row| Some((row, of(&[row]).err()?))) {
        Some((row, alone)) => {
            let found = format!("of {}, sample {}: {alone}", contender.name(), row.id);
            Error::argument("compare", "rows of probabilities", found)
        }
        None => error,
    })
}

/// At least two contenders, of different names, for the same classes.
fn check_contenders(contenders: &[Contender]) -> Result<()> {
    let [first, others @ ..] = contenders else {
        return Err(Error::argument("compare", "at least two contenders", "none"));
    };
    if others.is_empty() {
        return Err(Error::argument("compare", "at least two contenders", format!("{:?} alone", first.name())));
    }
    let mut names = BTreeSet::new();
    if let Some(twice) = contenders.iter().find(|one| !names.insert(one.name())) {
        return Err(Error::argument("compare", "contenders of different names", format!("{:?} twice", twice.name())));
    }
    match others.iter().find(|one| one.table().classes != first.table().classes) {
        Some(other) => Err(Error::Mismatch {
            subject: "classes".to_owned(),
            left: format!("{} has {:?}", first.name(), first.table().classes),
            right: format!("{} has {:?}", other.name(), other.table().classes),
        }),
        None => Ok(()),
    }
}

fn missing(
    contenders: &[Contender],
    having: &[Option<&SampleRow>],
    place: usize,
    state: DataState,
    id: &SampleId,
) -> Error {
    let other = having.iter().position(Option::is_some).map_or("another", |other| contenders[other].name());
    Error::Mismatch {
        subject: "samples".to_owned(),
        left: format!("{other} has a labelled sample {id} of {state}"),
        right: format!("{} has none and does not say that it failed", contenders[place].name()),
    }
}

fn other_truth(contenders: &[Contender], having: &[&SampleRow], other: usize, state: DataState) -> Error {
    let side = |place: usize| {
        let row = having[place];
        let class = row.label.map_or("", |label| contenders[place].table().class(label));
        format!("for {} sample {} of {state} is {class:?}", contenders[place].name(), row.id)
    };
    Error::Mismatch { subject: "true classes".to_owned(), left: side(0), right: side(other) }
}

use std::collections::{BTreeMap, HashSet};

use rayon::prelude::*;

use crate::binder::Registry;
use crate::contract::{Code, DataState, SampleId, Violation};
use crate::evaluate::{SampleFailure, SampleTable, label};
use crate::{Error, Result};

/// Samples as a split sees them: the class of each, and the group that must stay together, mostly the patient.
///
/// ```
/// use leap_binder::contract::DataState::Training;
/// use leap_binder::train::{Cohort, SplitOptions};
///
/// let samples = (0..60).map(|sample| ((Training, sample), sample as usize / 3 % 2, Some(format!("patient {}", sample / 3))));
/// let split = Cohort::new(["well", "ill"], samples)?.split(&SplitOptions::default())?;
/// assert_eq!((split.training.len(), split.validation.len()), (54, 6));
/// # Ok::<(), leap_binder::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cohort {
    classes: Vec<String>,
    places: Vec<(DataState, SampleId)>,
    labels: Vec<usize>,
    groups: Vec<usize>,
    group_count: usize,
    left_out: Vec<SampleFailure>,
}

impl Cohort {
    /// Subset and id, class, and group of each sample. Samples share a group where its name is the same, but for blanks around it; a
    /// sample with a blank name or none is a group of its own.
    ///
    /// # Errors
    /// [`Error::Argument`] for no samples, a sample that comes twice, or a label that is no class; it names the sample.
    pub fn new<I, G>(
        classes: impl IntoIterator<Item: Into<String>>,
        samples: impl IntoIterator<Item = ((DataState, I), usize, Option<G>)>,
    ) -> Result<Self>
    where
        I: Into<SampleId>,
        G: Into<String>,
    {
        let classes: Vec<String> = classes.into_iter().map(Into::into).collect();
        let (mut places, mut labels, mut names) = (Vec::new(), Vec::new(), Vec::new());
        for ((state, id), label, group) in samples {
            places.push((state, id.into()));
            labels.push(label);
            names
                .push(group.map(Into::into).map(|name: String| name.trim().to_owned()).filter(|name| !name.is_empty()));
        }
        let refuse = |expected: String, found: String| Err(Error::argument("Cohort::new", expected, found));
        if places.is_empty() {
            return refuse("one sample or more".to_owned(), "none".to_owned());
        }
        if let Some(sample) = labels.iter().position(|&label| label >= classes.len()) {
            let found = format!("{} for sample {}", labels[sample], places[sample].1);
            return refuse(format!("labels below {}", classes.len()), found);
        }
        let mut seen = HashSet::new();
        if let Some((state, id)) = places.iter().find(|place| !seen.insert(*place)) {
            return refuse("each sample once".to_owned(), format!("{id} of {state} twice"));
        }
        let (groups, group_count) = numbered(&names);
        Ok(Self { classes, places, labels, groups, group_count, left_out: Vec::new() })
    }

    /// The labelled rows of `states` (all states when empty), grouped by an attribute of the table, mostly `patient`; without
    /// one each sample is a group.
    ///
    /// # Errors
    /// As [`SampleTable::validate`] and [`Cohort::new`]; [`Error::Config`] when the table has no such attribute.
    pub fn of_table(table: &SampleTable, states: &[DataState], group: Option<&str>) -> Result<Self> {
        table.validate()?;
        let column = group.map(|name| attribute(table, name)).transpose()?;
        let rows = table.rows.iter().filter(|row| states.is_empty() || states.contains(&row.state));
        let samples = rows.filter_map(|row| {
            let group = column.and_then(|column| row.attributes.get(column)).cloned();
            Some(((row.state, row.id.clone()), row.label?, group))
        });
        Self::new(table.classes.clone(), samples)
    }

    /// The samples of a binder's subsets `states` (all when empty), grouped by an attribute of its data set
    /// ([`Dataset::attributes`](crate::contract::Dataset::attributes)), mostly `patient`; without one each sample is a group.
    ///
    /// The class is the largest entry of the first ground truth, which needs every sample to be loaded, in parallel; of a
    /// [`SampleTable`] it is known already. Samples of which that cannot be told are [left out](Cohort::left_out).
    ///
    /// # Errors
    /// As [`Cohort::new`]; [`Error::Config`] for a subset that is not there,
    /// or when no sample has the attribute; [`Error::Argument`] for a binder without a prediction, or a sample without a ground
    /// truth.
    pub fn of_binder(binder: &Registry, states: &[DataState], group: Option<&str>) -> Result<Self> {
        let Some(prediction) = binder.predictions().first() else {
            return Err(Error::argument("Cohort::of_binder", "a binder with a prediction type", "none"));
        };
        let subsets = binder.subsets()?;
        if let Some(missing) = states.iter().find(|state| !subsets.iter().any(|subset| subset.state == **state)) {
            let known: Vec<&str> = subsets.iter().map(|subset| subset.state.as_str()).collect();
            return Err(Error::config("subset", format!("one of {known:?}"), missing.to_string()));
        }
        let chosen = subsets.iter().filter(|subset| states.is_empty() || states.contains(&subset.state));
        let places: Vec<(DataState, &SampleId)> =
            chosen.flat_map(|subset| subset.sample_ids.iter().map(|id| (subset.state, id))).collect();
        let groups: Vec<Option<String>> =
            places.iter().map(|(state, id)| group.and_then(|name| attribute_of(binder, *state, id, name))).collect();
        if let Some(name) = group.filter(|_| groups.iter().all(Option::is_none)) {
            return Err(Error::config("group", "an attribute that the data set gives for its samples", name));
        }
        let classes = prediction.labels.len();
        let label = |&(state, id): &(DataState, &SampleId)| -> Result<usize, SampleFailure> {
            let labelled = binder.encode_tensors(state, id).and_then(|(_, truths)| {
                let none = || Violation::new(Code::WrongShape, "ground truth", "a labelled sample", "none");
                label(binder, classes, truths.first().ok_or_else(none)?)
            });
            labelled.map_err(|violation| SampleFailure::new(id, state, violation))
        };
        let labels: Vec<Result<usize, SampleFailure>> = places.par_iter().map(label).collect();
        let (mut samples, mut left_out) = (Vec::new(), Vec::new());
        for ((&(state, id), label), group) in places.iter().zip(labels).zip(groups) {
            match label {
                Ok(label) => samples.push(((state, id.clone()), label, group)),
                Err(failure) => left_out.push(failure),
            }
        }
        if samples.is_empty()
            && let Some(failure) = left_out.first()
        {
            let found = format!("{} that fail, the first: {}", left_out.len(), failure.message);
            return Err(Error::argument("Cohort::of_binder", "samples that can be read", found));
        }
        Ok(Self { left_out, ..Self::new(prediction.labels.iter().cloned(), samples)? })
    }

    /// Samples of the binder that cannot be read or have no class, and so stand on no side of a split.
    pub fn left_out(&self) -> &[SampleFailure] {
        &self.left_out
    }

    /// How many samples there are.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether there are none, which cannot be.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// How many groups there are.
    pub const fn group_count(&self) -> usize {
        self.group_count
    }

    pub(super) fn places(&self) -> &[(DataState, SampleId)] {
        &self.places
    }

    /// The number of each sample's group.
    pub(super) fn groups(&self) -> &[usize] {
        &self.groups
    }

    /// How many samples each class has.
    pub(super) fn totals(&self) -> Vec<usize> {
        let mut totals = vec![0; self.classes.len()];
        self.labels.iter().for_each(|&label| totals[label] += 1);
        totals
    }

    /// How many samples each group has of each class.
    pub(super) fn groups_by_class(&self) -> Vec<Vec<usize>> {
        let mut counts = vec![vec![0; self.classes.len()]; self.group_count];
        self.groups.iter().zip(&self.labels).for_each(|(&group, &label)| counts[group][label] += 1);
        counts
    }

    /// A class's name.
    pub(super) fn class(&self, index: usize) -> &str {
        self.classes.get(index).map_or("", String::as_str)
    }
}

/// The number of each sample's group, and how many there are: by the order of their names, and then those without one.
fn numbered(names: &[Option<String>]) -> (Vec<usize>, usize) {
    let mut numbers: BTreeMap<&str, usize> = names.iter().flatten().map(|name| (name.as_str(), 0)).collect();
    numbers.values_mut().enumerate().for_each(|(number, own)| *own = number);
    let mut count = numbers.len();
    let number = |name: &Option<String>| match name.as_ref().and_then(|name| numbers.get(name.as_str())) {
        Some(number) => *number,
        None => {
            count += 1;
            count - 1
        }
    };
    let groups = names.iter().map(number).collect();
    (groups, count)
}

/// The place of a table's attribute.
pub(in crate::train) fn attribute(table: &SampleTable, name: &str) -> Result<usize> {
    table.attributes.iter().position(|attribute| attribute == name).ok_or_else(|| {
        let known = table.attributes.join(", ");
        Error::config("group", format!("one of the table's attributes: {known}"), name)
    })
}

/// A sample's attribute, where it has one that is not blank.
pub(super) fn attribute_of(binder: &Registry, state: DataState, id: &SampleId, name: &str) -> Option<String> {
    let attributes = binder.dataset.attributes(id, state);
    let value = attributes.into_iter().find(|(attribute, _)| attribute == name)?.1;
    Some(value.trim().to_owned()).filter(|value| !value.is_empty())
}

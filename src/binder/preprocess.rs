use std::collections::HashSet;

use super::handlers::{AnySample, Instances, Place};
use super::{InstanceRow, Registry, guarded};
use crate::Result;
use crate::contract::{Code, DataState, MetadataType, MetadataValue, SampleId, Subset, Violation};

/// The longest sample id in characters, as in code_loader.
const MAX_ID_LENGTH: usize = 256;

/// Instances of one sample; more come from a count gone wrong.
const MAX_INSTANCES: usize = 1_000_000;

/// What preprocess gave, in contract order.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) subsets: Vec<Subset>,
    /// For each subset, the rows that its instances add.
    pub(crate) instances: Vec<Vec<InstanceRow>>,
    /// Keys and types of the instances' metadata that false positives do not declare too, when the binder has instances.
    pub(crate) instance_metadata: Vec<(String, MetadataType)>,
}

impl Prepared {
    pub(crate) fn is_grouped(&self) -> bool {
        self.subsets.iter().any(Subset::is_grouped)
    }

    /// Rows of a subset, those of its instances included.
    pub(crate) fn rows(&self, subset: usize) -> usize {
        self.subsets[subset].len() + self.instances[subset].len()
    }
}

impl Registry {
    /// Runs preprocess: the subsets in contract order.
    ///
    /// # Errors
    /// [`crate::Error::Contract`] with the first broken rule, `BND-101` to `BND-108`.
    pub fn subsets(&self) -> Result<Vec<Subset>> {
        let prepared = self.prepare()?;
        match prepared.violations().into_iter().next() {
            Some(violation) => Err(violation.into()),
            None => Ok(prepared.subsets),
        }
    }

    /// Runs preprocess and the rules without which nothing else can run: training and validation are there, each state
    /// once, all grouped or none.
    pub(crate) fn prepare(&self) -> Result<Prepared, Violation> {
        let mut subsets = guarded("preprocess", || self.dataset.preprocess()).map_err(listing_failed)?;
        let mut seen = HashSet::new();
        if let Some(twice) = subsets.iter().position(|subset| !seen.insert(subset.state)) {
            let state = subsets[twice].state;
            let earlier = subsets[..twice].iter().any(|subset| *subset == subsets[twice]);
            let how = if earlier { "is a duplicate of an earlier one" } else { "has the state of an earlier one" };
            let found = format!("Duplicate state {state} in preprocess results: subset {twice} {how}");
            return Err(broken(Code::DuplicateState, "each state once", found));
        }
        let mut unlabeled = None;
        if !seen.contains(&DataState::Unlabeled) {
            let list = || self.dataset.unlabeled_preprocess();
            unlabeled = guarded("unlabeled_preprocess", list).map_err(listing_failed)?;
        }
        let has_instances = |state| unlabeled.is_none() || state != DataState::Unlabeled;
        if let Some(mut subset) = unlabeled.clone() {
            subset.state = DataState::Unlabeled;
            subsets.push(subset);
        }
        for (state, title) in [(DataState::Training, "Training"), (DataState::Validation, "Validation")] {
            if !seen.contains(&state) {
                let found: Vec<&str> = subsets.iter().map(|subset| subset.state.as_str()).collect();
                let expected = format!("at least 2 subsets, training and validation: {title} data is required");
                return Err(broken(Code::MissingSubset, expected, format!("{found:?}")));
            }
        }
        subsets.sort_by_key(|subset| subset.state);
        if subsets.iter().any(Subset::is_grouped) && !subsets.iter().all(Subset::is_grouped) {
            let kind = |subset: &Subset| if subset.is_grouped() { "grouped" } else { "flat" };
            let kinds: Vec<String> =
                subsets.iter().map(|subset| format!("{} {}", subset.state, kind(subset))).collect();
            return Err(broken(
                Code::MixedGrouping,
                "subsets that are all grouped or all flat",
                format!("a mix: {}", kinds.join(", ")),
            ));
        }
        self.with_instances(subsets, has_instances)
    }

    /// Appends the rows of instances and learns the types of their metadata from the first instance there is.
    ///
    /// `has_instances` tells by state: a subset from the unlabeled preprocess has none.
    fn with_instances(
        &self,
        subsets: Vec<Subset>,
        has_instances: impl Fn(DataState) -> bool,
    ) -> Result<Prepared, Violation> {
        let mut prepared = Prepared {
            instances: subsets.iter().map(|_| Vec::new()).collect(),
            subsets,
            instance_metadata: Vec::new(),
        };
        let Some(instances) = &self.instances else { return Ok(prepared) };
        if prepared.is_grouped() {
            return Err(broken(Code::MixedGrouping, "samples that are not grouped, as there are instances", "groups"));
        }
        let mut probed = false;
        let wrapped = prepared.subsets.iter().zip(&mut prepared.instances);
        for (subset, rows) in wrapped.filter(|(subset, _)| has_instances(subset.state)) {
            for id in &subset.sample_ids {
                let on = |violation: Violation| violation.on(subset.state, Some(id));
                let place = Place { state: subset.state, ids: std::slice::from_ref(id) };
                let sample =
                    guarded("load", || self.dataset.load(id, subset.state)).map_err(Violation::loading).map_err(on)?;
                let count = guarded("instances_length_encoder", || (instances.length)(&*sample, place)).map_err(on)?;
                countable(id, count).map_err(on)?;
                rows.extend((0..count).map(|number| InstanceRow {
                    id: format!("{id}_{number}").into(),
                    sample: id.clone(),
                    instance: number,
                }));
                if !probed && count > 0 {
                    let Some(columns) = probe(instances, &*sample).map_err(on)? else { continue };
                    let columns = columns.into_iter();
                    // What false positives declare is a column already.
                    let declared = self.false_positives.iter().flat_map(|encoder| &encoder.metadata_types);
                    let known: HashSet<&String> = declared.map(|(key, _)| key).collect();
                    prepared.instance_metadata = columns.filter(|(key, _)| !known.contains(key)).collect();
                    probed = true;
                }
            }
        }
        Ok(prepared)
    }
}

/// Rows of instances are named after the sample, which must have a text for a name, and there are not absurdly many.
fn countable(id: &SampleId, count: usize) -> Result<(), Violation> {
    let broken = |expected: &str, found| Err(Violation::new(Code::InstanceRule, "instances", expected, found));
    match id {
        SampleId::Int(_) if count > 0 => broken("text sample ids: they should be str", format!("the integer {id}")),
        _ if count > MAX_INSTANCES => broken("at most a million instances in a sample", count.to_string()),
        _ => Ok(()),
    }
}

/// Keys and types of an instance's metadata: declared types win, keys that are only declared come last. None when there is
/// no first instance.
fn probe(instances: &Instances, sample: &AnySample) -> Result<Option<Vec<(String, MetadataType)>>, Violation> {
    let Some(instance) = guarded("instances_masks_encoder", || (instances.mask)(sample, 0))? else { return Ok(None) };
    let declared = |key: &str| instances.metadata_types.iter().find(|(known, _)| known == key).map(|(_, one)| *one);
    let mut types = Vec::new();
    for (key, value) in instance.metadata {
        let found = if value.is_absent() { None } else { MetadataValue::column_type(&value) };
        let Some(one) = declared(&key).or(found) else {
            let expected = format!("a value or a declared type for {key}");
            let found = format!("instance metadata {key} is absent on instance 0");
            return Err(Violation::new(Code::InstanceMetadata, "instances_masks_encoder", expected, found));
        };
        types.push((key, one));
    }
    for (key, one) in &instances.metadata_types {
        if !types.iter().any(|(known, _)| known == key) {
            types.push((key.clone(), *one));
        }
    }
    Ok(Some(types))
}

impl Prepared {
    /// The rules that leave the rest of the check possible, in code_loader's order: ids of one type, ids not too long, no
    /// subset empty.
    pub(crate) fn violations(&self) -> Vec<Violation> {
        let mut violations: Vec<Violation> = self.one_kind_of_id().into_iter().collect();
        violations.extend(self.subsets.iter().zip(&self.instances).filter_map(|(subset, rows)| long_id(subset, rows)));
        violations.extend(self.subsets.iter().filter(|subset| subset.is_empty()).map(|subset| {
            let found = format!("Invalid dataset length: {} has length 0", subset.state);
            broken(Code::EmptySubset, "samples in every subset", found).on(subset.state, None)
        }));
        violations
    }

    fn one_kind_of_id(&self) -> Option<Violation> {
        let kinds: HashSet<&str> =
            self.subsets.iter().flat_map(|subset| subset.sample_ids.iter().map(SampleId::kind)).collect();
        let found = "text and integer ids: Different id types in preprocess results";
        (kinds.len() > 1).then(|| broken(Code::MixedIdTypes, "one type of id in all subsets", found))
    }
}

fn long_id(subset: &Subset, rows: &[InstanceRow]) -> Option<Violation> {
    let length = |id: &SampleId| if let SampleId::Text(id) = id { id.chars().count() } else { 0 };
    let ids = subset.sample_ids.iter().chain(rows.iter().map(|row| &row.id));
    let id = ids.max_by_key(|id| length(id)).filter(|id| length(id) > MAX_ID_LENGTH)?;
    let expected = format!("at most {MAX_ID_LENGTH} characters in a sample id");
    let found = format!("{} characters: Sample id are too long", length(id));
    Some(broken(Code::LongSampleId, expected, found).on(subset.state, Some(id)))
}

/// A broken rule of a subset keeps its own code; any other error of preprocess is `BND-101`.
fn listing_failed(mut violation: Violation) -> Violation {
    let own = violation.source.as_deref().and_then(|error| error.downcast_ref::<Violation>());
    if let Some(own) = own.filter(|own| own.function == "preprocess") {
        return own.clone();
    }
    violation.code = Code::PreprocessFailed;
    violation
}

fn broken(code: Code, expected: impl Into<String>, found: impl Into<String>) -> Violation {
    Violation::new(code, "preprocess", expected, found)
}

//! Metadata: failures, and absence without a declared type.

use leap_binder::contract::*;

use super::*;

/// Every value on every subset, so that a failure on one leaves no trace on others; and no chain's input is ignored, as
/// there is none when the chain's first call fails.
pub(super) fn steady(description: &mut Description) {
    if !description.chains.is_empty() {
        description.configuration.ignore_latent_spaces = None;
    }
    for facts in &mut description.metadata {
        match &mut facts.values {
            Values::Single(fact) => fact.absent_on.clear(),
            Values::Map(entries) => entries.iter_mut().for_each(|(_, fact)| fact.absent_on.clear()),
        }
    }
    description.metadata.retain(|facts| !matches!(&facts.values, Values::Map(entries) if entries.is_empty()));
}

/// The payload under which a function's failure stands.
fn first_column(facts: &Facts) -> String {
    match &facts.values {
        Values::Single(_) => facts.name.clone(),
        Values::Map(entries) => format!("{}_{}", facts.name, entries[0].0),
    }
}

/// The same for all metadata functions, those that come with instances and chains included.
pub(super) fn first_columns(description: &Description) -> Vec<String> {
    let mut names: Vec<String> = description.metadata.iter().map(first_column).collect();
    let all = super::super::expected::columns(description);
    for prefix in ["builtin_instance_metadata_", "builtin_chain_"] {
        names.extend(all.iter().map(|(name, _)| name).find(|name| name.starts_with(prefix)).cloned());
    }
    // Two functions may share this prefix: that of the false positives, and that of the instances.
    let extra = "builtin_instance_extra_metadata_";
    let declared = description.false_positives.first().map_or(0, |encoder| encoder.types.len());
    let extra: Vec<_> = all.into_iter().map(|(name, _)| name).filter(|name| name.starts_with(extra)).collect();
    let (declared, own) = extra.split_at(declared.min(extra.len()));
    names.extend(declared.first().into_iter().chain(own.first()).cloned());
    names
}

pub(super) fn fails(description: &mut Description, pick: usize) -> Option<Caught> {
    steady(description);
    let (state, how) = (any_of(&description.states(), pick / 3)?, any_way(pick));
    let text = description.first_sample(state);
    let count = description.metadata.len();
    let facts = description.metadata.get_mut(pick % count.max(1))?;
    facts.fault = Some(Fault { on: Some(state), how });
    let payloads = vec![(first_column(facts), state.to_string())];
    Caught::payloads(how.code(), payloads, [format!("metadata::{}{text}", facts.name)])
}

fn fact(absent_on: &[DataState], missing_on: &[DataState]) -> Fact {
    let (absent_on, missing_on) = (absent_on.to_vec(), missing_on.to_vec());
    Fact { value: MetadataValue::Int(3), absent_on, missing_on }
}

fn added(description: &mut Description, values: Values, declared: Option<MetadataTypes>) -> Vec<(String, String)> {
    let facts = Facts { name: "added".to_owned(), values, declared, fault: None };
    let payload = first_column(&facts);
    description.metadata.push(facts);
    vec![(payload, DataState::Training.to_string())]
}

const TRAINING: &[DataState] = &[DataState::Training];

pub(super) fn absent_undeclared(description: &mut Description, pick: usize) -> Option<Caught> {
    let declared = MetadataTypes::from([("added", MetadataType::Float)]);
    let payloads = added(description, Values::Single(fact(TRAINING, &[])), pick.is_multiple_of(2).then_some(declared));
    let text = description.first_sample(DataState::Training);
    Caught::payloads("BND-207", payloads, [format!("metadata::added{text}"), "no metadata type is provided".into()])
}

pub(super) fn absent_map_value_undeclared(description: &mut Description, pick: usize) -> Option<Caught> {
    let entries = vec![("first".to_owned(), fact(&[], &[])), ("second".to_owned(), fact(TRAINING, &[]))];
    let declared = MetadataTypes::from([("first", MetadataType::Float)]);
    let payloads = added(description, Values::Map(entries), pick.is_multiple_of(2).then_some(declared));
    let text = description.first_sample(DataState::Training);
    let texts = [format!("metadata::added{text}"), "second is None and no metadata type is provided".to_owned()];
    Caught::payloads("BND-207", payloads, texts)
}

pub(super) fn absent_map_value_of_one_type(description: &mut Description, _: usize) -> Option<Caught> {
    let entries = vec![("first".to_owned(), fact(TRAINING, &[]))];
    let payloads = added(description, Values::Map(entries), Some(MetadataType::Float.into()));
    let text = description.first_sample(DataState::Training);
    let texts = [format!("metadata::added{text}"), "first is None and metadata type is not a dict".to_owned()];
    Caught::payloads("BND-207", payloads, texts)
}

/// A key that comes up on validation, and without a value.
pub(super) fn absent_new_key(description: &mut Description, _: usize) -> Option<Caught> {
    let validation = DataState::Validation;
    let other_states: Vec<_> = DataState::ALL.into_iter().filter(|state| *state != validation).collect();
    let entries = vec![("first".to_owned(), fact(&[], &[])), ("new".to_owned(), fact(&[validation], &other_states))];
    let mut payloads = added(description, Values::Map(entries), None);
    payloads[0].1 = validation.to_string();
    let text = description.first_sample(validation);
    Caught::payloads("BND-209", payloads, [format!("metadata::added{text}"), "added_new is None and new".to_owned()])
}

pub(super) fn absent_instance_metadata(description: &mut Description, _: usize) -> Option<Caught> {
    let text = description.first_sample(DataState::Training);
    let instances = description.instances.first_mut().filter(|instances| instances.per_sample > 0)?;
    instances.metadata.push(("added".to_owned(), MetadataValue::Absent));
    let texts = [format!("instances_masks_encoder{text}"), "added is absent on instance 0".to_owned()];
    Caught::in_preprocess("BND-218", texts)
}

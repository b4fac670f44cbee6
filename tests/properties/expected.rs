//! What the report on a valid description must say, worked out from the description alone (binder contract, sections
//! 2.5, 2.6, 2.13, 3.2 and 3.4).

use leap_binder::check::{CheckReport, Setup};
use leap_binder::contract::*;
use serde_json::json;

use super::description::*;

/// Columns of all metadata, with their types, in registration order.
pub(crate) fn columns(description: &Description) -> Vec<(String, MetadataType)> {
    let text = |name: &str| (name.to_owned(), MetadataType::String);
    let mut columns = Vec::new();
    for facts in &description.metadata {
        match &facts.values {
            Values::Single(fact) => {
                let declared = facts.declared.as_ref().and_then(|types| types.of(None));
                columns.push((facts.name.clone(), column_type(description, fact, declared)));
            }
            Values::Map(entries) => {
                let entries = entries.iter().filter(|(_, fact)| !fact.missing_on.contains(&DataState::Training));
                columns.extend(entries.map(|(key, fact)| {
                    let declared = facts.declared.as_ref().and_then(|types| types.of(Some(key)));
                    (format!("{}_{key}", facts.name), column_type(description, fact, declared))
                }));
            }
        }
    }
    let false_positives = description.false_positives.first();
    if !description.instances.is_empty() || false_positives.is_some() {
        columns.extend(
            ["is_instance", "original_sample_id", "instance_name"]
                .map(|key| text(&format!("builtin_instance_metadata_{key}"))),
        );
    }
    let mut extra = Vec::new();
    if let Some(false_positives) = false_positives {
        columns.push(text("builtin_instance_metadata_is_false_positive"));
        extra.extend(false_positives.types.iter().cloned());
    }
    let extra_column = |(key, one): (String, MetadataType)| (format!("builtin_instance_extra_metadata_{key}"), one);
    columns.extend(extra.iter().cloned().map(extra_column));
    if !description.chains.is_empty() {
        columns.push(("builtin_chain_length".to_owned(), MetadataType::Float));
        columns.push(("builtin_chain_truncated".to_owned(), MetadataType::Boolean));
    }
    let instances = description.instances.iter().filter(|instances| instances.per_sample > 0);
    let own = instances.flat_map(instance_columns);
    columns.extend(own.filter(|(key, _)| !extra.iter().any(|(known, _)| known == key)).map(extra_column));
    columns
}

/// A value gives the type where there is one, the last subset's; the declaration stands in while there is none.
fn column_type(description: &Description, fact: &Fact, declared: Option<MetadataType>) -> MetadataType {
    let some_value = description.states().iter().any(|state| !fact.absent_on.contains(state));
    let found = if some_value { fact.value.column_type() } else { None };
    found.or(declared).unwrap()
}

fn instance_columns(instances: &Instances) -> Vec<(String, MetadataType)> {
    let declared = |key: &str| instances.types.iter().find(|(known, _)| known == key).map(|(_, one)| *one);
    let own = instances.metadata.iter().map(|(key, value)| {
        let found = if value.is_absent() { None } else { value.column_type() };
        (key.clone(), declared(key).or(found).unwrap())
    });
    let only_declared = instances.types.iter().filter(|(key, _)| !instances.metadata.iter().any(|(own, _)| own == key));
    own.chain(only_declared.cloned()).collect()
}

/// The payloads' names in the order of the steps.
pub(crate) fn payload_names(description: &Description) -> Vec<String> {
    let mut names = vec!["integration_test".to_owned(), "preprocess".to_owned()];
    let kinds = || description.latent_spaces.iter().map(|space| &space.kind);
    if kinds().any(|kind| matches!(kind, SpaceKind::Instance)) {
        names.push("instance_custom_latent_space".to_owned());
    }
    if kinds().any(|kind| matches!(kind, SpaceKind::Model(_))) {
        names.push("model_custom_latent_space".to_owned());
    }
    names.extend(description.inputs.iter().map(|input| input.encoder.name.clone()));
    names.extend(description.ground_truths.iter().map(|encoder| encoder.name.clone()));
    names.extend(columns(description).into_iter().map(|(name, _)| name));
    names.extend(description.simulations.iter().map(|simulation| simulation.name.clone()));
    names.extend(description.chains.iter().map(|_| "autoregressive_step".to_owned()));
    names.extend(description.false_positives.iter().map(|encoder| encoder.name.clone()));
    names
}

/// Everything that must hold of the report on a valid binder.
pub(crate) fn holds(description: &Description, report: &CheckReport) {
    let failed: Vec<_> = report.payloads.iter().filter(|payload| !payload.is_passed).collect();
    assert!(report.is_valid, "general error {:?}, failed {failed:?}", report.general_error);
    assert!(report.general_error.is_none());
    assert_eq!(report.is_valid_for_model, !description.custom_layers.is_empty());
    let names: Vec<&String> = report.payloads.iter().map(|payload| &payload.name).collect();
    assert_eq!(names, payload_names(description).iter().collect::<Vec<_>>());
    assert_eq!(report.engine_file_contract.leap_analysis_configuration, description.configuration);
    assert!(report.functions.iter().all(|function| function.passed()));
    setup(description, report.setup.as_ref().unwrap());
}

fn setup(description: &Description, setup: &Setup) {
    let rows = |state| {
        let per_sample = description.instances.first().map_or(0, |instances| instances.per_sample);
        let part = description.parts().into_iter().find(|part| part.state == state);
        // Samples of the unlabeled preprocess have no rows of instances.
        let apart = description.data.unlabeled.is_some() && state == DataState::Unlabeled;
        part.map(|part| part.ids.len() * if apart { 1 } else { 1 + per_sample })
    };
    assert_eq!(setup.preprocess.training_length, rows(DataState::Training).unwrap());
    assert_eq!(setup.preprocess.validation_length, rows(DataState::Validation).unwrap());
    assert_eq!(setup.preprocess.test_length, rows(DataState::Test));
    assert_eq!(setup.preprocess.unlabeled_length, rows(DataState::Unlabeled));
    assert_eq!(setup.preprocess.additional_length, rows(DataState::Additional));

    let of = |shape: &[usize]| if shape.is_empty() { vec![1] } else { shape.to_vec() };
    let inputs = description.inputs.iter();
    let inputs = inputs.map(|f| (f.encoder.name.clone(), of(&f.encoder.shape), f.channel_dim.unwrap_or(-1)));
    let chain = description.chains.iter().flat_map(|chain| &chain.inputs);
    let chain = chain.map(|(name, shape)| (name.clone(), shape.clone(), -1));
    let found: Vec<_> = setup.inputs.iter().map(|f| (f.name.clone(), f.shape.clone(), f.channel_dim)).collect();
    assert_eq!(found, inputs.chain(chain).collect::<Vec<_>>());
    let outputs: Vec<_> = setup.outputs.iter().map(|f| (f.name.clone(), f.shape.clone())).collect();
    let expected = description.ground_truths.iter().map(|f| (f.name.clone(), of(&f.shape)));
    assert_eq!(outputs, expected.collect::<Vec<_>>());
    let found: Vec<_> = setup.metadata.iter().map(|f| (f.name.clone(), f.metadata_type)).collect();
    assert_eq!(found, columns(description));
    let mut once = found.clone();
    once.sort_by(|a, b| a.0.cmp(&b.0));
    once.dedup_by(|a, b| a.0 == b.0);
    assert_eq!(once.len(), found.len(), "no column twice");

    let found: Vec<_> = setup.prediction_types.iter().map(|f| (&f.name, &f.labels, f.channel_dim)).collect();
    let expected = description.predictions.iter().map(|f| (&f.name, &f.labels, f.channel_dim));
    assert_eq!(found, expected.collect::<Vec<_>>());
    functions(description, setup);
    let found: Vec<_> = setup.simulations.iter().map(|f| (&f.name, json!(f.sim_config))).collect();
    let bounds = |simulation: &Simulation| {
        let parameters = simulation.parameters.iter();
        serde_json::Value::Object(parameters.map(|(name, bounds)| (name.clone(), bounds_as_json(bounds))).collect())
    };
    let expected = description.simulations.iter().map(|f| (&f.name, bounds(f)));
    assert_eq!(found, expected.collect::<Vec<_>>());
    assert_eq!(
        setup.has_element_instances,
        !description.instances.is_empty() || !description.false_positives.is_empty()
    );
}

/// Losses, metrics and visualizers: the 6, 8 and 8 built-in ones first, those of a chain last.
fn functions(description: &Description, setup: &Setup) {
    let named = |functions: &[Function]| {
        let names = |f: &Function| f.arguments.iter().map(|argument| argument.name.clone()).collect::<Vec<_>>();
        functions.iter().map(|f| (f.name.clone(), names(f))).collect::<Vec<_>>()
    };
    let chain = description.chains.first();
    let with_chain = |own: &[Function], chained: Option<&Vec<Function>>| {
        let mut all = named(own);
        all.extend(chained.map(|chained| named(chained)).unwrap_or_default());
        all
    };
    let found: Vec<_> = setup.custom_losses.iter().skip(6).map(|f| (f.name.clone(), f.arg_names.clone())).collect();
    assert_eq!(found, with_chain(&description.losses, chain.map(|chain| &chain.losses)));
    let found: Vec<_> = setup.metrics.iter().skip(8).map(|f| (f.name.clone(), f.arg_names.clone())).collect();
    assert_eq!(found, with_chain(&description.metrics, chain.map(|chain| &chain.metrics)));
    let visualizers = description.visualizers.iter().chain(chain.iter().flat_map(|chain| &chain.visualizers));
    let (types, functions): (Vec<LeapDataType>, Vec<Function>) = visualizers.cloned().unzip();
    let found: Vec<_> = setup.visualizers.iter().skip(8).map(|f| (f.name.clone(), f.arg_names.clone())).collect();
    assert_eq!(found, named(&functions));
    assert_eq!(setup.visualizers.iter().skip(8).map(|f| f.data_type).collect::<Vec<_>>(), types);
}

fn bounds_as_json(bounds: &SimulationBounds) -> serde_json::Value {
    match bounds {
        SimulationBounds::Float { min, max } => json!({"type": "float", "bounds": {"min": min, "max": max}}),
        SimulationBounds::Int { min, max } => json!({"type": "int", "bounds": {"min": min, "max": max}}),
        SimulationBounds::Categorical { values } => json!({"type": "string", "bounds": {"values": values}}),
    }
}

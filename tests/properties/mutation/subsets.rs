//! Subsets and samples: preprocess and loading.

use leap_binder::contract::*;

use super::facts::steady;
use super::*;

pub(super) fn missing(description: &mut Description, pick: usize) -> Option<Caught> {
    let state = [DataState::Training, DataState::Validation][pick % 2];
    description.data.subsets.retain(|part| part.state != state);
    let title = ["Training", "Validation"][pick % 2];
    Caught::in_preprocess("BND-102", ["preprocess: ".to_owned(), format!("{title} data is required")])
}

pub(super) fn duplicate_state(description: &mut Description, pick: usize) -> Option<Caught> {
    let twin = any_of(&description.data.subsets, pick)?;
    let state = twin.state;
    description.data.subsets.push(twin);
    Caught::in_preprocess("BND-103", ["preprocess: ".to_owned(), format!("Duplicate state {state}")])
}

/// Whatever runs on the first sample of a subset, with the key under which its payload fails.
fn all_on(description: &Description, state: DataState) -> Vec<(String, String)> {
    let key = state.to_string();
    let mut payloads: Vec<_> = description.inputs.iter().map(|f| (f.encoder.name.clone(), key.clone())).collect();
    if state != DataState::Unlabeled {
        payloads.extend(description.ground_truths.iter().map(|f| (f.name.clone(), key.clone())));
    }
    payloads.extend(facts::first_columns(description).into_iter().map(|name| (name, key.clone())));
    payloads.extend(errors(description.chains.iter().map(|_| "autoregressive_step")));
    if state == DataState::Training && !description.ground_truths.is_empty() {
        payloads.extend(errors(description.false_positives.iter().map(|f| f.name.clone())));
    }
    payloads
}

pub(super) fn empty(description: &mut Description, pick: usize) -> Option<Caught> {
    let state = any_of(&description.states(), pick)?;
    steady(description);
    // No sample has instances then, if training is the one that is empty; the others' still make columns.
    let part = description.part_mut(state);
    part.ids.clear();
    part.groups = part.groups.take().map(|_| Vec::new());
    let mut payloads = errors(["preprocess"]);
    payloads.extend(all_on(description, state));
    Caught::payloads("BND-104", payloads, [format!(" on {state}")])
}

pub(super) fn long_id(description: &mut Description, pick: usize) -> Option<Caught> {
    let state = any_of(&description.states(), pick)?;
    let part = description.part_mut(state);
    let count = part.ids.len();
    let SampleId::Text(id) = &mut part.ids[pick / 5 % count] else { return None };
    *id = "ß".repeat(257 + pick % 3);
    let id = id.clone();
    Caught::payloads("BND-105", errors(["preprocess"]), [format!("preprocess on {state} sample {id}")])
}

fn other_kind(id: &mut SampleId, number: usize) {
    *id = match id {
        SampleId::Int(id) => format!("text {id}").into(),
        SampleId::Text(_) => (number as i64).into(),
    };
}

pub(super) fn mixed_id_types(description: &mut Description, pick: usize) -> Option<Caught> {
    if !description.instances.is_empty() {
        return None; // which want texts
    }
    let state = any_of(&description.states(), pick)?;
    description.part_mut(state).ids.iter_mut().enumerate().for_each(|(number, id)| other_kind(id, number));
    Caught::payloads("BND-106", errors(["preprocess"]), ["preprocess: ", "Different id types"])
}

pub(super) fn mixed_id_types_in_groups(description: &mut Description, pick: usize) -> Option<Caught> {
    let part = description.data.subsets.iter_mut().find(|part| part.groups.is_some() && part.ids.len() > 1)?;
    let place = 1 + pick % (part.ids.len() - 1);
    other_kind(&mut part.ids[place], place);
    Caught::in_preprocess("BND-106", [format!("preprocess on {} sample {}", part.state, part.ids[place])])
}

pub(super) fn mixed_grouping(description: &mut Description, pick: usize) -> Option<Caught> {
    let state = any_of(&description.states(), pick)?;
    let part = description.part_mut(state);
    part.groups = if part.groups.is_some() { None } else { Some(vec![part.ids.len()]) };
    let kind = if part.groups.is_some() { "grouped" } else { "flat" };
    Caught::in_preprocess("BND-108", ["preprocess: ".to_owned(), format!("{state} {kind}")])
}

pub(super) fn empty_group(description: &mut Description, pick: usize) -> Option<Caught> {
    let parts = description.parts();
    let state = any_of(&parts, pick)?.state;
    let groups = description.part_mut(state).groups.as_mut()?;
    let place = pick / 5 % (groups.len() + 1);
    groups.insert(place, 0);
    Caught::in_preprocess("BND-109", [format!("preprocess on {state}: "), format!("group {place}")])
}

pub(super) fn preprocess_fails(description: &mut Description, pick: usize) -> Option<Caught> {
    description.data.preprocess = Some(any_way(pick));
    Caught::in_preprocess("BND-101", ["preprocess: ", "preprocess broke"])
}

pub(super) fn unlabeled_preprocess_fails(description: &mut Description, pick: usize) -> Option<Caught> {
    description.data.subsets.retain(|part| part.state != DataState::Unlabeled);
    description.data.unlabeled_preprocess = Some(any_way(pick));
    Caught::in_preprocess("BND-101", ["preprocess: ", "unlabeled_preprocess broke"])
}

pub(super) fn load_fails(description: &mut Description, pick: usize) -> Option<Caught> {
    let state = any_of(&description.states(), pick)?;
    let how = any_way(pick);
    description.data.load = Some(Fault { on: Some(state), how });
    steady(description);
    let texts = [format!("load{}", description.first_sample(state))];
    let code = if how == Failing::Error { "BND-201" } else { "BND-203" };
    if !description.instances.is_empty() {
        return Caught::in_preprocess(code, texts);
    }
    let payloads = all_on(description, state);
    if payloads.is_empty() { None } else { Caught::payloads(code, payloads, texts) }
}

pub(super) fn wrong_group_size(description: &mut Description, pick: usize) -> Option<Caught> {
    let state = any_of(&description.states(), pick)?;
    description.data.one_too_many = Some(state);
    steady(description);
    let payloads = all_on(description, state);
    if payloads.is_empty() {
        return None;
    }
    Caught::payloads("BND-212", payloads, [format!("load_group{}", description.first_sample(state))])
}

fn group(description: &mut Description) {
    let Data { subsets, unlabeled, .. } = &mut description.data;
    for part in subsets.iter_mut().chain(unlabeled) {
        part.groups = Some(vec![1; part.ids.len()]);
    }
}

pub(super) fn grouped_instances(description: &mut Description, _: usize) -> Option<Caught> {
    description.instances.first()?;
    group(description);
    Caught::in_preprocess("BND-108", ["preprocess: ", "instances"])
}

pub(super) fn grouped_false_positives(description: &mut Description, _: usize) -> Option<Caught> {
    description.false_positives.first()?;
    let of_model = description.latent_spaces.iter().any(|space| matches!(space.kind, SpaceKind::Model(_)));
    if of_model || !description.instances.is_empty() {
        return None;
    }
    group(description);
    Caught::payloads("BND-108", errors(["preprocess"]), ["preprocess: ", "false positives"])
}

pub(super) fn grouped_model_latent_space(description: &mut Description, _: usize) -> Option<Caught> {
    let name = description.latent_spaces.iter().find(|space| matches!(space.kind, SpaceKind::Model(_)))?.name.clone();
    if !description.instances.is_empty() || !description.false_positives.is_empty() {
        return None;
    }
    group(description);
    let texts = ["model_custom_latent_space: ".to_owned(), format!("{name:?}")];
    Caught::payloads("BND-108", errors(["model_custom_latent_space"]), texts)
}

//! Functions that fail or give what cannot be used.

use candle_core::DType;
use leap_binder::contract::*;

use super::*;

pub(super) fn input_fails(description: &mut Description, pick: usize) -> Option<Caught> {
    let (state, how) = (any_of(&description.states(), pick / 3)?, any_way(pick));
    let text = description.first_sample(state);
    let count = description.inputs.len();
    let encoder = &mut description.inputs.get_mut(pick % count.max(1))?.encoder;
    encoder.fault = Some(Fault { on: Some(state), how });
    let payloads = vec![(encoder.name.clone(), state.to_string())];
    Caught::payloads(how.code(), payloads, [format!("input_encoder::{}{text}", encoder.name)])
}

pub(super) fn ground_truth_fails(description: &mut Description, pick: usize) -> Option<Caught> {
    let (state, how) = (any_state(description, pick)?, any_way(pick));
    let text = description.first_sample(state);
    let count = description.ground_truths.len();
    let encoder = description.ground_truths.get_mut(pick % count.max(1))?;
    encoder.fault = Some(Fault { on: Some(state), how });
    let payloads = vec![(encoder.name.clone(), state.to_string())];
    Caught::payloads(how.code(), payloads, [format!("gt_encoder::{}{text}", encoder.name)])
}

/// An encoder without a single tensor has no shape, and without it there is no setup.
pub(super) fn input_fails_everywhere(description: &mut Description, pick: usize) -> Option<Caught> {
    let states = description.states();
    let count = description.inputs.len();
    let encoder = &mut description.inputs.get_mut(pick % count.max(1))?.encoder;
    encoder.fault = Some(Fault { on: None, how: Failing::Error });
    everywhere(encoder, "input_encoder", states)
}

pub(super) fn ground_truth_fails_everywhere(description: &mut Description, pick: usize) -> Option<Caught> {
    let states = description.states().into_iter().filter(|state| *state != DataState::Unlabeled).collect();
    let count = description.ground_truths.len();
    let encoder = description.ground_truths.get_mut(pick % count.max(1))?;
    encoder.fault = Some(Fault { on: None, how: Failing::Error });
    everywhere(encoder, "gt_encoder", states)
}

fn everywhere(encoder: &Encoder, kind: &str, states: Vec<DataState>) -> Option<Caught> {
    let payloads = states.into_iter().map(|state| (encoder.name.clone(), state.to_string())).collect();
    let caught = Caught::general("BND-202", [format!("{kind}::{}", encoder.name)])?;
    Some(Caught { payloads, ..caught })
}

pub(super) fn instances_length_fails(description: &mut Description, pick: usize) -> Option<Caught> {
    let (state, how) = (any_of(&description.states(), pick)?, any_way(pick));
    if state == DataState::Unlabeled && description.data.unlabeled.is_some() {
        return None; // samples of the unlabeled preprocess have no instances
    }
    let text = description.first_sample(state);
    description.instances.first_mut()?.length = Some(Fault { on: Some(state), how });
    Caught::in_preprocess(how.code(), [format!("instances_length_encoder{text}")])
}

/// Only the first instance is probed.
pub(super) fn instances_mask_fails(description: &mut Description, pick: usize) -> Option<Caught> {
    let how = any_way(pick);
    let text = description.first_sample(DataState::Training);
    let instances = description.instances.first_mut().filter(|instances| instances.per_sample > 0)?;
    instances.mask = Some(Fault { on: Some(DataState::Training), how });
    Caught::in_preprocess(how.code(), [format!("instances_masks_encoder{text}")])
}

pub(super) fn simulation_fails(description: &mut Description, pick: usize) -> Option<Caught> {
    let how = any_way(pick);
    let count = description.simulations.len();
    let simulation = description.simulations.get_mut(pick % count.max(1))?;
    simulation.fault = Some(how);
    Caught::payloads(how.code(), errors([&*simulation.name]), [format!("simulation::{}: ", simulation.name)])
}

pub(super) fn simulation_gives_nothing(description: &mut Description, pick: usize) -> Option<Caught> {
    let count = description.simulations.len();
    let simulation = description.simulations.get_mut(pick % count.max(1))?;
    simulation.barren = true;
    Caught::payloads("BND-214", errors([&*simulation.name]), [format!("simulation::{}: ", simulation.name)])
}

fn all_simulations(description: &Description) -> Option<Vec<(String, String)>> {
    let payloads = errors(description.simulations.iter().map(|simulation| &*simulation.name));
    if payloads.is_empty() { None } else { Some(payloads) }
}

pub(super) fn simulated_sample_fails(description: &mut Description, pick: usize) -> Option<Caught> {
    let payloads = all_simulations(description)?;
    let count = description.inputs.len();
    let encoder = &mut description.inputs.get_mut(pick % count.max(1))?.encoder;
    encoder.fails_simulated = true;
    Caught::payloads("BND-202", payloads, [format!("input_encoder::{}", encoder.name)])
}

pub(super) fn simulated_sample_is_noisy(description: &mut Description, pick: usize) -> Option<Caught> {
    let payloads = all_simulations(description)?;
    let count = description.inputs.len();
    let encoder = &mut description.inputs.get_mut(pick % count.max(1))?.encoder;
    (encoder.noisy, encoder.shape) = (true, vec![2]);
    Caught::payloads("BND-214", payloads, ["simulation::".to_owned(), encoder.name.clone()])
}

pub(super) fn instance_space_without_instances(description: &mut Description, _: usize) -> Option<Caught> {
    if !description.instances.is_empty() || !description.chains.is_empty() {
        return None;
    }
    let (kind, options) = (SpaceKind::Instance, LatentSpaceOptions::default());
    description.latent_spaces.push(Space { name: "parts".to_owned(), kind, options });
    let step = "instance_custom_latent_space";
    Caught::payloads("BND-010", errors([step]), [format!("{step}: "), "\"parts\"".to_owned()])
}

fn false_positives(description: &Description) -> Option<(Vec<(String, String)>, String)> {
    let name = &description.false_positives.first()?.name;
    Some((errors([name]), format!("false_positives::{name}: ")))
}

pub(super) fn false_positives_without_empty_ground_truth(description: &mut Description, pick: usize) -> Option<Caught> {
    let (payloads, function) = false_positives(description)?;
    let count = description.empty_ground_truths.len();
    let gone = (count > 0).then(|| description.empty_ground_truths.remove(pick % count))?;
    Caught::payloads("BND-010", payloads, [function, format!("Missing for: {:?}", [gone.name])])
}

pub(super) fn unknown_empty_ground_truth(description: &mut Description, pick: usize) -> Option<Caught> {
    let (payloads, function) = false_positives(description)?;
    let mut unknown = any_of(&description.empty_ground_truths, pick)?;
    unknown.name = "nowhere".to_owned();
    description.empty_ground_truths.push(unknown);
    Caught::payloads("BND-010", payloads, [function, "nowhere".to_owned()])
}

pub(super) fn empty_ground_truth_shape(description: &mut Description, pick: usize) -> Option<Caught> {
    let (payloads, function) = false_positives(description)?;
    let count = description.empty_ground_truths.len();
    let encoder = description.empty_ground_truths.get_mut(pick % count.max(1))?;
    encoder.shape.push(2);
    Caught::payloads("BND-216", payloads, [function, format!("gt_encoder::{}", encoder.name)])
}

pub(super) fn empty_ground_truth_dtype(description: &mut Description, _: usize) -> Option<Caught> {
    let (payloads, function) = false_positives(description)?;
    let encoder = description.empty_ground_truths.iter_mut().find(|encoder| !encoder.dtype.is_float())?;
    encoder.dtype = DType::F32;
    Caught::payloads("BND-216", payloads, [function, encoder.name.clone(), "float32".to_owned()])
}

pub(super) fn empty_ground_truth_fails(description: &mut Description, pick: usize) -> Option<Caught> {
    let (payloads, _) = false_positives(description)?;
    let how = any_way(pick);
    let text = description.first_sample(DataState::Training);
    let count = description.empty_ground_truths.len();
    let encoder = description.empty_ground_truths.get_mut(pick % count.max(1))?;
    encoder.fault = Some(Fault { on: None, how });
    Caught::payloads(how.code(), payloads, [format!("empty_ground_truth::{}{text}", encoder.name)])
}

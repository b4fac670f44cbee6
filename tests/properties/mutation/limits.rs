//! Numbers: ranges and how many there may be.

use leap_binder::contract::*;

use super::*;

pub(super) fn channel_dim(description: &mut Description, pick: usize) -> Option<Caught> {
    let count = description.inputs.len();
    let input = description.inputs.get_mut(pick % count.max(1))?;
    let wrong = [0, -2, -9, i64::MIN][pick % 4];
    input.channel_dim = Some(wrong);
    Caught::at_build("BND-003", [format!("input_encoder::{}:", input.encoder.name), wrong.to_string()])
}

pub(super) fn model_input_index(description: &mut Description, pick: usize) -> Option<Caught> {
    let count = description.inputs.len();
    let input = description.inputs.get_mut(pick % count.max(1))?;
    let wrong = [10, 11, usize::MAX][pick % 3];
    input.model_input_index = Some(wrong);
    Caught::at_build("BND-005", [format!("input_encoder::{}:", input.encoder.name), wrong.to_string()])
}

pub(super) fn eleven_predictions(description: &mut Description, _: usize) -> Option<Caught> {
    let more = |number: usize| Prediction { name: format!("more{number}"), labels: Vec::new(), channel_dim: -1 };
    description.predictions.extend((description.predictions.len()..11).map(more));
    Caught::at_build("BND-006", ["prediction::more10:"])
}

fn space(name: String, options: LatentSpaceOptions) -> Space {
    Space { name, kind: SpaceKind::Sample, options }
}

pub(super) fn eleven_latent_spaces(description: &mut Description, _: usize) -> Option<Caught> {
    let more = |number: usize| space(format!("more{number}"), LatentSpaceOptions::default());
    description.latent_spaces.extend((description.latent_spaces.len()..11).map(more));
    Caught::at_build("BND-007", ["latent_space::more10:"])
}

pub(super) fn two_for_analysis(description: &mut Description, _: usize) -> Option<Caught> {
    description.latent_spaces.retain(|space| !space.options.use_for_analysis);
    let options = LatentSpaceOptions::default().for_analysis();
    description.latent_spaces.extend(["first", "second"].map(|name| space(name.to_owned(), options)));
    Caught::at_build("BND-007", ["latent_space::second:", "already set for first"])
}

pub(super) fn zero_components(description: &mut Description, _: usize) -> Option<Caught> {
    let reduction = LatentSpaceReduction::RandomProjection { n_components: 0 };
    description.latent_spaces.push(space("flat".to_owned(), LatentSpaceOptions::default().reduce(reduction)));
    Caught::at_build("BND-007", ["latent_space::flat:"])
}

fn parameters(
    description: &mut Description,
    pick: usize,
    spoil: impl Fn(&mut Vec<(String, SimulationBounds)>),
) -> Option<Caught> {
    let count = description.simulations.len();
    let simulation = description.simulations.get_mut(pick % count.max(1))?;
    spoil(&mut simulation.parameters);
    Caught::at_build("BND-008", [format!("simulation::{}:", simulation.name)])
}

pub(super) fn empty_simulation(description: &mut Description, pick: usize) -> Option<Caught> {
    parameters(description, pick, Vec::clear)
}

pub(super) fn duplicate_parameter(description: &mut Description, pick: usize) -> Option<Caught> {
    parameters(description, pick, |parameters| parameters.push(parameters[0].clone()))
}

pub(super) fn min_not_below_max(description: &mut Description, pick: usize) -> Option<Caught> {
    let wrong = match pick % 5 {
        0 => SimulationBounds::float(1.0, 1.0),
        1 => SimulationBounds::float(1.0, -1.0),
        2 => SimulationBounds::float(f64::NAN, 1.0),
        3 => SimulationBounds::int(3, 3),
        _ => SimulationBounds::int(i64::MAX, i64::MIN),
    };
    let mut caught = parameters(description, pick / 5, |parameters| parameters[0].1 = wrong.clone())?;
    caught.texts.push("parameter0".to_owned());
    Some(caught)
}

pub(super) fn no_categories(description: &mut Description, pick: usize) -> Option<Caught> {
    let mut caught = parameters(description, pick, |all| all[0].1 = SimulationBounds::categorical([""; 0]))?;
    caught.texts.push("parameter0".to_owned());
    Some(caught)
}

pub(super) fn two_instances(description: &mut Description, _: usize) -> Option<Caught> {
    let twin = description.instances.first()?.clone();
    description.instances.push(twin);
    Caught::at_build("BND-010", ["element_instance_preprocess:"])
}

pub(super) fn two_false_positives(description: &mut Description, _: usize) -> Option<Caught> {
    let types = description.false_positives.first()?.types.clone();
    description.false_positives.push(FalsePositives { name: "others".to_owned(), types });
    Caught::at_build("BND-010", ["false_positives::"])
}

pub(super) fn two_empty_ground_truths(description: &mut Description, pick: usize) -> Option<Caught> {
    let twin = any_of(&description.empty_ground_truths, pick)?;
    let function = format!("empty_ground_truth::{}:", twin.name);
    description.empty_ground_truths.push(twin);
    Caught::at_build("BND-010", [function])
}

pub(super) fn two_chains(description: &mut Description, _: usize) -> Option<Caught> {
    let twin = description.chains.first()?.clone();
    description.chains.push(twin);
    Caught::at_build("BND-009", ["autoregressive_step:"])
}

fn constant(name: String, values: Values) -> Facts {
    Facts { name, values, declared: None, fault: None }
}

fn zero() -> Fact {
    Fact { value: MetadataValue::Int(0), absent_on: Vec::new(), missing_on: Vec::new() }
}

/// A hundred functions, with one value each so that they are not too many columns.
pub(super) fn hundred_metadata(description: &mut Description, _: usize) -> Option<Caught> {
    let more = |number: usize| constant(format!("more{number}"), Values::Single(zero()));
    description.metadata.extend((description.metadata.len()..100).map(more));
    Caught::general("BND-217", ["metadata: "])
}

/// Eight hundred columns in a few functions.
pub(super) fn eight_hundred_columns(description: &mut Description, pick: usize) -> Option<Caught> {
    let functions = 1 + pick % 5;
    for number in 0..functions {
        let entries = (0..800 / functions + 1).map(|key| (key.to_string(), zero()));
        description.metadata.push(constant(format!("wide{number}"), Values::Map(entries.collect())));
    }
    Caught::general("BND-217", ["metadata: ", "wide"])
}

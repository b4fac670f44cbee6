//! Names: each of its kind once, none of a built-in, none empty.

use leap_binder::contract::{Argument, LatentSpaceOptions, LeapDataType};

use super::*;

/// Registers one of a list again.
fn again<T: Clone>(all: &mut Vec<T>, pick: usize, kind: &str, name: impl Fn(&T) -> &str) -> Option<Caught> {
    let twin = any_of(all, pick)?;
    let function = format!("{kind}::{}:", name(&twin));
    all.push(twin);
    Caught::at_build("BND-001", [function])
}

pub(super) fn duplicate_input(description: &mut Description, pick: usize) -> Option<Caught> {
    again(&mut description.inputs, pick, "input_encoder", |f| &f.encoder.name)
}

pub(super) fn duplicate_ground_truth(description: &mut Description, pick: usize) -> Option<Caught> {
    again(&mut description.ground_truths, pick, "gt_encoder", |f| &f.name)
}

pub(super) fn duplicate_metadata(description: &mut Description, pick: usize) -> Option<Caught> {
    again(&mut description.metadata, pick, "metadata", |f| &f.name)
}

/// The names of the metadata that come with instances, false positives and chains.
pub(super) fn reserved_metadata(description: &mut Description, pick: usize) -> Option<Caught> {
    let mut taken = Vec::new();
    if !description.instances.is_empty() || !description.false_positives.is_empty() {
        taken.push("builtin_instance_metadata");
    }
    if description.false_positives.iter().any(|encoder| !encoder.types.is_empty()) {
        taken.push("builtin_instance_extra_metadata");
    }
    if !description.chains.is_empty() {
        taken.push("builtin_chain");
    }
    let name = any_of(&taken, pick)?.to_owned();
    let mut facts = any_of(&description.metadata, pick)?;
    let function = format!("metadata::{name}:");
    facts.name = name;
    description.metadata.push(facts);
    Caught::at_build("BND-001", [function])
}

pub(super) fn duplicate_prediction(description: &mut Description, pick: usize) -> Option<Caught> {
    again(&mut description.predictions, pick, "prediction", |f| &f.name)
}

pub(super) fn duplicate_loss(description: &mut Description, pick: usize) -> Option<Caught> {
    again(&mut description.losses, pick, "loss", |f| &f.name)
}

pub(super) fn duplicate_metric(description: &mut Description, pick: usize) -> Option<Caught> {
    again(&mut description.metrics, pick, "metric", |f| &f.name)
}

pub(super) fn duplicate_instance_metric(description: &mut Description, pick: usize) -> Option<Caught> {
    again(&mut description.instance_metrics, pick, "instance_metric", |f| &f.name)
}

pub(super) fn duplicate_visualizer(description: &mut Description, pick: usize) -> Option<Caught> {
    again(&mut description.visualizers, pick, "visualizer", |(_, f)| &f.name)
}

pub(super) fn duplicate_latent_space(description: &mut Description, pick: usize) -> Option<Caught> {
    again(&mut description.latent_spaces, pick, "latent_space", |f| &f.name)
}

pub(super) fn duplicate_simulation(description: &mut Description, pick: usize) -> Option<Caught> {
    again(&mut description.simulations, pick, "simulation", |f| &f.name)
}

/// A chain's losses, metrics and visualizers share their names with the others.
pub(super) fn duplicate_across_the_chain(description: &mut Description, pick: usize) -> Option<Caught> {
    let chain = description.chains.first()?;
    let losses = chain.losses.iter().map(|f| ("loss", f.clone()));
    let metrics = chain.metrics.iter().map(|f| ("metric", f.clone()));
    let visualizers = chain.visualizers.iter().map(|(_, f)| ("visualizer", f.clone()));
    let all: Vec<_> = losses.chain(metrics).chain(visualizers).collect();
    let (kind, mut function) = any_of(&all, pick)?;
    function.arguments = one_argument();
    let text = format!("{kind}::{}:", function.name);
    match kind {
        "loss" => description.losses.push(function),
        "metric" => description.metrics.push(function),
        _ => description.visualizers.push((LeapDataType::Text, function)),
    }
    Caught::at_build("BND-001", [text])
}

fn one_argument() -> Vec<Argument> {
    vec![leap_binder::contract::argument("xs")]
}

fn called(name: &str) -> Function {
    Function { name: name.to_owned(), arguments: one_argument() }
}

const NUMERIC: [&str; 4] =
    ["MeanSquaredError", "MeanSquaredLogarithmicError", "MeanAbsoluteError", "MeanAbsolutePercentageError"];

pub(super) fn builtin_loss(description: &mut Description, pick: usize) -> Option<Caught> {
    let names = [&NUMERIC[..], &["CategoricalCrossentropy", "BinaryCrossentropy"]].concat();
    let name = any_of(&names, pick)?;
    description.losses.push(called(name));
    Caught::at_build("BND-001", [format!("loss::{name}:")])
}

pub(super) fn builtin_metric(description: &mut Description, pick: usize) -> Option<Caught> {
    let others = ["Accuracy", "ConfusionMatrixClassification", "CategoricalCrossentropy", "BinaryCrossentropy"];
    let name = any_of(&[&NUMERIC[..], &others].concat(), pick)?;
    description.metrics.push(called(name));
    Caught::at_build("BND-001", [format!("metric::{name}:")])
}

pub(super) fn builtin_visualizer(description: &mut Description, pick: usize) -> Option<Caught> {
    let names = ["Image", "Video", "Graph", "RawData", "HorizontalBar", "Text", "ImageMask", "TextMask"];
    let name = any_of(&names, pick)?;
    description.visualizers.push((LeapDataType::Image, called(name)));
    Caught::at_build("BND-001", [format!("visualizer::{name}:")])
}

/// A function without a name, of any kind.
pub(super) fn empty(description: &mut Description, pick: usize) -> Option<Caught> {
    let kind = match pick % 11 {
        0 => description.inputs.first_mut().map(|f| (&mut f.encoder.name, "input_encoder")),
        1 => description.ground_truths.first_mut().map(|f| (&mut f.name, "gt_encoder")),
        2 => description.metadata.first_mut().map(|f| (&mut f.name, "metadata")),
        3 => description.predictions.first_mut().map(|f| (&mut f.name, "prediction")),
        4 => description.losses.first_mut().map(|f| (&mut f.name, "loss")),
        5 => description.metrics.first_mut().map(|f| (&mut f.name, "metric")),
        6 => description.instance_metrics.first_mut().map(|f| (&mut f.name, "instance_metric")),
        7 => description.visualizers.first_mut().map(|(_, f)| (&mut f.name, "visualizer")),
        8 => description.simulations.first_mut().map(|f| (&mut f.name, "simulation")),
        9 => description.false_positives.first_mut().map(|f| (&mut f.name, "false_positives")),
        _ => {
            let (kind, options) = (SpaceKind::Sample, LatentSpaceOptions::default());
            description.latent_spaces.push(Space { name: String::new(), kind, options });
            None
        }
    };
    let kind = match kind {
        Some((name, kind)) => {
            name.clear();
            kind
        }
        None if pick % 11 == 10 => "latent_space",
        None => return None,
    };
    Caught::at_build("BND-002", [format!("{kind}: ")])
}

use std::collections::HashSet;

use super::registry::Registry;
use crate::contract::{Argument, Code, Source, Violation};

/// The rules that a registration as a whole must keep; the first broken one is returned.
pub(super) fn validate(registry: &Registry) -> Result<(), Violation> {
    unique("input_encoder", registry.inputs.iter().map(|input| input.name.as_str()))?;
    unique("gt_encoder", registry.ground_truths.iter().map(|encoder| encoder.name.as_str()))?;
    unique("metadata", registry.metadata.iter().map(|function| function.name.as_str()))?;
    unique("prediction", registry.predictions.iter().map(|prediction| prediction.name.as_str()))?;
    unique("loss", registry.losses.iter().map(|loss| loss.name.as_str()))?;
    unique("metric", registry.metrics.iter().map(|metric| metric.name.as_str()))?;
    unique("visualizer", registry.visualizers.iter().map(|visualizer| visualizer.name.as_str()))?;
    if registry.inputs.is_empty() {
        return Err(Violation::new(Code::NoInput, "input_encoder", "at least one", "none"));
    }
    channel_dims(registry)?;
    labels(registry)?;
    for loss in &registry.losses {
        sources(registry, "loss", &loss.name, &loss.arguments)?;
    }
    for metric in &registry.metrics {
        sources(registry, "metric", &metric.name, &metric.arguments)?;
    }
    for visualizer in &registry.visualizers {
        sources(registry, "visualizer", &visualizer.name, &visualizer.arguments)?;
    }
    Ok(())
}

fn unique<'a>(kind: &str, names: impl Iterator<Item = &'a str>) -> Result<(), Violation> {
    let mut seen = HashSet::new();
    for name in names {
        let function = format!("{kind}::{name}");
        if name.is_empty() {
            return Err(Violation::new(Code::EmptyName, kind, "a name", "an empty text"));
        }
        if !seen.insert(name) {
            return Err(Violation::new(Code::DuplicateName, function, "a name of its own", format!("{name:?} twice")));
        }
    }
    Ok(())
}

fn channel_dims(registry: &Registry) -> Result<(), Violation> {
    match registry.inputs.iter().find(|input| input.channel_dim <= 0 && input.channel_dim != -1) {
        None => Ok(()),
        Some(input) => Err(Violation::new(
            Code::ChannelDim,
            format!("input_encoder::{}", input.name),
            "a channel_dim of -1 or at least 1",
            input.channel_dim.to_string(),
        )),
    }
}

fn labels(registry: &Registry) -> Result<(), Violation> {
    for prediction in &registry.predictions {
        let function = format!("prediction::{}", prediction.name);
        let distinct: HashSet<&str> = prediction.labels.iter().map(String::as_str).collect();
        if prediction.labels.is_empty() || distinct.len() < prediction.labels.len() {
            let found = format!("{:?}", prediction.labels);
            return Err(Violation::new(Code::Labels, function, "one or more distinct labels", found));
        }
    }
    Ok(())
}

fn sources(registry: &Registry, kind: &str, name: &str, arguments: &[Argument]) -> Result<(), Violation> {
    for argument in arguments {
        let (what, wanted, known): (_, _, Vec<&str>) = match &argument.source {
            Source::Input(wanted) => ("input", wanted, registry.inputs.iter().map(|input| &*input.name).collect()),
            Source::GroundTruth(wanted) => {
                ("ground truth", wanted, registry.ground_truths.iter().map(|encoder| &*encoder.name).collect())
            }
            Source::Prediction(wanted) => {
                ("prediction", wanted, registry.predictions.iter().map(|prediction| &*prediction.name).collect())
            }
        };
        if !known.contains(&wanted.as_str()) {
            return Err(Violation::new(
                Code::UnknownSource,
                format!("{kind}::{name}"),
                format!("argument {} to read a registered {what}, one of {known:?}", argument.name),
                format!("{wanted:?}"),
            ));
        }
    }
    Ok(())
}

use std::collections::HashSet;

use super::builtin;
use super::registry::Registry;
use crate::contract::{Argument, Code, ComputedAt, LatentSpaceReduction, Source, Violation, broken_simulation};

/// Model inputs and predictions that the platform can address.
pub(crate) const MAX_SLOTS: usize = 10;
/// Custom latent spaces of all kinds.
const MAX_LATENT_SPACES: usize = 10;

/// The rules that a registration as a whole must keep; the first broken one is returned.
pub(super) fn validate(registry: &Registry) -> Result<(), Violation> {
    names(registry)?;
    slots(registry)?;
    latent_spaces(registry)?;
    simulations(registry)?;
    let functions = registry.losses.iter().map(|f| ("loss", &f.name, &f.arguments));
    let functions = functions
        .chain(registry.metrics.iter().map(|f| ("metric", &f.name, &f.arguments)))
        .chain(registry.instance_metrics.iter().map(|f| ("instance_metric", &f.name, &f.arguments)))
        .chain(registry.visualizers.iter().map(|f| ("visualizer", &f.name, &f.arguments)))
        .chain(registry.latent_spaces.iter().map(|f| ("latent_space", &f.name, &f.arguments)));
    for (kind, name, arguments) in functions {
        sources(registry, kind, name, arguments)?;
    }
    let Some(chain) = &registry.autoregressive else { return Ok(()) };
    let functions = chain.losses.iter().map(|f| ("autoregressive_loss", &f.name, &f.arguments));
    let functions = functions
        .chain(chain.metrics.iter().map(|(_, f)| ("autoregressive_metric", &f.name, &f.arguments)))
        .chain(chain.visualizers.iter().map(|(_, f)| ("autoregressive_visualizer", &f.name, &f.arguments)));
    for (kind, name, arguments) in functions {
        let other = arguments.iter().find(|f| !matches!(f.source, Source::GroundTruth(_) | Source::Wired));
        if let Some(other) = other {
            let expected = "ground truths beside the chain";
            return Err(Violation::new(Code::UnknownSource, format!("{kind}::{name}"), expected, &*other.name));
        }
        sources(registry, kind, name, arguments)?;
    }
    Ok(())
}

fn names(registry: &Registry) -> Result<(), Violation> {
    let chain = registry.autoregressive.as_ref();
    let chained = |names: fn(&super::AutoregressiveFunctions) -> Vec<&str>| chain.map(names).unwrap_or_default();
    let losses = chained(|chain| chain.losses.iter().map(|f| &*f.name).collect());
    let metrics = chained(|chain| chain.metrics.iter().map(|(_, f)| &*f.name).collect());
    let visualizers = chained(|chain| chain.visualizers.iter().map(|(_, f)| &*f.name).collect());

    unique("input_encoder", "Input", &[], registry.inputs.iter().map(|f| &*f.name))?;
    unique("gt_encoder", "GT", &[], registry.ground_truths.iter().map(|f| &*f.name))?;
    unique("metadata", "Metadata", &[], registry.metadata.iter().map(|f| &*f.name))?;
    unique("prediction", "Prediction", &[], registry.predictions.iter().map(|f| &*f.name))?;
    let own = registry.losses.iter().map(|f| &*f.name).chain(losses);
    unique("loss", "Custom loss", &builtin::losses::BUILTIN.map(|f| f.name), own)?;
    let own = registry.metrics.iter().map(|f| &*f.name).chain(metrics);
    unique("metric", "Metric", &builtin::metrics::BUILTIN.map(|f| f.name), own)?;
    unique("instance_metric", "Instance metric", &[], registry.instance_metrics.iter().map(|f| &*f.name))?;
    let own = registry.visualizers.iter().map(|f| &*f.name).chain(visualizers);
    unique("visualizer", "Visualizer", &builtin::visualizers::BUILTIN.map(|f| f.name), own)?;
    unique("latent_space", "Latent space", &[], registry.latent_spaces.iter().map(|f| &*f.name))?;
    unique("simulation", "Simulation", &[], registry.simulations.iter().map(|f| &*f.name))?;
    unique("false_positives", "False positives", &[], registry.false_positives.iter().map(|f| &*f.name))
}

fn unique<'a>(
    kind: &str,
    title: &str,
    builtin: &[&str],
    names: impl Iterator<Item = &'a str>,
) -> Result<(), Violation> {
    let mut seen: HashSet<&str> = builtin.iter().copied().collect();
    for name in names {
        if name.is_empty() {
            return Err(Violation::new(Code::EmptyName, kind, "a name", "an empty text"));
        }
        if !seen.insert(name) {
            let registered = if kind == "latent_space" { "is already registered" } else { "already exists" };
            let found = format!("{title} with name {name} {registered}");
            return Err(Violation::new(Code::DuplicateName, format!("{kind}::{name}"), "a name of its own", found));
        }
    }
    Ok(())
}

fn slots(registry: &Registry) -> Result<(), Violation> {
    for input in &registry.inputs {
        let function = format!("input_encoder::{}", input.name);
        if input.channel_dim <= 0 && input.channel_dim != -1 {
            let found = format!("Invalid channel_dim ({})", input.channel_dim);
            return Err(Violation::new(Code::ChannelDim, function, "a channel_dim of -1 or at least 1", found));
        }
        if let Some(index) = input.model_input_index.filter(|index| *index >= MAX_SLOTS) {
            let expected = format!("a model_input_index from 0 to {}", MAX_SLOTS - 1);
            return Err(Violation::new(
                Code::InputIndex,
                function,
                expected,
                format!("{index}, which is Input{index}"),
            ));
        }
    }
    if let Some(eleventh) = registry.predictions.get(MAX_SLOTS) {
        let (function, expected) = (format!("prediction::{}", eleventh.name), "at most 10 prediction types");
        return Err(Violation::new(
            Code::PredictionLimit,
            function,
            expected,
            format!("one more, Prediction{MAX_SLOTS}"),
        ));
    }
    Ok(())
}

fn latent_spaces(registry: &Registry) -> Result<(), Violation> {
    let broken = |name: &str, expected: &str, found: String| {
        Err(Violation::new(Code::LatentSpaceRule, format!("latent_space::{name}"), expected, found))
    };
    if let Some(eleventh) = registry.latent_spaces.get(MAX_LATENT_SPACES) {
        return broken(&eleventh.name, "at most 10 custom latent spaces", registry.latent_spaces.len().to_string());
    }
    let mut analysed = registry.latent_spaces.iter().filter(|space| space.options.use_for_analysis);
    if let (Some(first), Some(second)) = (analysed.next(), analysed.next()) {
        let found = format!("it is already set for {}", first.name);
        return broken(&second.name, "one latent space for the analysis", found);
    }
    for space in &registry.latent_spaces {
        if space.computed_at == ComputedAt::Model && space.arguments.is_empty() {
            return broken(&space.name, "at least one argument beside the samples", "none".to_owned());
        }
        if let Some(LatentSpaceReduction::RandomProjection { n_components: 0 }) = space.options.reduce {
            return broken(&space.name, "n_components, a positive int", "0".to_owned());
        }
    }
    Ok(())
}

fn simulations(registry: &Registry) -> Result<(), Violation> {
    for simulation in &registry.simulations {
        let function = format!("simulation::{}", simulation.name);
        if simulation.parameters.is_empty() {
            return Err(broken_simulation(&function, "at least one parameter", "none"));
        }
        let mut seen = HashSet::new();
        for (name, bounds) in &simulation.parameters {
            if !seen.insert(name) {
                return Err(broken_simulation(&function, "each parameter once", format!("{name} twice")));
            }
            bounds.validate(&function, name)?;
        }
    }
    Ok(())
}

fn sources(registry: &Registry, kind: &str, name: &str, arguments: &[Argument]) -> Result<(), Violation> {
    let function = || format!("{kind}::{name}");
    for argument in arguments {
        let (what, wanted, known): (_, _, Vec<&str>) = match &argument.source {
            Source::Input(wanted) => ("input", wanted, registry.inputs.iter().map(|input| &*input.name).collect()),
            Source::GroundTruth(wanted) => {
                ("ground truth", wanted, registry.ground_truths.iter().map(|encoder| &*encoder.name).collect())
            }
            Source::Prediction(wanted) => {
                ("prediction", wanted, registry.predictions.iter().map(|prediction| &*prediction.name).collect())
            }
            Source::Wired => continue,
        };
        if !known.contains(&wanted.as_str()) {
            let expected = format!("argument {} to read a registered {what}, one of {known:?}", argument.name);
            return Err(Violation::new(Code::UnknownSource, function(), expected, format!("{wanted:?}")));
        }
    }
    Ok(())
}

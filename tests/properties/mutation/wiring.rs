//! Names of things that are not there.

use leap_binder::contract::*;

use super::*;

pub(super) fn unknown_source(description: &mut Description, pick: usize) -> Option<Caught> {
    let wrong = match pick % 3 {
        0 => input("nowhere"),
        1 => ground_truth("nowhere"),
        _ => prediction("nowhere"),
    };
    let function = Function { name: "lost".to_owned(), arguments: vec![wrong.clone()] };
    let mut kinds = vec!["loss", "metric", "instance_metric", "visualizer", "latent_space"];
    if !description.chains.is_empty() && pick % 3 == 1 {
        kinds.push("autoregressive_loss");
    }
    let kind = any_of(&kinds, pick / 3)?;
    match kind {
        "loss" => description.losses.push(function),
        "metric" => description.metrics.push(function),
        "instance_metric" => description.instance_metrics.push(function),
        "visualizer" => description.visualizers.push((LeapDataType::Text, function)),
        "latent_space" => {
            let (kind, options) = (SpaceKind::Model(vec![wrong]), LatentSpaceOptions::default());
            description.latent_spaces.push(Space { name: "lost".to_owned(), kind, options });
        }
        _ => description.chains[0].losses.push(function),
    }
    Caught::at_build("BND-004", [format!("{kind}::lost:"), "nowhere".to_owned()])
}

pub(super) fn chain_reads_input(description: &mut Description, pick: usize) -> Option<Caught> {
    let wrong = any_of(&description.predictions, pick).map(|known| prediction(known.name))?;
    let chain = description.chains.first_mut()?;
    let function = Function { name: "lost".to_owned(), arguments: vec![wrong] };
    let kind = ["loss", "metric", "visualizer"][pick % 3];
    match kind {
        "loss" => chain.losses.push(function),
        "metric" => chain.metrics.push(function),
        _ => chain.visualizers.push((LeapDataType::Text, function)),
    }
    Caught::at_build("BND-004", [format!("autoregressive_{kind}::lost:")])
}

/// The setup is there when the configuration is looked at.
fn configured(name: &str) -> Option<Caught> {
    Some(Caught { setup: true, ..Caught::general("BND-011", ["analysis_configuration", name])? })
}

pub(super) fn unknown_domain_gap(description: &mut Description, _: usize) -> Option<Caught> {
    description.configuration.domain_gap_metadata.get_or_insert_default().push("nowhere".to_owned());
    configured("nowhere")
}

pub(super) fn unknown_ignored(description: &mut Description, pick: usize) -> Option<Caught> {
    let name = ["nowhere", "balanced", "user_custom"][pick % 3];
    description.configuration.ignore_latent_spaces.get_or_insert_default().push(name.to_owned());
    configured(name)
}

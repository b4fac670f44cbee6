//! Steps 5 and 6: what custom latent spaces need of the rest of the binder.

use super::payload::Payload;
use crate::binder::{LatentSpace, Prepared, Registry};
use crate::contract::{Code, ComputedAt, DataState, Source, Violation};

/// Latent spaces of instances need instances.
pub(super) fn instance_aware(registry: &Registry) -> Option<Payload> {
    let names = names(registry, |space| space.instance_aware)?;
    let mut payload = Payload::new("instance_custom_latent_space");
    if registry.instances.is_none() {
        let expected = format!(
            "element instances for the latent spaces {names:?}: tensorleap_instances_masks_encoder and \
             tensorleap_element_instance_preprocess, both registered by `instances`"
        );
        let violation = Violation::new(Code::InstanceRule, "instance_custom_latent_space", expected, "none");
        payload.fail("Errors", &violation);
    }
    Some(payload)
}

/// Latent spaces of the model's tensors go neither with groups nor, where they read ground truth, with unlabeled samples.
pub(super) fn model_computed(registry: &Registry, prepared: &Prepared) -> Option<Payload> {
    let names = names(registry, |space| space.computed_at == ComputedAt::Model)?;
    let mut payload = Payload::new("model_custom_latent_space");
    if prepared.is_grouped() {
        let states: Vec<&str> = prepared.subsets.iter().map(|subset| subset.state.as_str()).collect();
        let expected = format!("samples that are not grouped for the model-computed latent spaces {names:?}");
        let found = format!("a grouped preprocess response (grouped: {states:?})");
        let violation = Violation::new(Code::MixedGrouping, "model_custom_latent_space", expected, found);
        payload.fail("Errors", &violation);
        return Some(payload);
    }
    let reads_truth =
        |space: &&LatentSpace| space.arguments.iter().any(|argument| matches!(argument.source, Source::GroundTruth(_)));
    let reading: Vec<&str> = registry.latent_spaces.iter().filter(reads_truth).map(|space| &*space.name).collect();
    let unlabeled = prepared.subsets.iter().any(|subset| subset.state == DataState::Unlabeled);
    if unlabeled && !reading.is_empty() {
        let text = format!("the latent spaces {reading:?} read a ground truth, which unlabeled samples do not have");
        payload.display.insert("Warnings".to_owned(), text);
    }
    Some(payload)
}

fn names(registry: &Registry, which: impl Fn(&LatentSpace) -> bool) -> Option<Vec<&str>> {
    let names: Vec<&str> =
        registry.latent_spaces.iter().filter(|space| which(space)).map(|space| &*space.name).collect();
    (!names.is_empty()).then_some(names)
}

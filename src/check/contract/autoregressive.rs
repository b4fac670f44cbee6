//! Steps 3 and 9: what goes with a chain of model calls, and the chain's first call on each subset.

use super::first::FirstSamples;
use super::handlers::{loaded, on_sample};
use super::payload::Payload;
use crate::binder::flow::{first_step, same_layout};
use crate::binder::{AnySample, AutoregressiveFunctions, Place, Registry};
use crate::contract::{Code, NamedTensors, Violation};

/// Names and shapes of the inputs that a chain makes.
pub(super) type InputShapes = Vec<(String, Vec<usize>)>;

const FUNCTION: &str = "autoregressive_step";

/// A chain brings its own inputs, and needs names for its outputs.
pub(super) fn structure(registry: &Registry) -> Result<(), Violation> {
    if registry.autoregressive.is_none() {
        return Ok(());
    }
    let forbidden = [
        (!registry.inputs.is_empty(), "must not declare input encoders"),
        (!registry.simulations.is_empty(), "must not declare simulations"),
        (registry.instances.is_some(), "must not declare element instances"),
        (!registry.latent_spaces.is_empty(), "must not declare custom latent spaces"),
        (registry.predictions.is_empty(), "must declare prediction types"),
    ];
    match forbidden.into_iter().find(|(broken, _)| *broken) {
        None => Ok(()),
        Some((_, rule)) => {
            let expected = format!("a binder that keeps: an autoregressive integration {rule}");
            Err(Violation::new(Code::AutoregressiveRule, FUNCTION, expected, "one that does not"))
        }
    }
}

/// Runs the first call of each subset twice; gives the payload and the inputs' names and shapes, where they are known.
pub(super) fn first_calls(registry: &Registry, first: &FirstSamples<'_>) -> Option<(Payload, InputShapes)> {
    let chain = registry.autoregressive.as_ref()?;
    let mut known: Option<(&'static str, NamedTensors)> = None;
    let mut payload = Payload::new(FUNCTION);
    for (place, sample) in first.iter() {
        let inputs = first_inputs(registry, place, sample).and_then(|inputs| {
            if let Some((state, before)) = &known {
                same_layout((state, before), (&format!("{}: across states", place.state), &inputs))?;
            }
            Ok(inputs)
        });
        match inputs {
            Ok(inputs) => {
                known.get_or_insert((place.state.as_str(), inputs));
            }
            Err(violation) => {
                let violation = violation.on(place.state, place.ids.first().map(|id| id as _));
                payload.fail("Errors", &violation);
                break;
            }
        }
    }
    // The setup lists the inputs even of a hook that failed a rule: from its first call, if that gave any.
    let shapes = known.map(|(_, inputs)| inputs).or_else(|| any_inputs(chain, first)).unwrap_or_default();
    Some((payload, shapes.into_iter().map(|(name, xs)| (name, xs.dims().to_vec())).collect()))
}

fn any_inputs(chain: &AutoregressiveFunctions, first: &FirstSamples<'_>) -> Option<NamedTensors> {
    let (place, sample) = first.iter().next()?;
    on_sample(FUNCTION, place, sample, |sample| (chain.step)(sample, None, place)).ok()?.0
}

fn first_inputs(
    registry: &Registry,
    place: Place<'_>,
    sample: Result<&AnySample, &Violation>,
) -> Result<NamedTensors, Violation> {
    let sample = loaded(place, sample)?;
    Ok(first_step(registry, sample, place)?.0)
}

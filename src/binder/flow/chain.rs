//! The model loop: the autoregressive step and the model in turn, run by the crate, so that they cannot get out of step.

use std::collections::BTreeSet;

use candle_core::Tensor;

use super::model::ModelCall;
use crate::binder::handlers::{AutoregressiveFunctions, ChainFunction, ChainRef, StepResult};
use crate::binder::{AnySample, AnyState, Place, Registry, guarded, same_bits};
use crate::contract::{ChainMetric, Code, MetricDirections, MetricResult, NamedTensors, Violation, resolve_directions};

const STEP: &str = "autoregressive_step";
/// Calls of the step in one chain.
const MAX_STEPS: usize = 1000;

/// A chain that came to its end: the last inputs and outputs, without a batch axis, and the last state.
pub(super) struct ChainRun {
    pub(super) inputs: NamedTensors,
    pub(super) outputs: NamedTensors,
    state: Box<dyn AnyState>,
}

impl ChainRun {
    fn as_ref(&self) -> ChainRef<'_> {
        ChainRef { inputs: &self.inputs, outputs: &self.outputs, state: &*self.state }
    }
}

/// The first call of the step on a sample, with the rules of its result.
///
/// # Errors
/// `BND-215` when there is no step or it breaks a rule.
pub(crate) fn first_step(
    registry: &Registry,
    sample: &AnySample,
    place: Place<'_>,
) -> Result<(NamedTensors, Box<dyn AnyState>), Violation> {
    let Some(chain) = &registry.autoregressive else {
        return Err(broken("a binder with an autoregressive step", "none"));
    };
    match call_twice(chain, sample, None, place)? {
        (Some(inputs), state) => Ok((inputs, state)),
        (None, _) => {
            Err(broken("initial model inputs from the first call", "none; the chain may not end before it began"))
        }
    }
}

/// Runs the chain of one sample to its end.
pub(super) fn run(
    registry: &Registry,
    sample: &AnySample,
    place: Place<'_>,
    model: &ModelCall,
) -> Result<ChainRun, Violation> {
    let (first, state) = first_step(registry, sample, place)?;
    let Some(chain) = &registry.autoregressive else {
        return Err(broken("a binder with an autoregressive step", "none"));
    };
    let mut at = ChainRun { inputs: first.clone(), outputs: NamedTensors::new(), state };
    for _ in 1..MAX_STEPS {
        at.outputs = call_model(registry, model, &at.inputs)?;
        match call_twice(chain, sample, Some(at.as_ref()), place)? {
            (None, state) => return Ok(ChainRun { state, ..at }),
            (Some(inputs), state) => {
                same_layout(("the first call", &first), ("a later one", &inputs))?;
                at = ChainRun { inputs, outputs: NamedTensors::new(), state };
            }
        }
    }
    Err(broken("a chain that ends", format!("more than {MAX_STEPS} steps")))
}

fn call_model(registry: &Registry, model: &ModelCall, inputs: &NamedTensors) -> Result<NamedTensors, Violation> {
    let batched = guarded("model", || {
        Ok(inputs.iter().map(|(_, xs)| xs.unsqueeze(0)).collect::<candle_core::Result<Vec<_>>>()?)
    })?;
    let feeds: Vec<(&str, &Tensor)> = inputs.iter().map(|(name, _)| &**name).zip(&batched).collect();
    let outputs = model.run_named(&feeds)?;
    let outputs = guarded("model", || {
        Ok(outputs.iter().map(|xs| xs.narrow(0, 0, 1)?.squeeze(0)).collect::<candle_core::Result<Vec<_>>>()?)
    })?;
    Ok(registry.predictions.iter().map(|prediction| prediction.name.clone()).zip(outputs).collect())
}

/// Calls the step twice with the same arguments: it must say the same.
fn call_twice(
    chain: &AutoregressiveFunctions,
    sample: &AnySample,
    at: Option<ChainRef<'_>>,
    place: Place<'_>,
) -> Result<StepResult, Violation> {
    let first = guarded(STEP, || (chain.step)(sample, at, place))?;
    let again = guarded(STEP, || (chain.step)(sample, at, place))?;
    if let Some(inputs) = &first.0 {
        named(inputs)?;
    }
    let json = |state: &dyn AnyState| {
        state.to_json().map_err(|error| {
            broken("a state that can be serialised", format!("state is not serializable: {error}"))
                .because(error.into())
        })
    };
    let state = (json(&*first.1)? != json(&*again.1)?).then(|| "other states".to_owned());
    match state.or_else(|| different(first.0.as_ref(), again.0.as_ref())) {
        None => Ok(first),
        Some(what) => {
            let found = format!("{what} from a second call with the same arguments: it is not deterministic");
            Err(broken("randomness, if any, from the sample's id", found))
        }
    }
}

fn named(inputs: &NamedTensors) -> Result<(), Violation> {
    if inputs.is_empty() {
        let expected = "initial model inputs, at least one input on later calls, or none to end the chain";
        return Err(broken(expected, "an empty list"));
    }
    let mut seen = BTreeSet::new();
    for (name, _) in inputs {
        if name.starts_with('_') {
            return Err(broken("names that do not start with `_`", format!("{name:?}, with an underscore")));
        }
        if name.is_empty() || !seen.insert(name) {
            return Err(broken("names of their own", format!("{name:?}")));
        }
    }
    Ok(())
}

/// The names and shapes of a chain's inputs never change; each side comes with where it was seen.
pub(crate) fn same_layout(known: (&str, &NamedTensors), now: (&str, &NamedTensors)) -> Result<(), Violation> {
    let ((before, known), (after, now)) = (known, now);
    let names = |inputs: &NamedTensors| inputs.iter().map(|(name, _)| name.clone()).collect::<BTreeSet<_>>();
    if names(known) != names(now) {
        let expected = format!("the same key set on every call, {:?} as on {before}", names(known));
        return Err(broken(expected, format!("{:?} on {after}", names(now))));
    }
    for (name, xs) in known {
        let shape = now.iter().find(|(other, _)| other == name).map(|(_, xs)| xs.dims()).unwrap_or_default();
        if shape != xs.dims() {
            let known = xs.dims();
            let rule = "fixed tensor shapes, identical on every call";
            let expected = format!("{rule}: input {name} of shape {known:?} as on {before}");
            return Err(broken(expected, format!("{shape:?} on {after}")));
        }
    }
    Ok(())
}

/// What tells two results of the step apart.
fn different(one: Option<&NamedTensors>, two: Option<&NamedTensors>) -> Option<String> {
    let (one, two) = (one.into_iter().flatten(), two.into_iter().flatten());
    if !one.clone().map(|(name, _)| name).eq(two.clone().map(|(name, _)| name)) {
        return Some("other input names".to_owned());
    }
    let other = one.zip(two).find(|((_, xs), (_, ys))| !same_bits(xs, ys).unwrap_or(false));
    other.map(|((name, _), _)| format!("other values of {name:?}"))
}

/// Calls a function over a whole chain and ground truths without a batch axis.
pub(super) fn over<T>(
    kind: &str,
    function: &ChainFunction<T>,
    chain: &ChainRun,
    ground_truths: &[&Tensor],
) -> Result<T, Violation> {
    guarded(&format!("{kind}::{}", function.name), || (function.compute)(chain.as_ref(), ground_truths))
}

/// A metric over a chain is one number, or at least one number by name.
pub(super) fn validate_metric(
    name: &str,
    metric: &ChainMetric,
    directions: &MetricDirections,
) -> Result<Option<String>, Violation> {
    let function = format!("autoregressive_metric::{name}");
    let result = match metric {
        ChainMetric::Scalar(value) => MetricResult::from(vec![*value]),
        ChainMetric::Map(values) if values.is_empty() => {
            return Err(Violation::new(Code::MetricResult, function, "at least one value", "an empty map"));
        }
        ChainMetric::Map(values) => MetricResult::map(values.iter().map(|(key, value)| (key.clone(), vec![*value]))),
    };
    result.validate(&function, None)?;
    Ok(resolve_directions(&function, Some(directions), None, &result)?.defaulted)
}

fn broken(expected: impl Into<String>, found: impl Into<String>) -> Violation {
    Violation::new(Code::AutoregressiveStep, STEP, expected, found)
}

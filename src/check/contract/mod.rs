//! code_loader's `check_dataset`, step by step: its order, its payloads, its verdict.
//!
//! Each function is run on the first sample (or group) of each subset. Dtypes, shapes and finite values are no concern
//! of these steps; [`super::CheckOptions`] adds them.

mod autoregressive;
mod first;
mod handlers;
mod instances;
mod latent;
mod payload;
mod setup;
mod simulations;

use serde::Serialize;

pub use payload::{Payload, RawResult};
pub use setup::{
    CustomLossSetup, InputSetup, MetadataSetup, MetricSetup, ModelSetup, OutputSetup, PredictionSetup, Setup,
    SimulationSetup, SubsetLengths, VisualizerSetup,
};

use super::report::FunctionReport;
use crate::binder::{Prepared, Registry};
use crate::contract::{AnalysisConfiguration, Code, NodeConnection, Violation};
use first::FirstSamples;

/// What the platform's engine is told beside the setup (Tensorleap: `EngineFileContract`).
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct EngineFileContract {
    /// The graph that the integration test wires, and the labels of each prediction.
    pub node_connections: Vec<NodeConnection>,
    /// What is asked of the analysis.
    pub leap_analysis_configuration: AnalysisConfiguration,
}

/// What the steps found.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) payloads: Vec<Payload>,
    pub(super) general_error: Option<Violation>,
    pub(super) setup: Option<Setup>,
    pub(super) engine_file_contract: EngineFileContract,
    pub(super) functions: Vec<FunctionReport>,
    /// Whether loading failed, which discards the registration.
    pub(super) is_unloaded: bool,
}

/// What preprocess gave, or why it gave nothing; it runs once for everything.
type Listed<'a> = Result<&'a Prepared, &'a Violation>;

/// Loads the binder and runs the steps. `platform` makes an integration test mandatory.
pub(super) fn run(registry: &Registry, listed: Listed<'_>, platform: bool) -> Outcome {
    let mut outcome = Outcome::default();
    outcome.engine_file_contract.leap_analysis_configuration = registry.configuration.clone();
    let ended = load(registry, listed, &mut outcome).and_then(|()| steps(registry, listed, platform, &mut outcome));
    outcome.general_error = ended.err();
    outcome
}

/// The first thing that fails in the steps, in their order.
pub(crate) fn first_failure(registry: &Registry, prepared: &Prepared) -> Option<Violation> {
    let mut outcome = Outcome::default();
    let ended = steps(registry, Ok(prepared), false, &mut outcome);
    outcome.payloads.into_iter().find_map(|payload| payload.violation).or(ended.err())
}

/// Step 1: with an integration test preprocess comes first, and the test's body is mapped.
fn load(registry: &Registry, listed: Listed<'_>, outcome: &mut Outcome) -> Result<(), Violation> {
    outcome.is_unloaded = true;
    if registry.integration_test.is_some() {
        listed.map_err(Clone::clone)?;
    }
    let (connections, broken) = registry.mapping();
    outcome.engine_file_contract.node_connections = connections;
    if let Some(violation) = broken {
        return Err(violation);
    }
    outcome.is_unloaded = false;
    Ok(())
}

fn steps(registry: &Registry, listed: Listed<'_>, platform: bool, outcome: &mut Outcome) -> Result<(), Violation> {
    outcome.payloads.push(integration_test(registry, platform));
    autoregressive::structure(registry)?;

    let prepared = match listed {
        Ok(prepared) => prepared,
        Err(violation) => {
            outcome.payloads.push(Payload::new("preprocess").failed("Errors", violation));
            return Err(violation.clone());
        }
    };
    let (preprocess, lengths) = preprocess(registry, prepared);
    outcome.payloads.push(preprocess);
    outcome.payloads.extend(latent::instance_aware(registry));
    outcome.payloads.extend(latent::model_computed(registry, prepared));

    let first = FirstSamples::load(registry, prepared);
    let shapes = handlers::run(registry, prepared, &first, outcome)?;
    outcome.payloads.extend(simulations::run(registry));
    let chain = autoregressive::first_calls(registry, &first);
    let chain_inputs = chain.map(|(payload, inputs)| {
        outcome.payloads.push(payload);
        inputs
    });
    outcome.payloads.extend(instances::false_positives(registry, &first, &shapes));
    let setup = setup::Setup::new(registry, lengths, shapes, &outcome.payloads, chain_inputs.unwrap_or_default())?;
    let setup = outcome.setup.insert(setup);
    setup::configuration(registry, setup)
}

fn integration_test(registry: &Registry, platform: bool) -> Payload {
    let payload = Payload::new("integration_test");
    if platform && registry.integration_test.is_none() {
        let found = "No integration test was found";
        let missing =
            Violation::new(Code::IntegrationTestMissing, "integration_test", "one, as the platform wants", found);
        return payload.failed("Errors", &missing);
    }
    payload
}

/// The rules of the ids and lengths; lengths are known for the subsets that stand before the first broken rule.
fn preprocess(registry: &Registry, prepared: &Prepared) -> (Payload, SubsetLengths) {
    let payload = Payload::new("preprocess");
    let mut lengths = SubsetLengths::default();
    let violation = prepared.violations().into_iter().next();
    if let Some(violation) = violation.as_ref().filter(|violation| violation.code != Code::EmptySubset) {
        return (payload.failed("Errors", violation), lengths);
    }
    if registry.false_positives.is_some() && prepared.is_grouped() {
        let expected = "samples that are not grouped, as there are false positives";
        let violation = Violation::new(Code::MixedGrouping, "preprocess", expected, "groups");
        return (payload.failed("Errors", &violation), lengths);
    }
    for (place, subset) in prepared.subsets.iter().enumerate().take_while(|(_, subset)| !subset.is_empty()) {
        lengths.set(subset.state, prepared.rows(place));
    }
    match violation {
        Some(violation) => (payload.failed("Errors", &violation), lengths),
        None => (payload, lengths),
    }
}

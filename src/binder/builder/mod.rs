mod adapters;
mod autoregressive;
mod encoders;
mod functions;
mod instances;
mod latent;
mod options;
mod test;

use std::fmt;
use std::sync::Arc;

use super::Binder;
use super::builtin::metadata as builtin;
use super::registry::Registry;
use super::rules;
use crate::Result;
use crate::contract::{AnalysisConfiguration, CustomLayer, Dataset, SimulationArguments, SimulationBounds};
use crate::contract::{HandlerResult, MetadataType};
use adapters::Erased;
pub use autoregressive::Autoregressive;
pub use functions::SamplePreprocessResponse;
pub use options::{InputOptions, MetricOptions};

/// Collects a binder's functions; [`BinderBuilder::build`] checks the registration as a whole.
///
/// Functions over a sample are closures over the data set's own `Sample` type. Losses and metrics get batched tensors,
/// visualizers one sample's; how many tensors is part of the closure's type, so a wrong count does not compile.
#[must_use = "a builder does nothing until `build`"]
pub struct BinderBuilder<D: Dataset> {
    dataset: Arc<D>,
    registry: Registry,
    /// Empty ground truths whose false-positive encoder may come later.
    problems: Vec<crate::contract::Violation>,
    /// Where the columns of instances stand among the metadata, once something needs them.
    instance_metadata: Option<usize>,
}

impl<D: Dataset> BinderBuilder<D> {
    pub(super) fn new(dataset: D) -> Self {
        let dataset = Arc::new(dataset);
        let registry = Registry::new(Box::new(Erased(Arc::clone(&dataset))));
        Self { dataset, registry, problems: Vec::new(), instance_metadata: None }
    }

    /// Describes a layer that the platform does not know; one of the same name is replaced.
    pub fn custom_layer(mut self, layer: CustomLayer) -> Self {
        match self.registry.custom_layers.iter_mut().find(|known| known.name == layer.name) {
            Some(known) => *known = layer,
            None => self.registry.custom_layers.push(layer),
        }
        self
    }

    /// Says what is asked of the analysis; the check proves the names in it.
    pub fn analysis_configuration(mut self, configuration: AnalysisConfiguration) -> Self {
        self.registry.configuration = configuration;
        self
    }

    /// Registers a function that makes samples: `samples` of them for each call, all randomness from the seed.
    /// [`SimulationArguments::float`], `int` and `text` give the parameters.
    ///
    /// The check calls it with the middle of each parameter's bounds and runs the input encoders on what comes out.
    pub fn simulation<P: Into<String>>(
        mut self,
        name: impl Into<String>,
        parameters: impl IntoIterator<Item = (P, SimulationBounds)>,
        simulate: impl Fn(&SimulationArguments) -> HandlerResult<Vec<D::Sample>> + Send + Sync + 'static,
    ) -> Self {
        self.registry.simulations.push(super::handlers::Simulation {
            name: name.into(),
            parameters: parameters.into_iter().map(|(name, bounds)| (name.into(), bounds)).collect(),
            simulate: Box::new(move |arguments| {
                let samples = simulate(arguments)?.into_iter();
                Ok(samples.map(|sample| Box::new(sample) as Box<super::AnySample>).collect())
            }),
        });
        self
    }

    /// Checks the registration and makes the binder.
    ///
    /// # Errors
    /// [`crate::Error::Contract`] with the first broken rule: `BND-001` to `BND-010`.
    pub fn build(mut self) -> Result<Binder<D>> {
        if let Some(problem) = self.problems.into_iter().next() {
            return Err(problem.into());
        }
        let false_positives = self.registry.false_positives.is_some();
        if let Some(function) = self.instance_metadata.and_then(|place| self.registry.metadata.get_mut(place)) {
            *function = builtin::instance(false_positives);
        }
        rules::validate(&self.registry)?;
        Ok(Binder { dataset: self.dataset, registry: self.registry })
    }
}

fn typed<K: Into<String>>(types: impl IntoIterator<Item = (K, MetadataType)>) -> Vec<(String, MetadataType)> {
    types.into_iter().map(|(key, one)| (key.into(), one)).collect()
}

impl<D: Dataset> fmt::Debug for BinderBuilder<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("BinderBuilder").field(&self.registry).finish()
    }
}

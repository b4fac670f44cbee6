//! Losses, metrics, visualizers and latent spaces of the model in an integration test.

use candle_core::Tensor;

use super::handle::Node;
use super::{Calls, Flow, Wire, Wires, call, table, tensors};
use crate::Result;
use crate::binder::guarded;
use crate::contract::{Argument, Code, NodeType, SampleId, Source, Violation};

impl<'a> Flow<'a> {
    /// Computes a loss.
    ///
    /// # Errors
    /// As [`Calls::loss`].
    pub fn loss(&mut self, name: &str, arguments: impl Wires) -> Result<()> {
        let registry = self.registry;
        let loss = call::find("loss", &registry.losses, |loss| &loss.name, name)?;
        self.call(table::LOSS, name, NodeType::CustomLoss, &loss.arguments, arguments, |calls, xs, id| {
            calls.loss(name, xs, std::slice::from_ref(id)).map(drop)
        })
    }

    /// Computes a metric.
    ///
    /// # Errors
    /// As [`Calls::metric`].
    pub fn metric(&mut self, name: &str, arguments: impl Wires) -> Result<()> {
        let registry = self.registry;
        let metric = call::find("metric", &registry.metrics, |metric| &metric.name, name)?;
        self.call(table::METRIC, name, NodeType::Metric, &metric.arguments, arguments, |calls, xs, id| {
            calls.metric(name, xs, std::slice::from_ref(id)).map(drop)
        })
    }

    /// Computes a metric over instances.
    ///
    /// # Errors
    /// As [`Calls::instance_metric`].
    pub fn instance_metric(&mut self, name: &str, arguments: impl Wires) -> Result<()> {
        let registry = self.registry;
        let metric = call::find("instance_metric", &registry.instance_metrics, |metric| &metric.name, name)?;
        self.call(table::INSTANCE_METRIC, name, NodeType::Metric, &metric.arguments, arguments, |calls, xs, id| {
            calls.instance_metric(name, xs, std::slice::from_ref(id)).map(drop)
        })
    }

    /// Draws; a visualizer gets its tensors without their batch axis.
    ///
    /// # Errors
    /// As [`Calls::visualizer`].
    pub fn visualizer(&mut self, name: &str, arguments: impl Wires) -> Result<()> {
        let registry = self.registry;
        let visualizer = call::find("visualizer", &registry.visualizers, |visualizer| &visualizer.name, name)?;
        let kind = NodeType::Visualizer;
        self.call(table::VISUALIZER, name, kind, &visualizer.arguments, arguments, |calls, xs, id| {
            let xs = xs.iter().map(|xs| unbatched(name, xs)).collect::<Result<Vec<_>, _>>()?;
            calls.visualizer(name, &xs.iter().collect::<Vec<_>>(), id).map(drop)
        })
    }

    /// Computes a latent space from the model's tensors. Wiring it again replaces the first.
    ///
    /// # Errors
    /// As [`Calls::model_latent_space`]; `BND-108` for a grouped subset.
    pub fn model_latent_space(&mut self, name: &str, arguments: impl Wires) -> Result<()> {
        let registry = self.registry;
        let space = call::find("latent_space", &registry.latent_spaces, |space| &space.name, name)?;
        if self.real.as_ref().is_some_and(|real| real.grouped) {
            let found = "a grouped preprocess response";
            let function = format!("latent_space::{name}");
            return Err(Violation::new(Code::MixedGrouping, function, "samples that are not grouped", found).into());
        }
        let kind = NodeType::CustomLatentSpace;
        self.call(table::LATENT_SPACE, name, kind, &space.arguments, arguments, |calls, xs, id| {
            calls.model_latent_space(name, xs, std::slice::from_ref(id)).map(drop)
        })
    }

    /// A function over tensors: its arguments, its run on real values, its node.
    fn call(
        &mut self,
        row: &'static str,
        name: &str,
        node_type: NodeType,
        arguments: &[Argument],
        wires: impl Wires,
        run: impl FnOnce(&mut Calls<'a>, &[&Tensor], &SampleId) -> Result<(), Violation>,
    ) -> Result<()> {
        let unique = self.name.take();
        let wires = wires.wires();
        let function = format!("{}::{name}", table::function_of(row));
        tensors::counted(&function, arguments, &wires)?;
        let values = self.values(&function, &wires)?;
        if row != table::VISUALIZER {
            self.warn_of_other_sources(&function, arguments, &wires);
        }
        self.real(row, |calls, id| run(calls, &values.iter().collect::<Vec<_>>(), id))?;
        self.recorder.call(name, node_type, unique, arguments, &wires);
        Ok(())
    }

    /// A loss that is fed something else than it was registered with has most likely got its arguments swapped. Visualizers
    /// draw truth and prediction alike.
    fn warn_of_other_sources(&mut self, function: &str, arguments: &[Argument], wires: &[Wire]) {
        let registry = self.registry;
        let Some(real) = &mut self.real else { return };
        for (argument, wire) in arguments.iter().zip(wires) {
            let fed = match wire.node {
                Node::Input(index) => Source::Input(registry.inputs[index].name.clone()),
                Node::GroundTruth(index) => Source::GroundTruth(registry.ground_truths[index].name.clone()),
                Node::Prediction(place) => match registry.predictions.get(usize::from(place)) {
                    Some(prediction) => Source::Prediction(prediction.name.clone()),
                    None => continue,
                },
                Node::Step(_) => continue,
            };
            if argument.source != Source::Wired && argument.source != fed {
                real.calls.warnings.add(format!(
                    "{function}: its argument {} is registered with {} and is fed {fed}. Are the arguments in their order?",
                    argument.name, argument.source
                ));
            }
        }
    }
}

/// A tensor of one sample without its batch axis.
pub(super) fn unbatched(name: &str, xs: &Tensor) -> Result<Tensor, Violation> {
    guarded(name, || Ok(if xs.dims().first() == Some(&1) { xs.squeeze(0)? } else { xs.clone() }))
}

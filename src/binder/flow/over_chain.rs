//! Chains in an integration test: the model loop and the functions over its result.

use std::sync::Arc;

use candle_core::Tensor;

use super::handle::wiring;
use super::{ChainHandle, Flow, GroundTruthHandle, Wire, call, chain, functions::unbatched, table};
use crate::Result;
use crate::binder::AutoregressiveFunctions;
use crate::binder::{Place, guarded};
use crate::contract::{Argument, Code, NodeType, Violation};

impl<'a> Flow<'a> {
    /// Runs the model loop: the autoregressive step and the model in turn, until the step gives no inputs.
    ///
    /// The crate runs it, so the model gets exactly what the step gave, and the step what the model gave.
    ///
    /// # Errors
    /// `BND-302` when the binder has no autoregressive step or a chain was run before; `BND-215` for a step that is not
    /// deterministic, changes names or shapes, has a state that cannot be serialised, or does not end within 1000 calls;
    /// as [`super::ModelCall::run_named`].
    pub fn chain(&mut self) -> Result<ChainHandle> {
        if self.registry.autoregressive.is_none() {
            return Err(wiring("model_loop", "a binder with an autoregressive step", "none").into());
        }
        if std::mem::replace(&mut self.chained, true) {
            return Err(wiring("model_loop", "only one model loop in a test", "another").into());
        }
        let model = self.load_model()?;
        let (registry, run) = (self.registry, Arc::clone(&self.run));
        let (Some(real), Some(model)) = (&mut self.real, model) else {
            let names = match &self.step_inputs {
                Some(names) => names.clone(),
                None => self.first_step_names(),
            };
            self.recorder.step(&names)?;
            return Ok(ChainHandle { run, finished: None });
        };
        let id = real.id.clone();
        let finished = real.calls.on_sample(&id, |sample, place| chain::run(registry, sample, place, &model));
        let finished = finished.inspect_err(|violation| {
            let step = violation.function == "autoregressive_step";
            real.table.enter(if step { table::STEP } else { table::MODEL_LOOP });
        })?;
        real.table.pass(table::STEP);
        real.table.pass(table::MODEL_LOOP);
        let names: Vec<String> = finished.inputs.iter().map(|(name, _)| name.clone()).collect();
        self.recorder.step(&names)?;
        self.step_inputs = Some(names);
        Ok(ChainHandle { run, finished: Some(Arc::new(finished)) })
    }

    /// Computes a loss over a chain and ground truths, in the order of its arguments.
    ///
    /// # Errors
    /// `BND-004` for an unknown name, `BND-302` for another number of ground truths, `BND-202` and `BND-203` when it fails.
    pub fn autoregressive_loss<'h>(
        &mut self,
        name: &str,
        chain: &ChainHandle,
        ground_truths: impl IntoIterator<Item = &'h GroundTruthHandle>,
    ) -> Result<()> {
        let functions = self.functions()?;
        let loss = call::find("autoregressive_loss", &functions.losses, |loss| &loss.name, name)?;
        self.over(table::CHAIN_LOSS, name, &loss.arguments, chain, ground_truths, |_, run, xs| {
            chain::over("autoregressive_loss", loss, run, xs).map(drop)
        })
    }

    /// Computes a metric over a chain and ground truths.
    ///
    /// # Errors
    /// As [`Flow::autoregressive_loss`]; `BND-210` for an empty map or directions of keys that it has not.
    pub fn autoregressive_metric<'h>(
        &mut self,
        name: &str,
        chain: &ChainHandle,
        ground_truths: impl IntoIterator<Item = &'h GroundTruthHandle>,
    ) -> Result<()> {
        let functions = self.functions()?;
        let (directions, metric) =
            call::find("autoregressive_metric", &functions.metrics, |(_, metric)| &metric.name, name)?;
        self.over(table::CHAIN_METRIC, name, &metric.arguments, chain, ground_truths, |calls, run, xs| {
            let result = chain::over("autoregressive_metric", metric, run, xs)?;
            if let Some(parameter) = chain::validate_metric(name, &result, directions)? {
                calls.warnings.defaulted(&parameter, "Downward", name);
            }
            Ok(())
        })
    }

    /// Draws a chain and ground truths.
    ///
    /// # Errors
    /// As [`Flow::autoregressive_loss`].
    pub fn autoregressive_visualizer<'h>(
        &mut self,
        name: &str,
        chain: &ChainHandle,
        ground_truths: impl IntoIterator<Item = &'h GroundTruthHandle>,
    ) -> Result<()> {
        let functions = self.functions()?;
        let found = call::find("autoregressive_visualizer", &functions.visualizers, |(_, f)| &f.name, name)?;
        let visualizer = &found.1;
        let arguments = &visualizer.arguments;
        self.over(table::CHAIN_VISUALIZER, name, arguments, chain, ground_truths, |calls, run, xs| {
            let payload = chain::over("autoregressive_visualizer", visualizer, run, xs)?;
            calls.look_at(&format!("autoregressive_visualizer::{name}"), &payload);
            Ok(())
        })
    }

    fn over<'h>(
        &mut self,
        row: &'static str,
        name: &str,
        arguments: &[Argument],
        chain: &ChainHandle,
        ground_truths: impl IntoIterator<Item = &'h GroundTruthHandle>,
        call: impl FnOnce(&mut super::Calls<'_>, &chain::ChainRun, &[&Tensor]) -> Result<(), Violation>,
    ) -> Result<()> {
        let unique = self.name.take();
        let function = format!("{}::{name}", table::function_of(row));
        let wires: Vec<Wire> = ground_truths.into_iter().map(|handle| handle.0.clone()).collect();
        if !Arc::ptr_eq(&chain.run, &self.run) {
            return Err(wiring(&function, "the chain of this run", "one that was kept from another run").into());
        }
        if wires.len() != arguments.len() {
            let names: Vec<&str> = arguments.iter().map(|argument| &*argument.name).collect();
            let expected = format!("one ground truth for each argument, {names:?}");
            return Err(wiring(&function, expected, format!("{} ground truths", wires.len())).into());
        }
        let values = self.values(&function, &wires)?;
        let values = values.iter().map(|xs| unbatched(&function, xs)).collect::<Result<Vec<_>, _>>()?;
        if let Some(finished) = &chain.finished {
            let tensors: Vec<&Tensor> = values.iter().collect();
            self.real(row, |calls, id| {
                let state = calls.state;
                call(calls, finished, &tensors).map_err(|violation| violation.on(state, Some(id)))
            })?;
        }
        let node_type = match row {
            table::CHAIN_LOSS => NodeType::CustomLoss,
            table::CHAIN_METRIC => NodeType::Metric,
            _ => NodeType::Visualizer,
        };
        self.recorder.call(name, node_type, unique, arguments, &wires);
        Ok(())
    }

    fn functions(&self) -> Result<&'a AutoregressiveFunctions, Violation> {
        let known = self.registry.autoregressive.as_ref();
        known
            .ok_or_else(|| Violation::new(Code::UnknownSource, "autoregressive_step", "an autoregressive step", "none"))
    }

    /// The names of the model's inputs, which only the step knows: asked on the first training sample.
    ///
    /// None where that fails; the check reports the failure where it belongs.
    fn first_step_names(&self) -> Vec<String> {
        let names = || {
            let prepared = self.registry.prepare()?;
            let Some((subset, id)) = prepared.subsets.iter().find_map(|s| Some((s, s.sample_ids.first()?))) else {
                return Ok(Vec::new());
            };
            let sample = guarded("load", || self.registry.dataset.load(id, subset.state))?;
            let place = Place { state: subset.state, ids: std::slice::from_ref(id) };
            let (inputs, _) = chain::first_step(self.registry, &*sample, place)?;
            Ok::<_, Violation>(inputs.into_iter().map(|(name, _)| name).collect())
        };
        names().unwrap_or_default()
    }
}

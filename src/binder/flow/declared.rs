//! The wiring that a registration already declares, for binders that need no body of their own.

use std::collections::HashMap;

use super::{Flow, Handle, InputHandle, Outputs, Wire};
use crate::Result;
use crate::binder::handlers::LatentSpaceFn;
use crate::contract::{Argument, Source};

/// Handles that were made so far, so that an encoder is run and recorded once.
#[derive(Default)]
struct Made {
    inputs: Vec<(String, InputHandle)>,
    ground_truths: HashMap<String, Wire>,
    outputs: Option<Outputs>,
}

impl Flow<'_> {
    /// Wires everything as it was registered: all inputs in order into the model (by `model_input_index` where given), then
    /// every loss, metric, visualizer and latent space by the sources of its arguments, and every metadata function.
    ///
    /// The model is called if prediction types are registered. A function with an [`crate::contract::argument`], which only a test's
    /// own body can feed, is left out with a warning. Functions over chains get the chain and their ground truths.
    ///
    /// # Errors
    /// As the methods that it calls.
    pub fn wire_all(&mut self) -> Result<()> {
        let registry = self.registry;
        if registry.autoregressive.is_some() {
            return self.wire_chain();
        }
        let mut made = Made::default();
        for input in &registry.inputs {
            made.inputs.push((input.name.clone(), self.input(&input.name)?));
        }
        if !registry.predictions.is_empty() {
            let mut order: Vec<usize> = (0..made.inputs.len()).collect();
            order.sort_by_key(|place| registry.inputs[*place].model_input_index.unwrap_or(*place));
            made.outputs = Some(self.model(order.into_iter().map(|place| &made.inputs[place].1))?);
        }
        for loss in &registry.losses {
            if let Some(wires) = self.declared(&mut made, "loss", &loss.name, &loss.arguments)? {
                self.loss(&loss.name, wires)?;
            }
        }
        for metric in &registry.metrics {
            if let Some(wires) = self.declared(&mut made, "metric", &metric.name, &metric.arguments)? {
                self.metric(&metric.name, wires)?;
            }
        }
        for metric in &registry.instance_metrics {
            if let Some(wires) = self.declared(&mut made, "instance_metric", &metric.name, &metric.arguments)? {
                self.instance_metric(&metric.name, wires)?;
            }
        }
        for visualizer in &registry.visualizers {
            if let Some(wires) = self.declared(&mut made, "visualizer", &visualizer.name, &visualizer.arguments)? {
                self.visualizer(&visualizer.name, wires)?;
            }
        }
        for space in &registry.latent_spaces {
            match &space.compute {
                LatentSpaceFn::Dataset(_) => self.latent_space(&space.name)?,
                LatentSpaceFn::Model(_) => {
                    if let Some(wires) = self.declared(&mut made, "latent_space", &space.name, &space.arguments)? {
                        self.model_latent_space(&space.name, wires)?;
                    }
                }
                LatentSpaceFn::Instance(_) => {}
            }
        }
        self.wire_metadata()
    }

    fn wire_chain(&mut self) -> Result<()> {
        let Some(functions) = &self.registry.autoregressive else { return Ok(()) };
        let chain = self.chain()?;
        let losses = functions.losses.iter().map(|f| (0, &f.name, &f.arguments));
        let metrics = functions.metrics.iter().map(|(_, f)| (1, &f.name, &f.arguments));
        let visualizers = functions.visualizers.iter().map(|(_, f)| (2, &f.name, &f.arguments));
        for (kind, name, arguments) in losses.chain(metrics).chain(visualizers) {
            let mut truths = Vec::with_capacity(arguments.len());
            for argument in arguments {
                if let Source::GroundTruth(source) = &argument.source {
                    truths.push(self.ground_truth(source)?);
                }
            }
            if truths.len() < arguments.len() {
                self.left_out(name);
                continue;
            }
            match kind {
                0 => self.autoregressive_loss(name, &chain, &truths)?,
                1 => self.autoregressive_metric(name, &chain, &truths)?,
                _ => self.autoregressive_visualizer(name, &chain, &truths)?,
            }
        }
        self.wire_metadata()
    }

    fn wire_metadata(&mut self) -> Result<()> {
        self.registry.metadata.iter().try_for_each(|function| self.metadata(&function.name))
    }

    /// The wires of a function by its declared sources; none when one of them is left to a body.
    fn declared(
        &mut self,
        made: &mut Made,
        kind: &str,
        name: &str,
        arguments: &[Argument],
    ) -> Result<Option<Vec<Wire>>> {
        if arguments.iter().any(|argument| argument.source == Source::Wired) {
            self.left_out(&format!("{kind}::{name}"));
            return Ok(None);
        }
        let mut wires = Vec::with_capacity(arguments.len());
        for argument in arguments {
            match &argument.source {
                Source::Input(source) => {
                    let known = made.inputs.iter().find(|(known, _)| known == source);
                    wires.extend(known.map(|(_, input)| input.wire()));
                }
                Source::GroundTruth(source) => {
                    if !made.ground_truths.contains_key(source) {
                        made.ground_truths.insert(source.clone(), self.ground_truth(source)?.wire());
                    }
                    wires.extend(made.ground_truths.get(source).cloned());
                }
                Source::Prediction(source) => {
                    if let Some(outputs) = &made.outputs {
                        wires.push(outputs.prediction(source)?.wire());
                    }
                }
                Source::Wired => {}
            }
        }
        Ok(Some(wires))
    }

    fn left_out(&mut self, function: &str) {
        if let Some(real) = &mut self.real {
            real.calls.warnings.add(format!(
                "{function} was not run: it has an argument that only the body of an integration test can feed."
            ));
        }
    }
}

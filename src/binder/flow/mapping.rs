//! Records which function feeds which: the graph that the platform builds its training and analysis from.

use std::collections::HashMap;

use super::handle::{Node, Wire, wiring};
use crate::binder::Registry;
use crate::contract::{Argument, NodeConnection, NodeMapping, NodeType, Violation};

/// Places among a model's inputs that the platform knows.
const MAX_SLOTS: usize = 10;

/// The graph as it grows, call by call.
///
/// An encoder has one node however often it is called, and feeding it to the model changes that node; so nodes are kept by
/// place in the registry and written out at the end.
#[derive(Debug)]
pub(super) struct Recorder {
    /// For each input encoder, its place among the model's inputs.
    places: Vec<Option<u8>>,
    /// Which of those places a model call gave.
    fed: Vec<bool>,
    /// Names of the inputs that the autoregressive step makes.
    step_inputs: Vec<String>,
    recorded: Vec<Recorded>,
    /// Names under which each function was called.
    names: HashMap<String, Vec<String>>,
}

#[derive(Debug)]
enum Recorded {
    Source(Node),
    Call { node: NodeMapping, inputs: Vec<(String, Node)> },
}

impl Recorder {
    pub(super) fn new(registry: &Registry) -> Self {
        let places = registry.inputs.iter().map(|input| input.model_input_index.and_then(|i| u8::try_from(i).ok()));
        Self {
            places: places.collect(),
            fed: vec![false; registry.inputs.len()],
            step_inputs: Vec::new(),
            recorded: Vec::new(),
            names: HashMap::new(),
        }
    }

    /// A call of an input encoder.
    pub(super) fn input(&mut self, index: usize) {
        self.recorded.push(Recorded::Source(Node::Input(index)));
    }

    /// The inputs that the autoregressive step feeds to the model.
    pub(super) fn step(&mut self, names: &[String]) -> Result<(), Violation> {
        if let Some(beyond) = names.get(MAX_SLOTS) {
            return Err(too_many(beyond));
        }
        self.step_inputs = names.to_vec();
        self.recorded.extend((0..names.len()).map(|place| Recorded::Source(Node::Step(place))));
        Ok(())
    }

    /// A call of the model with inputs in its order; gives what deserves a warning.
    pub(super) fn feed(&mut self, registry: &Registry, inputs: &[Wire]) -> Result<Vec<String>, Violation> {
        let mut warnings = Vec::new();
        for (place, wire) in inputs.iter().enumerate() {
            let Node::Input(index) = wire.node else { continue };
            let name = &registry.inputs[index].name;
            if inputs[..place].iter().any(|earlier| earlier.node == wire.node) {
                let found = format!("The same input source, {name}, in several of the model's inputs");
                return Err(wiring("model", "each input fed to the model once", found));
            }
            let Some(slot) = u8::try_from(place).ok().filter(|_| place < MAX_SLOTS) else {
                return Err(too_many(name));
            };
            let before = self.places[index].filter(|before| *before != slot);
            if let Some(before) = before.filter(|_| self.fed[index]) {
                let found =
                    format!("input {name} as Input{before} in one call of the model and as Input{slot} in another");
                return Err(wiring("model", "each input at one place", found));
            }
            let other = (0..self.places.len()).find(|i| *i != index && self.fed[*i] && self.places[*i] == Some(slot));
            if let Some(other) = other {
                let found = format!("inputs {} and {name} at Input{slot}", registry.inputs[other].name);
                return Err(wiring("model", "one input at each place", found));
            }
            if let Some(before) = before {
                warnings.push(format!(
                    "Input {name:?} is registered with model_input_index {before}, but fed to the model at place {slot}, which counts."
                ));
            }
            self.places[index] = Some(slot);
            self.fed[index] = true;
        }
        Ok(warnings)
    }

    /// A call of a function under a name of its own.
    pub(super) fn call(
        &mut self,
        name: &str,
        node_type: NodeType,
        user_unique_name: Option<String>,
        arguments: &[Argument],
        wires: &[Wire],
    ) {
        let once = node_type == NodeType::CustomLatentSpace;
        let used = self.names.entry(format!("{node_type:?}::{name}")).or_default();
        let mut unique = user_unique_name.unwrap_or_else(|| name.to_owned());
        if used.contains(&unique) && !once {
            unique = format!("{unique}_{}", used.len());
        }
        used.push(unique.clone());
        let arg_names: Vec<String> = arguments.iter().map(|argument| argument.name.clone()).collect();
        let inputs = arg_names.iter().cloned().zip(wires.iter().map(|wire| wire.node)).collect();
        let node = NodeMapping::new(name, node_type).called(unique, arg_names);
        let same = |recorded: &&mut Recorded| matches!(recorded, Recorded::Call { node, .. } if node.node_type == node_type && node.name == name);
        let call = Recorded::Call { node, inputs };
        // A latent space is wired once: wiring it again replaces the first.
        match self.recorded.iter_mut().find(|recorded| once && same(recorded)) {
            Some(first) => *first = call,
            None => self.recorded.push(call),
        }
    }

    /// Loss and input, for each loss that reads an input which the model is not fed.
    pub(super) fn unfed(&self, registry: &Registry) -> Vec<(String, String)> {
        let losses = self.recorded.iter().filter_map(|recorded| match recorded {
            Recorded::Call { node, inputs } if node.node_type == NodeType::CustomLoss => Some((node, inputs)),
            _ => None,
        });
        let unfed = losses.flat_map(|(node, inputs)| {
            inputs.iter().filter_map(|(_, source)| match source {
                Node::Input(index) if self.places[*index].is_none() => {
                    Some((node.name.clone(), registry.inputs[*index].name.clone()))
                }
                _ => None,
            })
        });
        unfed.collect()
    }

    /// The graph: the labels of the predictions, then every call in its order.
    pub(super) fn finish(&self, registry: &Registry) -> Vec<NodeConnection> {
        let labels = registry.predictions.iter().zip(0u8..).map(|(prediction, place)| NodeConnection {
            node: NodeMapping::new(&*prediction.name, NodeType::PredictionLabels),
            node_inputs: Some(vec![("temp".to_owned(), NodeMapping::new("", NodeType::Prediction(place)))]),
        });
        let calls = self.recorded.iter().map(|recorded| match recorded {
            Recorded::Source(node) => NodeConnection { node: self.mapping(registry, *node), node_inputs: None },
            Recorded::Call { node, inputs } => NodeConnection {
                node: node.clone(),
                node_inputs: Some(
                    inputs.iter().map(|(name, source)| (name.clone(), self.mapping(registry, *source))).collect(),
                ),
            },
        });
        labels.chain(calls).collect()
    }

    fn mapping(&self, registry: &Registry, node: Node) -> NodeMapping {
        match node {
            Node::Input(index) => NodeMapping::new(&*registry.inputs[index].name, NodeType::Input(self.places[index])),
            Node::GroundTruth(index) => NodeMapping::new(&*registry.ground_truths[index].name, NodeType::GroundTruth),
            Node::Prediction(place) => NodeMapping::new("", NodeType::Prediction(place)),
            Node::Step(place) => NodeMapping::new(&*self.step_inputs[place], NodeType::Input(u8::try_from(place).ok())),
        }
    }
}

fn too_many(input: &str) -> Violation {
    wiring("model", "at most 10 model inputs", format!("{input} as Input{MAX_SLOTS}"))
}

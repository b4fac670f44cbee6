use serde::{Serialize, Serializer};

/// What a node of the recorded graph is (Tensorleap: `NodeMappingType`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NodeType {
    /// A visualizer.
    Visualizer,
    /// A metric.
    Metric,
    /// A ground-truth encoder.
    GroundTruth,
    /// An input encoder; with the place in the model's inputs once it is fed to the model.
    Input(Option<u8>),
    /// A loss.
    CustomLoss,
    /// The model's output by its place, 0 to 9.
    Prediction(u8),
    /// The labels of a prediction type.
    PredictionLabels,
    /// A custom latent space.
    CustomLatentSpace,
}

impl Serialize for NodeType {
    /// code_loader's spelling, for example `Prediction0`.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Visualizer => serializer.serialize_str("Visualizer"),
            Self::Metric => serializer.serialize_str("Metric"),
            Self::GroundTruth => serializer.serialize_str("GroundTruth"),
            Self::Input(None) => serializer.serialize_str("Input"),
            Self::Input(Some(place)) => serializer.collect_str(&format_args!("Input{place}")),
            Self::CustomLoss => serializer.serialize_str("CustomLoss"),
            Self::Prediction(place) => serializer.collect_str(&format_args!("Prediction{place}")),
            Self::PredictionLabels => serializer.serialize_str("PredictionLabels"),
            Self::CustomLatentSpace => serializer.serialize_str("CustomLatentSpace"),
        }
    }
}

/// A node of the graph that an integration test wires (Tensorleap: `NodeMapping`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct NodeMapping {
    /// The registered name; empty for predictions.
    pub name: String,
    /// What it is.
    #[serde(rename = "type")]
    pub node_type: NodeType,
    /// The name under which this call of the function is shown; `_1`, `_2` are appended to later calls.
    pub user_unique_name: Option<String>,
    /// Always null: code_loader leaves it so.
    pub sub_type: Option<String>,
    /// The names of the function's arguments.
    pub arg_names: Option<Vec<String>>,
}

impl NodeMapping {
    pub(crate) fn new(name: impl Into<String>, node_type: NodeType) -> Self {
        Self { name: name.into(), node_type, user_unique_name: None, sub_type: None, arg_names: None }
    }

    pub(crate) fn called(mut self, user_unique_name: String, arg_names: Vec<String>) -> Self {
        self.user_unique_name = Some(user_unique_name);
        self.arg_names = Some(arg_names);
        self
    }
}

/// A node and what feeds each of its arguments (Tensorleap: `NodeConnection`).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct NodeConnection {
    /// The node.
    pub node: NodeMapping,
    /// Argument and source, in argument order; none for an input.
    pub node_inputs: Option<Vec<(String, NodeMapping)>>,
}

impl Serialize for NodeConnection {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;
        struct Inputs<'a>(&'a [(String, NodeMapping)]);
        impl Serialize for Inputs<'_> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_map(self.0.iter().map(|(argument, node)| (argument, node)))
            }
        }
        let mut fields = serializer.serialize_struct("NodeConnection", 2)?;
        fields.serialize_field("node", &self.node)?;
        fields.serialize_field("node_inputs", &self.node_inputs.as_deref().map(Inputs))?;
        fields.end()
    }
}

//! Binders as plain data, so that they can be made at random, shrunk, printed and broken in one place.

use candle_core::DType;
use leap_binder::contract::*;

/// How a function goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failing {
    Error,
    Panic,
}

impl Failing {
    pub(crate) const BOTH: [Self; 2] = [Self::Error, Self::Panic];

    /// The code under which a user's function that goes wrong is reported.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::Error => "BND-202",
            Self::Panic => "BND-203",
        }
    }
}

/// Where a function goes wrong: on one subset, or everywhere.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fault {
    pub(crate) on: Option<DataState>,
    pub(crate) how: Failing,
}

#[derive(Debug, Clone)]
pub(crate) struct Description {
    pub(crate) data: Data,
    pub(crate) inputs: Vec<Input>,
    pub(crate) ground_truths: Vec<Encoder>,
    pub(crate) metadata: Vec<Facts>,
    pub(crate) predictions: Vec<Prediction>,
    pub(crate) losses: Vec<Function>,
    pub(crate) metrics: Vec<Function>,
    pub(crate) instance_metrics: Vec<Function>,
    pub(crate) visualizers: Vec<(LeapDataType, Function)>,
    pub(crate) latent_spaces: Vec<Space>,
    /// None or one; two are a mutation.
    pub(crate) instances: Vec<Instances>,
    /// None or one; two are a mutation.
    pub(crate) false_positives: Vec<FalsePositives>,
    pub(crate) empty_ground_truths: Vec<Encoder>,
    pub(crate) simulations: Vec<Simulation>,
    /// None or one; two are a mutation.
    pub(crate) chains: Vec<ChainOfCalls>,
    pub(crate) custom_layers: Vec<String>,
    pub(crate) configuration: AnalysisConfiguration,
}

#[derive(Debug, Clone)]
pub(crate) struct Data {
    pub(crate) subsets: Vec<Part>,
    /// Listed by `unlabeled_preprocess`.
    pub(crate) unlabeled: Option<Part>,
    pub(crate) preprocess: Option<Failing>,
    pub(crate) unlabeled_preprocess: Option<Failing>,
    pub(crate) load: Option<Fault>,
    /// A subset on which `load_group` gives one sample too many.
    pub(crate) one_too_many: Option<DataState>,
}

#[derive(Debug, Clone)]
pub(crate) struct Part {
    pub(crate) state: DataState,
    pub(crate) ids: Vec<SampleId>,
    /// Sizes of the groups.
    pub(crate) groups: Option<Vec<usize>>,
}

#[derive(Debug, Clone)]
pub(crate) struct Encoder {
    pub(crate) name: String,
    pub(crate) shape: Vec<usize>,
    pub(crate) dtype: DType,
    pub(crate) fault: Option<Fault>,
    /// Fails on samples that a simulation made.
    pub(crate) fails_simulated: bool,
    /// Gives another value on each call.
    pub(crate) noisy: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct Input {
    pub(crate) encoder: Encoder,
    pub(crate) channel_dim: Option<i64>,
    pub(crate) model_input_index: Option<usize>,
}

/// A metadata function.
#[derive(Debug, Clone)]
pub(crate) struct Facts {
    pub(crate) name: String,
    pub(crate) values: Values,
    pub(crate) declared: Option<MetadataTypes>,
    pub(crate) fault: Option<Fault>,
}

#[derive(Debug, Clone)]
pub(crate) enum Values {
    Single(Fact),
    Map(Vec<(String, Fact)>),
}

#[derive(Debug, Clone)]
pub(crate) struct Fact {
    pub(crate) value: MetadataValue,
    /// Subsets on which it is absent.
    pub(crate) absent_on: Vec<DataState>,
    /// Subsets on which a map lacks its key.
    pub(crate) missing_on: Vec<DataState>,
}

#[derive(Debug, Clone)]
pub(crate) struct Prediction {
    pub(crate) name: String,
    pub(crate) labels: Vec<String>,
    pub(crate) channel_dim: i64,
}

/// A loss, metric or visualizer.
#[derive(Debug, Clone)]
pub(crate) struct Function {
    pub(crate) name: String,
    pub(crate) arguments: Vec<Argument>,
}

#[derive(Debug, Clone)]
pub(crate) struct Space {
    pub(crate) name: String,
    pub(crate) kind: SpaceKind,
    pub(crate) options: LatentSpaceOptions,
}

#[derive(Debug, Clone)]
pub(crate) enum SpaceKind {
    Sample,
    Model(Vec<Argument>),
    Instance,
}

#[derive(Debug, Clone)]
pub(crate) struct Instances {
    pub(crate) per_sample: usize,
    pub(crate) metadata: Vec<(String, MetadataValue)>,
    pub(crate) types: Vec<(String, MetadataType)>,
    pub(crate) length: Option<Fault>,
    pub(crate) mask: Option<Fault>,
}

#[derive(Debug, Clone)]
pub(crate) struct FalsePositives {
    pub(crate) name: String,
    pub(crate) types: Vec<(String, MetadataType)>,
}

#[derive(Debug, Clone)]
pub(crate) struct Simulation {
    pub(crate) name: String,
    pub(crate) parameters: Vec<(String, SimulationBounds)>,
    /// Gives no sample.
    pub(crate) barren: bool,
    pub(crate) fault: Option<Failing>,
}

/// An autoregressive step with what goes with it.
#[derive(Debug, Clone)]
pub(crate) struct ChainOfCalls {
    pub(crate) aggregation: LatentSpaceAggregation,
    pub(crate) inputs: Vec<(String, Vec<usize>)>,
    pub(crate) losses: Vec<Function>,
    pub(crate) metrics: Vec<Function>,
    pub(crate) visualizers: Vec<(LeapDataType, Function)>,
    pub(crate) fault: Option<Fault>,
    pub(crate) quirk: Option<Quirk>,
}

/// What a step does wrong without failing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Quirk {
    /// Other values on each call.
    NoisyInputs,
    /// Another state on each call.
    NoisyState,
    /// Another name on each call.
    NoisyKeys,
    /// Ends the chain before it began.
    EndsAtOnce,
    /// A map without entries.
    NoInputs,
    /// One more input on a subset.
    OtherKeys(DataState),
    /// Another shape on a subset.
    OtherShape(DataState),
}

impl Description {
    /// The subsets in contract order.
    pub(crate) fn parts(&self) -> Vec<&Part> {
        let mut parts: Vec<&Part> = self.data.subsets.iter().chain(&self.data.unlabeled).collect();
        parts.sort_by_key(|part| part.state);
        parts
    }

    pub(crate) fn states(&self) -> Vec<DataState> {
        self.parts().iter().map(|part| part.state).collect()
    }

    /// The first sample of a subset, as a message names it.
    pub(crate) fn first_sample(&self, state: DataState) -> String {
        let part = self.parts().into_iter().find(|part| part.state == state).unwrap();
        format!(" on {state} sample {}", part.ids[0])
    }

    pub(crate) fn part_mut(&mut self, state: DataState) -> &mut Part {
        let Data { subsets, unlabeled, .. } = &mut self.data;
        subsets.iter_mut().chain(unlabeled).find(|part| part.state == state).unwrap()
    }

    pub(crate) fn is_grouped(&self) -> bool {
        self.data.subsets.iter().any(|part| part.groups.is_some())
    }
}

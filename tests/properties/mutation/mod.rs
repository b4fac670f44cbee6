//! The catalogue: one mutation for each rule, which says where and under which code the check must report it.

mod chains;
mod encoders;
mod facts;
mod limits;
mod names;
mod subsets;
mod wiring;

use leap_binder::contract::DataState;

use super::description::*;

/// How a mutation must be reported.
#[derive(Debug, Clone)]
pub(crate) struct Caught {
    pub(crate) code: &'static str,
    /// What every report of it must name: function, subset, sample.
    pub(crate) texts: Vec<String>,
    /// Whether the binder cannot even be built.
    pub(crate) at_build: bool,
    /// Payload and key of every failure; nothing else may fail.
    pub(crate) payloads: Vec<(String, String)>,
    /// Whether the check ends early, with a general error.
    pub(crate) general: bool,
    /// Whether the report has a setup nevertheless.
    pub(crate) setup: bool,
}

impl Caught {
    fn new(code: &'static str, texts: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let texts = texts.into_iter().map(Into::into).collect();
        Self { code, texts, at_build: false, payloads: Vec::new(), general: false, setup: true }
    }

    /// `build` refuses it.
    fn at_build(code: &'static str, texts: impl IntoIterator<Item = impl Into<String>>) -> Option<Self> {
        Some(Self { at_build: true, setup: false, ..Self::new(code, texts) })
    }

    /// A general error without a failed payload.
    fn general(code: &'static str, texts: impl IntoIterator<Item = impl Into<String>>) -> Option<Self> {
        Some(Self { general: true, setup: false, ..Self::new(code, texts) })
    }

    /// A general error beside the failed payload of preprocess.
    fn in_preprocess(code: &'static str, texts: impl IntoIterator<Item = impl Into<String>>) -> Option<Self> {
        let payloads = errors(["preprocess"]);
        Some(Self { general: true, setup: false, payloads, ..Self::new(code, texts) })
    }

    /// Failed payloads only.
    fn payloads(
        code: &'static str,
        payloads: Vec<(String, String)>,
        texts: impl IntoIterator<Item = impl Into<String>>,
    ) -> Option<Self> {
        Some(Self { payloads, ..Self::new(code, texts) })
    }
}

/// Failures of steps, which stand under `Errors`.
fn errors(names: impl IntoIterator<Item = impl Into<String>>) -> Vec<(String, String)> {
    names.into_iter().map(|name| (name.into(), "Errors".to_owned())).collect()
}

/// One of a list, if there are any.
fn any_of<T: Clone>(all: &[T], pick: usize) -> Option<T> {
    if all.is_empty() { None } else { all.get(pick % all.len()).cloned() }
}

/// Error or panic.
fn any_way(pick: usize) -> Failing {
    Failing::BOTH[pick / 7 % 2]
}

/// A subset with ground truth.
fn any_state(description: &Description, pick: usize) -> Option<DataState> {
    let states: Vec<DataState> =
        description.states().into_iter().filter(|state| *state != DataState::Unlabeled).collect();
    any_of(&states, pick / 3)
}

macro_rules! catalogue {
    ($($name:ident => $apply:path,)*) => {
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Mutation { $($name,)* }

        impl Mutation {
            pub(crate) const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// Breaks one rule, if the description has what it takes; `pick` chooses among equals.
            pub(crate) fn apply(self, description: &mut Description, pick: usize) -> Option<Caught> {
                match self { $(Self::$name => $apply(description, pick),)* }
            }
        }
    };
}

catalogue! {
    DuplicateInput => names::duplicate_input,
    DuplicateGroundTruth => names::duplicate_ground_truth,
    DuplicateMetadata => names::duplicate_metadata,
    ReservedMetadata => names::reserved_metadata,
    DuplicatePrediction => names::duplicate_prediction,
    DuplicateLoss => names::duplicate_loss,
    DuplicateMetric => names::duplicate_metric,
    DuplicateInstanceMetric => names::duplicate_instance_metric,
    DuplicateVisualizer => names::duplicate_visualizer,
    DuplicateLatentSpace => names::duplicate_latent_space,
    DuplicateSimulation => names::duplicate_simulation,
    DuplicateAcrossTheChain => names::duplicate_across_the_chain,
    BuiltinLoss => names::builtin_loss,
    BuiltinMetric => names::builtin_metric,
    BuiltinVisualizer => names::builtin_visualizer,
    EmptyName => names::empty,

    ChannelDim => limits::channel_dim,
    ModelInputIndex => limits::model_input_index,
    ElevenPredictions => limits::eleven_predictions,
    ElevenLatentSpaces => limits::eleven_latent_spaces,
    TwoForAnalysis => limits::two_for_analysis,
    ZeroComponents => limits::zero_components,
    EmptySimulation => limits::empty_simulation,
    DuplicateParameter => limits::duplicate_parameter,
    MinNotBelowMax => limits::min_not_below_max,
    NoCategories => limits::no_categories,
    TwoInstances => limits::two_instances,
    TwoFalsePositives => limits::two_false_positives,
    TwoEmptyGroundTruths => limits::two_empty_ground_truths,
    TwoChains => limits::two_chains,
    HundredMetadata => limits::hundred_metadata,
    EightHundredColumns => limits::eight_hundred_columns,

    UnknownSource => wiring::unknown_source,
    ChainReadsInput => wiring::chain_reads_input,
    UnknownDomainGap => wiring::unknown_domain_gap,
    UnknownIgnored => wiring::unknown_ignored,

    MissingSubset => subsets::missing,
    DuplicateState => subsets::duplicate_state,
    EmptySubset => subsets::empty,
    LongId => subsets::long_id,
    MixedIdTypes => subsets::mixed_id_types,
    MixedIdTypesInGroups => subsets::mixed_id_types_in_groups,
    MixedGrouping => subsets::mixed_grouping,
    EmptyGroup => subsets::empty_group,
    PreprocessFails => subsets::preprocess_fails,
    UnlabeledPreprocessFails => subsets::unlabeled_preprocess_fails,
    LoadFails => subsets::load_fails,
    WrongGroupSize => subsets::wrong_group_size,
    GroupedInstances => subsets::grouped_instances,
    GroupedFalsePositives => subsets::grouped_false_positives,
    GroupedModelLatentSpace => subsets::grouped_model_latent_space,

    InputFails => encoders::input_fails,
    InputFailsEverywhere => encoders::input_fails_everywhere,
    GroundTruthFails => encoders::ground_truth_fails,
    GroundTruthFailsEverywhere => encoders::ground_truth_fails_everywhere,
    InstancesLengthFails => encoders::instances_length_fails,
    InstancesMaskFails => encoders::instances_mask_fails,
    SimulationFails => encoders::simulation_fails,
    SimulationGivesNothing => encoders::simulation_gives_nothing,
    SimulatedSampleFails => encoders::simulated_sample_fails,
    SimulatedSampleIsNoisy => encoders::simulated_sample_is_noisy,
    InstanceSpaceWithoutInstances => encoders::instance_space_without_instances,
    FalsePositivesWithoutEmptyGroundTruth => encoders::false_positives_without_empty_ground_truth,
    UnknownEmptyGroundTruth => encoders::unknown_empty_ground_truth,
    EmptyGroundTruthShape => encoders::empty_ground_truth_shape,
    EmptyGroundTruthDtype => encoders::empty_ground_truth_dtype,
    EmptyGroundTruthFails => encoders::empty_ground_truth_fails,

    MetadataFails => facts::fails,
    AbsentUndeclared => facts::absent_undeclared,
    AbsentMapValueUndeclared => facts::absent_map_value_undeclared,
    AbsentMapValueOfOneType => facts::absent_map_value_of_one_type,
    AbsentNewKey => facts::absent_new_key,
    AbsentInstanceMetadata => facts::absent_instance_metadata,

    ChainWithWhatItCannotHave => chains::with_what_it_cannot_have,
    ChainWithoutPredictions => chains::without_predictions,
    ChainFails => chains::fails,
    ChainIsNoisy => chains::is_noisy,
    ChainUnderscore => chains::underscore,
    ChainWithoutInputs => chains::without_inputs,
    ChainOtherKeys => chains::other_keys,
    ChainOtherShape => chains::other_shape,
}

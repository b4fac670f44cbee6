use std::fmt;

use serde::Serialize;

macro_rules! codes {
    ($($name:ident $code:literal $cause:literal $mend:literal;)*) => {
        /// The rules, each with a stable code, a cause and a mend.
        ///
        /// The first digit groups them: 0 registration, 1 preprocess, 2 running a function, 3 the integration test, 4 rules
        /// beyond code_loader's, which are options of the check.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Code {
            $(#[doc = $cause] $name,)*
        }

        impl Code {
            /// Every code, in numeric order.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The stable code, for example `BND-001`.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }

            /// What is wrong, as a sentence.
            pub const fn cause(self) -> &'static str {
                match self { $(Self::$name => $cause,)* }
            }

            /// How to mend it, as an instruction.
            pub const fn mend(self) -> &'static str {
                match self { $(Self::$name => $mend,)* }
            }
        }
    };
}

codes! {
    DuplicateName "BND-001"
        "Two functions of one kind share a name, or a name is taken by a built-in."
        "give each function of a kind its own name, which no built-in has";
    EmptyName "BND-002"
        "A function has an empty name."
        "give the function a name";
    ChannelDim "BND-003"
        "A channel dimension is neither -1 nor positive, or lies beyond the tensor's rank."
        "use -1 for channel last, or the channel's axis in the batched tensor (1 for channel first)";
    UnknownSource "BND-004"
        "A function reads something that is not registered."
        "register that input, ground truth or prediction, or correct the name";
    InputIndex "BND-005"
        "A model input is given a place outside 0 to 9, or two inputs the same place."
        "number the model's inputs from 0, at most ten of them";
    PredictionLimit "BND-006"
        "More than ten prediction types are registered."
        "register at most ten prediction types";
    LatentSpaceRule "BND-007"
        "Custom latent spaces break a rule: at most ten, one for analysis, a positive number of components."
        "correct the registration of the latent space";
    SimulationRule "BND-008"
        "A simulation's parameters break a rule: at least one, min below max, values not empty."
        "correct the simulation's parameters";
    AutoregressiveRule "BND-009"
        "An autoregressive binder registers what does not go with a chain."
        "take inputs from the autoregressive step alone, and declare the prediction types";
    InstanceRule "BND-010"
        "Element instances or false positives are registered incompletely or twice."
        "register one false-positive encoder, and an empty ground truth for every ground-truth encoder";
    AnalysisConfiguration "BND-011"
        "The analysis configuration names something that is not there."
        "name existing metadata columns, inputs or predictions";
    RegistrationFailed "BND-012"
        "The code that builds the binder returned an error or panicked."
        "make the binder build; the error says what stopped it";
    PreprocessFailed "BND-101"
        "Preprocess returned an error or panicked."
        "make preprocess return the subsets; the error says what stopped it";
    MissingSubset "BND-102"
        "Training or validation data is missing."
        "return a training and a validation subset from preprocess";
    DuplicateState "BND-103"
        "Two subsets have the same state."
        "merge the two subsets or give one another state";
    EmptySubset "BND-104"
        "A subset has no samples."
        "leave an empty subset out, or correct the paths it is listed from";
    LongSampleId "BND-105"
        "A sample id is longer than 256 characters."
        "shorten ids to 256 characters";
    MixedIdTypes "BND-106"
        "Subsets mix text and integer ids."
        "use either text or integer ids in all subsets";
    DuplicateSampleId "BND-107"
        "A sample id occurs twice."
        "list each sample once";
    MixedGrouping "BND-108"
        "Some subsets are grouped and others are not, or grouping meets a function that cannot have it."
        "group the samples of all subsets or of none";
    GroupRule "BND-109"
        "A group is empty."
        "leave empty groups out";
    LoadFailed "BND-201"
        "Loading a sample failed."
        "repair or remove the sample; the error says why it cannot be loaded";
    FunctionFailed "BND-202"
        "A function returned an error."
        "make the function handle this sample; its own error says what stopped it";
    FunctionPanicked "BND-203"
        "A function panicked."
        "return an error instead of panicking; the message says what was assumed";
    WrongDtype "BND-204"
        "A tensor has another dtype than f32."
        "convert with `tensor.to_dtype(DType::F32)`";
    WrongShape "BND-205"
        "A tensor's shape differs between samples or subsets, or does not fit its declaration."
        "return one shape for every sample of every subset, without a batch axis";
    NotFinite "BND-206"
        "A tensor holds NaN or an infinity."
        "find the division by zero or the missing value and replace it before encoding";
    MetadataType "BND-207"
        "Metadata is absent on the first training sample, so that its type is unknown, or changes its type."
        "declare the type with `metadata_typed`, or return a value for the first training sample";
    VisualizerPayload "BND-208"
        "A visualizer's payload breaks its construction rules."
        "build the payload as its type documents";
    MetadataKeys "BND-209"
        "A metadata map has other keys than on the first training sample."
        "return the same keys in the same order for every sample, with an absent value where unknown";
    MetricResult "BND-210"
        "A metric's result is not one value for each sample."
        "return a tensor of shape (n,), or one row of confusion-matrix elements for each sample";
    LossResult "BND-211"
        "A loss's result is not one value for each sample."
        "return a tensor of shape (n,)";
    GroupSize "BND-212"
        "Loading a group gave another number of samples than the group has."
        "return one sample for each id, in the order of the ids";
    LatentSpaceResult "BND-213"
        "A custom latent space gave a tensor that cannot be used."
        "return at least one feature and at most 4096, or declare a reduction";
    SimulationResult "BND-214"
        "A simulation gave no samples, or encoders do not agree on a simulated sample."
        "return at least one sample for each call, with all randomness from the seed";
    AutoregressiveStep "BND-215"
        "The autoregressive step breaks a rule of the chain."
        "return the same inputs with the same shapes on every call, and none only to end the chain";
    EmptyGroundTruth "BND-216"
        "The empty ground truth of false positives does not fit the encoder's."
        "return a tensor of the encoder's shape and dtype";
    MetadataLimit "BND-217"
        "There are more than 99 metadata functions or 799 metadata columns."
        "merge functions into maps, or drop columns";
    InstanceMetadata "BND-218"
        "An instance's metadata is absent and has no declared type."
        "declare the type of the key";
    IntegrationTestMissing "BND-301"
        "The platform demands an integration test and there is none."
        "register one with `integration_test`";
    IntegrationTest "BND-302"
        "The integration test wires the graph in a way that the platform cannot follow."
        "pass handles from one registered function to the next, each input once";
    ModelCall "BND-303"
        "The model was given other inputs than it declares, or gave other outputs."
        "feed every input of the model once, in its order, and declare every output";
    NotDeterministic "BND-401"
        "A function gave another result when it was called again on the same sample."
        "take randomness from a seed that the sample fixes, or from none";
    TargetLeak "BND-402"
        "An input contains the ground truth."
        "keep the label out of what the model sees";
    ConstantMetadata "BND-403"
        "A metadata column has the same value on all samples that were checked."
        "drop the column, or find out why it never changes";
    LossNotPerSample "BND-404"
        "A loss mixes the samples of a batch."
        "reduce over all axes but the first";
    LossDoesNotFall "BND-405"
        "A loss does not fall when the prediction moves to the ground truth."
        "check the order of the arguments and the sign";
    BlackVisualizer "BND-406"
        "A visualizer's image would be shown black."
        "scale the image to 0..255";
    SlowSample "BND-407"
        "Loading a sample takes far longer than the others of its subset."
        "look at the sample: a larger file, a slow disk, a retry";
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Serialize for Code {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

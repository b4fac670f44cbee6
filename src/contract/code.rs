use std::fmt;

use serde::Serialize;

macro_rules! codes {
    ($($name:ident $code:literal $cause:literal $mend:literal;)*) => {
        /// The rules, each with a stable code, a cause and a mend.
        ///
        /// The first digit groups them: 0 registration, 1 preprocess, 2 running a function, 3 the integration test, 4 rules
        /// beyond code_loader's, which are options of the check. `docs/errors.md` lists them all.
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
        "Two functions of one kind share a name, or a function has the name of a built-in."
        "rename one of them; names are unique within a kind, and built-in functions keep theirs";
    EmptyName "BND-002"
        "A function has an empty name."
        "give the function a name of at least one character";
    ChannelDim "BND-003"
        "A channel dimension is neither -1 nor positive, or lies beyond the tensor's rank."
        "pass -1 for channel last, or the channel's axis counted in the batched tensor (1 for channel first)";
    UnknownSource "BND-004"
        "A function reads an input, ground truth or prediction that is not registered."
        "correct the name in the function's arguments, or register what it names";
    InputIndex "BND-005"
        "An input's place in the model is outside 0 to 9."
        "number the model's inputs from 0, at most ten of them";
    PredictionLimit "BND-006"
        "More than ten prediction types are registered."
        "register at most ten prediction types; leave out outputs that no function reads";
    LatentSpaceRule "BND-007"
        "Custom latent spaces break a rule: at most ten, one for the analysis, projections to at least one component."
        "remove latent spaces until ten are left, call `for_analysis` on one only, and project to at least 1 component";
    SimulationRule "BND-008"
        "A simulation's parameters break a rule: at least one, each name once, min below max, values not empty."
        "give each parameter its own name, a min below its max or at least one text; call it with those parameters";
    AutoregressiveRule "BND-009"
        "A binder with an autoregressive step registers what a chain of model calls cannot have."
        "remove input encoders, simulations, instances and latent spaces, or the step; register a prediction type";
    InstanceRule "BND-010"
        "Element instances or false positives are registered incompletely or twice."
        "call `instances` once (instance latent spaces need it); give false positives one `empty_ground_truth` a ground truth";
    AnalysisConfiguration "BND-011"
        "The analysis configuration names something that is not there."
        "use the names of existing metadata columns (`<function>_<key>` for maps), inputs or predictions";
    RegistrationFailed "BND-012"
        "The code that builds the binder returned an error or panicked."
        "repair what the error names; nothing was checked yet";
    PreprocessFailed "BND-101"
        "Preprocess returned an error or panicked."
        "repair what the error names; often a path that is wrong or not mounted";
    MissingSubset "BND-102"
        "Training or validation data is missing."
        "return a subset with `DataState::Training` and one with `DataState::Validation` from preprocess";
    DuplicateState "BND-103"
        "Two subsets have the same state."
        "merge the two subsets, or give one of them another state";
    EmptySubset "BND-104"
        "A subset has no samples."
        "correct the paths that the subset is listed from, or do not return it";
    LongSampleId "BND-105"
        "A sample id is longer than 256 characters."
        "shorten the id, for example to the path below the data folder; instances append `_<number>` to it";
    MixedIdTypes "BND-106"
        "Text and integer ids are mixed."
        "make all ids of all subsets texts, or all of them integers";
    DuplicateSampleId "BND-107"
        "A sample id occurs twice in a subset."
        "list each sample once, or add to the id what tells the two apart";
    MixedGrouping "BND-108"
        "Some subsets are grouped and others are not, or grouped samples meet a function that cannot take them."
        "group all subsets or none; use none with instances, false positives and latent spaces of the model";
    GroupRule "BND-109"
        "A group has no samples."
        "leave the empty group out";
    LoadFailed "BND-201"
        "Loading a sample failed."
        "open the sample that is named: repair it, or leave it out of its subset";
    FunctionFailed "BND-202"
        "A function returned an error."
        "run the function on the sample that is named, and repair what its error says";
    FunctionPanicked "BND-203"
        "A function panicked."
        "find the `unwrap`, index or assertion behind the panic, and return an error there or handle the sample";
    WrongDtype "BND-204"
        "A tensor has another dtype than f32."
        "convert the tensor with `to_dtype(DType::F32)` before returning it";
    WrongShape "BND-205"
        "A tensor's shape differs between samples or subsets, or does not fit its declaration."
        "resize or pad to one shape for all samples, without a batch axis";
    NotFinite "BND-206"
        "A tensor holds NaN or an infinity."
        "find the division by zero or the missing value, and replace it before it is encoded";
    MetadataType "BND-207"
        "A metadata value is absent before its type is known, or changes its type."
        "declare the type with `metadata_typed`, and return values of that type only";
    VisualizerPayload "BND-208"
        "A visualizer's payload breaks the rules of its type."
        "convert the data to the dtype and shape that the payload's documentation names";
    MetadataKeys "BND-209"
        "A metadata map has other keys than on the first training sample."
        "return the same keys in the same order for every sample, `MetadataValue::Absent` where a value is unknown";
    MetricResult "BND-210"
        "A metric's result is not one value for each sample, or its keys are not those of its directions."
        "return a tensor of shape (n,) or a list of n entries, under the keys that the directions name";
    LossResult "BND-211"
        "A loss's result is not one value for each sample."
        "reduce over all axes but the first, and return a tensor of shape (n,)";
    GroupSize "BND-212"
        "Loading a group gave another number of samples than the group has ids."
        "return one sample for each id from `load_group`, in the order of the ids";
    LatentSpaceResult "BND-213"
        "A custom latent space gave a tensor that cannot be used."
        "return at least one feature and at most 4096, or register the space with a reduction";
    SimulationResult "BND-214"
        "A simulation gave no samples, or an encoder gave two results for one simulated sample."
        "return as many samples as are asked for, and take all randomness from the seed";
    AutoregressiveStep "BND-215"
        "The autoregressive step breaks a rule of the chain."
        "begin with inputs, keep their names and shapes on every call, and return the same for the same arguments";
    EmptyGroundTruth "BND-216"
        "The empty ground truth of false positives does not fit the encoder's."
        "return a tensor of the shape and dtype that the ground-truth encoder returns";
    MetadataLimit "BND-217"
        "There are more than 99 metadata functions or 799 metadata columns."
        "merge functions into one that returns a map, or drop columns";
    InstanceMetadata "BND-218"
        "An instance's metadata is absent and has no declared type."
        "declare the key's type where the instances are registered";
    IntegrationTestMissing "BND-301"
        "The platform demands an integration test and there is none."
        "register one with `integration_test`";
    IntegrationTest "BND-302"
        "The integration test wires the graph in a way that the platform cannot follow."
        "pass what one registered function gives straight to the next, and each input to the model once";
    ModelCall "BND-303"
        "The model was given other inputs than it declares, or gave other outputs."
        "feed every input of the model once, in its order, and register a prediction type for every output";
    NotDeterministic "BND-401"
        "A function gave another result when it was called again on the same sample."
        "remove the randomness, or seed it from the sample's id";
    TargetLeak "BND-402"
        "An input contains the ground truth."
        "remove the label from the input, for example from a file name or a drawn caption";
    ConstantMetadata "BND-403"
        "A metadata column has the same value on all samples that were checked."
        "drop the column, or correct the function that should tell samples apart";
    LossNotPerSample "BND-404"
        "A loss mixes the samples of a batch."
        "reduce over all axes but the first, never over the batch";
    LossDoesNotFall "BND-405"
        "A loss does not fall when the prediction moves to the ground truth."
        "check that the arguments are in the declared order and that the sign is right";
    BlackVisualizer "BND-406"
        "A visualizer's image would be shown black."
        "multiply the image by 255; floats are shown as levels from 0 to 255";
    SlowSample "BND-407"
        "Loading a sample takes far longer than the others of its subset."
        "look at the sample that is named: a larger file, a slow disk, a retry";
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

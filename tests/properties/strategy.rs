//! Random descriptions of valid binders.

use candle_core::DType;
use leap_binder::contract::*;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::description::*;
use super::samples::{data, shorten};

const DTYPES: [DType; 6] = [DType::F32, DType::F64, DType::F16, DType::U8, DType::U32, DType::I64];
const TYPES: [MetadataType; 4] = [MetadataType::Float, MetadataType::String, MetadataType::Int, MetadataType::Boolean];

/// A binder with inputs of its own, or one of a chain of calls.
pub(crate) fn description() -> impl Strategy<Value = Description> {
    prop_oneof![3 => plain().boxed(), 1 => chained().boxed()]
}

/// Names that differ by their last part; the first may be anything that is printed.
fn names(kind: &'static str, count: usize) -> impl Strategy<Value = Vec<String>> {
    let prefixes = vec(prop_oneof![3 => Just(String::new()), 1 => "\\PC{0,3}"], count);
    let named = move |(place, prefix): (usize, String)| format!("{prefix}{kind}{place}");
    prefixes.prop_map(move |prefixes| prefixes.into_iter().enumerate().map(named).collect())
}

fn shape() -> impl Strategy<Value = Vec<usize>> {
    prop_oneof![9 => vec(1..4usize, 0..4), 1 => vec(0..3usize, 1..3)]
}

fn encoders(kind: &'static str, most: usize) -> impl Strategy<Value = Vec<Encoder>> {
    (names(kind, most), vec((shape(), select(DTYPES.to_vec())), 0..=most)).prop_map(|(names, tensors)| {
        let encoder =
            |(name, (shape, dtype))| Encoder { name, shape, dtype, fault: None, fails_simulated: false, noisy: false };
        names.into_iter().zip(tensors).map(encoder).collect()
    })
}

fn inputs() -> impl Strategy<Value = Vec<Input>> {
    // Some share their names with ground truths.
    let encoders = prop_oneof![4 => encoders("input", 3).boxed(), 1 => encoders("gt", 3).boxed()];
    (encoders, vec((proptest::option::of(select(vec![-1i64, 1, 2, 7])), any::<bool>()), 3)).prop_map(
        |(encoders, options)| {
            let input = |(place, (encoder, (channel_dim, indexed)))| Input {
                encoder,
                channel_dim,
                model_input_index: bool::then_some(indexed, 9 - place),
            };
            encoders.into_iter().zip(options).enumerate().map(input).collect()
        },
    )
}

fn value() -> impl Strategy<Value = MetadataValue> {
    prop_oneof![
        any::<i64>().prop_map(MetadataValue::Int),
        proptest::num::f64::ANY.prop_map(MetadataValue::Float),
        any::<bool>().prop_map(MetadataValue::Bool),
        "\\PC{0,4}".prop_map(MetadataValue::Text),
    ]
}

fn fact() -> impl Strategy<Value = Fact> {
    let absent_on = prop_oneof![3 => Just(Vec::new()), 1 => subsequence(DataState::ALL.to_vec(), 0..=5)];
    (value(), absent_on).prop_map(|(value, absent_on)| Fact { value, absent_on, missing_on: Vec::new() })
}

/// One metadata function; what is absent on the training sample is declared.
fn values() -> impl Strategy<Value = (Values, Option<MetadataTypes>)> {
    let absent = |fact: &Fact| fact.absent_on.contains(&DataState::Training);
    let one = select(TYPES.to_vec());
    let single = (fact(), one.clone(), any::<bool>()).prop_map(move |(fact, one, declare)| {
        let declared = (declare || absent(&fact)).then_some(MetadataTypes::Scalar(one));
        (Values::Single(fact), declared)
    });
    let map = vec((fact(), one, any::<bool>()), 0..4).prop_map(move |entries| {
        let (mut facts, mut types) = (Vec::new(), Vec::new());
        for (place, (fact, one, declare)) in entries.into_iter().enumerate() {
            if declare || absent(&fact) {
                types.push((format!("key{place}"), one));
            }
            facts.push((format!("key{place}"), fact));
        }
        (Values::Map(facts), (!types.is_empty()).then_some(MetadataTypes::Map(types)))
    });
    prop_oneof![single, map]
}

fn metadata() -> impl Strategy<Value = Vec<Facts>> {
    (names("metadata", 4), vec(values(), 0..=4)).prop_map(|(names, values)| {
        let facts = |(name, (values, declared))| Facts { name, values, declared, fault: None };
        names.into_iter().zip(values).map(facts).collect()
    })
}

fn predictions(least: usize) -> impl Strategy<Value = Vec<Prediction>> {
    let types = vec((vec("[a-z]{0,3}", 0..4), select(vec![-1i64, 1])), least..=3);
    (names("prediction", 3), types).prop_map(|(names, types)| {
        let prediction = |(name, (labels, channel_dim))| Prediction { name, labels, channel_dim };
        names.into_iter().zip(types).map(prediction).collect()
    })
}

/// Functions whose arguments are chosen among the sources by [`resolve`].
fn functions(kind: &'static str, least: usize) -> impl Strategy<Value = Vec<Function>> {
    let arguments = vec(vec(0..64usize, least..=3), 0..=3);
    (names(kind, 3), arguments).prop_map(|(names, arguments)| {
        let argument_of =
            |(place, pick): (usize, usize)| argument(pick.to_string()).named(format!("argument{place}_{pick}"));
        let function = |(name, picks): (String, Vec<usize>)| Function {
            name,
            arguments: picks.into_iter().enumerate().map(argument_of).collect(),
        };
        names.into_iter().zip(arguments).map(function).collect()
    })
}

fn visualizers(kind: &'static str, least: usize) -> impl Strategy<Value = Vec<(LeapDataType, Function)>> {
    let types = vec(select(LeapDataType::ALL.to_vec()), 3);
    (types, functions(kind, least)).prop_map(|(types, functions)| types.into_iter().zip(functions).collect())
}

/// Feeds the arguments from what is there; some stay to the integration test.
fn resolve(arguments: &mut [Argument], sources: &[Argument]) {
    for argument in arguments {
        let Some(pick) = argument.name.rsplit('_').next().and_then(|pick| pick.parse::<usize>().ok()) else { continue };
        if let Some(source) = sources.get(pick % (sources.len() + 1)) {
            argument.source = source.source.clone();
        }
    }
}

fn spaces() -> impl Strategy<Value = Vec<Space>> {
    let reduction = prop_oneof![
        Just(None),
        Just(Some(LatentSpaceReduction::MeanPool { channel_axis: -1 })),
        (1..64usize).prop_map(|n_components| Some(LatentSpaceReduction::RandomProjection { n_components })),
    ];
    let space = (0..3usize, reduction, 0..64usize);
    (names("space", 3), vec(space, 0..=3), proptest::option::of(0..3usize)).prop_map(|(names, spaces, analysed)| {
        let space = |(place, (name, (kind, reduction, pick))): (usize, (String, (usize, _, usize)))| {
            let arguments = vec![argument("xs").named(format!("xs_{pick}"))];
            let kind = [SpaceKind::Sample, SpaceKind::Model(arguments), SpaceKind::Instance][kind].clone();
            let mut options = LatentSpaceOptions::default();
            options.reduce = reduction;
            options.use_for_analysis = analysed == Some(place) && !matches!(kind, SpaceKind::Instance);
            Space { name, kind, options }
        };
        names.into_iter().zip(spaces).enumerate().map(space).collect()
    })
}

fn keyed_types() -> impl Strategy<Value = Vec<(String, MetadataType)>> {
    subsequence(vec!["score", "area", "kind"], 0..=3).prop_flat_map(|keys| {
        vec(select(TYPES.to_vec()), keys.len())
            .prop_map(move |types| keys.iter().map(|key| (*key).to_owned()).zip(types).collect())
    })
}

fn instances() -> impl Strategy<Value = Instances> {
    let metadata = subsequence(vec!["area", "kind", "depth"], 0..=3);
    (0..3usize, metadata, vec(prop_oneof![3 => value(), 1 => Just(MetadataValue::Absent)], 3), keyed_types()).prop_map(
        |(per_sample, keys, values, mut types)| {
            let metadata: Vec<_> = keys.into_iter().map(str::to_owned).zip(values).collect();
            for (key, value) in &metadata {
                if value.is_absent() && !types.iter().any(|(known, _)| known == key) {
                    types.push((key.clone(), MetadataType::Int));
                }
            }
            Instances { per_sample, metadata, types, length: None, mask: None }
        },
    )
}

fn simulations() -> impl Strategy<Value = Vec<Simulation>> {
    let bounds = prop_oneof![
        (-1e3..1e3f64, 1e-3..1e3f64).prop_map(|(min, width)| SimulationBounds::float(min, min + width)),
        (-100..100i64, 1..100i64).prop_map(|(min, width)| SimulationBounds::int(min, min + width)),
        vec("[a-z]{0,3}", 1..3).prop_map(SimulationBounds::categorical),
    ];
    (names("simulation", 2), vec(vec(bounds, 1..3), 0..=2)).prop_map(|(names, parameters)| {
        let simulation = |(name, bounds): (String, Vec<_>)| {
            let parameters =
                bounds.into_iter().enumerate().map(|(place, one)| (format!("parameter{place}"), one)).collect();
            Simulation { name, parameters, barren: false, fault: None }
        };
        names.into_iter().zip(parameters).map(simulation).collect()
    })
}

fn configuration() -> impl Strategy<Value = (Option<usize>, Option<usize>, Option<bool>)> {
    use proptest::option::of;
    (of(0..64usize), of(0..64usize), of(any::<bool>()))
}

type Configured = (Option<usize>, Option<usize>, Option<bool>);

/// Names things that are there.
fn configure(description: &mut Description, (gap, ignored, deterministic): Configured) {
    let columns = super::expected::columns(description);
    let gap = gap.and_then(|pick| columns.get(pick % (columns.len() + 1)));
    description.configuration.domain_gap_metadata = gap.map(|(name, _)| vec![name.clone()]);
    let inputs = description.inputs.iter().map(|input| &input.encoder.name);
    let chain = description.chains.iter().flat_map(|chain| chain.inputs.iter().map(|(name, _)| name));
    let mut known: Vec<String> = inputs.chain(chain).cloned().collect();
    known.extend(description.predictions.iter().map(|prediction| prediction.name.clone()));
    known.push("foreground".to_owned());
    description.configuration.ignore_latent_spaces = ignored.map(|pick| vec![known[pick % known.len()].clone()]);
    description.configuration.deterministic_results = deterministic;
}

/// Kinds of functions that any binder may have.
fn common() -> impl Strategy<Value = Description> {
    let registered = (encoders("gt", 3), metadata(), predictions(0));
    let functions =
        (functions("loss", 1), functions("metric", 1), functions("instance_metric", 1), visualizers("visualizer", 1));
    let layers = subsequence(vec!["Gate".to_owned(), "Norm".to_owned()], 0..=2);
    (data(true), registered, functions, layers).prop_map(
        |(
            data,
            (ground_truths, metadata, predictions),
            (losses, metrics, instance_metrics, visualizers),
            custom_layers,
        )| {
            Description {
                data,
                inputs: Vec::new(),
                ground_truths,
                metadata,
                predictions,
                losses,
                metrics,
                instance_metrics,
                visualizers,
                latent_spaces: Vec::new(),
                instances: Vec::new(),
                false_positives: Vec::new(),
                empty_ground_truths: Vec::new(),
                simulations: Vec::new(),
                chains: Vec::new(),
                custom_layers,
                configuration: AnalysisConfiguration::default(),
            }
        },
    )
}

fn plain() -> impl Strategy<Value = Description> {
    use proptest::option::of;
    let parts = (inputs(), spaces(), of(instances()), of(keyed_types()), simulations());
    (common(), parts, data(false), configuration()).prop_map(
        |(mut description, (inputs, spaces, instances, false_positives, simulations), flat, configuration)| {
            (description.inputs, description.simulations) = (inputs, simulations);
            description.instances.extend(instances);
            description.latent_spaces.extend(spaces);
            let has_instances = !description.instances.is_empty();
            description.latent_spaces.retain(|space| has_instances || !matches!(space.kind, SpaceKind::Instance));
            let of_model = description.latent_spaces.iter().any(|space| matches!(space.kind, SpaceKind::Model(_)));
            if let Some(types) = false_positives {
                description.false_positives.push(FalsePositives { name: "ghosts".to_owned(), types });
                description.empty_ground_truths = description.ground_truths.clone();
            }
            if description.is_grouped() && (has_instances || of_model || !description.false_positives.is_empty()) {
                description.data = flat;
            }
            if has_instances {
                shorten(&mut description.data);
            }
            feed(&mut description);
            configure(&mut description, configuration);
            description
        },
    )
}

fn feed(description: &mut Description) {
    let mut sources: Vec<Argument> = description.inputs.iter().map(|f| input(&*f.encoder.name)).collect();
    sources.extend(description.ground_truths.iter().map(|f| ground_truth(&*f.name)));
    sources.extend(description.predictions.iter().map(|f| prediction(&*f.name)));
    let Description { losses, metrics, instance_metrics, visualizers, latent_spaces, .. } = description;
    let drawn = visualizers.iter_mut().map(|(_, f)| f);
    for function in losses.iter_mut().chain(metrics).chain(instance_metrics).chain(drawn) {
        resolve(&mut function.arguments, &sources);
    }
    for space in latent_spaces {
        if let SpaceKind::Model(arguments) = &mut space.kind {
            resolve(arguments, &sources);
        }
    }
    let truths: Vec<Argument> = description.ground_truths.iter().map(|f| ground_truth(&*f.name)).collect();
    for chain in &mut description.chains {
        let drawn = chain.visualizers.iter_mut().map(|(_, f)| f);
        for function in chain.losses.iter_mut().chain(&mut chain.metrics).chain(drawn) {
            resolve(&mut function.arguments, &truths);
        }
    }
}

fn chained() -> impl Strategy<Value = Description> {
    let aggregation = select(vec![LatentSpaceAggregation::LastStep, LatentSpaceAggregation::Mean]);
    let functions = (functions("chain_loss", 0), functions("chain_metric", 0), visualizers("chain_visualizer", 0));
    let inputs = vec(vec(1..4usize, 1..4), 1..=3);
    (common(), predictions(1), aggregation, inputs, functions, configuration()).prop_map(
        |(mut description, predictions, aggregation, shapes, (losses, metrics, visualizers), configuration)| {
            description.predictions = predictions;
            let inputs =
                shapes.into_iter().enumerate().map(|(place, shape)| (format!("tokens{place}"), shape)).collect();
            let (fault, quirk) = (None, None);
            description.chains = vec![ChainOfCalls { aggregation, inputs, losses, metrics, visualizers, fault, quirk }];
            feed(&mut description);
            configure(&mut description, configuration);
            description
        },
    )
}

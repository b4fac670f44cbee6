//! A real binder from its description.

use std::sync::atomic::{AtomicU64, Ordering};

use candle_core::{Device, Tensor};
use leap_binder::binder::{Autoregressive, BinderBuilder, InputOptions};
use leap_binder::contract::*;
use leap_binder::{Binder, Result};

use super::description::*;
use super::drawing::visualizer;

/// What the described data set loads.
#[derive(Debug, Clone)]
pub(crate) struct Sample {
    state: DataState,
    id: SampleId,
    simulated: bool,
}

pub(crate) struct Described(Data);

impl Dataset for Described {
    type Sample = Sample;

    fn preprocess(&self) -> HandlerResult<Vec<Subset>> {
        fail(self.0.preprocess, "preprocess")?;
        self.0.subsets.iter().map(subset).collect()
    }

    fn unlabeled_preprocess(&self) -> HandlerResult<Option<Subset>> {
        fail(self.0.unlabeled_preprocess, "unlabeled_preprocess")?;
        self.0.unlabeled.as_ref().map(subset).transpose()
    }

    fn load(&self, id: &SampleId, state: DataState) -> HandlerResult<Sample> {
        let sample = Sample { state, id: id.clone(), simulated: false };
        fault(self.0.load, &sample)?;
        Ok(sample)
    }

    fn load_group(&self, ids: &[SampleId], state: DataState) -> HandlerResult<Vec<Sample>> {
        let mut samples = ids.iter().map(|id| self.load(id, state)).collect::<HandlerResult<Vec<_>>>()?;
        if self.0.one_too_many == Some(state) {
            samples.extend(samples.first().cloned());
        }
        Ok(samples)
    }
}

fn subset(part: &Part) -> HandlerResult<Subset> {
    let Some(sizes) = &part.groups else { return Ok(Subset::new(part.state, part.ids.clone())) };
    let mut rest = part.ids.as_slice();
    let groups = sizes.iter().map(|&size| {
        let (group, after) = rest.split_at(size);
        rest = after;
        group.to_vec()
    });
    Ok(Subset::grouped(part.state, groups.collect::<Vec<_>>())?)
}

fn fail(how: Option<Failing>, what: &str) -> HandlerResult<()> {
    match how {
        None => Ok(()),
        Some(Failing::Error) => Err(format!("{what} broke").into()),
        Some(Failing::Panic) => panic!("{what} broke"),
    }
}

fn fault(fault: Option<Fault>, sample: &Sample) -> HandlerResult<()> {
    let here = fault.filter(|fault| !sample.simulated && fault.on.is_none_or(|state| state == sample.state));
    fail(here.map(|fault| fault.how), "it")
}

/// An encoder's function: every sample has its own value, the same on each call unless the encoder is noisy.
fn encode(encoder: &Encoder) -> impl Fn(&Sample) -> HandlerResult<Tensor> + Send + Sync + 'static {
    let (encoder, calls) = (encoder.clone(), AtomicU64::new(0));
    move |sample| {
        fault(encoder.fault, sample)?;
        if encoder.fails_simulated && sample.simulated {
            return Err("it broke".into());
        }
        let noise = if encoder.noisy { calls.fetch_add(1, Ordering::Relaxed) } else { 0 };
        let value = sample.id.to_string().len() as f32 + noise as f32;
        Ok(Tensor::full(value, encoder.shape.as_slice(), &Device::Cpu)?.to_dtype(encoder.dtype)?)
    }
}

fn facts(facts: &Facts) -> impl Fn(&Sample) -> HandlerResult<Metadata> + Send + Sync + 'static {
    let facts = facts.clone();
    let value =
        |fact: &Fact, state| if fact.absent_on.contains(&state) { MetadataValue::Absent } else { fact.value.clone() };
    move |sample| {
        fault(facts.fault, sample)?;
        Ok(match &facts.values {
            Values::Single(fact) => Metadata::Scalar(value(fact, sample.state)),
            Values::Map(entries) => {
                let entries = entries.iter().filter(|(_, fact)| !fact.missing_on.contains(&sample.state));
                Metadata::map(entries.map(|(key, fact)| (key.clone(), value(fact, sample.state))))
            }
        })
    }
}

/// As many arguments as the call's array has.
pub(crate) fn array<const N: usize>(arguments: &[Argument]) -> [Argument; N] {
    arguments.to_vec().try_into().unwrap()
}

/// Calls with an array of arguments; how many there are is part of the registered function's type.
macro_rules! by_count {
    ($arguments:expr, $array:ident => $call:expr) => {
        match $arguments.len() {
            0 => {
                let $array = array::<0>(&$arguments);
                $call
            }
            1 => {
                let $array = array::<1>(&$arguments);
                $call
            }
            2 => {
                let $array = array::<2>(&$arguments);
                $call
            }
            3 => {
                let $array = array::<3>(&$arguments);
                $call
            }
            count => panic!("{count} arguments"),
        }
    };
}
pub(crate) use by_count;

pub(crate) fn build(description: &Description) -> Result<Binder<Described>> {
    let mut builder = Binder::builder(Described(description.data.clone()));
    for input in &description.inputs {
        let mut options = InputOptions::default();
        options.channel_dim = input.channel_dim;
        options.model_input_index = input.model_input_index;
        builder = builder.input_with(&*input.encoder.name, options, encode(&input.encoder));
    }
    for encoder in &description.ground_truths {
        builder = builder.ground_truth(&*encoder.name, encode(encoder));
    }
    for function in &description.metadata {
        builder = match &function.declared {
            Some(types) => builder.metadata_typed(&*function.name, types.clone(), facts(function)),
            None => builder.metadata(&*function.name, facts(function)),
        };
    }
    for prediction in &description.predictions {
        builder = builder.prediction_with(&*prediction.name, prediction.labels.clone(), prediction.channel_dim);
    }
    builder = functions(builder, description);
    builder = instances(builder, description);
    for simulation in &description.simulations {
        builder = simulated(builder, simulation);
    }
    for described in &description.chains {
        builder = builder.autoregressive(chain(described));
    }
    for layer in &description.custom_layers {
        builder = builder.custom_layer(CustomLayer::new(&**layer, ["units"], ["xs"]));
    }
    builder.analysis_configuration(description.configuration.clone()).build()
}

fn functions(mut builder: BinderBuilder<Described>, description: &Description) -> BinderBuilder<Described> {
    for Function { name, arguments } in &description.losses {
        builder = by_count!(arguments, array => builder.loss(&**name, array, |_| Ok([0.0])));
    }
    for (place, Function { name, arguments }) in description.metrics.iter().enumerate() {
        builder = if place % 2 == 0 {
            by_count!(arguments, array => builder.metric(&**name, MetricDirection::Upward, array, |_| Ok(vec![0.5f32])))
        } else {
            let keys = MetricDirections::from([("rate", MetricDirection::Downward)]);
            by_count!(arguments, array => builder.metric(&**name, keys, array, |_| Ok([("rate", vec![0.5f32])])))
        };
    }
    for Function { name, arguments } in &description.instance_metrics {
        let upward = MetricDirection::Upward;
        builder =
            by_count!(arguments, array => builder.instance_metric(&**name, upward, array, |_| Ok(vec![(0, [1.0])])));
    }
    for (data_type, function) in &description.visualizers {
        builder = visualizer(builder, *data_type, function);
    }
    for Space { name, kind, options } in &description.latent_spaces {
        builder = match kind {
            SpaceKind::Sample => builder.latent_space(&**name, *options, |_| Ok([1.0, 2.0])),
            SpaceKind::Instance => builder.instance_latent_space(&**name, |_, _| Ok([1.0])),
            SpaceKind::Model(arguments) => by_count!(arguments, array => {
                builder.model_latent_space(&**name, *options, array, |_, _| Ok([1.0]))
            }),
        };
    }
    builder
}

fn instances(mut builder: BinderBuilder<Described>, description: &Description) -> BinderBuilder<Described> {
    for described in &description.instances {
        let Instances { per_sample, metadata, types, length, mask } = described.clone();
        let length = move |sample: &Sample| fault(length, sample).map(|()| per_sample);
        let mask = move |sample: &Sample, number: usize| {
            fault(mask, sample)?;
            let element = ElementInstance::new(
                format!("element {number}"),
                Tensor::zeros((2, 2), candle_core::DType::U8, &Device::Cpu)?,
            );
            Ok(Some(
                metadata.iter().fold(element, |element, (key, value)| element.with_metadata(&**key, value.clone())),
            ))
        };
        builder = builder.instances(length, mask, types);
    }
    for FalsePositives { name, types } in &description.false_positives {
        builder = builder.false_positives(&**name, types.clone(), |_, _| Ok(Vec::new()));
    }
    for encoder in &description.empty_ground_truths {
        builder = builder.empty_ground_truth(&*encoder.name, encode(encoder));
    }
    builder
}

fn simulated(builder: BinderBuilder<Described>, simulation: &Simulation) -> BinderBuilder<Described> {
    let Simulation { name, parameters, barren, fault } = simulation.clone();
    let names: Vec<String> = parameters.iter().map(|(name, _)| name.clone()).collect();
    builder.simulation(name, parameters, move |arguments| {
        fail(fault, "it")?;
        let missing = names.iter().find(|name| arguments.get(name).is_none());
        if let Some(missing) = missing {
            return Err(format!("no value for {missing}").into());
        }
        let samples = if barren { 0 } else { arguments.samples as i64 };
        let sample = |number: i64| Sample { state: DataState::Additional, id: number.into(), simulated: true };
        Ok((0..samples).map(sample).collect())
    })
}

fn chain(described: &ChainOfCalls) -> Autoregressive<Described, u64> {
    let (step, calls) = (described.clone(), AtomicU64::new(0));
    let mut chain =
        Autoregressive::new(described.aggregation, move |sample: &Sample, before: Option<Chain<'_, u64>>| {
            fault(step.fault, sample)?;
            let call = calls.fetch_add(1, Ordering::Relaxed);
            if before.is_some() || step.quirk == Some(Quirk::EndsAtOnce) {
                return Ok(Step::end(0));
            }
            let mut inputs = Vec::new();
            for (name, shape) in &step.inputs {
                let mut shape = shape.clone();
                if step.quirk == Some(Quirk::OtherShape(sample.state)) {
                    shape.push(2);
                }
                let noise = if step.quirk == Some(Quirk::NoisyInputs) { call as f32 } else { 0.0 };
                inputs.push((name.clone(), Tensor::full(noise, shape, &Device::Cpu)?));
            }
            let another = match step.quirk {
                Some(Quirk::NoisyKeys) => Some(format!("another{call}")),
                Some(Quirk::OtherKeys(state)) if state == sample.state => Some("another".to_owned()),
                _ => None,
            };
            if let Some(name) = another {
                inputs.push((name, Tensor::full(0f32, 1, &Device::Cpu)?));
            }
            if step.quirk == Some(Quirk::NoInputs) {
                inputs.clear();
            }
            Ok(Step::next(inputs, if step.quirk == Some(Quirk::NoisyState) { call } else { 0 }))
        });
    for Function { name, arguments } in &described.losses {
        chain = by_count!(arguments, array => chain.loss(&**name, array, |_, _| Ok(0.0)));
    }
    for Function { name, arguments } in &described.metrics {
        chain = by_count!(arguments, array => chain.metric(&**name, MetricDirection::Upward, array, |_, _| Ok(0.0)));
    }
    for (data_type, function) in &described.visualizers {
        chain = super::drawing::chain_visualizer(chain, *data_type, function);
    }
    chain
}

use candle_core::{DType, Device, Tensor};

use super::function::FunctionKind;
use super::rules::RuleSet;
use super::rules::metadata::Columns;
use super::sample_run::SampleRun;
use super::session::Session;
use super::tally::{Outcome, Seen};
use crate::binder::Registry;
use crate::contract::{DataState, SampleId};

/// What the first sample of the first subset (training, unless it is missing) showed, which all others must agree with.
#[derive(Debug)]
pub(super) struct References {
    pub(super) state: DataState,
    pub(super) id: SampleId,
    pub(super) sample: String,
    pub(super) inputs: Vec<Option<Vec<usize>>>,
    pub(super) ground_truths: Vec<Option<Vec<usize>>>,
    pub(super) metadata: Vec<Option<Columns>>,
    pub(super) stand_ins: Vec<Option<StandIn>>,
}

/// What functions that read the model's output are run on without one: an even distribution over the labels.
#[derive(Debug)]
pub(super) struct StandIn {
    /// `(labels,)`.
    pub(super) one: Tensor,
    /// `(1, labels)`.
    pub(super) batch: Tensor,
    /// Whether the output really has that shape, as far as can be told: a ground truth has it. The output of a detector,
    /// say, has another, and no function may be blamed for failing on a stand-in that it was not written for.
    pub(super) fits: bool,
}

impl References {
    pub(super) fn of(session: &Session<'_>) -> Option<Self> {
        let subset = session.subsets.first()?;
        let id = subset.sample_ids.first()?;
        let sample = session.load(subset, id);
        let run = SampleRun::new(session.registry, RuleSet::NONE, None, subset.state, id, sample);
        let seen = |kind| {
            session.functions.iter().filter(move |function| function.kind == kind).map(|function| {
                match run.run(function) {
                    Outcome::Passed(seen) => Some(seen),
                    _ => None,
                }
            })
        };
        let shape = |seen| match seen {
            Some(Seen::Tensor(xs, _)) if xs.elem_count() > 0 => Some(xs.dims().to_vec()),
            _ => None,
        };
        let columns = |seen| match seen {
            Some(Seen::Metadata(metadata)) => Some(Columns::of(&metadata)),
            _ => None,
        };
        let ground_truths: Vec<_> = seen(FunctionKind::GtEncoder).map(shape).collect();
        Some(Self {
            state: subset.state,
            id: id.clone(),
            sample: id.to_string(),
            inputs: seen(FunctionKind::InputEncoder).map(shape).collect(),
            metadata: seen(FunctionKind::Metadata).map(columns).collect(),
            stand_ins: stand_ins(session.registry, &ground_truths),
            ground_truths,
        })
    }
}

fn stand_ins(registry: &Registry, truths: &[Option<Vec<usize>>]) -> Vec<Option<StandIn>> {
    let stand_in = |classes: usize| {
        let even = |dims: &[usize]| Tensor::ones(dims, DType::F32, &Device::Cpu)?.affine(1.0 / classes as f64, 0.0);
        let fits = truths.iter().flatten().any(|shape| *shape == [classes]);
        Some(StandIn { one: even(&[classes]).ok()?, batch: even(&[1, classes]).ok()?, fits })
    };
    let classes = registry.predictions.iter().map(|prediction| prediction.labels.len());
    classes.map(|classes| if classes == 0 { None } else { stand_in(classes) }).collect()
}

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use rayon::prelude::*;

use super::function::{Function, FunctionKind};
use super::observation::Failure;
use super::options::CheckOptions;
use super::reference::References;
use super::rules::Rule;
use super::sample_run::SampleRun;
use super::tally::{Outcome, Tally};
use crate::binder::{AnySample, Prepared, Registry, guarded};
use crate::contract::{DataState, SampleId, Subset, Violation};
use crate::progress::Progress;

/// Samples that one thread works on before it looks for more, at most.
const CHUNK: usize = 64;
/// Chunks whose results are held in memory at a time, and into how many a small subset is divided.
const CHUNKS: usize = 256;

/// A binder whose preprocess has run: what its functions are checked on.
pub(super) struct Session<'a> {
    pub(super) registry: &'a Registry,
    pub(super) options: CheckOptions,
    pub(super) functions: Vec<Function>,
    /// In contract order, the empty ones left out.
    pub(super) subsets: Vec<Subset>,
    pub(super) preprocess_failures: Vec<Failure>,
    references: OnceLock<Option<References>>,
}

/// What some functions gave on samples of one subset.
#[derive(Debug)]
pub(super) struct Ran {
    /// One for each function.
    pub(super) tallies: Vec<Tally>,
    /// What loading each sample took, when the rule `slow` is on.
    pub(super) seconds: Vec<f32>,
}

impl Ran {
    fn new(functions: usize) -> Self {
        Self { tallies: (0..functions).map(|_| Tally::default()).collect(), seconds: Vec::new() }
    }

    pub(super) fn has_failed(&self) -> bool {
        self.tallies.iter().any(Tally::has_failed)
    }

    fn merge(&mut self, later: Self) {
        self.tallies.iter_mut().zip(later.tallies).for_each(|(tally, later)| tally.merge(later));
        self.seconds.extend(later.seconds);
    }
}

impl<'a> Session<'a> {
    pub(super) fn start(registry: &'a Registry, prepared: Result<Prepared, Violation>, options: &CheckOptions) -> Self {
        let (subsets, violations) = match prepared {
            Err(violation) => (Vec::new(), vec![violation]),
            Ok(prepared) => {
                let violations = prepared.violations();
                (prepared.subsets.into_iter().filter(|subset| !subset.is_empty()).collect(), violations)
            }
        };
        let preprocess_failures = violations.into_iter().map(Failure::from).collect();
        let functions = Function::all(registry);
        let references = OnceLock::new();
        Self { registry, options: *options, functions, subsets, preprocess_failures, references }
    }

    /// Whether the options ask for runs of this function.
    pub(super) fn wants(&self, function: &Function) -> bool {
        let rules = self.options.rules;
        match function.kind {
            FunctionKind::Visualizer => rules.has(Rule::Outputs) || rules.has(Rule::Black),
            FunctionKind::LatentSpace | FunctionKind::Loss | FunctionKind::Metric => rules.has(Rule::Outputs),
            _ => true,
        }
    }

    /// What the first sample of the first subset showed; worked out once.
    pub(super) fn references(&self) -> Option<&References> {
        self.references.get_or_init(|| References::of(self)).as_ref()
    }

    /// Loads a sample; one of a group as part of it.
    pub(super) fn load(&self, subset: &Subset, id: &SampleId) -> Result<Box<AnySample>, Box<Failure>> {
        let loaded = if subset.is_grouped() {
            let samples = self.registry.load_group(subset.state, std::slice::from_ref(id));
            samples.and_then(|samples| {
                let expected = "one sample for each id";
                let none = || Violation::new(crate::contract::Code::GroupSize, "load_group", expected, "none");
                samples.into_iter().next().ok_or_else(none)
            })
        } else {
            guarded("load", || self.registry.dataset.load(id, subset.state)).map_err(Violation::loading)
        };
        loaded.map_err(|violation| not_loaded(violation, subset.state, id))
    }

    /// Loads a sample for rules that look at several.
    pub(super) fn sample<'s>(&'s self, subset: &'s Subset, place: usize) -> SampleRun<'s> {
        let id = &subset.sample_ids[place];
        let sample = self.load(subset, id);
        SampleRun::new(self.registry, self.options.rules, self.references(), subset.state, id, sample)
    }

    /// Runs `functions` on the samples of `subset` at `places`, each sample loaded once.
    ///
    /// Samples run in parallel; what they give is folded in sample order, so that the result does not depend on threads.
    /// Memory does not grow with the number of samples, but for their places and the times of `slow`. When
    /// failing fast, everything after the first sample that fails is as if it had not run.
    pub(super) fn run(
        &self,
        functions: &[&Function],
        subset: &Subset,
        places: &[usize],
        progress: &dyn Progress,
    ) -> Ran {
        let references = self.references();
        let chunks: Vec<&[usize]> = places.chunks((places.len() / CHUNKS).clamp(1, CHUNK)).collect();
        let groups = groups(subset);
        let mut ran = Ran::new(functions.len());
        for window in chunks.chunks(CHUNKS) {
            let failed = AtomicUsize::new(usize::MAX);
            let parts: Vec<Ran> = window
                .par_iter()
                .enumerate()
                .map(|(number, places)| {
                    let mut part = Ran::new(functions.len());
                    if failed.load(Ordering::Relaxed) < number {
                        return part;
                    }
                    match &groups {
                        None => self.flat(functions, subset, places, references, &mut part),
                        Some(groups) => self.grouped(functions, subset, places, groups, references, &mut part),
                    }
                    if self.options.fail_fast && part.has_failed() {
                        failed.fetch_min(number, Ordering::Relaxed);
                    }
                    progress.advance(places.len());
                    part
                })
                .collect();
            for part in parts {
                ran.merge(part);
                if self.options.fail_fast && ran.has_failed() {
                    return ran;
                }
            }
        }
        ran
    }

    fn flat(
        &self,
        functions: &[&Function],
        subset: &Subset,
        places: &[usize],
        references: Option<&References>,
        part: &mut Ran,
    ) {
        let timed = self.options.rules.has(Rule::Slow);
        for &place in places {
            let id = &subset.sample_ids[place];
            let started = timed.then(Instant::now);
            let sample = self.load(subset, id);
            part.seconds.extend(started.map(|started| started.elapsed().as_secs_f32()));
            if !self.one(functions, subset.state, id, sample, references, part) {
                return;
            }
        }
    }

    /// As [`Session::flat`] with neighbours of one group loaded together.
    fn grouped(
        &self,
        functions: &[&Function],
        subset: &Subset,
        places: &[usize],
        groups: &[u32],
        references: Option<&References>,
        part: &mut Ran,
    ) {
        for together in places.chunk_by(|a, b| groups[*a] == groups[*b]) {
            let ids: Vec<SampleId> = together.iter().map(|place| subset.sample_ids[*place].clone()).collect();
            let started = Instant::now();
            let mut samples = self.registry.load_group(subset.state, &ids).map(Vec::into_iter);
            if self.options.rules.has(Rule::Slow) {
                let each = started.elapsed().as_secs_f32() / ids.len() as f32;
                part.seconds.extend(std::iter::repeat_n(each, ids.len()));
            }
            for &place in together {
                let id = &subset.sample_ids[place];
                let sample = match &mut samples {
                    Ok(samples) => match samples.next() {
                        Some(sample) => Ok(sample),
                        None => return,
                    },
                    Err(violation) => Err(not_loaded(violation.clone(), subset.state, id)),
                };
                if !self.one(functions, subset.state, id, sample, references, part) {
                    return;
                }
            }
        }
    }

    /// Runs the functions on one sample; says whether to go on.
    fn one(
        &self,
        functions: &[&Function],
        state: DataState,
        id: &SampleId,
        sample: Result<Box<AnySample>, Box<Failure>>,
        references: Option<&References>,
        part: &mut Ran,
    ) -> bool {
        let run = SampleRun::new(self.registry, self.options.rules, references, state, id, sample);
        let mut failed = false;
        for (function, tally) in functions.iter().zip(&mut part.tallies) {
            let outcome = run.run(function);
            failed |= matches!(outcome, Outcome::Failed(_));
            tally.take(outcome);
        }
        !(failed && self.options.fail_fast)
    }
}

fn not_loaded(violation: Violation, state: DataState, id: &SampleId) -> Box<Failure> {
    Box::new(violation.on(state, Some(id)).into())
}

/// The group of each sample, when the samples are grouped.
fn groups(subset: &Subset) -> Option<Vec<u32>> {
    subset.is_grouped().then(|| {
        let numbered = subset.groups().zip(0u32..);
        numbered.flat_map(|(group, number)| std::iter::repeat_n(number, group.len())).collect()
    })
}

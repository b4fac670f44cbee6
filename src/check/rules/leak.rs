use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use candle_core::Tensor;
use rayon::prelude::*;

use super::tensor::with_values;
use super::{Rule, thinned};
use crate::check::finding::Judged;
use crate::check::function::{Feed, Function, FunctionKind};
use crate::check::session::Session;
use crate::contract::{Code, DataState, Violation};

/// Samples that are looked at.
const SAMPLES: usize = 128;
/// Samples that are in memory at a time.
const BLOCK: usize = 8;
/// Samples without which chance is not ruled out.
const NEEDED: usize = 16;
/// Samples of a class without which chance is not ruled out.
const NEEDED_IN_CLASS: usize = 8;
/// Classes that are told apart; samples of more are passed over.
const CLASSES: usize = 8;
/// Values of a truth that is looked for at every place, and of one that can be a class.
const SMALL: usize = 64;

/// No input holds a ground truth. `inputs` are the encoders to judge.
pub(in crate::check) fn judge(session: &Session<'_>, inputs: &[&Function]) -> Judged {
    let mut judged = Judged::default();
    let inputs: Vec<&Function> = inputs.iter().copied().filter(|f| f.kind == FunctionKind::InputEncoder).collect();
    let truths: Vec<&Function> = session.functions.iter().filter(|f| f.kind == FunctionKind::GtEncoder).collect();
    let labelled = session.subsets.iter().find(|subset| subset.state != DataState::Unlabeled);
    let Some(subset) = labelled.filter(|_| !truths.is_empty()) else { return judged };
    let mut pairs: Vec<Pair> = Vec::new();
    pairs.resize_with(inputs.len() * truths.len(), Pair::default);
    let places = thinned(&(0..subset.len()).collect::<Vec<_>>(), SAMPLES);
    for block in places.chunks(BLOCK) {
        let encoded: Vec<[Vec<Option<Tensor>>; 2]> = block
            .par_iter()
            .map(|&place| {
                let run = session.sample(subset, place);
                let inputs = inputs.iter().map(|f| run.encoded(&session.functions, Feed::Input(f.index)));
                let inputs = inputs.collect();
                let truths = truths.iter().map(|f| run.encoded(&session.functions, Feed::GroundTruth(f.index)));
                [inputs, truths.collect()]
            })
            .collect();
        for [inputs, truths] in &encoded {
            for (place, pair) in pairs.iter_mut().enumerate() {
                let (input, truth) = (&inputs[place / truths.len()], &truths[place % truths.len()]);
                if let (Some(input), Some(truth)) = (input, truth) {
                    // A tensor that cannot be read is another rule's concern.
                    let _ = with_values(input, |xs| with_values(truth, |ys| pair.take(xs, input.dims(), ys)));
                }
            }
        }
    }
    for (place, pair) in pairs.iter().enumerate() {
        let (input, truth) = (inputs[place / truths.len()], truths[place % truths.len()]);
        match pair.verdict() {
            Ok(None) => {}
            Ok(Some(found)) => {
                let expected = format!("nothing of {} in the input", truth.title);
                judged.fail(
                    Rule::Leak,
                    Violation::new(Code::TargetLeak, &*input.title, expected, found).on(subset.state, None),
                );
            }
            Err(reason) => judged.skip(Rule::Leak, &input.title, format!("against {}: {reason}", truth.title)),
        }
    }
    judged
}

/// One input and one ground truth over all samples so far.
#[derive(Debug, Default)]
struct Pair {
    dims: Vec<usize>,
    truth_size: usize,
    samples: usize,
    /// How many samples have each truth, by its hash.
    truths: HashMap<u64, usize>,
    /// Places from which the truth stood in every sample, each with its stride.
    verbatim: Vec<(usize, usize)>,
    classes: HashMap<Vec<u32>, usize>,
    /// Of each class, the number of samples and the first one's values.
    seen: Vec<(usize, Vec<f32>)>,
    /// Elements that had one value in each class so far.
    constant: Vec<usize>,
    /// Values of the input, as long as there are at most two.
    levels: Vec<f32>,
    binary: bool,
}

impl Pair {
    fn take(&mut self, xs: &[f32], dims: &[usize], truth: &[f32]) {
        if truth.is_empty() || xs.is_empty() {
            return;
        }
        let bits: Vec<u32> = truth.iter().map(|value| value.to_bits()).collect();
        if self.samples == 0 {
            self.dims = dims.to_vec();
            self.truth_size = truth.len();
            self.verbatim = candidates(xs.len(), dims, truth.len());
            self.constant = (0..xs.len()).collect();
            self.binary = true;
        }
        if self.dims != dims || self.truth_size != truth.len() {
            return;
        }
        self.samples += 1;
        self.verbatim
            .retain(|&(place, stride)| truth.iter().zip(xs[place..].iter().step_by(stride)).all(|(a, b)| a == b));
        self.binary = self.binary && self.still_binary(xs);
        if truth.len() <= SMALL {
            self.classify(xs, &bits);
        }
        let mut hasher = DefaultHasher::new();
        bits.hash(&mut hasher);
        *self.truths.entry(hasher.finish()).or_default() += 1;
    }

    fn still_binary(&mut self, xs: &[f32]) -> bool {
        for &value in xs {
            if !self.levels.contains(&value) {
                if self.levels.len() == 2 {
                    return false;
                }
                self.levels.push(value);
            }
        }
        true
    }

    fn classify(&mut self, xs: &[f32], bits: &[u32]) {
        match self.classes.get(bits) {
            Some(&class) => {
                let (count, first) = &mut self.seen[class];
                *count += 1;
                self.constant.retain(|&place| xs[place] == first[place]);
            }
            None if self.seen.len() < CLASSES => {
                self.classes.insert(bits.to_vec(), self.seen.len());
                self.seen.push((1, xs.to_vec()));
            }
            None => {}
        }
    }

    /// What leaks, if anything; or why that cannot be said.
    fn verdict(&self) -> Result<Option<String>, String> {
        if self.samples < NEEDED {
            return Err(format!("{} samples that fit together, {NEEDED} are needed", self.samples));
        }
        let commonest = self.truths.values().copied().max().unwrap_or_default();
        if self.samples - commonest < NEEDED_IN_CLASS {
            let reason = "of the samples that were looked at, fewer than eight have another truth than the commonest";
            return Err(reason.to_owned());
        }
        if self.binary && self.truth_size <= SMALL {
            return Err("the input has at most two values, of which one may well be a feature".to_owned());
        }
        if let Some(&(place, stride)) = self.verbatim.first() {
            let apart = if stride == 1 { String::new() } else { format!(", every {stride}th value") };
            let (count, samples) = (self.truth_size, self.samples);
            return Ok(Some(format!(
                "its {count} values word for word in all of {samples} samples, from index {:?}{apart}",
                self.index(place)
            )));
        }
        let classes: Vec<&Vec<f32>> =
            self.seen.iter().filter(|(count, _)| *count >= NEEDED_IN_CLASS).map(|(_, first)| first).collect();
        if classes.len() < 2 {
            return Ok(None);
        }
        let tells = |place: &&usize| {
            let values = classes.iter().enumerate();
            values.clone().all(|(a, first)| values.clone().all(|(b, other)| a == b || first[**place] != other[**place]))
        };
        let telling: Vec<&usize> = self.constant.iter().filter(tells).collect();
        Ok(telling.first().map(|&&place| {
            let values: Vec<f32> = classes.iter().map(|first| first[place]).collect();
            format!(
                "{} values that say which class it is, the first at index {:?}: {values:?} for {} classes",
                telling.len(),
                self.index(place),
                classes.len()
            )
        }))
    }

    /// A flat index by axes.
    fn index(&self, place: usize) -> Vec<usize> {
        let mut rest = place;
        let mut index: Vec<usize> = self
            .dims
            .iter()
            .rev()
            .map(|&size| {
                let along = rest % size.max(1);
                rest /= size.max(1);
                along
            })
            .collect();
        index.reverse();
        index
    }
}

/// Where a truth of `size` values may stand: anywhere if it is small, else as a plane with channels last or first.
fn candidates(length: usize, dims: &[usize], size: usize) -> Vec<(usize, usize)> {
    if size > length {
        return Vec::new();
    }
    if size <= SMALL {
        return (0..=length - size).map(|place| (place, 1)).collect();
    }
    let planes = (0..=length - size).step_by(size).map(|place| (place, 1));
    let channels = dims.last().copied().filter(|channels| *channels > 1 && channels * size == length).unwrap_or(0);
    planes.chain((0..channels).map(|channel| (channel, channels))).collect()
}

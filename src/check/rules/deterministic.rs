use candle_core::Tensor;

use super::constant::same;
use super::tensor::with_values;
use super::{Rule, thinned};
use crate::binder::same_bits;
use crate::check::finding::Judged;
use crate::check::function::{Function, FunctionKind};
use crate::check::session::Session;
use crate::check::tally::{Outcome, Seen};
use crate::contract::{Code, Metadata, Subset, Violation};

/// Samples of a subset that are loaded and encoded twice, when more than the first are checked.
const SAMPLES: usize = 16;

/// A sample that is loaded and encoded again gives the same; one finding for each function and subset.
pub(in crate::check) fn judge(session: &Session<'_>, functions: &[&Function], subset: &Subset) -> Judged {
    let mut judged = Judged::default();
    let encoders =
        [FunctionKind::InputEncoder, FunctionKind::GtEncoder, FunctionKind::Metadata, FunctionKind::LatentSpace];
    let mut open: Vec<&Function> =
        functions.iter().copied().filter(|f| encoders.contains(&f.kind) && f.runs_on(subset.state)).collect();
    for place in thinned(&session.options.samples.of(subset.len()), SAMPLES) {
        if open.is_empty() {
            break;
        }
        let (once, again) = (session.sample(subset, place), session.sample(subset, place));
        open.retain(|function| {
            let Some(found) = difference(once.run(function), again.run(function)) else { return true };
            let expected = "the same from the same sample, loaded and run again";
            let violation = Violation::new(Code::NotDeterministic, &*function.title, expected, found);
            judged
                .fail(Rule::Deterministic, violation.on(subset.state, subset.sample_ids.get(place).map(|id| id as _)));
            false
        });
    }
    judged
}

/// How two runs differ. Two that both fail are no matter of determinism.
fn difference(once: Outcome, again: Outcome) -> Option<String> {
    match (once, again) {
        (Outcome::Passed(Seen::Tensor(a, _)), Outcome::Passed(Seen::Tensor(b, _))) => tensors(&a, &b),
        (Outcome::Passed(Seen::Metadata(a)), Outcome::Passed(Seen::Metadata(b))) => metadata(&a, &b),
        (Outcome::Failed(failure), Outcome::Passed(_)) | (Outcome::Passed(_), Outcome::Failed(failure)) => {
            Some(format!("a failure in one run only: {}", failure.found))
        }
        _ => None,
    }
}

fn tensors(a: &Tensor, b: &Tensor) -> Option<String> {
    if same_bits(a, b).unwrap_or(true) {
        return None;
    }
    if a.dims() != b.dims() || a.dtype() != b.dtype() {
        return Some(format!("{:?} of shape {:?}, then {:?} of shape {:?}", a.dtype(), a.dims(), b.dtype(), b.dims()));
    }
    let values = |xs: &Tensor| with_values(xs, <[f32]>::to_vec).unwrap_or_default();
    let (a, b) = (values(a), values(b));
    let differ = |(a, b): &(&f32, &f32)| a != b && !(a.is_nan() && b.is_nan());
    let count = a.iter().zip(&b).filter(differ).count();
    let place = a.iter().zip(&b).position(|pair| differ(&pair)).unwrap_or_default();
    let first = |values: &[f32]| values.get(place).copied().unwrap_or_default();
    Some(format!(
        "{count} of {} values that differ, the first {} and then {} at flat index {place}",
        a.len(),
        first(&a),
        first(&b)
    ))
}

fn metadata(a: &Metadata, b: &Metadata) -> Option<String> {
    let (a, b) = (a.clone().into_columns(""), b.clone().into_columns(""));
    if a.len() != b.len() {
        return Some(format!("{} columns, then {}", a.len(), b.len()));
    }
    let found = a.iter().zip(&b).find(|((key, value), (other, again))| key != other || !same(value, again));
    found.map(|((key, value), (other, again))| {
        let column = |key: &str| key.strip_prefix('_').map(|key| format!("{key} = ")).unwrap_or_default();
        format!("{}{value}, then {}{again}", column(key), column(other))
    })
}

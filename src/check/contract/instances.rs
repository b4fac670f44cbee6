//! Step 10: false positives need an empty ground truth that fits, for every ground truth.

use candle_core::DType;

use super::first::FirstSamples;
use super::handlers::{Encoded, on_sample};
use super::payload::Payload;
use crate::binder::{FalsePositives, Registry};
use crate::contract::tensor::numpy_name;
use crate::contract::{Code, Violation};

pub(super) fn false_positives(registry: &Registry, first: &FirstSamples<'_>, encoded: &Encoded) -> Option<Payload> {
    let encoder = registry.false_positives.as_ref()?;
    let payload = Payload::new(&*encoder.name);
    Some(match empty_ground_truths(registry, encoder, first, encoded) {
        Ok(()) => payload,
        Err(violation) => payload.failed("Errors", &violation),
    })
}

fn empty_ground_truths(
    registry: &Registry,
    encoder: &FalsePositives,
    first: &FirstSamples<'_>,
    encoded: &Encoded,
) -> Result<(), Violation> {
    let names = || registry.ground_truths.iter().map(|truth| &*truth.name);
    let broken = |code, expected: String, found: String| {
        Err(Violation::new(code, format!("false_positives::{}", encoder.name), expected, found))
    };
    let empty = &registry.empty_ground_truths;
    let missing: Vec<&str> = names().filter(|name| !empty.iter().any(|(known, _)| known == name)).collect();
    if !missing.is_empty() {
        let expected = "an empty_ground_truth for every ground truth".to_owned();
        return broken(Code::InstanceRule, expected, format!("Missing for: {missing:?}"));
    }
    let unknown: Vec<&str> =
        empty.iter().map(|(name, _)| &**name).filter(|name| !names().any(|n| n == *name)).collect();
    if !unknown.is_empty() {
        let expected = format!("empty ground truths of {:?}", names().collect::<Vec<_>>());
        return broken(
            Code::InstanceRule,
            expected,
            format!("{unknown:?}, which do not match any registered ground truth"),
        );
    }
    for (name, encode) in empty {
        let truth = registry.ground_truths.iter().zip(&encoded.ground_truths).find(|(truth, _)| truth.name == *name);
        let Some((_, Some(truth))) = truth else { continue };
        let Some((place, sample)) = first.iter().next() else { continue };
        let function = format!("empty_ground_truth::{name}");
        let xs = on_sample(&function, place, sample, |sample| encode(sample, place))?;
        if xs.dims() != truth.dims() {
            let expected = format!("shape {:?} as gt_encoder::{name} gives", truth.dims());
            return broken(Code::EmptyGroundTruth, expected, format!("{name} returned shape {:?}", xs.dims()));
        }
        let signed = |dtype| matches!(dtype, DType::I16 | DType::I32 | DType::I64);
        let unsigned = |dtype| matches!(dtype, DType::U8 | DType::U32);
        let kinds = (xs.dtype(), truth.dtype());
        if (kinds.0.is_float() && !kinds.1.is_float()) || (signed(kinds.0) && unsigned(kinds.1)) {
            let expected = format!("a dtype that can be cast to {}", numpy_name(truth.dtype()));
            let found = format!("{name} returned dtype {}", numpy_name(xs.dtype()));
            return broken(Code::EmptyGroundTruth, expected, found);
        }
    }
    Ok(())
}

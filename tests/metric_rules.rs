//! What metrics and losses may return, and how a metric's directions are settled (recorded runs of code_loader 1.0.214).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use candle_core::{DType, Device, Tensor};
use leap_binder::contract::MetricDirection::{Downward, Upward};
use leap_binder::contract::*;

fn zeros(shape: &[usize], dtype: DType) -> Tensor {
    Tensor::zeros(shape, dtype, &Device::Cpu).unwrap()
}

fn plain(length: usize) -> MetricResult {
    zeros(&[length], DType::F32).into()
}

fn keyed(keys: &[&str]) -> MetricResult {
    MetricResult::map(keys.iter().map(|key| (*key, zeros(&[2], DType::F32))))
}

/// The violation's text without its mend, which is the same for all of a code.
fn refusal(result: impl Into<MetricResult>, batch: Option<usize>) -> String {
    let violation = result.into().validate("metric::m", batch).unwrap_err();
    assert_eq!((violation.code, violation.function.as_str()), (Code::MetricResult, "metric::m"));
    assert!(violation.to_string().starts_with("[BND-210] metric::m: expected "));
    format!("expected {}, found {}", violation.expected, violation.found)
}

fn accepted(result: impl Into<MetricResult>, batch: Option<usize>) {
    result.into().validate("metric::m", batch).unwrap();
}

fn element() -> ConfusionMatrixElement {
    ConfusionMatrixElement {
        label: "0".into(),
        expected_outcome: ConfusionMatrixValue::Positive,
        predicted_probability: 0.25,
        id: String::new(),
    }
}

#[test]
fn one_axis_of_any_dtype_is_a_metric() {
    for dtype in [DType::F16, DType::F32, DType::F64, DType::U8, DType::I64] {
        accepted(zeros(&[2], dtype), None);
    }
    accepted(Tensor::new(&[f32::NAN, f32::INFINITY], &Device::Cpu).unwrap(), Some(2));
    accepted(zeros(&[0], DType::F32), None);
    assert!(refusal(zeros(&[2, 2], DType::F32), None).contains("2D"));
    assert!(refusal(zeros(&[2, 1, 1], DType::F32), None).contains("3D"));
    assert!(refusal(zeros(&[], DType::F32), None).contains("0D"));
    assert!(refusal(zeros(&[2, 2], DType::F32), Some(2)).contains("2D"));
}

#[test]
fn lists_may_have_gaps_but_not_be_empty() {
    accepted(vec![1, 0], None);
    accepted(vec![Some(1), None], Some(2));
    accepted(vec![Some(0.5f32), None], None);
    accepted(vec![f64::NAN, 1.0], None);
    accepted(vec![true, false], None);
    assert!(refusal(Vec::<f32>::new(), None).contains("an empty list"));
    assert!(refusal(Vec::<Vec<ConfusionMatrixElement>>::new(), None).contains("an empty list"));
    accepted(vec![vec![element()], vec![element(), element()]], Some(2));
    accepted(vec![Vec::<ConfusionMatrixElement>::new()], None);
}

#[test]
fn lengths_are_compared_with_the_batch_only_when_it_is_given() {
    accepted(plain(9), None);
    accepted(plain(2), Some(2));
    assert!(refusal(plain(9), Some(2)).contains("batch size, 2, found length 9"));
    assert!(refusal(vec![0.5f32], Some(2)).contains("batch size"));
    assert!(refusal(vec![vec![element()]], Some(2)).contains("batch size"));
    assert!(refusal(keyed(&["p", "q"]), Some(3)).contains("batch size, 3, found length 2 under the key `p`"));
}

#[test]
fn every_value_of_a_map_is_held_to_the_rules() {
    accepted(keyed(&["p", "q"]), Some(2));
    accepted(keyed(&[]), Some(2));
    accepted([("p", vec![0.5f32, 0.5])], Some(2));
    accepted(vec![("p".to_owned(), vec![Some(0.5f64), None])], Some(2));
    let mixed = MetricResult::Map(vec![
        ("p".into(), zeros(&[2], DType::F32).into()),
        ("q".into(), vec![vec![element()]; 2].into()),
        ("r".into(), zeros(&[2, 3], DType::F32).into()),
    ]);
    assert!(refusal(mixed, Some(2)).contains("a 2D tensor of shape [2, 3] under the key `r`"));
    assert!(refusal([("p", Vec::<f32>::new())], None).contains("an empty list under the key `p`"));
    assert!(refusal(keyed(&["p", "p"]), None).contains("`p` twice"));
}

#[test]
fn values_read_as_numbers_with_gaps() {
    let numbers = |single: SingleMetric| single.numbers().unwrap();
    let tensor = Tensor::new(&[1u8, 2], &Device::Cpu).unwrap();
    assert_eq!(numbers(tensor.into()), Some(vec![Some(1.0), Some(2.0)]));
    assert_eq!(numbers(vec![Some(0.5f32), None].into()), Some(vec![Some(0.5), None]));
    assert_eq!(numbers(vec![vec![element()]].into()), None);
    assert!(SingleMetric::from(zeros(&[2, 2], DType::F32)).numbers().is_err());
}

#[test]
fn a_loss_has_at_most_one_axis() {
    for shape in [&[2][..], &[], &[9], &[0]] {
        validate_loss("custom_loss::l", &zeros(shape, DType::F64)).unwrap();
    }
    let violation = validate_loss("custom_loss::l", &zeros(&[2, 2], DType::F32)).unwrap_err();
    assert_eq!(violation.code.as_str(), "BND-211");
    assert!(violation.found.contains("2Dim"), "{violation}");
    assert!(validate_loss("custom_loss::l", &zeros(&[2, 1, 1], DType::F32)).is_err());
}

fn settled(
    declared: Option<MetricDirections>,
    insights: Option<ComputeInsights>,
    result: &MetricResult,
) -> (MetricDirections, Option<String>, usize) {
    let resolved = resolve_directions("metric::m", declared.as_ref(), insights.as_ref(), result).unwrap();
    (resolved.directions, resolved.defaulted, resolved.warnings.len())
}

#[test]
fn directions_of_one_set_of_values() {
    let result = plain(2);
    assert_eq!(settled(None, None, &result), (Downward.into(), Some("direction".into()), 0));
    assert_eq!(settled(Some(Upward.into()), None, &result), (Upward.into(), None, 0));
    assert_eq!(settled(Some([("p", Upward)].into()), None, &result), (Downward.into(), None, 1));
    assert_eq!(settled(None, Some(false.into()), &result), (Downward.into(), None, 0));
    assert_eq!(settled(None, Some(true.into()), &result), (Downward.into(), Some("direction".into()), 0));
}

#[test]
fn directions_of_a_map() {
    let result = keyed(&["q", "p"]);
    let both = |q, p| MetricDirections::from([("q", q), ("p", p)]);
    let all = Some("direction[{'p', 'q'}]".to_owned());
    assert_eq!(settled(None, None, &result), (both(Downward, Downward), all, 0));
    assert_eq!(settled(Some(Upward.into()), None, &result), (both(Upward, Upward), None, 0));
    let partial: MetricDirections = [("p", Upward)].into();
    let only_q = Some("direction[{'q'}]".to_owned());
    assert_eq!(settled(Some(partial.clone()), None, &result), (both(Downward, Upward), only_q.clone(), 0));
    assert_eq!(settled(Some(partial), Some([("q", false)].into()), &result), (both(Downward, Upward), None, 0));
    assert_eq!(settled(None, Some([("p", false)].into()), &result), (both(Downward, Downward), only_q, 0));
    assert_eq!(settled(None, Some(false.into()), &result), (both(Downward, Downward), None, 0));
}

#[test]
fn unknown_keys_are_refused() {
    let result = keyed(&["p"]);
    let declared = [("z", Upward)].into();
    let violation = resolve_directions("metric::m", Some(&declared), None, &result).unwrap_err();
    assert_eq!(violation.code, Code::MetricResult);
    let text = violation.to_string();
    assert!(text.contains("direction mapping") && text.contains("the key \"z\""), "{text}");
    let text = check_insights("metric::m", Some(&[("z", true)].into()), &result).unwrap_err().to_string();
    assert!(text.contains("compute_insights mapping") && text.contains("the key \"z\""), "{text}");
    let known = [("p", true)].into();
    assert!(check_insights("metric::m", Some(&known), &result).unwrap().is_empty());
    assert_eq!(check_insights("metric::m", Some(&known), &plain(2)).unwrap().len(), 1);
    assert!(check_insights("metric::m", Some(&true.into()), &plain(2)).unwrap().is_empty());
    assert!(check_insights("metric::m", None, &result).unwrap().is_empty());
}

//! The built-in losses and metrics and the engine's float16 against numpy; `fixtures/builtin/make.py` made the numbers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use candle_core::{DType, Device, Tensor};
use leap_binder::binder::{engine_float16, losses, metrics};
use leap_binder::contract::{
    ConfusionMatrixElement, ConfusionMatrixValue, HandlerResult, MetricDirection, MetricResult, SingleMetric,
};
use serde_json::{Value, json};

const CPU: &Device = &Device::Cpu;

fn fixture(text: &str) -> Vec<Value> {
    serde_json::from_str(text).unwrap()
}

fn numbers(values: &Value) -> Vec<f64> {
    values.as_str().unwrap().split_whitespace().map(|value| value.parse().unwrap()).collect()
}

fn dtype(facts: &Value) -> DType {
    match facts["dtype"].as_str().unwrap() {
        "uint8" => DType::U8,
        "int16" => DType::I16,
        "uint32" => DType::U32,
        "int32" => DType::I32,
        "int64" => DType::I64,
        "float16" => DType::F16,
        "float32" => DType::F32,
        "float64" => DType::F64,
        other => panic!("{other}"),
    }
}

fn tensor(facts: &Value) -> Tensor {
    let shape: Vec<usize> = serde_json::from_value(facts["shape"].clone()).unwrap();
    let dtype = dtype(facts);
    let Some(multiplier) = facts["multiplier"].as_u64() else {
        return Tensor::from_vec(numbers(&facts["values"]), shape, CPU).unwrap().to_dtype(dtype).unwrap();
    };
    let steps = (0..shape.iter().product::<usize>() as u64).map(|step| step * multiplier % 1009);
    let values: Vec<f64> = if dtype.is_int() {
        steps.map(|step| (step % 2) as f64).collect()
    } else {
        steps.map(|step| (step + 1) as f64 / 1010.0).collect()
    };
    let exact = Tensor::from_vec(values, shape, CPU).unwrap();
    if dtype == DType::F16 { engine_float16(&exact).unwrap().0 } else { exact.to_dtype(dtype).unwrap() }
}

fn values(tensor: &Tensor) -> Vec<f64> {
    tensor.to_dtype(DType::F64).unwrap().flatten_all().unwrap().to_vec1().unwrap()
}

/// The same number with the same sign of zero, or both NaN.
fn same(found: f64, expected: f64) -> bool {
    found.to_bits() == expected.to_bits() || (found.is_nan() && expected.is_nan())
}

fn all_same(found: &[f64], expected: &[f64]) -> bool {
    found.len() == expected.len() && found.iter().zip(expected).all(|(&found, &expected)| same(found, expected))
}

/// A numeric built-in by its name, with the type of its result.
fn numeric(name: &str) -> (impl Fn(&Tensor, &Tensor) -> HandlerResult<Tensor>, DType) {
    let metric = metrics::BUILTIN.into_iter().find(|metric| metric.name == name).unwrap();
    let compute = move |g: &Tensor, p: &Tensor| match (metric.compute)(g, p)? {
        MetricResult::Single(SingleMetric::Values(values)) => Ok(values),
        other => panic!("{other:?}"),
    };
    (compute, if name == "Accuracy" { DType::F64 } else { DType::F32 })
}

#[test]
fn numbers_are_numpys_bit_for_bit() {
    let cases = fixture(include_str!("fixtures/builtin/losses.json"));
    assert_eq!(cases.len(), 140);
    for case in cases {
        let (g, p) = (tensor(&case["ground_truth"]), tensor(&case["prediction"]));
        let expected = case["exact"].as_object().unwrap();
        assert_eq!(expected.len(), 7);
        for (name, expected) in expected {
            let (compute, dtype) = numeric(name);
            let found = compute(&g, &p).unwrap();
            assert_eq!((found.dtype(), found.dims()), (dtype, &g.dims()[..1]), "{name}, {}", case["name"]);
            let (found, expected) = (values(&found), numbers(expected));
            assert!(all_same(&found, &expected), "{name}, {}: {found:?}, numpy {expected:?}", case["name"]);
        }
    }
}

/// numpy's own logarithm is up to 3 units in the last place off in f32, 1 in f16; terms that cancel enlarge that.
#[test]
fn numbers_are_close_to_numpys_own_logarithm() {
    let mut compared = 0;
    for case in fixture(include_str!("fixtures/builtin/losses.json")) {
        let (g, p) = (tensor(&case["ground_truth"]), tensor(&case["prediction"]));
        for (name, expected) in case["numpy"].as_object().unwrap() {
            let found = values(&numeric(name).0(&g, &p).unwrap());
            compared += 1;
            for (found, expected) in found.into_iter().zip(numbers(expected)) {
                let close = same(found, expected) || (found - expected).abs() <= 2e-6 * expected.abs();
                assert!(close, "{name}, {}: {found:?}, numpy {expected:?}", case["name"]);
            }
        }
    }
    assert!(compared > 0);
}

#[test]
fn built_ins_stand_in_tensorleaps_order() {
    let losses: Vec<_> = losses::BUILTIN.iter().map(|loss| loss.name).collect();
    let metrics: Vec<_> = metrics::BUILTIN.iter().map(|metric| metric.name).collect();
    let common = [
        "MeanSquaredError",
        "MeanSquaredLogarithmicError",
        "MeanAbsoluteError",
        "MeanAbsolutePercentageError",
        "Accuracy",
        "ConfusionMatrixClassification",
        "CategoricalCrossentropy",
        "BinaryCrossentropy",
    ];
    assert_eq!(metrics, common);
    assert_eq!(losses, [&common[..4], &common[6..]].concat());
    for metric in metrics::BUILTIN {
        assert_eq!(metric.arguments, ["ground_truth", "prediction"]);
        let direction = match metric.name {
            "Accuracy" => Some(MetricDirection::Upward),
            "ConfusionMatrixClassification" => None,
            _ => Some(MetricDirection::Downward),
        };
        assert_eq!(metric.direction, direction, "{}", metric.name);
    }
    let (g, p) = (tensor(&series(&[3, 4], 757)), tensor(&series(&[3, 4], 389)));
    for loss in losses::BUILTIN {
        assert_eq!(loss.arguments, ["ground_truth", "prediction"]);
        assert_eq!(values(&(loss.compute)(&g, &p).unwrap()), values(&numeric(loss.name).0(&g, &p).unwrap()));
    }
}

fn series(shape: &[usize], multiplier: u64) -> Value {
    json!({"dtype": "float32", "shape": shape, "multiplier": multiplier})
}

#[test]
fn confusion_matrix_is_numpys() {
    let cases = fixture(include_str!("fixtures/builtin/confusion.json"));
    assert_eq!(cases.len(), 12);
    for case in cases {
        let (g, p) = (tensor(&case["ground_truth"]), tensor(&case["prediction"]));
        let rows = metrics::confusion_matrix_classification(&g, &p).unwrap();
        let expected = case["elements"].as_array().unwrap();
        assert_eq!(rows.len(), expected.len());
        for (row, expected) in rows.iter().zip(expected) {
            let expected = expected.as_array().unwrap();
            assert_eq!(row.len(), expected.len());
            for (element, expected) in row.iter().zip(expected) {
                let outcome = serde_json::to_value(element.expected_outcome).unwrap();
                assert_eq!(
                    (json!(element.label), outcome),
                    (expected[0].clone(), expected[1].clone()),
                    "{}",
                    case["name"]
                );
                assert!(same(element.predicted_probability, numbers(&expected[2])[0]), "{element:?} {expected}");
                assert!(element.id.is_empty());
            }
        }
    }
    let element = ConfusionMatrixElement {
        label: "cat".into(),
        expected_outcome: ConfusionMatrixValue::Negative,
        predicted_probability: 0.5,
        id: String::new(),
    };
    let written = json!({"label": "cat", "expected_outcome": "Negative", "predicted_probability": 0.5, "id": ""});
    assert_eq!(serde_json::to_value(element).unwrap(), written);
}

#[test]
fn shapes_that_do_not_fit_are_errors() {
    let zeros = |shape: &[usize]| Tensor::zeros(shape, DType::F32, CPU).unwrap();
    let error = |g: &[usize], p: &[usize]| {
        let (g, p) = (zeros(g), zeros(p));
        let texts: Vec<String> =
            losses::BUILTIN.iter().map(|loss| (loss.compute)(&g, &p).unwrap_err().to_string()).collect();
        assert!(texts.iter().all(|text| *text == texts[0]));
        assert_eq!(metrics::accuracy(&g, &p).unwrap_err().to_string(), texts[0]);
        assert!(metrics::confusion_matrix_classification(&g, &p).is_err());
        texts[0].clone()
    };
    assert!(error(&[2, 3], &[2, 2]).contains("broadcast"));
    assert!(error(&[2, 3], &[2, 3, 2]).contains("broadcast"));
    assert!(error(&[2], &[3, 5]).contains("share out prediction [3, 5] over the 2 samples"));
    assert!(error(&[], &[2]).contains("first axis is the batch"));
    assert!(error(&[0, 3], &[0, 3]).contains("first axis is the batch"));
    // numpy repeats a single value; a confusion matrix needs both tensors whole.
    assert!(losses::mean_squared_error(&zeros(&[2, 1]), &zeros(&[2, 5])).is_ok());
    let matrix = |g: &[usize], p: &[usize]| metrics::confusion_matrix_classification(&zeros(g), &zeros(p));
    assert!(
        matrix(&[2, 1], &[2, 5]).is_err() && matrix(&[2], &[2]).is_err() && matrix(&[2, 2, 2], &[2, 2, 2]).is_err()
    );
    let missing = Tensor::new(&[[0f32, 1.], [0., f32::NAN]], CPU).unwrap();
    let error = metrics::confusion_matrix_classification(&missing, &zeros(&[2, 2])).unwrap_err().to_string();
    assert!(error.contains("NaN for class 1 of sample 1"), "{error}");
}

#[test]
fn engine_float16_is_numpys() {
    let cases = fixture(include_str!("fixtures/builtin/float16.json"));
    assert_eq!(cases.len(), 42);
    for case in cases {
        let (found, cast) = engine_float16(&tensor(&case["given"])).unwrap();
        assert_eq!((cast, found.dtype()), (case["cast"].as_bool().unwrap(), dtype(&case["found"])), "{case}");
        let (found, expected) = (values(&found), numbers(&case["found"]["values"]));
        assert!(all_same(&found, &expected), "{found:?} {case}");
    }
}

//! Gradients of the built-in losses against PyTorch's; `fixtures/explain/make_losses.py` made the numbers.

use candle_core::{DType, Device, Tensor, Var};
use leap_binder::binder::losses;
use serde::Deserialize;

#[derive(Deserialize)]
struct Fixture {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    loss: String,
    rows: String,
    ground_truth: Vec<Vec<f64>>,
    prediction: Vec<Vec<f64>>,
    upstream: Vec<f64>,
    for_ground_truth: Vec<Vec<f64>>,
    for_prediction: Vec<Vec<f64>>,
}

fn tensor(rows: &[Vec<f64>], dtype: DType) -> Tensor {
    Tensor::new(rows.to_vec(), &Device::Cpu).unwrap().to_dtype(dtype).unwrap()
}

fn flat(xs: &Tensor) -> Vec<f64> {
    xs.to_dtype(DType::F64).unwrap().flatten_all().unwrap().to_vec1().unwrap()
}

#[test]
fn gradients_are_pytorchs() {
    let fixture: Fixture = serde_json::from_str(include_str!("../fixtures/explain/losses.json")).unwrap();
    assert_eq!(fixture.cases.len(), 36);
    for case in fixture.cases {
        let loss = losses::BUILTIN.into_iter().find(|loss| loss.name == case.loss).unwrap();
        // PyTorch's own f64 leaves 1e-7 where large numbers cancel; in f32 inputs and gradients are rounded, and so are bounds.
        for (dtype, tolerance) in [(DType::F64, 1e-6), (DType::F32, 1e-5)] {
            let var = |rows: &[Vec<f64>]| Var::from_tensor(&tensor(rows, dtype)).unwrap();
            let (truth, scores) = (var(&case.ground_truth), var(&case.prediction));
            let values = (loss.compute)(&truth, &scores).unwrap();
            let plain = (loss.compute)(&truth.detach(), &scores.detach()).unwrap();
            assert!(!plain.track_op());
            assert_eq!(plain.dtype(), values.dtype());
            let bits = |xs: &Tensor| xs.to_vec1::<f32>().unwrap().into_iter().map(f32::to_bits).collect::<Vec<_>>();
            assert_eq!(bits(&values), bits(&plain), "{} {}", case.loss, case.rows);
            let upstream = Tensor::new(case.upstream.as_slice(), &Device::Cpu).unwrap().to_dtype(DType::F32).unwrap();
            let gradients = (values * upstream).unwrap().sum_all().unwrap().backward().unwrap();
            // In f32 the upper bound of clipping is 1 - 1.19e-7, whose complement's logarithm is 1 % off that of 1e-7.
            let clipped = dtype == DType::F32 && case.prediction.iter().flatten().any(|p| *p >= 1.0);
            let tolerance = if clipped { 0.02 } else { tolerance };
            for (var, expected) in [(&truth, &case.for_ground_truth), (&scores, &case.for_prediction)] {
                let found = gradients.get(var).unwrap();
                assert_eq!((found.dims(), found.dtype()), (var.dims(), dtype));
                for (found, expected) in flat(found).iter().zip(expected.iter().flatten()) {
                    let near = (found - expected).abs() <= tolerance * expected.abs().max(1.0);
                    assert!(near, "{} {} {dtype:?}: {found} {expected}", case.loss, case.rows);
                }
            }
        }
    }
}

#[test]
fn trailing_axes_keep_their_shape_and_one_side_may_be_constant() {
    let scores = Var::from_tensor(&Tensor::new(&[[[0.25f32, 0.75], [0.5, 0.5]]], &Device::Cpu).unwrap()).unwrap();
    let truth = Tensor::new(&[[[1u8, 0], [0, 1]]], &Device::Cpu).unwrap();
    let loss = losses::mean_squared_error(&truth, &scores.transpose(1, 2).unwrap()).unwrap();
    let gradients = loss.sum_all().unwrap().backward().unwrap();
    let found = gradients.get(&scores).unwrap();
    assert_eq!(found.dims(), [1, 2, 2]);
    // 2 (p - g) / 4, where g is transposed into p's order; the unit matrix is its own transpose.
    assert_eq!(flat(found), [-0.375, 0.375, 0.25, -0.25]);
}

#[test]
fn nothing_flows_through_a_clipped_probability() {
    let scores = Var::from_tensor(&Tensor::new(&[[1f32, 0.0], [0.0, 1.0]], &Device::Cpu).unwrap()).unwrap();
    let truth = Tensor::new(&[[1f32, 0.0], [1.0, 0.0]], &Device::Cpu).unwrap();
    for loss in [losses::binary_crossentropy, losses::categorical_crossentropy] {
        let gradients = loss(&truth, &scores).unwrap().sum_all().unwrap().backward().unwrap();
        assert_eq!(flat(gradients.get(&scores).unwrap()), [0.0; 4]);
    }
}

//! Losses and gradients against PyTorch's, at the ends of what f32 holds, and what is refused.

use candle_core::{Device, Tensor, Var};
use serde::Deserialize;

use super::{ClassWeights, Criterion};

#[derive(Deserialize)]
struct Golden {
    counts: Vec<usize>,
    logits: Vec<f32>,
    hard: Vec<f32>,
    soft: Vec<f32>,
    runs: Vec<Run>,
}

#[derive(Deserialize)]
struct Run {
    criterion: Criterion,
    targets: String,
    loss: f64,
    gradient: Vec<f64>,
}

fn rows(values: &[f32], classes: usize) -> Tensor {
    Tensor::from_slice(values, (values.len() / classes, classes), &Device::Cpu).unwrap()
}

/// The loss and its gradient.
fn both(criterion: &Criterion, logits: &Tensor, targets: &Tensor, counts: &[usize]) -> (f32, Vec<f32>) {
    let logits = Var::from_tensor(logits).unwrap();
    let loss = criterion.compute(&logits, targets, counts).unwrap();
    let gradients = loss.backward().unwrap();
    let gradient = gradients.get(&logits).unwrap().flatten_all().unwrap().to_vec1().unwrap();
    (loss.to_scalar().unwrap(), gradient)
}

fn all_kinds() -> Vec<Criterion> {
    let mut all = Vec::new();
    for class_weights in [ClassWeights::None, ClassWeights::Balanced, ClassWeights::SqrtBalanced] {
        all.push(Criterion::CrossEntropy { label_smoothing: 0.1, class_weights: class_weights.clone() });
        for gamma in [0.0, 0.3, 1.0, 2.0] {
            all.push(Criterion::Focal { gamma, class_weights: class_weights.clone() });
        }
    }
    all.push(Criterion::BalancedSoftmax { label_smoothing: 0.0 });
    all
}

#[test]
fn losses_and_gradients_are_pytorchs() {
    let golden: Golden = serde_json::from_str(include_str!("../../../tests/fixtures/train/criterion.json")).unwrap();
    assert_eq!(golden.runs.len(), 28);
    let logits = rows(&golden.logits, 4);
    for run in golden.runs {
        let targets = rows(if run.targets == "hard" { &golden.hard } else { &golden.soft }, 4);
        let (loss, gradient) = both(&run.criterion, &logits, &targets, &golden.counts);
        let place = (&run.criterion, &run.targets);
        assert!((f64::from(loss) - run.loss).abs() <= 1e-6 * run.loss.max(1.0), "{place:?}: {loss}, not {}", run.loss);
        for (found, expected) in gradient.iter().zip(&run.gradient) {
            assert!((f64::from(*found) - expected).abs() <= 1e-6, "{place:?}: {gradient:?}, not {:?}", run.gradient);
        }
    }
}

#[test]
fn everything_stays_finite_for_logits_far_apart() {
    let logits = rows(&[1e4, -1e4, 0.0, -1e4, 1e4, 0.0, 1e4, 1e4, -1e4, 0.0, 0.0, 0.0, 80.0, 0.0, -80.0], 3);
    let first = [1.0, 0.0, 0.0];
    let middle = [0.2, 0.5, 0.3];
    for criterion in all_kinds() {
        for row in [first, middle] {
            let (loss, gradient) = both(&criterion, &logits, &rows(&row.repeat(5), 3), &[5, 100, 7]);
            assert!(loss.is_finite() && loss > 0.0, "{criterion:?}: {loss}");
            assert!(gradient.iter().all(|g| g.is_finite()), "{criterion:?}: {gradient:?}");
            // A softmax does not change when all logits move alike. Focal loss has terms of 1e4 times a difference of shares,
            // which f32 knows to 1e-7.
            for row in gradient.chunks(3) {
                assert!(row.iter().sum::<f32>().abs() < 1e-3, "{criterion:?}: {row:?}");
            }
        }
    }
    // What is wrong by 20,000 costs that much.
    let plain = Criterion::CrossEntropy { label_smoothing: 0.0, class_weights: ClassWeights::None };
    let (loss, gradient) = both(&plain, &rows(&[-1e4, 1e4], 2), &rows(&[1.0, 0.0], 2), &[1, 1]);
    assert_eq!((loss, gradient), (2e4, vec![-1.0, 1.0]));
}

#[test]
fn one_class_has_nothing_to_lose() {
    for criterion in all_kinds() {
        let (loss, gradient) = both(&criterion, &rows(&[3.0, -2.0], 1), &rows(&[1.0, 1.0], 1), &[2]);
        assert_eq!((loss, gradient), (0.0, vec![0.0, 0.0]), "{criterion:?}");
    }
}

#[test]
fn a_batch_without_weight_loses_nothing() {
    let class_weights = ClassWeights::Given(vec![0.0, 1.0]);
    for criterion in [
        Criterion::CrossEntropy { label_smoothing: 0.0, class_weights: class_weights.clone() },
        Criterion::Focal { gamma: 2.0, class_weights },
    ] {
        let (loss, gradient) = both(&criterion, &rows(&[3.0, -2.0], 2), &rows(&[1.0, 0.0], 2), &[2, 2]);
        assert_eq!((loss, gradient), (0.0, vec![0.0, 0.0]));
    }
}

#[test]
fn derived_weights_count_one_on_average() {
    let counts = [120, 30, 7, 1000];
    for weights in [ClassWeights::Balanced, ClassWeights::SqrtBalanced] {
        let weights = weights.of(&counts).unwrap();
        let total: f64 = weights.iter().zip(counts).map(|(weight, count)| weight * count as f64).sum();
        assert!((total - 1157.0).abs() < 1e-9);
    }
    // sklearn.utils.class_weight.compute_class_weight("balanced") of 3 and 1 samples.
    assert_eq!(ClassWeights::Balanced.of(&[3, 1]).unwrap(), [4.0 / 6.0, 2.0]);
}

#[test]
fn what_cannot_work_is_refused_by_name() {
    let classes = ["normal", "bacteria", "virus"].map(str::to_owned);
    let refused =
        |criterion: &Criterion, counts: &[usize]| criterion.validate(&classes, counts).unwrap_err().to_string();
    for criterion in all_kinds() {
        criterion.validate(&classes, &[5, 1, 9]).unwrap();
    }
    let entropy = |label_smoothing, class_weights| Criterion::CrossEntropy { label_smoothing, class_weights };
    let given = |weights: &[f64]| entropy(0.0, ClassWeights::Given(weights.to_vec()));
    entropy(0.0, ClassWeights::None).validate(&classes, &[5, 0, 9]).unwrap();
    given(&[1.0, 0.0, 2.0]).validate(&classes, &[5, 0, 9]).unwrap();
    for criterion in [
        entropy(0.0, ClassWeights::Balanced),
        given(&[1.0, 1.0, 1.0]),
        Criterion::Focal { gamma: 2.0, class_weights: ClassWeights::SqrtBalanced },
        Criterion::BalancedSoftmax { label_smoothing: 0.0 },
    ] {
        let text = refused(&criterion, &[5, 0, 0]);
        assert!(text.contains("none of bacteria, virus"), "{text}");
    }
    assert!(refused(&given(&[1.0]), &[5, 1, 9]).contains("3 weights, for normal, bacteria, virus, found 1"));
    assert!(refused(&given(&[1.0, -1.0, 1.0]), &[5, 1, 9]).contains("of bacteria"));
    assert!(refused(&given(&[f64::NAN, 1.0, 1.0]), &[5, 1, 9]).contains("of normal"));
    assert!(refused(&given(&[0.0, 0.0, 0.0]), &[5, 1, 9]).contains("only 0"));
    assert!(refused(&entropy(1.0, ClassWeights::None), &[5, 1, 9]).contains("label_smoothing"));
    let focal = Criterion::Focal { gamma: -1.0, class_weights: ClassWeights::None };
    assert!(refused(&focal, &[5, 1, 9]).contains("gamma"));
    let (logits, targets) = (rows(&[1.0, 2.0], 2), rows(&[1.0, 0.0, 0.0], 3));
    assert!(focal.compute(&logits, &targets, &[1, 1]).is_err());
    assert!(focal.compute(&logits, &logits, &[1, 1, 1]).is_err());
}

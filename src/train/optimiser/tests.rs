//! The optimisers against torch's, in place and by candle's operations, and over a stop.

use candle_core::{DType, Device, Tensor, Var};
use serde::Deserialize;

use super::{Optimiser, State};

#[derive(Deserialize)]
struct Golden {
    runs: Vec<Run>,
}

#[derive(Deserialize)]
struct Run {
    optimiser: Optimiser,
    steps: Vec<After>,
}

#[derive(Deserialize)]
struct After {
    step: usize,
    weights: Vec<Vec<f64>>,
}

const SIZE: usize = 7;
const NAMES: [&str; 3] = ["conv.weight", "norm.weight", "head/bias"];

/// The formulas of `make_optimiser.py`.
fn tensor(value: impl Fn(usize) -> f64, dtype: DType) -> Tensor {
    let values: Vec<f32> = (0..SIZE).map(|i| value(i) as f32).collect();
    Tensor::from_vec(values, SIZE, &Device::Cpu).unwrap().to_dtype(dtype).unwrap()
}

fn vars(dtype: DType) -> Vec<Var> {
    let first = |p: usize| tensor(|i| (1.7 * (p + 1) as f64 * (i + 1) as f64).sin(), dtype);
    (0..3).map(|p| Var::from_tensor(&first(p)).unwrap()).collect()
}

fn step(state: &mut State, vars: &[Var], step: usize) {
    for (p, (var, name)) in vars.iter().zip(NAMES).enumerate() {
        let angle = |i: usize| 0.9 * (step + 1) as f64 + 2.3 * i as f64 + p as f64;
        let gradient = tensor(|i| angle(i).cos() * 10f64.powi((i % 4) as i32 - 2), DType::F32);
        let rate = 0.05 * 0.97f64.powi(step as i32) * if p == 2 { 0.1 } else { 1.0 };
        state.step(name, var, &gradient, rate, p == 0).unwrap();
    }
}

fn values(var: &Tensor) -> Vec<f64> {
    var.to_dtype(DType::F64).unwrap().to_vec1().unwrap()
}

fn golden() -> Golden {
    serde_json::from_str(include_str!("../../../tests/fixtures/train/optimiser.json")).unwrap()
}

#[test]
fn steps_are_torchs_in_place_and_by_operations() {
    let runs = golden().runs;
    assert_eq!(runs.len(), 7);
    // f64 takes the way of other devices.
    for dtype in [DType::F32, DType::F64] {
        for run in &runs {
            run.optimiser.validate().unwrap();
            let (vars, mut state) = (vars(dtype), State::new(run.optimiser));
            let mut done = 0;
            for after in &run.steps {
                (done..=after.step).for_each(|at| step(&mut state, &vars, at));
                done = after.step + 1;
                for (p, (var, expected)) in vars.iter().zip(&after.weights).enumerate() {
                    for (found, expected) in values(var).into_iter().zip(expected) {
                        let bound = 1e-6 * expected.abs().max(1.0);
                        let place = (run.optimiser, dtype, after.step, p);
                        assert!((found - expected).abs() <= bound, "{place:?}: {found}, not {expected}");
                    }
                }
            }
            assert_eq!(done, 20);
        }
    }
}

#[test]
fn a_state_that_was_put_away_goes_on_with_the_same_bits() {
    for run in golden().runs {
        for dtype in [DType::F32, DType::F64] {
            let (straight, mut state) = (vars(dtype), State::new(run.optimiser));
            (0..8).for_each(|at| step(&mut state, &straight, at));
            let kept = state.to_tensors().unwrap();
            let resumed: Vec<Var> = straight.iter().map(|var| Var::from_tensor(var).unwrap()).collect();
            (8..20).for_each(|at| step(&mut state, &straight, at));
            // What was put away is a copy: neither the first run's steps nor an earlier resumed run's move it.
            for _ in 0..2 {
                let again: Vec<Var> = resumed.iter().map(|var| Var::from_tensor(var).unwrap()).collect();
                let mut state = State::from_tensors(run.optimiser, &kept).unwrap();
                (8..20).for_each(|at| step(&mut state, &again, at));
                for (a, b) in straight.iter().zip(&again) {
                    assert_eq!(values(a), values(b), "{:?}", run.optimiser);
                }
            }
        }
    }
}

#[test]
fn a_large_parameter_has_the_same_bits_on_any_number_of_threads() {
    // Longer than what a thread takes at once, and no multiple of it.
    let size = 150_001;
    let moved = |threads: usize, optimiser| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let of = |factor: f32| (0..size).map(move |i| (i as f32 * factor).sin());
            let var = Var::from_tensor(&Tensor::from_iter(of(0.37), &Device::Cpu).unwrap()).unwrap();
            let gradient = Tensor::from_iter(of(0.11), &Device::Cpu).unwrap();
            let mut state = State::new(optimiser);
            (0..3).for_each(|_| state.step("w", &var, &gradient, 0.1, true).unwrap());
            var.to_vec1::<f32>().unwrap()
        })
    };
    for optimiser in [Optimiser::adamw(), Optimiser::sgd()] {
        let one = moved(1, optimiser);
        assert_eq!(one, moved(3, optimiser));
        // The ends are moved as everything else: by the steps of a parameter of one value.
        for place in [0, 1 << 16, size - 1] {
            let var = Var::new(&[(place as f32 * 0.37).sin()], &Device::Cpu).unwrap();
            let gradient = Tensor::new(&[(place as f32 * 0.11).sin()], &Device::Cpu).unwrap();
            let mut state = State::new(optimiser);
            (0..3).for_each(|_| state.step("w", &var, &gradient, 0.1, true).unwrap());
            assert_eq!(var.to_vec1::<f32>().unwrap(), [one[place]]);
        }
    }
}

#[test]
fn shapes_and_foreign_states_are_refused() {
    let var = Var::zeros((2, 3), DType::F32, &Device::Cpu).unwrap();
    let mut state = State::new(Optimiser::adamw());
    let other = Tensor::zeros((3, 2), DType::F32, &Device::Cpu).unwrap();
    assert!(state.step("w", &var, &other, 0.1, true).is_err());
    // A gradient that lies otherwise is put in order.
    state.step("w", &var, &other.t().unwrap(), 0.1, true).unwrap();

    let mut kept = state.to_tensors().unwrap();
    assert_eq!(kept.keys().collect::<Vec<_>>(), ["m/w", "steps/w", "v/w"]);
    let refused = |optimiser, kept: &_| State::from_tensors(optimiser, kept).unwrap_err().to_string();
    let text = refused(Optimiser::sgd(), &kept);
    assert!(text.contains("momentum/<parameter>, steps/<parameter>") && text.contains("found m/w"), "{text}");
    let square = kept.remove("v/w").unwrap();
    assert!(refused(Optimiser::adamw(), &kept).contains("v/w"));
    kept.insert("v/w".to_owned(), square.t().unwrap());
    let mut state = State::from_tensors(Optimiser::adamw(), &kept).unwrap();
    let gradient = Tensor::zeros((2, 3), DType::F32, &Device::Cpu).unwrap();
    assert!(state.step("w", &var, &gradient, 0.1, true).is_err());
}

#[test]
fn nothing_keeps_the_history_of_a_gradient() {
    let var = Var::new(&[1f64, 2.0], &Device::Cpu).unwrap();
    let mut state = State::new(Optimiser::adamw());
    let with_history = var.as_tensor().sqr().unwrap();
    assert!(with_history.track_op());
    state.step("w", &var, &with_history, 0.1, true).unwrap();
    assert!(state.to_tensors().unwrap().values().all(|tensor| !tensor.track_op()));
}

#[test]
fn numbers_that_cannot_work_are_refused() {
    Optimiser::adamw().validate().unwrap();
    Optimiser::sgd().validate().unwrap();
    let refuses = |optimiser: Optimiser, option: &str| {
        let text = optimiser.validate().unwrap_err().to_string();
        assert!(text.starts_with(&format!("option optimiser.{option}")), "{text}");
    };
    refuses(Optimiser::Sgd { momentum: 1.0, nesterov: false, weight_decay: 0.0 }, "momentum");
    refuses(Optimiser::Sgd { momentum: 0.0, nesterov: true, weight_decay: 0.0 }, "nesterov");
    refuses(Optimiser::Sgd { momentum: 0.0, nesterov: false, weight_decay: f64::NAN }, "weight_decay");
    let adamw = |beta1, beta2, eps| Optimiser::AdamW { beta1, beta2, eps, weight_decay: 0.0 };
    refuses(adamw(1.0, 0.9, 1e-8), "beta1");
    refuses(adamw(0.9, -0.1, 1e-8), "beta2");
    refuses(adamw(0.9, 0.9, 0.0), "eps");
}

//! Weights and inputs that PyTorch and these tests make alike; `tests/fixtures/model/formula.py` is the same in Python.

use candle_core::{DType, Device, Result, Shape, Tensor};
use candle_nn::var_builder::SimpleBackend;
use candle_nn::{Init, VarBuilder, VarMap};
use leap_binder::rng::SplitMix64;

/// Even draws from `low..high`, seeded with the FNV-1a hash of `name`.
pub(crate) fn draws(name: &str, count: usize, low: f64, high: f64) -> Vec<f32> {
    let mut rng = SplitMix64::named(0, name);
    let unit = |bits: u64| (bits >> 40) as f64 / (1u64 << 24) as f64;
    (0..count).map(|_| (low + (high - low) * unit(rng.next_u64())) as f32).collect()
}

fn bounds(name: &str, shape: &[usize]) -> (f64, f64) {
    if name.ends_with("running_mean") {
        (-0.2, 0.2)
    } else if shape.len() >= 2 {
        let bound = (6.0 / shape[1..].iter().product::<usize>() as f64).sqrt();
        (-bound, bound)
    } else if name.ends_with("bias") {
        (-0.1, 0.1)
    } else {
        (0.5, 1.5)
    }
}

/// The values of the tensor `name`.
pub(crate) fn tensor(name: &str, shape: &[usize]) -> Tensor {
    let (low, high) = bounds(name, shape);
    Tensor::from_vec(draws(name, shape.iter().product(), low, high), shape, &Device::Cpu).unwrap()
}

/// Input in [-1, 1].
pub(crate) fn batch(n: usize, channels: usize, height: usize, width: usize) -> Tensor {
    let values = draws("input", n * channels * height * width, -1.0, 1.0);
    Tensor::from_vec(values, (n, channels, height, width), &Device::Cpu).unwrap()
}

struct Formula;

impl SimpleBackend for Formula {
    fn get(&self, shape: Shape, name: &str, _: Init, dtype: DType, device: &Device) -> Result<Tensor> {
        tensor(name, shape.dims()).to_device(device)?.to_dtype(dtype)
    }

    fn get_unchecked(&self, name: &str, _: DType, _: &Device) -> Result<Tensor> {
        Err(candle_core::Error::CannotFindTensor { path: name.to_owned() })
    }

    fn contains_tensor(&self, _: &str) -> bool {
        true
    }
}

/// Hands out the tensors of the formula, whatever is asked for.
pub(crate) fn var_builder(dtype: DType) -> VarBuilder<'static> {
    var_builder_on(dtype, &Device::Cpu)
}

/// The same on another device.
pub(crate) fn var_builder_on(dtype: DType, device: &Device) -> VarBuilder<'static> {
    VarBuilder::from_backend(Box::new(Formula), dtype, device.clone())
}

/// Variables for whatever `build` asks for, with the formula's values.
pub(crate) fn variables<T>(build: impl FnOnce(VarBuilder) -> T) -> (VarMap, T) {
    let map = VarMap::new();
    let built = build(VarBuilder::from_varmap(&map, DType::F32, &Device::Cpu));
    for (name, var) in map.data().lock().unwrap().iter() {
        var.set(&tensor(name, var.dims())).unwrap();
    }
    (map, built)
}

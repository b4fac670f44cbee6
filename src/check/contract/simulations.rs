//! Step 8: each simulation is called once, and its first sample encoded twice.

use candle_core::{DType, Tensor};

use super::payload::Payload;
use crate::binder::{Place, Registry, Simulation, guarded};
use crate::contract::{Code, DataState, SampleId, Violation};

/// numpy's tolerances of `allclose`.
const RELATIVE: f64 = 1e-5;
const ABSOLUTE: f64 = 1e-8;

pub(super) fn run(registry: &Registry) -> Vec<Payload> {
    let run = |simulation: &Simulation| match probe(registry, simulation) {
        Ok(()) => Payload::new(&*simulation.name),
        Err(violation) => Payload::new(&*simulation.name).failed("Errors", &violation),
    };
    registry.simulations.iter().map(run).collect()
}

fn probe(registry: &Registry, simulation: &Simulation) -> Result<(), Violation> {
    let function = format!("simulation::{}", simulation.name);
    let samples = registry.simulate(simulation, None, 1, 0)?;
    let Some(sample) = samples.first() else {
        let expected = "at least one sample for N = 1";
        return Err(Violation::new(Code::SimulationResult, function, expected, "no sample: length 0"));
    };
    let ids = [SampleId::Int(0)];
    let place = Place { state: DataState::Additional, ids: &ids };
    for encoder in &registry.inputs {
        let name = format!("input_encoder::{}", encoder.name);
        let encode = || guarded(&name, || (encoder.encode)(&**sample, place));
        let (once, again) = (encode()?, encode()?);
        let close = all_close(&once, &again).unwrap_or(false);
        if !close {
            let expected = format!("input {} to be encoded alike twice", encoder.name);
            let found = "two tensors that differ: the encoder is non-deterministic";
            return Err(Violation::new(Code::SimulationResult, function, expected, found));
        }
    }
    Ok(())
}

/// numpy's `allclose` with its defaults; NaN is close to nothing.
pub(super) fn all_close(a: &Tensor, b: &Tensor) -> candle_core::Result<bool> {
    if a.dims() != b.dims() {
        return Ok(false);
    }
    let values = |xs: &Tensor| xs.to_dtype(DType::F64)?.flatten_all()?.to_vec1::<f64>();
    let close = |(a, b): (f64, f64)| a == b || (a - b).abs() <= ABSOLUTE + RELATIVE * b.abs();
    Ok(values(a)?.into_iter().zip(values(b)?).all(close))
}

use super::handlers::{AnySample, Place, Simulation};
use super::{Registry, guarded};
use crate::contract::{Code, DataState, SampleId, SimulationArguments, SimulationValue, Violation};
use crate::{Error, Result};
use candle_core::Tensor;

/// What a simulation made, encoded.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct SimulatedSamples {
    /// The samples' ids: those asked for, else 0, 1, ...
    pub sample_ids: Vec<SampleId>,
    /// For each input encoder, by name, its tensors stacked: `(n, ...)`.
    pub encoded: Vec<(String, Tensor)>,
}

impl Registry {
    /// Makes samples and encodes them (Tensorleap: `run_simulation`).
    ///
    /// Parameters that are not given have the value that the check probes with. `sample_ids` are texts, as many as samples
    /// come out unless `allow_partial`; both sides are then cut to the smaller number. The samples belong to no subset.
    ///
    /// # Errors
    /// [`Error::Config`] for an unknown simulation or parameter; [`Error::Argument`] when the ids do not fit;
    /// [`Error::Contract`] when the simulation or an encoder fails; [`Error::Tensor`] when shapes differ.
    pub fn run_simulation(
        &self,
        name: &str,
        parameters: &[(&str, SimulationValue)],
        samples: usize,
        seed: u64,
        sample_ids: Option<&[SampleId]>,
        allow_partial: bool,
    ) -> Result<SimulatedSamples> {
        let Some(simulation) = self.simulations.iter().find(|simulation| simulation.name == name) else {
            let known: Vec<&str> = self.simulations.iter().map(|simulation| &*simulation.name).collect();
            let found = format!("No simulation registered with name {name:?}");
            return Err(Error::config("simulation", format!("one of {known:?}"), found));
        };
        let made = self.simulate(simulation, Some(parameters), samples, seed)?;
        let sample_ids = match sample_ids {
            None => (0..made.len() as i64).map(SampleId::Int).collect(),
            Some(ids) => asked_for(ids, made.len(), allow_partial)?,
        };
        let mut encoded = Vec::new();
        for encoder in &self.inputs {
            let function = format!("input_encoder::{}", encoder.name);
            let tensors = made.iter().zip(&sample_ids).map(|(sample, id)| {
                let place = Place { state: DataState::Additional, ids: std::slice::from_ref(id) };
                guarded(&function, || (encoder.encode)(&**sample, place)).map_err(|v| v.on(place.state, Some(id)))
            });
            let tensors: Vec<Tensor> = tensors.collect::<Result<_, _>>()?;
            let stacked = Tensor::stack(&tensors, 0).map_err(Error::tensor(function))?;
            encoded.push((encoder.name.clone(), stacked));
        }
        Ok(SimulatedSamples { sample_ids, encoded })
    }

    /// The samples themselves; without parameters with those that the check probes with.
    pub(crate) fn simulate(
        &self,
        simulation: &Simulation,
        parameters: Option<&[(&str, SimulationValue)]>,
        samples: usize,
        seed: u64,
    ) -> Result<Vec<Box<AnySample>>, Violation> {
        let function = format!("simulation::{}", simulation.name);
        let given = parameters.unwrap_or_default();
        if let Some((unknown, _)) = given.iter().find(|(name, _)| !simulation.parameters.iter().any(|(p, _)| p == name))
        {
            let known: Vec<&str> = simulation.parameters.iter().map(|(name, _)| &**name).collect();
            let found = format!("{unknown:?}");
            return Err(Violation::new(Code::SimulationRule, function, format!("parameters among {known:?}"), found));
        }
        let value = |name: &str| given.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone());
        let parameters = simulation.parameters.iter();
        let parameters =
            parameters.map(|(name, bounds)| (name.clone(), value(name).unwrap_or_else(|| bounds.probe()))).collect();
        let arguments = SimulationArguments { parameters, samples, seed };
        guarded(&function, || (simulation.simulate)(&arguments))
    }
}

fn asked_for(ids: &[SampleId], made: usize, allow_partial: bool) -> Result<Vec<SampleId>> {
    if let Some(id) = ids.iter().find(|id| matches!(id, SampleId::Int(_))) {
        return Err(Error::argument("run_simulation", "sample_ids of type str", format!("the integer {id}")));
    }
    if ids.len() != made && !allow_partial {
        let found =
            format!("sample_ids length ({}), which does not match the simulation output length ({made})", ids.len());
        return Err(Error::argument("run_simulation", "an id for each simulated sample", found));
    }
    Ok(ids.iter().take(made).cloned().collect())
}

use candle_core::Tensor;

use super::builtin::visualizers::BUILTIN;
use super::guarded;
use super::handlers::{Place, Visualizer};
use super::registry::Registry;
use crate::contract::{DataState, NamedTensors, SampleId, Visualization};
use crate::{Error, Result};

impl Registry {
    /// Runs a visualizer, in the order of its arguments (Tensorleap: `run_visualizer`).
    ///
    /// The binder's own visualizers take tensors of one sample without a batch axis; the built-in ones
    /// ([`super::visualizers`]) take batched tensors.
    ///
    /// # Errors
    /// [`Error::Config`] when there is no visualizer of that name; [`Error::Contract`] when it fails or panics.
    pub fn run_visualizer(
        &self,
        name: &str,
        state: DataState,
        id: &SampleId,
        tensors: &[&Tensor],
    ) -> Result<Visualization> {
        let function = format!("visualizer::{name}");
        if let Some(builtin) = BUILTIN.iter().find(|visualizer| visualizer.name == name) {
            return Ok(guarded(&function, || builtin.draw(tensors))?);
        }
        let visualizer = self.visualizer(name)?;
        let place = Place { state, ids: std::slice::from_ref(id) };
        let drawn = guarded(&function, || (visualizer.compute)(tensors, place));
        Ok(drawn.map_err(|violation| violation.on(state, Some(id)))?)
    }

    /// Brings heat maps, one for each argument of a visualizer, into the shape of its picture; none when the visualizer
    /// was registered without a heat-map function (Tensorleap: `run_heatmap_visualizer`).
    ///
    /// `raw` has the arguments' own tensors in the same order.
    ///
    /// # Errors
    /// [`Error::Config`] when there is no visualizer of that name; [`Error::Argument`] when the numbers of tensors differ
    /// from that of the arguments; [`Error::Contract`] when the function fails or panics.
    pub fn run_heatmap(&self, name: &str, heatmaps: &[&Tensor], raw: &[&Tensor]) -> Result<Option<Tensor>> {
        let visualizer = self.visualizer(name)?;
        let arguments = &visualizer.arguments;
        if heatmaps.len() != arguments.len() || raw.len() != arguments.len() {
            let found = format!("{} heat maps, {} tensors", heatmaps.len(), raw.len());
            return Err(Error::argument("run_heatmap", format!("{} of each", arguments.len()), found));
        }
        let Some(compute) = &visualizer.heatmap else { return Ok(None) };
        let raw: NamedTensors =
            arguments.iter().zip(raw).map(|(argument, &xs)| (argument.name.clone(), xs.clone())).collect();
        Ok(Some(guarded(&format!("heatmap::{name}"), || compute(heatmaps, &raw))?))
    }

    fn visualizer(&self, name: &str) -> Result<&Visualizer> {
        self.visualizers.iter().find(|visualizer| visualizer.name == name).ok_or_else(|| {
            let known: Vec<&str> = self.visualizers.iter().map(|visualizer| &*visualizer.name).collect();
            Error::config("visualizer", format!("one of {known:?}"), format!("{name:?}"))
        })
    }
}

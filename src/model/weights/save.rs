use std::collections::BTreeMap;
use std::path::Path;
use std::sync::PoisonError;

use candle_core::{DType, Device, Tensor};
use candle_nn::VarMap;

use super::source::fault;
use super::{Card, wrong};
use crate::model::checkpoint::{safetensors_bytes, write_safetensors};
use crate::{Error, Result};

/// Writes the tensors of `variables` and the card to a safetensors file at `path` that [`Weights::open`](super::Weights::open)
/// reads, with the numbers as `dtype` (f32, f16 or bf16). Running statistics are among the tensors.
///
/// The file is written beside its place and then renamed, so that what stood there before stays until the new file is whole. Equal
/// weights and cards give equal bytes.
///
/// # Errors
///
/// [`Error::Weights`] that lists all tensors that the card's architecture lacks or has in another shape, and all with values that are
/// not finite or leave the range of `dtype`; [`Error::Argument`] for another type, [`Error::Io`] if the file cannot be written.
pub fn save(path: impl AsRef<Path>, variables: &VarMap, card: &Card, dtype: DType) -> Result<()> {
    let path = path.as_ref();
    let tensors = checked(path, variables, card, dtype)?;
    write_safetensors(path, card.write()?, &tensors)
}

/// What [`save`] would write, as f32.
pub(super) fn to_bytes(path: &Path, variables: &VarMap, card: &Card) -> Result<Vec<u8>> {
    safetensors_bytes(card.write()?, &checked(path, variables, card, DType::F32)?)
}

/// The tensors of `variables` as `dtype` on the CPU, if they are those of the card's network.
fn checked(path: &Path, variables: &VarMap, card: &Card, dtype: DType) -> Result<BTreeMap<String, Tensor>> {
    if !matches!(dtype, DType::F32 | DType::F16 | DType::BF16) {
        return Err(Error::argument("save", "f32, f16 or bf16", format!("{dtype:?}")));
    }
    card.check(path)?;
    let expected = card.architecture.tensors(card.input.channels(), card.classes.len())?;
    let data = variables.data().lock().unwrap_or_else(PoisonError::into_inner);
    let mut tensors: BTreeMap<String, Tensor> = BTreeMap::new();
    let mut problems = Vec::new();
    for (name, shape) in &expected {
        match data.get(name) {
            None => problems.push(format!("no {name}")),
            Some(var) if var.shape() != shape => {
                problems.push(format!("{name} of shape {:?} instead of {:?}", var.dims(), shape.dims()));
            }
            Some(var) => {
                let on_cpu =
                    var.detach().to_dtype(dtype).and_then(|tensor| tensor.to_device(&Device::Cpu)?.contiguous());
                let tensor = on_cpu.map_err(Error::tensor(format!("saving {name}")))?;
                problems.extend(fault(name, &tensor));
                tensors.insert(name.clone(), tensor);
            }
        }
    }
    let mut extra: Vec<_> = data.keys().filter(|name| !expected.iter().any(|(known, _)| known == *name)).collect();
    extra.sort();
    problems.extend(extra.into_iter().map(|name| format!("{name}, which it does not have")));
    if !problems.is_empty() {
        return Err(wrong(path, format!("the tensors of {}", card.architecture), problems.join("; "), None));
    }
    Ok(tensors)
}

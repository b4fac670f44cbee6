use std::fmt::Debug;
use std::sync::{Mutex, PoisonError};

use candle_core::backend::BackendStorage;
use candle_core::{CpuStorage, CudaStorage, CustomOp2, Layout, Result, Shape, Storage, Tensor, Var};

/// Whether a part of a network is run for the first time in a pass, or again for the gradient.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Run {
    First,
    Again,
}

/// `run(xs)`, keeping nothing of what flows inside: for the gradient `run` is run once more (Chen et al., *Training Deep Nets with Sublinear
/// Memory Cost*, arXiv:1604.06174). `parameters` are the tensors inside `run` that may want a gradient.
///
/// `run` must give the same both times and have no other effect in [`Run::Again`]. Costs one pass more and the memory of the
/// parameters.
pub(crate) fn recompute<F>(xs: &Tensor, parameters: Vec<Tensor>, run: F) -> Result<Tensor>
where
    F: Fn(&Tensor, Run) -> Result<Tensor> + Send + Sync + 'static,
{
    let parameters: Vec<Tensor> = parameters.into_iter().filter(|parameter| parameter.track_op()).collect();
    if !parameters.iter().all(Tensor::is_variable) {
        // Made of variables (of another type, say): the gradient of such a tensor cannot be had from inside.
        return run(xs, Run::First);
    }
    let result = run(&xs.detach(), Run::First)?.detach().contiguous()?;
    if parameters.is_empty() && !xs.track_op() {
        return Ok(result);
    }
    let packed = match parameters.as_slice() {
        [] => Tensor::zeros(1, xs.dtype(), xs.device())?,
        some => Tensor::cat(&some.iter().map(Tensor::flatten_all).collect::<Result<Vec<_>>>()?, 0)?,
    };
    xs.apply_op2(&packed, Recomputed { result: Ready::new(result), parameters, run })
}

/// `result`, which was computed of `a` and `b` by no matter what, with the gradients that `gradients` gives for `a`, `b` and the
/// gradient of the result.
pub(super) fn with_gradient<G>(a: &Tensor, b: &Tensor, result: Tensor, gradients: G) -> Result<Tensor>
where
    G: Fn(&Tensor, &Tensor, &Tensor) -> Result<(Tensor, Option<Tensor>)> + Send + Sync + 'static,
{
    let result = Ready::new(result.detach().contiguous()?);
    a.apply_op2(b, WithGradient { result, gradients })
}

/// A result that an operation hands out when it is asked to compute it.
struct Ready(Mutex<Option<Tensor>>);

impl Ready {
    fn new(result: Tensor) -> Self {
        Self(Mutex::new(Some(result)))
    }

    fn take(&self) -> Result<Tensor> {
        let taken = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        taken.ok_or_else(|| candle_core::Error::Msg("the result was taken before".to_owned()))
    }

    fn on_cpu(&self) -> Result<(CpuStorage, Shape)> {
        let result = self.take()?;
        let (storage, layout) = result.storage_and_layout();
        match &*storage {
            Storage::Cpu(storage) => Ok((storage.try_clone(layout)?, layout.shape().clone())),
            _ => candle_core::bail!("the result left the CPU"),
        }
    }

    fn on_cuda(&self) -> Result<(CudaStorage, Shape)> {
        let result = self.take()?;
        let (storage, layout) = result.storage_and_layout();
        match &*storage {
            Storage::Cuda(storage) => Ok((storage.try_clone(layout)?, layout.shape().clone())),
            _ => candle_core::bail!("the result left the GPU"),
        }
    }
}

struct WithGradient<G> {
    result: Ready,
    gradients: G,
}

impl<G: Fn(&Tensor, &Tensor, &Tensor) -> Result<(Tensor, Option<Tensor>)>> CustomOp2 for WithGradient<G> {
    fn name(&self) -> &'static str {
        "with-gradient"
    }

    fn cpu_fwd(&self, _: &CpuStorage, _: &Layout, _: &CpuStorage, _: &Layout) -> Result<(CpuStorage, Shape)> {
        self.result.on_cpu()
    }

    fn cuda_fwd(&self, _: &CudaStorage, _: &Layout, _: &CudaStorage, _: &Layout) -> Result<(CudaStorage, Shape)> {
        self.result.on_cuda()
    }

    fn bwd(&self, a: &Tensor, b: &Tensor, _result: &Tensor, grad: &Tensor) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let (for_a, for_b) = (self.gradients)(a, b, &grad.contiguous()?)?;
        Ok((Some(for_a), for_b))
    }
}

struct Recomputed<F> {
    result: Ready,
    parameters: Vec<Tensor>,
    run: F,
}

impl<F: Fn(&Tensor, Run) -> Result<Tensor>> CustomOp2 for Recomputed<F> {
    fn name(&self) -> &'static str {
        "recompute"
    }

    fn cpu_fwd(&self, _: &CpuStorage, _: &Layout, _: &CpuStorage, _: &Layout) -> Result<(CpuStorage, Shape)> {
        self.result.on_cpu()
    }

    fn cuda_fwd(&self, _: &CudaStorage, _: &Layout, _: &CudaStorage, _: &Layout) -> Result<(CudaStorage, Shape)> {
        self.result.on_cuda()
    }

    fn bwd(
        &self,
        xs: &Tensor,
        packed: &Tensor,
        _result: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let xs = Var::from_tensor(&xs.detach())?;
        let result = (self.run)(xs.as_tensor(), Run::Again)?;
        let gradients = (result * grad)?.sum_all()?.backward()?;
        let for_packed = match self.parameters.as_slice() {
            [] => packed.zeros_like()?,
            some => {
                let of = |parameter: &Tensor| match gradients.get(parameter) {
                    Some(gradient) => gradient.flatten_all(),
                    None => parameter.zeros_like()?.detach().flatten_all(),
                };
                Tensor::cat(&some.iter().map(of).collect::<Result<Vec<_>>>()?, 0)?
            }
        };
        Ok((gradients.get(xs.as_tensor()).cloned(), Some(for_packed)))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use candle_core::Device;

    use super::*;

    #[test]
    fn gives_the_same_gradients_and_keeps_nothing() {
        let random = |shape: &[usize]| Tensor::randn(0f32, 1.0, shape, &Device::Cpu).unwrap();
        let (xs, w) = (Var::from_tensor(&random(&[3, 4])).unwrap(), Var::from_tensor(&random(&[4, 4])).unwrap());
        let frozen = random(&[4, 4]);
        let layer = {
            let (w, frozen) = (w.as_tensor().clone(), frozen.clone());
            move |xs: &Tensor| xs.matmul(&w)?.sin()?.matmul(&frozen)?.sqr()?.matmul(&w)
        };
        let runs = Arc::new(AtomicUsize::new(0));
        let counted = {
            let (layer, runs) = (layer.clone(), Arc::clone(&runs));
            move |xs: &Tensor, run| {
                assert_eq!(runs.fetch_add(1, Ordering::SeqCst) == 0, run == Run::First);
                layer(xs)
            }
        };
        let parameters = vec![w.as_tensor().clone(), frozen];
        // The result is used twice and its input has a history.
        let through = |ys: &Tensor| (ys * ys.sin().unwrap()).unwrap().sum_all().unwrap();
        let head = (xs.as_tensor() * 2.0).unwrap();
        let plain = through(&layer(&head).unwrap());
        let frugal = through(&recompute(&head, parameters, counted).unwrap());
        assert_eq!(plain.to_scalar::<f32>().unwrap(), frugal.to_scalar::<f32>().unwrap());
        let (plain, frugal) = (plain.backward().unwrap(), frugal.backward().unwrap());
        for var in [&xs, &w] {
            let difference = (plain.get(var).unwrap() - frugal.get(var).unwrap()).unwrap().abs().unwrap();
            let scale = plain.get(var).unwrap().abs().unwrap().max_all().unwrap().to_scalar::<f32>().unwrap();
            assert!(difference.max_all().unwrap().to_scalar::<f32>().unwrap() <= 1e-5 * scale);
        }
        assert_eq!(runs.load(Ordering::SeqCst), 2);
    }

    #[test]
    fn parameters_made_of_variables_keep_their_gradient() {
        let w = Var::new(&[2f64, 3.0], &Device::Cpu).unwrap();
        let made = w.to_dtype(candle_core::DType::F32).unwrap();
        let xs = Tensor::new(&[5f32, 7.0], &Device::Cpu).unwrap();
        let run = {
            let made = made.clone();
            move |xs: &Tensor, _| xs * &made
        };
        let gradients = recompute(&xs, vec![made], run).unwrap().sum_all().unwrap().backward().unwrap();
        assert_eq!(gradients.get(&w).unwrap().to_vec1::<f64>().unwrap(), [5.0, 7.0]);
    }

    #[test]
    fn without_variables_there_is_no_history() {
        let xs = Tensor::ones(3, candle_core::DType::F32, &Device::Cpu).unwrap();
        let ys = recompute(&xs, vec![xs.clone()], |xs, _| xs.sqr()).unwrap();
        assert!(!ys.track_op());
    }
}

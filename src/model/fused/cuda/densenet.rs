//! The network around the machine.

use std::ops::{Range, RangeInclusive};
use std::sync::{Arc, Mutex, PoisonError};

use candle_core::{D, DType, Device, Tensor};
use candle_nn::{Linear, VarBuilder, linear};

use super::fold::Folded;
use super::plan::{Place, Plan, batch_for};
use crate::model::staged::linear_by_row;
use crate::model::{DenseNet, DenseNetConfig, Mode, Network, Output, Weights};
use crate::nn::cuda::{Images, Machine};
use crate::nn::relu;
use crate::{Error, Result};

/// Sizes of batch whose plans are kept.
const PLANS: usize = 16;

/// How [`CudaDenseNet`] computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CudaOptions {
    /// Lets products and convolutions of f32 round their factors to TF32, which has 10 bits of fraction: faster, with
    /// differences of about 1e-3. Default false. Other types do not heed it.
    pub tf32: bool,
    /// Records a pass as a CUDA graph, which is replayed from the second pass of a size on: one call to the driver
    /// instead of 308 launches for DenseNet-201. Default true.
    pub replay: bool,
}

impl Default for CudaOptions {
    fn default() -> Self {
        Self { tf32: false, replay: true }
    }
}

/// [`DenseNet`] for inference on an NVIDIA GPU: the same names, shapes and split points, and the same values within rounding. Needs the
/// feature `cudnn`; with `cuda` alone there is [`DenseNet`].
///
/// **Not run on a GPU yet.** It was written on machines without one. What is tested there: its plan of a pass, against [`DenseNet`],
/// by an interpreter; the source of its kernels, against PyTorch; and that everything compiles. `tests/networks/cuda_engine.rs`
/// compares it on a device and `benches/peers/cuda.py` measures it. Until they have run, [`Engine`](crate::model::Engine) does not
/// choose it.
///
/// # How it works
///
/// - Feature maps have channels last. A dense block is one matrix, to which each layer appends its columns: nothing is
///   concatenated, and every 1x1 convolution is one matrix product over the whole batch.
/// - `norm0` is folded into `conv0`, `norm2` into `conv1`, whose product adds the shift and clips in cuBLASLt's epilogue. One kernel
///   appends the newest channels and does `norm1` and its ReLU, so that a dense layer is three launches.
/// - A transition pools before its 1x1 convolution, as [`DenseNet`] does.
/// - The 3x3 and 7x7 convolutions are cuDNN's. Algorithms are chosen once for each size of batch; sums are taken in f32.
/// - All memory is planned and allocated once for each size of batch; the last four sizes stay ready. A pass waits for the
///   device only when a fifth takes the place of one of them. Reading a result waits, as with any tensor.
///
/// Widths in multiples of 8, as all of torchvision's, are what the libraries are fast at, and what f16 and bf16 may need.
///
/// Gradients and training, which need the plain network, get it: it is built from the same weights when it is first asked for.
///
/// # Determinism
///
/// On one machine a size of batch always takes the same algorithms. Other sizes, devices and library versions agree within
/// rounding. NaN is not promised to stay NaN.
#[derive(Debug)]
pub struct CudaDenseNet {
    config: DenseNetConfig,
    classes: usize,
    split_points: Vec<String>,
    folded: Folded,
    classifier: Linear,
    dtype: DType,
    device: Device,
    options: CudaOptions,
    engine: Mutex<Engine>,
    weights: Option<Weights>,
    plain: Mutex<Option<Arc<dyn Network>>>,
}

#[derive(Debug)]
struct Engine {
    machine: Machine,
    plans: Vec<(Images, Plan)>,
}

impl CudaDenseNet {
    /// Reads, folds and uploads `weights` for `device`, to compute in `dtype`: f32, f16 or bf16. The kernels are compiled on the
    /// spot.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`] for weights of a network that is no DenseNet; otherwise as [`CudaDenseNet::from_tensors`] and
    /// [`Weights::network`].
    pub fn new(weights: &Weights, device: &Device, dtype: DType, options: CudaOptions) -> Result<Self> {
        let card = weights.card();
        let Some(config) = card.architecture.densenet() else {
            return Err(Error::argument("CudaDenseNet", "weights of a DenseNet", card.architecture.name()));
        };
        let config = DenseNetConfig { channels: card.input.channels(), ..config };
        let network = weights.read(device, dtype, |vb| Self::from_tensors(&config, card.classes.len(), vb, options))?;
        Ok(Self { weights: Some(weights.clone()), ..network })
    }

    /// The same for any configuration, from `vb`, whose root holds `features.*` and `classifier.*`, in the type and on the device
    /// of `vb`. There is no plain network behind it: gradients and training are refused with [`Error::Argument`].
    ///
    /// # Errors
    ///
    /// As [`DenseNet::new`]; [`Error::Argument`] for a type other than f32, f16 and bf16; [`Error::Device`] for a device that
    /// is no GPU; [`Error::Tensor`] if a library is missing something or the device is full.
    pub fn from_tensors(config: &DenseNetConfig, classes: usize, vb: VarBuilder, options: CudaOptions) -> Result<Self> {
        let Device::Cuda(gpu) = vb.device() else {
            let reason = "the CUDA engine needs a GPU: take DenseNet or FusedDenseNet".to_owned();
            return Err(Error::Device { requested: format!("{:?}", vb.device().location()), reason, source: None });
        };
        let (folded, parameters) = Folded::new(config, classes, &vb)?;
        let machine = Machine::new(gpu, vb.dtype(), &parameters, options.tf32).map_err(Error::tensor("CUDA engine"))?;
        let classifier =
            linear(config.latent_dim(), classes, vb.pp("classifier")).map_err(Error::tensor("classifier"))?;
        Ok(Self {
            config: config.clone(),
            classes,
            split_points: DenseNet::split_points_of(config),
            folded,
            classifier,
            dtype: vb.dtype(),
            device: vb.device().clone(),
            options,
            engine: Mutex::new(Engine { machine, plans: Vec::new() }),
            weights: None,
            plain: Mutex::default(),
        })
    }

    /// Whether passes over batches `(n, channels, h, w)` are replayed from a graph: `None` before the second pass, and for sizes
    /// that are not ready any more; `Some(false)` where the driver or a library did not let itself be recorded, in which case
    /// the steps are queued one by one.
    pub fn replays(&self, n: usize, h: usize, w: usize) -> Option<bool> {
        self.engine.lock().unwrap_or_else(PoisonError::into_inner).machine.replays(Images { n, h, w })
    }

    /// Takes up the plan for `images` and lets `pass` run on it. One pass at a time: they share the buffers.
    fn with<T>(
        &self,
        images: Images,
        stage: &str,
        pass: impl FnOnce(&mut Machine, &Plan) -> candle_core::Result<T>,
    ) -> Result<T> {
        let mut engine = self.engine.lock().unwrap_or_else(PoisonError::into_inner);
        let Engine { machine, plans } = &mut *engine;
        let place = match plans.iter().position(|(planned, _)| *planned == images) {
            Some(place) => place,
            None => {
                let plan = Plan::new(&self.config, &self.folded, images, self.dtype.size_in_bytes())?;
                plans.truncate(PLANS - 1);
                plans.insert(0, (images, plan));
                0
            }
        };
        let plan = &plans[place].1;
        machine.take_up(images, &plan.program).and_then(|()| pass(machine, plan)).map_err(Error::tensor(stage))
    }

    /// The plain network where a pass over `xs` needs it, for training or a gradient.
    fn plain(&self, xs: &Tensor, mode: Mode) -> Result<Option<Arc<dyn Network>>> {
        if !mode.is_train() && !xs.track_op() {
            return Ok(None);
        }
        let Some(weights) = &self.weights else {
            let found = if mode.is_train() { "a training pass" } else { "a tensor that a gradient is wanted of" };
            return Err(Error::argument("CudaDenseNet", "inference, since it was built from tensors", found));
        };
        let mut plain = self.plain.lock().unwrap_or_else(PoisonError::into_inner);
        if plain.is_none() {
            *plain = Some(weights.network(&self.device, self.dtype)?.into());
        }
        Ok(plain.clone())
    }
}

impl Network for CudaDenseNet {
    fn name(&self) -> &str {
        self.config.name()
    }

    fn channels(&self) -> usize {
        self.config.channels
    }

    fn sides(&self) -> RangeInclusive<usize> {
        DenseNet::SIDES
    }

    fn classes(&self) -> usize {
        self.classes
    }

    fn latent_dim(&self) -> usize {
        self.config.latent_dim()
    }

    fn dtype(&self) -> DType {
        self.dtype
    }

    fn device(&self) -> &Device {
        &self.device
    }

    fn split_points(&self) -> &[String] {
        &self.split_points
    }

    fn run(&self, xs: &Tensor, stages: Range<usize>, mode: Mode) -> Result<Tensor> {
        self.check_run(xs, &stages)?;
        if let Some(plain) = self.plain(xs, mode)? {
            return plain.run(xs, stages, mode);
        }
        if stages.is_empty() {
            return Ok(xs.clone());
        }
        let stage = &self.split_points[stages.end - 1];
        let (n, h, w) = match *xs.dims() {
            [n, _, h, w] if xs.dtype() == self.dtype => (n, h, w),
            _ => {
                let expected = format!("{:?} (n, channels, h, w) into {}", self.dtype, self.split_points[stages.start]);
                return Err(Error::argument("CudaDenseNet", expected, format!("{:?} {:?}", xs.dtype(), xs.dims())));
            }
        };
        self.with(batch_for(stages.start, Images { n, h, w }), stage, |machine, plan| {
            enter(machine, xs, plan, stages.start)?;
            machine.run(plan.stages[stages.start].start..plan.stages[stages.end - 1].end)?;
            let Place { rows, images, affine } = plan.places[stages.end];
            machine.export(rows, images, affine)
        })
    }

    fn top(&self, features: &Tensor, mode: Mode) -> Result<Output> {
        if let Some(plain) = self.plain(features, mode)? {
            return plain.top(features, mode);
        }
        let latent = relu(features).and_then(|xs| xs.mean((D::Minus2, D::Minus1))).map_err(Error::tensor("latent"))?;
        let logits = linear_by_row(&self.classifier, &latent).map_err(Error::tensor("classifier"))?;
        Ok(Output { logits, latent })
    }

    /// The pass in one go, down to latent and logits on the device.
    fn forward_t(&self, xs: &Tensor, mode: Mode) -> Result<Output> {
        self.check_input(xs)?;
        if let Some(plain) = self.plain(xs, mode)? {
            return plain.forward_t(xs, mode);
        }
        let (n, _, h, w) = xs.dims4().map_err(Error::tensor("input"))?;
        self.with(Images { n, h, w }, "CUDA engine", |machine, plan| {
            enter(machine, xs, plan, 0)?;
            machine.run_all(self.options.replay)?;
            let row = Images { n, h: 1, w: 1 };
            let logits = machine.export(plan.logits.first(self.classes), row, None)?.flatten_from(1)?;
            let latent = machine.export(plan.latent, row, None)?.flatten_from(1)?;
            Ok(Output { logits, latent })
        })
    }
}

/// Brings `xs` to where the stage at `stage` reads it.
fn enter(machine: &mut Machine, xs: &Tensor, plan: &Plan, stage: usize) -> candle_core::Result<()> {
    let Place { rows, images, .. } = plan.places[stage];
    // The image has zeros behind its channels, a block what its layers will write.
    let width = if stage == 0 { rows.step } else { rows.columns };
    machine.import(xs, rows, images, width)
}

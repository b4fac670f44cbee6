use std::ops::{Range, RangeInclusive};
use std::sync::{Mutex, PoisonError};

use candle_core::{D, DType, Device, Tensor};
use candle_nn::{Linear, VarBuilder, linear};

use super::fold::Folded;
use super::plan::{Place, Plan, batch_for};
use crate::model::staged::linear_by_row;
use crate::model::{DenseNet, DenseNetConfig, Mode, Network, Output};
use crate::nn::cuda::{Images, Machine};
use crate::nn::relu;
use crate::{Error, Result};

/// Sizes of batch whose plans are kept.
const PLANS: usize = 16;

/// How [`CudaDenseNet`] computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct CudaOptions {
    /// Lets products and convolutions of f32 round their factors to TF32, 10 bits of fraction: several times as fast, and
    /// differences of about 1e-3. Default false. Other types do not heed it.
    pub tf32: bool,
    /// Records a pass as a CUDA graph, which is replayed from the third pass of a size on: one call to the driver
    /// instead of some 600. Default true.
    pub replay: bool,
}

impl Default for CudaOptions {
    fn default() -> Self {
        Self { tf32: false, replay: true }
    }
}

/// [`DenseNet`] for inference on an NVIDIA GPU: the same names, shapes and split points, and the same values within rounding. Needs the
/// feature `cudnn`; with `cuda` alone, or for gradients and training, take [`DenseNet`].
///
/// **Not run on a GPU yet.** It was written on machines without one: its plan of a pass is tested on the CPU against
/// [`DenseNet`], its kernels' source too, and all of it compiles. `tests/networks/cuda_engine.rs` compares it on a device.
///
/// # How it works
///
/// - Feature maps have channels last. A dense block is one matrix, to which each layer appends its columns: nothing is
///   concatenated, and every 1x1 convolution is one matrix product over the whole batch.
/// - `norm0` is folded into `conv0`, `norm2` into `conv1`, whose product adds the shift and clips in cuBLASLt's epilogue. One kernel
///   appends the newest channels and does `norm1` and its ReLU, so that a dense layer is three launches.
/// - A transition pools before its 1x1 convolution, as [`DenseNet`] does.
/// - The 3x3 and 7x7 convolutions are cuDNN's. Algorithms are chosen once for each size of batch; sums are taken in f32.
/// - All memory is planned and allocated once for each size of batch; the last four sizes stay ready. A pass never waits for
///   the device. Reading its result does.
///
/// Widths in multiples of 8, as all of torchvision's have, are what the libraries are fast at, and what f16 and bf16 may need.
///
/// # Determinism
///
/// On one machine a size of batch always takes the same algorithms. Other sizes, devices and library versions agree
/// within rounding: about 1e-5 of the largest value in f32. NaN is not promised to stay NaN.
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
}

#[derive(Debug)]
struct Engine {
    machine: Machine,
    plans: Vec<(Images, Plan)>,
}

impl CudaDenseNet {
    /// Builds the network from `vb`, whose root holds `features.*` and `classifier.*`, in the type and on the device of `vb`.
    /// The weights are folded on the CPU and the kernels compiled on the spot, which takes about a second.
    ///
    /// # Errors
    ///
    /// As [`DenseNet::new`]; [`Error::Argument`] for a type other than f32, f16 and bf16; [`Error::Device`] for a device that
    /// is no GPU; [`Error::Tensor`] if a library is missing something or the device is full.
    pub fn new(config: &DenseNetConfig, classes: usize, vb: VarBuilder, options: CudaOptions) -> Result<Self> {
        let Device::Cuda(gpu) = vb.device() else {
            let reason = "the CUDA engine needs a GPU: take DenseNet".to_owned();
            return Err(Error::Device { requested: format!("{:?}", vb.device().location()), reason, source: None });
        };
        let (folded, parameters) = Folded::new(config, classes, &vb)?;
        let machine = Machine::new(gpu, vb.dtype(), &parameters, options.tf32).map_err(Error::tensor("CUDA engine"))?;
        let classifier = linear(config.latent_dim(), classes, vb.pp("classifier")).map_err(Error::tensor("classifier"))?;
        let mut split_points = vec!["features.pool0".to_owned()];
        for index in 1..=config.block_layers.len() {
            split_points.push(format!("features.denseblock{index}"));
            split_points.push(format!("features.transition{index}"));
        }
        split_points.pop();
        split_points.push("features.norm5".to_owned());
        Ok(Self {
            config: config.clone(),
            classes,
            split_points,
            folded,
            classifier,
            dtype: vb.dtype(),
            device: vb.device().clone(),
            options,
            engine: Mutex::new(Engine { machine, plans: Vec::new() }),
        })
    }

    /// Whether passes over batches `(n, channels, h, w)` are replayed from a graph: `None` before the third pass, `Some(false)`
    /// where the driver or a library did not let itself be recorded, in which case the steps are queued one by one.
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

    fn check(&self, xs: &Tensor, mode: Mode) -> Result<()> {
        let found = if mode.is_train() {
            "a training pass"
        } else if xs.track_op() {
            "a tensor that a gradient is wanted of"
        } else {
            return Ok(());
        };
        Err(Error::argument("CudaDenseNet", "inference, without gradients (DenseNet has them)", found))
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
        self.check(xs, mode)?;
        self.check_run(xs, &stages)?;
        if stages.is_empty() {
            return Ok(xs.clone());
        }
        let stage = &self.split_points[stages.end - 1];
        let (n, _, h, w) = xs.dims4().map_err(Error::tensor(stage))?;
        self.with(batch_for(stages.start, Images { n, h, w }), stage, |machine, plan| {
            enter(machine, xs, plan, stages.start)?;
            machine.run(plan.stages[stages.start].start..plan.stages[stages.end - 1].end)?;
            let Place { rows, images, affine } = plan.places[stages.end];
            machine.export(rows, images, affine)
        })
    }

    fn top(&self, features: &Tensor, mode: Mode) -> Result<Output> {
        self.check(features, mode)?;
        let latent = relu(features).and_then(|xs| xs.mean((D::Minus2, D::Minus1))).map_err(Error::tensor("latent"))?;
        let logits = linear_by_row(&self.classifier, &latent).map_err(Error::tensor("classifier"))?;
        Ok(Output { logits, latent })
    }

    /// The pass in one go, down to latent and logits on the device.
    fn forward_t(&self, xs: &Tensor, mode: Mode) -> Result<Output> {
        self.check(xs, mode)?;
        self.check_input(xs)?;
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

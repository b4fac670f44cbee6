//! A DenseNet's weights as the CUDA machine takes them: normalisations folded away, kernels with channels last, all in one run
//! of bytes. Made on the CPU, in f64 and f32, whatever type the network computes in.

use candle_core::{DType, Device, Result as TensorResult};
use candle_nn::VarBuilder;

use crate::model::DenseNetConfig;
use crate::model::densenet::EPS;
use crate::nn::cuda::{ALIGNMENT, Affine, Values};
use crate::{Error, Result};

/// What the number of columns of the logits is a multiple of, so that their product is a shape that cuBLASLt is quick at.
const COLUMNS: usize = 8;

/// What a network computes with.
#[derive(Debug)]
pub(super) struct Folded {
    /// Bytes of the parameters.
    pub(super) parameters: usize,
    /// Channels of the input with the zeros that fill them up.
    pub(super) channels: usize,
    /// The first convolution with its normalisation, whose shift is added after the max-pool.
    pub(super) stem: Stem,
    pub(super) blocks: Vec<Vec<Layer>>,
    pub(super) transitions: Vec<Transition>,
    pub(super) last: Affine,
    /// (columns, latent width), with rows of zeros behind those of the classes.
    pub(super) classifier: Values,
    pub(super) bias: Values,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Stem {
    pub(super) kernel: Values,
    pub(super) shift: Values,
}

/// `norm1`, `conv1` with `norm2` in it, `conv2`.
#[derive(Debug)]
pub(super) struct Layer {
    pub(super) affine: Affine,
    pub(super) conv1: Values,
    pub(super) bias: Values,
    pub(super) conv2: Values,
}

#[derive(Debug)]
pub(super) struct Transition {
    pub(super) affine: Affine,
    pub(super) weight: Values,
}

impl Folded {
    /// Reads the tensors that [`DenseNet::new`](crate::model::DenseNet::new) reads, under the same names. Beside it come the
    /// parameters, each at a multiple of [`ALIGNMENT`], in the order in which a pass needs them.
    ///
    /// # Errors
    ///
    /// As there, and [`Error::Argument`] for a type that the machine does not compute in.
    pub(super) fn new(config: &DenseNetConfig, classes: usize, vb: &VarBuilder) -> Result<(Self, Vec<u8>)> {
        config.check()?;
        let mut pack = Pack { bytes: Vec::new(), dtype: vb.dtype() };
        let lanes = match pack.dtype {
            DType::F32 => 4,
            DType::F16 | DType::BF16 => 8,
            other => return Err(Error::argument("CudaDenseNet::new", "f32, f16 or bf16", format!("{other:?}"))),
        };
        let root = vb.clone().set_device(Device::Cpu).set_dtype(DType::F32);
        let features = root.pp("features");
        let channels = config.channels.next_multiple_of(lanes);
        let (first, mut width) = (config.init_features, config.init_features);
        let stem = pack.stem(config.channels, channels, first, &features).map_err(Error::tensor("features.conv0"))?;
        let (mut blocks, mut transitions) = (Vec::new(), Vec::new());
        for (index, &layers) in config.block_layers.iter().enumerate() {
            let name = format!("denseblock{}", index + 1);
            let vb = features.pp(&name);
            let layer = |place: usize| {
                let vb = vb.pp(format!("denselayer{}", place + 1));
                pack.layer(
                    width + place * config.growth_rate,
                    config.bn_size * config.growth_rate,
                    config.growth_rate,
                    &vb,
                )
            };
            let layers = (0..layers).map(layer).collect::<TensorResult<Vec<_>>>();
            blocks.push(layers.map_err(Error::tensor(format!("features.{name}")))?);
            width += blocks[index].len() * config.growth_rate;
            if index + 1 < config.block_layers.len() {
                let name = format!("transition{}", index + 1);
                let transition = pack.transition(width, &features.pp(&name));
                transitions.push(transition.map_err(Error::tensor(format!("features.{name}")))?);
                width /= 2;
            }
        }
        let last = pack.affine(width, &features.pp("norm5")).map_err(Error::tensor("features.norm5"))?;
        let head = pack.classifier(width, classes, &root.pp("classifier")).map_err(Error::tensor("classifier"))?;
        let (parameters, (classifier, bias)) = (pack.bytes.len(), head);
        Ok((Self { parameters, channels, stem, blocks, transitions, last, classifier, bias }, pack.bytes))
    }
}

/// The parameters while they are laid out.
struct Pack {
    bytes: Vec<u8>,
    dtype: DType,
}

impl Pack {
    fn stem(&mut self, channels: usize, padded: usize, outputs: usize, vb: &VarBuilder) -> TensorResult<Stem> {
        let norm = Norm::read(outputs, &vb.pp("norm0"))?;
        let mut kernel = kernel(outputs, channels, 7, padded, &vb.pp("conv0"))?;
        norm.scale_rows(&mut kernel);
        Ok(Stem { kernel: self.values(&kernel), shift: self.exact(&norm.shift) })
    }

    fn layer(&mut self, channels: usize, width: usize, growth: usize, vb: &VarBuilder) -> TensorResult<Layer> {
        let affine = self.affine(channels, &vb.pp("norm1"))?;
        let norm = Norm::read(width, &vb.pp("norm2"))?;
        let mut conv1 = kernel(width, channels, 1, channels, &vb.pp("conv1"))?;
        norm.scale_rows(&mut conv1);
        let conv2 = kernel(growth, width, 3, width, &vb.pp("conv2"))?;
        let (conv1, bias) = (self.values(&conv1), self.values(&norm.shift));
        Ok(Layer { affine, conv1, bias, conv2: self.values(&conv2) })
    }

    fn transition(&mut self, channels: usize, vb: &VarBuilder) -> TensorResult<Transition> {
        let affine = self.affine(channels, &vb.pp("norm"))?;
        let weight = kernel(channels / 2, channels, 1, channels, &vb.pp("conv"))?;
        Ok(Transition { affine, weight: self.values(&weight) })
    }

    fn classifier(&mut self, width: usize, classes: usize, vb: &VarBuilder) -> TensorResult<(Values, Values)> {
        let columns = classes.next_multiple_of(COLUMNS);
        let mut weight = vb.get((classes, width), "weight")?.flatten_all()?.to_vec1::<f32>()?;
        let mut bias = vb.get(classes, "bias")?.to_vec1::<f32>()?;
        weight.resize(columns * width, 0.0);
        bias.resize(columns, 0.0);
        Ok((self.values(&weight), self.values(&bias)))
    }

    fn affine(&mut self, channels: usize, vb: &VarBuilder) -> TensorResult<Affine> {
        let norm = Norm::read(channels, vb)?;
        let scale: Vec<_> = norm.scale.iter().map(|&scale| scale as f32).collect();
        Ok(Affine { scale: self.exact(&scale), shift: self.exact(&norm.shift) })
    }

    /// In the network's type.
    fn values(&mut self, values: &[f32]) -> Values {
        let dtype = self.dtype;
        self.place(values, |x, bytes| match dtype {
            DType::F16 => bytes.extend(half::f16::from_f32(x).to_le_bytes()),
            DType::BF16 => bytes.extend(half::bf16::from_f32(x).to_le_bytes()),
            _ => bytes.extend(x.to_le_bytes()),
        })
    }

    /// In f32.
    fn exact(&mut self, values: &[f32]) -> Values {
        self.place(values, |x, bytes| bytes.extend(x.to_le_bytes()))
    }

    fn place(&mut self, values: &[f32], write: impl Fn(f32, &mut Vec<u8>)) -> Values {
        self.bytes.resize(self.bytes.len().next_multiple_of(ALIGNMENT), 0);
        let start = self.bytes.len();
        values.iter().for_each(|&x| write(x, &mut self.bytes));
        Values { start, len: values.len() }
    }
}

/// A normalisation by stored statistics, as one factor and one summand.
struct Norm {
    scale: Vec<f64>,
    shift: Vec<f32>,
}

impl Norm {
    fn read(channels: usize, vb: &VarBuilder) -> TensorResult<Self> {
        let read = |name| vb.get(channels, name)?.to_vec1::<f32>();
        let (weight, bias, mean) = (read("weight")?, read("bias")?, read("running_mean")?);
        let variance = read("running_var")?;
        let scale: Vec<_> =
            weight.iter().zip(variance).map(|(&w, v)| f64::from(w) / (f64::from(v) + EPS).sqrt()).collect();
        let shift = bias.iter().zip(mean).zip(&scale).map(|((&b, m), s)| (f64::from(b) - f64::from(m) * s) as f32);
        Ok(Self { shift: shift.collect(), scale })
    }

    /// Multiplies what makes each output channel.
    fn scale_rows(&self, kernel: &mut [f32]) {
        let row = kernel.len() / self.scale.len();
        for (row, scale) in kernel.chunks_exact_mut(row).zip(&self.scale) {
            row.iter_mut().for_each(|x| *x = (f64::from(*x) * scale) as f32);
        }
    }
}

/// A kernel (outputs, channels, side, side) as (outputs, side, side, padded): channels last, zeros behind them.
fn kernel(outputs: usize, channels: usize, side: usize, padded: usize, vb: &VarBuilder) -> TensorResult<Vec<f32>> {
    let source = vb.get((outputs, channels, side, side), "weight")?.flatten_all()?.to_vec1::<f32>()?;
    let mut target = vec![0.0; outputs * side * side * padded];
    for (output, source) in source.chunks_exact(channels * side * side).enumerate() {
        for (channel, plane) in source.chunks_exact(side * side).enumerate() {
            for (place, &x) in plane.iter().enumerate() {
                target[(output * side * side + place) * padded + channel] = x;
            }
        }
    }
    Ok(target)
}

use crate::{Error, Result};

/// What tells one DenseNet from another.
#[derive(Debug, Clone, PartialEq)]
pub struct DenseNetConfig {
    /// Channels of the input, 1 or 3.
    pub channels: usize,
    /// Channels that each dense layer adds.
    pub growth_rate: usize,
    /// Dense layers in each block.
    pub block_layers: Vec<usize>,
    /// Channels after the stem.
    pub init_features: usize,
    /// The bottleneck's width, in growth rates.
    pub bn_size: usize,
    /// The share of the values of each dense layer that are dropped in training, at least 0 and below 1. Default 0, as
    /// torchvision's weights are made.
    pub drop_rate: f64,
    /// Keep nothing of a dense block's inside for the gradient, and compute it again (see the paper's technical report, Pleiss et al.,
    /// arXiv:1707.06990). Training then takes one more forward pass, and less memory. Default false.
    pub memory_efficient: bool,
}

impl DenseNetConfig {
    /// DenseNet-121: 7,978,856 parameters with 1000 classes, latent width 1024.
    pub fn densenet121() -> Self {
        Self::of(32, [6, 12, 24, 16], 64)
    }

    /// DenseNet-161: 28,681,000 parameters with 1000 classes, latent width 2208.
    pub fn densenet161() -> Self {
        Self::of(48, [6, 12, 36, 24], 96)
    }

    /// DenseNet-169: 14,149,480 parameters with 1000 classes, latent width 1664.
    pub fn densenet169() -> Self {
        Self::of(32, [6, 12, 32, 32], 64)
    }

    /// DenseNet-201: 20,013,928 parameters with 1000 classes, latent width 1920.
    pub fn densenet201() -> Self {
        Self::of(32, [6, 12, 48, 32], 64)
    }

    /// torchvision's name of a network of this depth, or `densenet` if it has none.
    pub fn name(&self) -> &'static str {
        match self.block_layers.as_slice() {
            [6, 12, 24, 16] => "densenet121",
            [6, 12, 36, 24] => "densenet161",
            [6, 12, 32, 32] => "densenet169",
            [6, 12, 48, 32] => "densenet201",
            _ => "densenet",
        }
    }

    /// The width of the latent vector: the channels after the last block. Each transition halves what comes in.
    pub fn latent_dim(&self) -> usize {
        let last = self.block_layers.len().saturating_sub(1);
        self.block_layers.iter().enumerate().fold(self.init_features, |channels, (index, layers)| {
            let channels = channels + layers * self.growth_rate;
            if index < last { channels / 2 } else { channels }
        })
    }

    /// Refuses what no network can be built of.
    pub(in crate::model) fn check(&self) -> Result<()> {
        let widths = self.growth_rate.min(self.init_features).min(self.bn_size);
        let sound = matches!(self.channels, 1 | 3) && !self.block_layers.is_empty() && widths > 0;
        if sound && (0.0..1.0).contains(&self.drop_rate) {
            return Ok(());
        }
        let expected = "1 or 3 channels, at least one block, widths above zero, a drop rate of at least 0 and below 1";
        Err(Error::argument("DenseNetConfig", expected, format!("{self:?}")))
    }

    fn of(growth_rate: usize, block_layers: [usize; 4], init_features: usize) -> Self {
        Self {
            channels: 3,
            growth_rate,
            block_layers: block_layers.to_vec(),
            init_features,
            bn_size: 4,
            drop_rate: 0.0,
            memory_efficient: false,
        }
    }
}

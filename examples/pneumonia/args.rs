use std::path::PathBuf;

use clap::{Parser, ValueEnum};
use leap_binder::contract::DataState;
use leap_binder::imaging::Resampling;
use leap_binder::model::Engine;
use leap_binder::pneumonia::{Config, shipped};

/// The kernel that adapts the binder's images to the weights.
pub(crate) const ADAPTING: Resampling = Resampling::PilBilinear;

/// Proves the pneumonia binder, classifies chest X-rays and measures the answers. Research software, not a diagnostic
/// device.
#[derive(Debug, Parser)]
#[command(name = "pneumonia")]
pub(crate) struct Args {
    /// Folder of X-rays: {train,val,test}/{NORMAL,PNEUMONIA} or {train,val,test}/{NORMAL,bacteria,virus} [default: the shipped sample]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Weights (safetensors with classes and preprocessing in their metadata) [default: the shipped DenseNet201]
    #[arg(long, value_name = "FILE")]
    weights: Option<PathBuf>,
    /// How X-rays are read: the crate's default, or as Tensorleap's Python reference does
    #[arg(long, value_enum, default_value = "default")]
    preset: Preset,
    /// Height and width of the binder's images in pixels [default: the preset's, 224 or 640]
    #[arg(long, value_name = "N")]
    side: Option<usize>,
    /// Resample the binder's images to what the weights want, where they differ. The reference preset always does, as there
    /// are no weights for its 640 pixels; otherwise a difference is refused
    #[arg(long)]
    adapt: bool,
    /// cpu, cuda or cuda:N
    #[arg(long, default_value = "cpu")]
    pub(crate) device: String,
    /// What the network computes in: f32, f16, or bf16, which on the CPU only the fused engine has
    #[arg(long, default_value = "f32")]
    pub(crate) dtype: String,
    /// What evaluates the network: fused, which is compiled for this processor, or plain, which is candle's operations
    #[arg(long, default_value = "fused")]
    pub(crate) engine: Engine,
    /// Subsets to evaluate, separated by commas: training, validation, test, all
    #[arg(long, value_delimiter = ',', default_value = "all", value_parser = subset)]
    subset: Vec<Chosen>,
    /// Images scored together
    #[arg(long, value_name = "N", default_value_t = 8)]
    pub(crate) batch_size: usize,
    /// X-rays that the report shows large, with heat maps
    #[arg(long, value_name = "N", default_value_t = 12)]
    pub(crate) pictures: usize,
    /// Leave ids, patients and file names out of the report and of the tables beside it; what is printed, `check.json` and
    /// `metrics.json` are not meant for others
    #[arg(long)]
    pub(crate) private: bool,
    /// Where everything that is drawn at random begins
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,
    /// Stop after the binder test
    #[arg(long)]
    pub(crate) check_only: bool,
    /// Folder for the files that are written
    #[arg(long, value_name = "DIR", default_value = "out")]
    pub(crate) out: PathBuf,
    /// Print one JSON object on standard output and nothing else there
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Preset {
    Default,
    Reference,
}

#[derive(Debug, Clone, Copy)]
enum Chosen {
    All,
    One(DataState),
}

fn subset(text: &str) -> Result<Chosen, String> {
    match text {
        "all" => Ok(Chosen::All),
        _ => text.parse().map(Chosen::One).map_err(|error: leap_binder::Error| error.to_string()),
    }
}

impl Args {
    pub(crate) fn data(&self) -> PathBuf {
        self.data.clone().unwrap_or_else(shipped::sample)
    }

    /// Whether the X-rays are the shipped ones.
    pub(crate) fn shipped_data(&self) -> bool {
        self.data.is_none()
    }

    pub(crate) fn weights(&self) -> PathBuf {
        self.weights.clone().unwrap_or_else(shipped::weights)
    }

    pub(crate) fn config(&self) -> Config {
        let config = match self.preset {
            Preset::Default => Config::default(),
            Preset::Reference => Config::reference(),
        };
        Config { side: self.side.unwrap_or(config.side), ..config }
    }

    pub(crate) fn adapts(&self) -> bool {
        self.adapt || self.preset == Preset::Reference
    }

    /// The subsets to evaluate; empty for all.
    pub(crate) fn states(&self) -> Vec<DataState> {
        let one = |chosen: &Chosen| if let Chosen::One(state) = chosen { Some(*state) } else { None };
        self.subset.iter().map(one).collect::<Option<_>>().unwrap_or_default()
    }
}

use std::path::PathBuf;

use clap::Parser;
use leap_binder::contract::DataState;
use leap_binder::metrics::Score;
use leap_binder::pneumonia::shipped;

/// Compares networks, and a linear head on pixel statistics, on the same chest X-rays. Research software, not a diagnostic
/// device.
#[derive(Debug, Parser)]
#[command(name = "compare")]
pub(crate) struct Args {
    /// Folder of X-rays: {train,val,test}/{NORMAL,PNEUMONIA} or {train,val,test}/{NORMAL,bacteria,virus} [default: the shipped sample]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// A weights file and what to call it, beside the shipped ones; may be repeated
    #[arg(long, value_name = "NAME=FILE", value_parser = weights)]
    weights: Vec<(String, PathBuf)>,
    /// Leave the shipped weights out
    #[arg(long)]
    without_shipped: bool,
    /// Leave the linear head on pixel statistics out
    #[arg(long)]
    without_baseline: bool,
    /// Subset to compare on: training, validation, test
    #[arg(long, default_value = "test")]
    pub(crate) subset: DataState,
    /// Score to rank by
    #[arg(long, default_value = "balanced_accuracy")]
    pub(crate) rank_by: Score,
    /// Bootstrap resamples
    #[arg(long, value_name = "N", default_value_t = 2000)]
    pub(crate) resamples: usize,
    /// cpu, cuda or cuda:N
    #[arg(long, default_value = "cpu")]
    pub(crate) device: String,
    /// Images scored together
    #[arg(long, value_name = "N", default_value_t = 8)]
    pub(crate) batch_size: usize,
    /// Where everything that is drawn at random begins
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,
    /// Folder for comparison.json, comparison.html and the tables [default: none are written]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Print the comparison as one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

/// `NAME=FILE`.
fn weights(text: &str) -> Result<(String, PathBuf), String> {
    match text.split_once('=') {
        Some((name, file)) if !name.is_empty() && !file.is_empty() => Ok((name.to_owned(), file.into())),
        _ => Err(format!("expected NAME=FILE, found {text:?}")),
    }
}

/// The weights that the repository ships, by the names that the comparison calls them.
fn shipped_weights() -> Vec<(String, PathBuf)> {
    [("densenet201", shipped::weights()), ("small CNN", shipped::small_cnn())]
        .map(|(name, file)| (name.to_owned(), file))
        .into()
}

impl Args {
    pub(crate) fn data(&self) -> PathBuf {
        self.data.clone().unwrap_or_else(shipped::sample)
    }

    /// Names and files of all networks.
    pub(crate) fn networks(&self) -> Vec<(String, PathBuf)> {
        let shipped = if self.without_shipped { Vec::new() } else { shipped_weights() };
        shipped.into_iter().chain(self.weights.iter().cloned()).collect()
    }

    pub(crate) const fn has_baseline(&self) -> bool {
        !self.without_baseline
    }
}

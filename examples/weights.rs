//! What is in a weights file, and making one of it that says what it is.
//!
//! `cargo run --release --example weights -- FILE` lists a file of any format. With an architecture it says whether the file
//! fits, and with `--out` it writes a safetensors file that `Weights::open` and the main job's `--weights` take (with `--adapt` where
//! it wants images that the binder does not prepare):
//!
//! ```sh
//! cargo run --release --example weights -- densenet201-c1103571.pth --architecture densenet201 \
//!     --classes NORMAL,bacteria,virus --new-head 7 --out start.safetensors
//! ```

use std::path::PathBuf;
use std::process::ExitCode;

use candle_core::Device;
use clap::Parser;
use leap_binder::imaging::ImageSpec;
use leap_binder::model::{Architecture, Card, Checkpoint, Weights, dtype, save};
use leap_binder::pneumonia::shipped;

#[derive(Parser)]
struct Args {
    /// safetensors (also sharded), a file of torch.save, a checkpoint of Ultralytics [default: the shipped weights]
    file: Option<PathBuf>,
    /// The network, for example densenet201, resnet50, yolov8n-cls
    #[arg(long, requires = "classes")]
    architecture: Option<Architecture>,
    /// The classes in the order of the logits, separated by commas
    #[arg(long, value_delimiter = ',', requires = "architecture")]
    classes: Vec<String>,
    /// How images are prepared, in JSON as `ImageSpec` has it [default: as the architecture's usual weights want it]
    #[arg(long, value_name = "JSON", requires = "architecture", value_parser = input)]
    input: Option<ImageSpec>,
    /// Leave the file's head out and draw a new one from this seed
    #[arg(long, value_name = "SEED", requires = "architecture")]
    new_head: Option<u64>,
    /// Where to write the weights, with the architecture, the classes and the architecture's usual input in the metadata
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// The numbers in the written file: f32, f16, bf16
    #[arg(long, default_value = "f32")]
    dtype: String,
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> leap_binder::Result<()> {
    let checkpoint = Checkpoint::open(args.file.clone().unwrap_or_else(shipped::weights))?;
    list(&checkpoint);
    let weights = match args.architecture {
        None if args.out.is_none() => return Ok(()),
        None => Weights::open(checkpoint.path())?,
        Some(architecture) => {
            let card = Card::new(architecture, args.classes.clone());
            let card = args.input.iter().fold(card, |card, input| card.with_input(input.clone()));
            match args.new_head {
                None => Weights::new(checkpoint, card)?,
                Some(seed) => Weights::load_backbone(checkpoint, card, seed)?,
            }
        }
    };
    let card = weights.card();
    println!("fits {} for {} classes, input {}", card.architecture, card.classes.len(), card.input);
    if let Some(out) = &args.out {
        let (_, variables) = weights.trainable(&Device::Cpu)?;
        save(out, &variables, card, dtype(&args.dtype)?)?;
        println!("wrote {}", out.display());
    }
    Ok(())
}

fn input(json: &str) -> Result<ImageSpec, String> {
    serde_json::from_str(json).map_err(|error| error.to_string())
}

fn list(checkpoint: &Checkpoint) {
    println!("{}: {} tensors", checkpoint.path().display(), checkpoint.names().len());
    for (key, value) in checkpoint.metadata() {
        println!("  {key}: {value}");
    }
    for name in checkpoint.names().take(8) {
        if let Some(entry) = checkpoint.entry(name) {
            println!("  {name} {:?} {:?}", entry.dtype(), entry.shape());
        }
    }
    if checkpoint.names().len() > 8 {
        println!("  ...");
    }
}

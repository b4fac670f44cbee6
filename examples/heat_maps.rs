//! Why the classifier says so, and how far to trust the picture: `cargo run --release --example heat_maps -- [IMAGE] [FOLDER]`

use std::path::{Path, PathBuf};
use std::time::Instant;

use candle_core::Tensor;
use leap_binder::binder::losses;
use leap_binder::explain::{Baseline, FaithfulnessOptions, Method, Objective, Randomised, explain, faithfulness};
use leap_binder::imaging::{Image, Resampling, decode_file};
use leap_binder::model::{Classifier, Model, Weights, device};
use leap_binder::pneumonia::shipped;

fn main() -> std::process::ExitCode {
    match heat_maps() {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            std::process::ExitCode::FAILURE
        }
    }
}

fn heat_maps() -> Result<(), leap_binder::BoxError> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let sample = || shipped::sample().join("chest_xray/test/PNEUMONIA/person100_bacteria_475.jpeg");
    let image = decode_file(arguments.next().unwrap_or_else(sample))?;
    let folder = arguments.next().unwrap_or_else(|| "target/heat_maps".into());
    std::fs::create_dir_all(&folder)?;

    let weights = Weights::open(shipped::weights())?;
    let classifier = Classifier::new(&weights, &device("cpu")?)?;
    let untaught = Classifier::new(&Weights::random(weights.card().clone(), 0)?, &device("cpu")?)?;
    let xs = classifier.batch(std::slice::from_ref(&image))?;
    let spec = classifier.input();
    let picture = image.resize(spec.width, spec.height, Resampling::PilBilinear)?;

    // The built-in losses have gradients; `Objective::loss` takes any loss that a binder registered.
    let loss = Objective::custom("cross-entropy of bacteria", |output, rows| {
        let compute = || -> candle_core::Result<_> {
            let truth = Tensor::new(vec![vec![0f32, 1.0, 0.0]; rows.len()], output.logits.device())?;
            Ok((truth, candle_nn::ops::softmax(&output.logits, 1)?))
        };
        let stage = |source| leap_binder::Error::Tensor { stage: "loss".to_owned(), source };
        let (truth, probabilities) = compute().map_err(stage)?;
        losses::categorical_crossentropy(&truth, &probabilities).map_err(|error| stage(candle_core::Error::wrap(error)))
    });
    // The usual 32 steps and small windows are finer and take four times as long.
    let gradients = Method::IntegratedGradients { steps: 8, baseline: Baseline::Black };
    let windows = Method::Occlusion { window: 56, stride: 28, fill: Baseline::Mean };
    for (name, objective, method) in [
        ("grad_cam", Objective::predicted(), Method::grad_cam()),
        ("grad_cam_plus_plus", Objective::predicted(), Method::grad_cam_plus_plus()),
        ("layer_cam", Objective::predicted(), Method::layer_cam().at("features.denseblock3")),
        ("integrated_gradients", Objective::predicted(), gradients),
        ("occlusion", Objective::predicted(), windows),
        ("contrast", Objective::contrast("bacteria", "virus"), Method::signed_grad_cam()),
        ("loss", loss, Method::signed_grad_cam()),
    ] {
        let start = Instant::now();
        let maps = explain(&classifier, &xs, &objective, &method)?;
        let seconds = start.elapsed().as_secs_f64();
        let options = FaithfulnessOptions {
            steps: 6,
            moves: 2,
            randomised: (name != "occlusion").then_some(Randomised { model: &untaught, method: &method }),
            ..Default::default()
        };
        let path = folder.join(name).with_extension("png");
        for (map, found) in maps.iter().zip(faithfulness(&classifier, &xs, &maps, &objective, &options)?) {
            write(&path, &map.overlay(&picture, 0.7)?)?;
            println!("{}: {} by {} in {seconds:.2} s, {}", path.display(), map.target, map.method, found.verdict());
            let untaught = found
                .randomised_correlation
                .map_or_else(String::new, |share| format!(", as without training {share:.2}"));
            println!(
                "  deletion {:.3}, insertion {:.3}, advantage over chance {:+.3}, on the border {:.0} %{untaught}",
                found.deletion_auc,
                found.insertion_auc,
                found.advantage(),
                100.0 * found.border_share,
            );
        }
    }
    println!("Research software, not a diagnostic device.");
    Ok(())
}

fn write(path: &Path, image: &Image) -> Result<(), leap_binder::BoxError> {
    let (width, height) = (image.width() as u32, image.height() as u32);
    Ok(::image::save_buffer(path, image.as_bytes(), width, height, ::image::ExtendedColorType::Rgb8)?)
}

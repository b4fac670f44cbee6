//! Why the classifier says so, and how far to trust the picture: `cargo run --release --example heat_maps -- [IMAGE] [FOLDER]`

use std::path::{Path, PathBuf};

use candle_core::Tensor;
use leap_binder::binder::losses;
use leap_binder::explain::{FaithfulnessOptions, Method, Objective, Randomised, explain, faithfulness};
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
    for (name, objective, method) in [
        ("predicted", Objective::predicted(), Method::grad_cam()),
        ("contrast", Objective::contrast("bacteria", "virus"), Method::signed_grad_cam()),
        ("loss", loss, Method::signed_grad_cam()),
        ("occlusion", Objective::predicted(), Method::occlusion()),
    ] {
        let maps = explain(&classifier, &xs, &objective, &method)?;
        let options = FaithfulnessOptions {
            randomised: Some(Randomised { model: &untaught, method: &method }).filter(|_| name != "occlusion"),
            ..Default::default()
        };
        let path = folder.join(name).with_extension("png");
        for (map, found) in maps.iter().zip(faithfulness(&classifier, &xs, &maps, &objective, &options)?) {
            write(&path, &map.overlay(&picture, 0.7)?)?;
            println!("{}: {} by {}, {}", path.display(), map.target, map.method, found.verdict());
            println!(
                "  deletion {:.3}, insertion {:.3}, advantage over chance {:+.3}, on the border {:.0} %, as without training {:.2}",
                found.deletion_auc,
                found.insertion_auc,
                found.advantage(),
                100.0 * found.border_share,
                found.randomised_correlation.unwrap_or(f64::NAN),
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

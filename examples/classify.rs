//! Embedding the classifier: `cargo run --release --example classify -- IMAGE...`

use leap_binder::model::{Classifier, device};
use leap_binder::pneumonia::shipped;

fn main() -> std::process::ExitCode {
    match classify() {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            std::process::ExitCode::FAILURE
        }
    }
}

fn classify() -> leap_binder::Result<()> {
    let classifier = Classifier::load(shipped::weights(), &device("cpu")?)?;
    let mut images: Vec<_> = std::env::args_os().skip(1).map(std::path::PathBuf::from).collect();
    if images.is_empty() {
        let test = shipped::sample().join("chest_xray/test");
        images = vec![test.join("NORMAL/IM-0001-0001.jpeg"), test.join("PNEUMONIA/person1_virus_6.jpeg")];
    }
    for image in images {
        let said = classifier.classify_file(&image)?;
        let name = image.file_name().unwrap_or_default().to_string_lossy();
        println!("{name}: {} ({:.1} %)", said.label, 100.0 * said.probabilities[said.class]);
    }
    println!("Research software, not a diagnostic device.");
    Ok(())
}

//! Every network, size and batch that the engine promises, and real images. Minutes in release, so only on request:
//! `cargo test --release --test fused -- --ignored --nocapture`.

use std::path::{Path, PathBuf};

use candle_core::Tensor;
use leap_binder::imaging;
use leap_binder::model::Weights;

use super::formula::batch;
use super::pairs::{AGREEMENT, CPU, Pair, distances, forward, weights};

#[test]
#[ignore = "minutes"]
fn all_networks_sizes_and_batches_agree() {
    for name in ["densenet121", "densenet161", "densenet169", "densenet201"] {
        let pair = Pair::of(weights(name, 3, 5, 224));
        for side in [32, 65, 224, 640] {
            let mut worst = [0.0_f64; 2];
            // 32 images of 640 x 640 need more memory in the plain network than many machines have.
            for n in [1, 3, if side == 640 { 8 } else { 32 }] {
                let xs = batch(n, 3, side, side);
                let found = distances(&forward(pair.fused.as_ref(), &xs), &forward(pair.plain.as_ref(), &xs));
                worst = [worst[0].max(found[0]), worst[1].max(found[1])];
            }
            println!("{name} {side}: logits {:.1e}, latents {:.1e}", worst[0], worst[1]);
            assert!(worst.iter().all(|distance| *distance <= AGREEMENT), "{name} {side}: {worst:?}");
        }
    }
}

fn images(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(images(&path));
        } else if path.extension().is_some_and(|extension| extension == "jpeg") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Every image of the embedded test split.
#[test]
#[ignore = "minutes"]
fn real_images_agree() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let weights = Weights::open(root.join("assets/weights/densenet201-kermany224-f16.safetensors")).unwrap();
    let spec = weights.input().clone();
    let pair = Pair::of(weights);
    let files = images(&root.join("assets/sample/chest_xray/test"));
    assert!(files.len() >= 100, "{}", files.len());
    let (mut worst, mut same) = ([0.0_f64; 2], 0);
    for file in &files {
        let values = imaging::decode_file(file).unwrap().encode(spec.channel_order, spec.normalisation);
        let (h, w) = (spec.height, spec.width);
        let image = Tensor::from_vec(values, (1, h, w, 3), &CPU).unwrap();
        let xs = spec.prepare(&spec, &image, &CPU).unwrap();
        let (fused, plain) = (forward(pair.fused.as_ref(), &xs), forward(pair.plain.as_ref(), &xs));
        let found = distances(&fused, &plain);
        assert!(found.iter().all(|distance| *distance <= AGREEMENT), "{}: {found:?}", file.display());
        worst = [worst[0].max(found[0]), worst[1].max(found[1])];
        same += usize::from(
            fused.logits.argmax(1).unwrap().to_vec1::<u32>().unwrap()
                == plain.logits.argmax(1).unwrap().to_vec1::<u32>().unwrap(),
        );
    }
    println!("{} images: logits {:.1e}, latents {:.1e}, {same} same classes", files.len(), worst[0], worst[1]);
    assert_eq!(same, files.len());
}

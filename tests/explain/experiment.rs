use super::*;
use leap_binder::explain::*;
#[test]
fn experiment() {
    let twin = Weights::random(WEIGHTS.card().clone(), 3).unwrap();
    let twin = Classifier::new(&twin, &Device::Cpu).unwrap();
    for file in ["person100_bacteria_475", "person10_virus_35", "IM-0001-0001"] {
        let xs = xray(file, "none");
        for (n, objective, method) in [
            ("cam", Objective::predicted(), Method::grad_cam()),
            ("layer", Objective::predicted(), Method::layer_cam()),
            ("contrast", Objective::contrast("bacteria", "virus"), Method::signed_grad_cam()),
            ("occ", Objective::predicted(), Method::Occlusion { window: 56, stride: 28, fill: Baseline::Mean }),
        ] {
            let options = FaithfulnessOptions {
                moves: 2,
                randomised: Some(Randomised { model: &twin, method: &method }).filter(|_| n != "occ"),
                ..Default::default()
            };
            let t = std::time::Instant::now();
            let maps = explain(&*SHIPPED, &xs, &objective, &method).unwrap();
            let t1 = t.elapsed();
            let picture =
                imaging::decode_file(root(&format!("tests/fixtures/model/decoded/{file}.png"))).unwrap().to_grey();
            let over = maps[0].overlay(&picture, 0.7).unwrap();
            image::save_buffer(format!("/tmp/wt-explain-{file}-{n}.png"), over.as_bytes(), 224, 224, image::ExtendedColorType::Rgb8).unwrap();
            let f = faithfulness(&*SHIPPED, &xs, &maps, &objective, &options).unwrap()[0];
            let t2 = t.elapsed();
            println!("{file} {n} {t1:?} {:?}: {} {} {:.3} {f:?}", t2 - t1, maps[0].target, f.verdict(), f.advantage());
        }
        let cam = Method::grad_cam();
        let foreign = explain(&twin, &xs, &Objective::predicted(), &cam).unwrap();
        let quick = || FaithfulnessOptions { moves: 2, ..Default::default() };
        let g = faithfulness(&*SHIPPED, &xs, &foreign, &Objective::predicted(), &quick()).unwrap()[0];
        let h = faithfulness(&twin, &xs, &foreign, &Objective::predicted(), &quick()).unwrap()[0];
        println!("{file} random on trained {:.3} {}; on itself {:.4} {}", g.advantage(), g.verdict(), h.advantage(), h.verdict());
    }
}

use super::*;
use leap_binder::explain::*;
#[test]
fn experiment() {
    let twin = Weights::random(WEIGHTS.card().clone(), 3).unwrap();
    let twin = Classifier::new(&twin, &Device::Cpu).unwrap();
    for file in [
        "IM-0001-0001",
        "person100_bacteria_475",
        "person10_virus_35",
        "person1_virus_12",
        "NORMAL2-IM-0173-0001-0001",
        "person140_bacteria_668",
    ] {
        let xs = xray(file, "none");
        for method in [
            Method::grad_cam(),
            Method::layer_cam(),
            Method::grad_cam_plus_plus(),
            Method::IntegratedGradients { steps: 4, baseline: Baseline::Black },
            Method::Occlusion { window: 56, stride: 28, fill: Baseline::Mean },
        ] {
            let options = FaithfulnessOptions {
                randomised: Some(Randomised { model: &twin, method: &method }),
                ..Default::default()
            };
            let t = std::time::Instant::now();
            let maps = explain(&*SHIPPED, &xs, &Objective::predicted(), &method).unwrap();
            let t1 = t.elapsed();
            let f = faithfulness(&*SHIPPED, &xs, &maps, &Objective::predicted(), &options).unwrap()[0];
            let t2 = t.elapsed();
            let foreign = explain(&twin, &xs, &Objective::class(maps[0].target.as_str()), &method).unwrap();
            let g = faithfulness(&*SHIPPED, &xs, &foreign, &Objective::predicted(), &FaithfulnessOptions::default())
                .unwrap()[0];
            let h = faithfulness(
                &twin,
                &xs,
                &foreign,
                &Objective::class(maps[0].target.as_str()),
                &FaithfulnessOptions::default(),
            )
            .unwrap()[0];
            println!(
                "{file} {} {t1:?} {:?}: own {:.3} ({:.3} {:.3} / {:?} {:?}) b {:.2} corr {:?}; random on trained {:.3}; random on itself {:.4} ({:.3})",
                method.name(),
                t2 - t1,
                f.advantage(),
                f.deletion_auc,
                f.insertion_auc,
                f.chance_deletion_auc,
                f.chance_insertion_auc,
                f.border_share,
                f.randomised_correlation,
                g.advantage(),
                h.advantage(),
                h.deletion_auc
            );
        }
    }
}

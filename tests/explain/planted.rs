//! Truths that were planted: where the heat must be, and what must follow from what.

use candle_core::{Device, Tensor};
use leap_binder::explain::{
    Baseline, Class, FaithfulnessOptions, HeatMap, Method, Objective, Randomised, Verdict, explain, faithfulness,
};
use leap_binder::model::{Architecture, Card, Classifier, Model, Weights};

use super::corners::{Corners, SIDE, squares};

fn methods() -> [Method; 5] {
    [
        Method::grad_cam(),
        Method::grad_cam_plus_plus(),
        Method::layer_cam(),
        Method::IntegratedGradients { steps: 4, baseline: Baseline::Black },
        Method::Occlusion { window: 8, stride: 4, fill: Baseline::Black },
    ]
}

/// The share of the positive heat in the square of 8 pixels at `corner`, of the map at the image's size.
fn share(map: &HeatMap, (left, top): (usize, usize)) -> f32 {
    let map = map.upsampled(SIDE, SIDE).unwrap();
    let heat = |inside: bool| -> f32 {
        let places = map.values.iter().enumerate().filter(|(place, _)| {
            let (row, column) = (place / SIDE, place % SIDE);
            !inside || ((left..left + 8).contains(&column) && (top..top + 8).contains(&row))
        });
        places.map(|(_, value)| value.max(0.0)).sum()
    };
    heat(true) / heat(false)
}

#[test]
fn the_heat_is_where_the_model_looks() {
    let model = Corners::new();
    let (upper, lower, unread) = ((4, 8), (20, 16), (20, 4));
    let xs = squares(&[upper, lower, unread]);
    for method in methods() {
        for (class, here, there) in [("upper", upper, lower), ("lower", lower, upper)] {
            let map = explain(&model, &xs, &Objective::class(class), &method).unwrap().pop().unwrap();
            let shares = [here, there, unread].map(|corner| share(&map, corner));
            // An even map would have 1/16 there.
            assert!(shares[0] > 0.3, "{} {class}: {shares:?}", method.name());
            assert!(shares[1] < 0.01 && shares[2] < 0.05, "{} {class}: {shares:?}", method.name());
            assert_eq!((map.target.as_str(), map.method.as_str()), (class, method.name()));
        }
        let predicted = explain(&model, &squares(&[lower]), &Objective::predicted(), &method).unwrap();
        assert_eq!(predicted[0].target, "lower");
    }
}

#[test]
fn a_contrast_changes_its_sign_with_its_classes() {
    let model = Corners::new();
    let xs = squares(&[(4, 8), (20, 16)]);
    for method in [
        Method::signed_grad_cam(),
        Method::IntegratedGradients { steps: 3, baseline: Baseline::Mean },
        Method::Occlusion { window: 8, stride: 8, fill: Baseline::Mean },
    ] {
        let map = |a: &str, b: &str| explain(&model, &xs, &Objective::contrast(a, b), &method).unwrap().pop().unwrap();
        let (there, back) = (map("upper", "lower"), map("lower", "upper"));
        assert_eq!(there.target, "upper against lower");
        assert!(there.signed && there.values.iter().any(|value| *value > 0.0) && there.values.iter().any(|v| *v < 0.0));
        for (a, b) in there.values.iter().zip(&back.values) {
            assert!((a + b).abs() < 1e-6, "{}: {a} {b}", method.name());
        }
    }
}

/// Along the way the value is a square, its gradient a straight line: two points suffice.
#[test]
fn integrated_gradients_add_up() {
    let model = Corners::new();
    let xs = Tensor::cat(&[squares(&[(4, 8)]), squares(&[(0, 0), (20, 16)])], 0).unwrap();
    for baseline in [
        Baseline::Black,
        Baseline::Mean,
        Baseline::blurred(),
        Baseline::Given(xs.narrow(0, 0, 1).unwrap().squeeze(0).unwrap()),
    ] {
        let method = Method::IntegratedGradients { steps: 2, baseline };
        for map in explain(&model, &xs, &Objective::class("upper"), &method).unwrap() {
            assert!(map.completeness_error.unwrap().abs() < 1e-4, "{method:?}: {:?}", map.completeness_error);
        }
    }
    let exact = explain(&model, &xs, &Objective::class("upper"), &Method::integrated_gradients()).unwrap();
    let sum: f64 = exact[0].values.iter().map(|&value| f64::from(value)).sum();
    let logit = model.forward(&xs).unwrap().logits.to_vec2::<f32>().unwrap()[0][0];
    assert!((sum - f64::from(logit)).abs() < 1e-4, "black has the logit 0: {sum} {logit}");
    // A network with kinks is off by something, and says by how much.
    let (network, xs) = small_cnn();
    let xs = xs.narrow(0, 0, 1).unwrap();
    let start = (xs.ones_like().unwrap() * 0.3).unwrap();
    let method = Method::IntegratedGradients { steps: 4, baseline: Baseline::Given(start.clone()) };
    let map = explain(&network, &xs, &Objective::class(1), &method).unwrap().pop().unwrap();
    let logit = |xs: &Tensor| f64::from(network.forward(xs).unwrap().logits.to_vec2::<f32>().unwrap()[0][1]);
    let sum: f64 = map.values.iter().map(|&value| f64::from(value)).sum();
    let expected = sum - (logit(&xs) - logit(&start));
    let found = map.completeness_error.unwrap();
    assert!((found - expected).abs() < 1e-4 * (1.0 + expected.abs()), "{found} {expected}");
}

fn small_cnn() -> (Classifier, Tensor) {
    let mut card = Card::new(Architecture::SmallCnn, ["a", "b", "c"]);
    (card.input.width, card.input.height) = (48, 48);
    let model = Classifier::new(&Weights::random(card, 5).unwrap(), &Device::Cpu).unwrap();
    let c = model.input().channels();
    let values: Vec<f32> = (0..3 * c * 48 * 48).map(|i| (0.37 * i as f32).sin()).collect();
    (model, Tensor::from_vec(values, (3, c, 48, 48), &Device::Cpu).unwrap())
}

#[test]
fn neither_batch_nor_threads_change_a_bit() {
    let (model, xs) = small_cnn();
    for method in [
        Method::signed_grad_cam(),
        Method::layer_cam().at("features.1"),
        Method::IntegratedGradients { steps: 3, baseline: Baseline::blurred() },
        Method::Occlusion { window: 20, stride: 14, fill: Baseline::blurred() },
    ] {
        let all = || explain(&model, &xs, &Objective::log_probability("b"), &method).unwrap();
        let maps = all();
        assert!(maps.iter().all(|map| map.values.iter().any(|value| *value != 0.0)));
        for (place, map) in maps.iter().enumerate() {
            let alone = xs.narrow(0, place, 1).unwrap();
            let alone = explain(&model, &alone, &Objective::log_probability("b"), &method).unwrap();
            assert_eq!(&alone[0], map, "{}", method.name());
        }
        let scores = || {
            faithfulness(
                &model,
                &xs,
                &maps,
                &Objective::class("b"),
                &FaithfulnessOptions { steps: 3, ..Default::default() },
            )
        };
        let expected = scores().unwrap();
        for threads in [1, 2, 4] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            assert_eq!(pool.install(all), maps, "{} {threads}", method.name());
            assert_eq!(pool.install(scores).unwrap(), expected, "{} {threads}", method.name());
        }
    }
}

#[test]
fn a_map_is_faithful_and_that_of_a_randomised_model_is_not() {
    let model = Corners::new();
    let xs = Tensor::cat(&[squares(&[(4, 8)]), squares(&[(20, 20), (20, 4)]), squares(&[(0, 4), (4, 24)])], 0).unwrap();
    for method in methods() {
        let maps = explain(&model, &xs, &Objective::predicted(), &method).unwrap();
        let twin = Corners::randomised(1);
        let options = FaithfulnessOptions {
            deleted: Baseline::Black,
            randomised: Some(Randomised { model: &twin, method: &method }),
            ..Default::default()
        };
        for (map, found) in
            maps.iter().zip(faithfulness(&model, &xs, &maps, &Objective::predicted(), &options).unwrap())
        {
            assert_eq!(found.verdict(), Verdict::Faithful, "{} {}: {found:?}", method.name(), map.target);
            assert!(found.deletion_auc < found.chance_deletion_auc.unwrap(), "{found:?}");
            assert!(found.randomised_correlation.unwrap().abs() < 0.7);
        }
    }
}

/// The taught model, asked about the untaught one's maps: they are faithful no more often than by luck.
#[test]
fn the_maps_of_a_randomised_model_are_not_faithful_to_the_taught_one() {
    let (model, method) = (Corners::new(), Method::layer_cam());
    let xs = squares(&[(4, 8), (20, 0), (24, 8), (0, 20), (8, 24)]);
    let objective = Objective::class("upper");
    let advantage = |maps: &[HeatMap]| {
        let options = FaithfulnessOptions { deleted: Baseline::Black, moves: 16, ..Default::default() };
        faithfulness(&model, &xs, maps, &objective, &options).unwrap()[0].advantage()
    };
    let own = advantage(&explain(&model, &xs, &objective, &method).unwrap());
    let others: Vec<f64> = (0..16)
        .map(|seed| advantage(&explain(&Corners::randomised(seed), &xs, &objective, &method).unwrap()))
        .collect();
    println!("own {own}, of randomised models {others:?}");
    assert!(others.iter().all(|other| *other < own), "{own} {others:?}");
    let mean = others.iter().sum::<f64>() / 16.0;
    assert!(mean < own / 3.0, "{own} {mean}");
}

#[test]
fn a_flat_map_a_border_and_a_blind_method() {
    let model = Corners::new();
    let xs = squares(&[(4, 8)]);
    let objective = Objective::class(Class::from("upper"));
    let judged = |map: HeatMap, options: &FaithfulnessOptions<'_>| {
        faithfulness(&model, &xs, &[map], &objective, options).unwrap()[0]
    };
    let flat = HeatMap::new("none", "upper", SIDE, SIDE, vec![0.0; SIDE * SIDE], false).unwrap();
    let found = judged(flat.clone(), &FaithfulnessOptions::default());
    assert_eq!((found.advantage(), found.border_share, found.verdict()), (0.0, 0.0, Verdict::NoBetterThanChance));
    assert!(flat.normalised().values.iter().all(|value| *value == 0.0));
    let even = HeatMap::new("even", "upper", 20, 20, vec![2.0; 400], false).unwrap();
    assert_eq!(even.border_share(), 1.0 - 16.0 * 16.0 / 400.0);
    // The method gives the same map whatever the weights are.
    let method = Method::layer_cam();
    let map = explain(&model, &xs, &objective, &method).unwrap().pop().unwrap();
    let twin = Corners::new();
    let randomised = Some(Randomised { model: &twin, method: &method });
    let found = judged(map, &FaithfulnessOptions { randomised, ..Default::default() });
    assert_eq!((found.randomised_correlation, found.verdict()), (Some(1.0), Verdict::BlindToTheModel));
    assert_eq!(found.verdict().to_string(), "blind to the model");
}

/// Curves by hand: all of the score is in one square of 64 pixels.
#[test]
fn areas_are_those_of_the_curves() {
    let model = Corners::new();
    let xs = squares(&[(4, 8)]);
    let objective =
        Objective::custom("bright", |output, _| Ok((output.logits.narrow(1, 0, 1).unwrap() * 100.0).unwrap()));
    let heat = (0..SIDE * SIDE)
        .map(|place| f32::from(u8::from((4..12).contains(&(place % SIDE)) && (8..16).contains(&(place / SIDE)))));
    let map = HeatMap::new("by hand", "bright", SIDE, SIDE, heat.collect(), false).unwrap();
    // Sixteen steps of 64 pixels: the first takes the whole square.
    let options = FaithfulnessOptions {
        steps: 16,
        deleted: Baseline::Given(Tensor::zeros((1, SIDE, SIDE), candle_core::DType::F32, &Device::Cpu).unwrap()),
        inserted: Baseline::Black,
        moves: 0,
        ..Default::default()
    };
    let found = faithfulness(&model, &xs, &[map], &objective, &options).unwrap()[0];
    // What is left of the upper quarter scores above zero until it is gone, and the logistic function of 0 is a half.
    assert!(found.deletion_auc > 0.5 && found.insertion_auc > 0.98, "{found:?}");
    assert!((found.insertion_auc - (1.0 - 0.5 / 32.0)).abs() < 1e-9, "{found:?}");
    assert_eq!((found.chance_deletion_auc, found.randomised_correlation), (None, None));
}

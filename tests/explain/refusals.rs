//! What cannot be explained is refused with an error that says what to do.

use candle_core::{DType, Device, Tensor};
use leap_binder::binder::{Binder, losses};
use leap_binder::contract::{
    DataState, Dataset, HandlerResult, SampleId, Subset, argument, ground_truth, input, prediction,
};
use leap_binder::explain::{
    Baseline, FaithfulnessOptions, HeatMap, Method, Objective, Randomised, explain, faithfulness,
};
use leap_binder::imaging::{Image, ImageSpec};
use leap_binder::model::{Model, Output};
use leap_binder::{Error, Result};

use super::corners::{Corners, SIDE, squares};

fn argument_error<T: std::fmt::Debug>(result: Result<T>, text: &str) {
    match result {
        Err(error @ Error::Argument { .. }) => assert!(error.to_string().contains(text), "{error}"),
        other => panic!("{text}: {other:?}"),
    }
}

fn config_error<T: std::fmt::Debug>(result: Result<T>, option: &str) {
    assert!(matches!(&result, Err(Error::Config { option: found, .. }) if found == option), "{option}: {result:?}");
}

#[test]
fn batches() {
    let model = Corners::new();
    let run = |xs: &Tensor| explain(&model, xs, &Objective::predicted(), &Method::grad_cam());
    for shape in [vec![0, 1, SIDE, SIDE], vec![1, 3, SIDE, SIDE], vec![1, SIDE, SIDE], vec![1, 1, SIDE, SIDE + 1]] {
        argument_error(run(&Tensor::zeros(shape, DType::F32, &Device::Cpu).unwrap()), "a batch (n, 1, 32, 32)");
    }
    argument_error(run(&Tensor::zeros((1, 1, SIDE, SIDE), DType::F64, &Device::Cpu).unwrap()), "F32");
    for bad in [f32::NAN, f32::INFINITY] {
        let mut values = vec![0.5; 2 * SIDE * SIDE];
        values[SIDE * SIDE + 7] = bad;
        let xs = Tensor::from_vec(values, (2, 1, SIDE, SIDE), &Device::Cpu).unwrap();
        argument_error(run(&xs), "none at place 7 of image 1");
    }
}

#[test]
fn objectives() {
    let (model, xs) = (Corners::new(), squares(&[(4, 8)]));
    let run = |objective: &Objective<'_>| explain(&model, &xs, objective, &Method::grad_cam());
    argument_error(run(&Objective::class("UPPER")), "\"UPPER\"");
    argument_error(run(&Objective::class(3)), "a place below 3");
    argument_error(run(&Objective::contrast("upper", 0)), "a contrast of two classes");
    argument_error(run(&Objective::contrast("upper", "left")), "\"left\"");
    let long = "x".repeat(10_000);
    argument_error(run(&Objective::log_probability(long.as_str())), &long);
    argument_error(
        run(&Objective::custom("two", |output, _| Ok(output.logits.clone()))),
        "one value of two for each of 1 rows",
    );
    argument_error(
        run(&Objective::custom("infinite", |output, _| Ok((output.logits.narrow(1, 0, 1).unwrap() / 0.0).unwrap()))),
        "a finite value of infinite",
    );
    argument_error(
        run(&Objective::custom("constant", |_, rows| Ok(Tensor::zeros(rows.len(), DType::F32, &Device::Cpu).unwrap()))),
        "occlusion is the method for constant",
    );
}

#[test]
fn methods() {
    let (model, xs) = (Corners::new(), squares(&[(4, 8)]));
    let run = |method: Method| explain(&model, &xs, &Objective::class(0), &method);
    argument_error(run(Method::grad_cam().at("features.norm5")), "a split point: cells, sums");
    argument_error(run(Method::layer_cam().at("sums")), "[1, 2] at sums");
    // The last split point has no maps, so that the one before it is taken.
    assert_eq!(run(Method::grad_cam()).unwrap()[0].split.as_deref(), Some("cells"));
    let blurred = Baseline::blurred;
    for steps in [0, 1001] {
        config_error(run(Method::IntegratedGradients { steps, baseline: blurred() }), "steps");
    }
    for (window, stride, option) in [(0, 1, "window"), (33, 1, "window"), (8, 0, "stride"), (8, 9, "stride")] {
        config_error(run(Method::Occlusion { window, stride, fill: blurred() }), option);
    }
    for sigma in [0.0, -1.0, 2.0, f32::NAN] {
        config_error(run(Method::Occlusion { window: 8, stride: 8, fill: Baseline::Blurred { sigma } }), "sigma");
    }
    for shape in [vec![SIDE, SIDE], vec![2, 1, SIDE, SIDE]] {
        let given = Tensor::zeros(shape, DType::F32, &Device::Cpu).unwrap();
        argument_error(
            run(Method::IntegratedGradients { steps: 1, baseline: Baseline::Given(given) }),
            "a baseline [1, 32, 32]",
        );
    }
    let nan = (Tensor::zeros((1, SIDE, SIDE), DType::F32, &Device::Cpu).unwrap() / 0.0).unwrap();
    argument_error(run(Method::IntegratedGradients { steps: 1, baseline: Baseline::Given(nan) }), "a finite baseline");
}

/// A model that can only be asked.
#[derive(Debug)]
struct Sealed(Corners);

impl Model for Sealed {
    fn name(&self) -> &str {
        "sealed"
    }
    fn classes(&self) -> &[String] {
        self.0.classes()
    }
    fn input(&self) -> &ImageSpec {
        self.0.input()
    }
    fn latent_dim(&self) -> usize {
        self.0.latent_dim()
    }
    fn parameters(&self) -> usize {
        self.0.parameters()
    }
    fn device(&self) -> &Device {
        self.0.device()
    }
    fn forward(&self, xs: &Tensor) -> Result<Output> {
        self.0.forward(&xs.detach())
    }
}

#[test]
fn models_that_can_only_be_asked_have_occlusion() {
    let (model, xs) = (Sealed(Corners::new()), squares(&[(4, 8)]));
    let run = |method: &Method| explain(&model, &xs, &Objective::class("upper"), method);
    argument_error(run(&Method::grad_cam()), "the model sealed, which has none");
    argument_error(run(&Method::integrated_gradients()), "occlusion is the method for upper");
    let method = Method::Occlusion { window: 8, stride: 4, fill: Baseline::Black };
    let inside = explain(&model.0, &xs, &Objective::class("upper"), &method).unwrap();
    assert_eq!(run(&method).unwrap(), inside);
}

#[test]
fn maps_and_tests_of_them() {
    let (model, xs) = (Corners::new(), squares(&[(4, 8)]));
    let map = || HeatMap::new("m", "t", 2, 2, vec![0.0, 1.0, 2.0, 3.0], false).unwrap();
    argument_error(HeatMap::new("m", "t", 2, 2, vec![0.0; 3], false), "2 x 2 and 3 values");
    argument_error(HeatMap::new("m", "t", 0, 2, vec![], false), "sides above zero");
    argument_error(HeatMap::new("m", "t", 1, 1, vec![f32::NAN], true), "finite values");
    argument_error(HeatMap::new("m", "t", 1, 1, vec![-1.0], false), "not negative");
    argument_error(map().upsampled(0, 5), "resize_f32");
    argument_error(map().overlay(&Image::grey(4, 4, vec![0; 16]).unwrap(), 1.5), "an opacity in [0, 1]");
    argument_error(map().overlay(&Image::grey(4, 4, vec![0; 16]).unwrap(), f32::NAN), "an opacity in [0, 1]");
    let judge = |maps: &[HeatMap], options: &FaithfulnessOptions<'_>| {
        faithfulness(&model, &xs, maps, &Objective::class(0), options)
    };
    argument_error(judge(&[], &FaithfulnessOptions::default()), "a heat map for each of 1 images");
    for steps in [0, 1001] {
        config_error(judge(&[map()], &FaithfulnessOptions { steps, ..Default::default() }), "steps");
    }
    let mut broken = map();
    broken.values.pop();
    argument_error(judge(&[broken], &FaithfulnessOptions::default()), "3 values");
    let method = Method::grad_cam();
    let randomised = Some(Randomised { model: &*super::SHIPPED, method: &method });
    argument_error(
        judge(&[map()], &FaithfulnessOptions { randomised, ..Default::default() }),
        "a randomised model like",
    );
}

#[test]
fn an_overlay_leaves_what_has_no_heat() {
    let image = Image::grey(2, 1, vec![40, 200]).unwrap();
    let map = HeatMap::new("m", "t", 2, 1, vec![0.0, -3.0], true).unwrap();
    assert_eq!(map.normalised().values, [0.0, -1.0]);
    let drawn = map.overlay(&image, 1.0).unwrap();
    assert_eq!(drawn.as_bytes()[..3], [40; 3]);
    assert_eq!(drawn.as_bytes()[3..], leap_binder::explain::colour(-1.0, true));
    assert_eq!(map.overlay(&image, 0.0).unwrap(), image.to_rgb());
}

struct Squares;

impl Dataset for Squares {
    type Sample = Tensor;

    fn preprocess(&self) -> HandlerResult<Vec<Subset>> {
        Ok(vec![Subset::new(DataState::Training, 0..4), Subset::new(DataState::Unlabeled, 0..4)])
    }

    fn load(&self, id: &SampleId, _: DataState) -> HandlerResult<Tensor> {
        let SampleId::Int(place) = id else { return Err("an integer".into()) };
        Ok(squares(&[(4, 8 * (*place as usize % 2))]).squeeze(0)?.permute((1, 2, 0))?)
    }
}

fn binder() -> Binder<Squares> {
    let arguments = || [ground_truth("square"), prediction("square")];
    Binder::builder(Squares)
        .input("image", |xs: &Tensor| Ok(xs.clone()))
        .ground_truth("square", |_| Ok([0f32, 1.0, 0.0]))
        .prediction("square", ["upper", "lower", "neither"])
        .loss("cross_entropy", arguments(), |[truth, scores]| losses::categorical_crossentropy(truth, scores))
        .loss("ranks", arguments(), |[_, scores]| {
            let scores = scores.to_vec2::<f32>()?;
            Ok(Tensor::new(scores.iter().map(|row| row[0] - row[1]).collect::<Vec<_>>(), &Device::Cpu)?)
        })
        .loss("wired", [argument("x")], |[x]| Ok(x.clone()))
        .loss("with input", [input("image"), prediction("square")], |[image, scores]| {
            Ok((image.flatten_from(1)?.mean(1)? * scores.narrow(1, 1, 1)?.squeeze(1)?)?)
        })
        .loss("fails", arguments(), |[_, _]| Err::<Tensor, _>("no luck".into()))
        .build()
        .unwrap()
}

#[test]
fn registered_losses() {
    let (binder, model) = (binder(), Corners::new());
    let ids = [0, 1].map(SampleId::Int);
    let samples = ids.each_ref().map(|id| binder.get_sample(DataState::Training, id).unwrap());
    let xs = Tensor::stack(&samples.each_ref().map(|sample| &sample.inputs[0]), 0).unwrap();
    let xs = xs.permute((0, 3, 1, 2)).unwrap().contiguous().unwrap();
    let loss = |name: &str| Objective::loss(&binder, name, DataState::Training, &ids, &samples);
    let occlusion = Method::Occlusion { window: 8, stride: 4, fill: Baseline::Black };

    // The truth is `lower`, and the square in the upper quarter makes the model wrong: heat for the loss.
    let objective = loss("cross_entropy").unwrap();
    for method in [Method::signed_grad_cam(), Method::integrated_gradients(), occlusion.clone()] {
        for (image, map) in explain(&model, &xs, &objective, &method).unwrap().iter().enumerate() {
            let map = map.upsampled(SIDE, SIDE).unwrap();
            let hottest = (0..SIDE * SIDE).max_by(|&a, &b| map.values[a].total_cmp(&map.values[b])).unwrap();
            assert!((4..12).contains(&(hottest % SIDE)), "{} {image}", method.name());
            assert!((8 * image..8 * image + 8).contains(&(hottest / SIDE)), "{} {image}", method.name());
            assert_eq!(map.target, "cross_entropy");
        }
    }
    // The gradient of the cross-entropy is that of minus the logarithm of the truth's probability.
    let same = explain(&model, &xs, &Objective::log_probability("lower"), &Method::signed_grad_cam()).unwrap();
    for (map, opposite) in explain(&model, &xs, &objective, &Method::signed_grad_cam()).unwrap().iter().zip(same) {
        assert!(map.values.iter().zip(&opposite.values).all(|(a, b)| (a + b).abs() < 1e-5));
    }
    let scores = faithfulness(
        &model,
        &xs,
        &explain(&model, &xs, &objective, &occlusion).unwrap(),
        &objective,
        &FaithfulnessOptions::default(),
    );
    assert!(scores.unwrap().iter().all(|found| found.deletion_auc < found.insertion_auc));

    argument_error(
        explain(&model, &xs, &loss("ranks").unwrap(), &Method::grad_cam()),
        "occlusion is the method for ranks",
    );
    assert_eq!(explain(&model, &xs, &loss("ranks").unwrap(), &occlusion).unwrap().len(), 2);
    assert_eq!(explain(&model, &xs, &loss("with input").unwrap(), &Method::signed_grad_cam()).unwrap().len(), 2);
    let failed = explain(&model, &xs, &loss("fails").unwrap(), &occlusion);
    assert!(
        matches!(&failed, Err(Error::Contract(violation)) if violation.to_string().contains("no luck")),
        "{failed:?}"
    );

    config_error(loss("crossentropy"), "loss");
    argument_error(loss("wired"), "every argument of the loss");
    argument_error(
        Objective::loss(&binder, "cross_entropy", DataState::Training, &ids[..1], &samples),
        "2 samples and 1 ids",
    );
    argument_error(Objective::loss(&binder, "cross_entropy", DataState::Training, &[], &[]), "0 samples");
    let unlabelled = [binder.get_sample(DataState::Unlabeled, &ids[0]).unwrap()];
    argument_error(
        Objective::loss(&binder, "cross_entropy", DataState::Unlabeled, &ids[..1], &unlabelled),
        "ground truth",
    );
    argument_error(explain(&model, &xs.narrow(0, 0, 1).unwrap(), &objective, &occlusion), "a batch of the 2 samples");
}

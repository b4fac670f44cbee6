//! A binder for tabular data: Fisher's irises, four lengths in centimetres and a species for each of 150 flowers.

use candle_core::Tensor;
use leap_binder::Binder;
use leap_binder::binder::{losses, metrics};
use leap_binder::contract::{
    DataState, Dataset, HandlerResult, LeapHorizontalBar, LeapModel, Metadata, MetricDirection, ModelInput, SampleId,
    Subset, ground_truth, prediction,
};

const SPECIES: [&str; 3] = ["setosa", "versicolor", "virginica"];
const LENGTHS: [&str; 4] = ["sepal_length", "sepal_width", "petal_length", "petal_width"];

pub(crate) struct Irises {
    flowers: Vec<Flower>,
}

#[derive(Clone, serde::Deserialize)]
pub(crate) struct Flower {
    sepal_length: f32,
    sepal_width: f32,
    petal_length: f32,
    petal_width: f32,
    species: String,
}

impl Flower {
    fn lengths(&self) -> [f32; 4] {
        [self.sepal_length, self.sepal_width, self.petal_length, self.petal_width]
    }

    fn one_hot(&self) -> [f32; 3] {
        SPECIES.map(|species| f32::from(u8::from(species == self.species)))
    }
}

impl Dataset for Irises {
    type Sample = Flower;

    fn preprocess(&self) -> HandlerResult<Vec<Subset>> {
        let every_fifth = |wanted: &[usize]| {
            let rows = (0..self.flowers.len()).filter(|row| wanted.contains(&(row % 5)));
            rows.map(|row| row as i64).collect::<Vec<_>>()
        };
        Ok(vec![
            Subset::new(DataState::Training, every_fifth(&[0, 1, 2])),
            Subset::new(DataState::Validation, every_fifth(&[3])),
            Subset::new(DataState::Test, every_fifth(&[4])),
        ])
    }

    fn load(&self, id: &SampleId, _: DataState) -> HandlerResult<Flower> {
        let SampleId::Int(row) = id else { return Err("a row number was expected".into()) };
        Ok(self.flowers.get(*row as usize).ok_or("there is no such row")?.clone())
    }
}

/// Scores each species by how near a flower is to its mean petal, which is all that this model knows.
struct NearestMean;

impl LeapModel for NearestMean {
    fn inputs(&self) -> Vec<ModelInput> {
        vec![ModelInput::new("lengths", [None, Some(4)])]
    }

    fn run(&self, inputs: &[Tensor]) -> HandlerResult<Vec<Tensor>> {
        let means = Tensor::new(&[[1.46f32, 0.25], [4.26, 1.33], [5.55, 2.03]], inputs[0].device())?;
        let petals = inputs[0].narrow(1, 2, 2)?.unsqueeze(1)?;
        let distances = petals.broadcast_sub(&means)?.sqr()?.sum(2)?;
        Ok(vec![candle_nn::ops::softmax(&distances.neg()?, 1)?])
    }
}

pub(crate) fn binder() -> HandlerResult<Binder<Irises>> {
    let table = csv::Reader::from_reader(include_str!("iris.csv").as_bytes());
    let flowers = table.into_deserialize().collect::<std::result::Result<_, _>>()?;
    let binder = Binder::builder(Irises { flowers })
        .input("lengths", |flower| Ok(flower.lengths()))
        .ground_truth("species", |flower| Ok(flower.one_hot()))
        .metadata("centimetres", |flower| Ok(Metadata::map(LENGTHS.into_iter().zip(flower.lengths()))))
        .metadata("species", |flower| Ok(flower.species.clone()))
        .prediction("species", SPECIES)
        .loss("cross_entropy", [ground_truth("species"), prediction("species").named("scores")], |[truth, scores]| {
            losses::categorical_crossentropy(truth, scores)
        })
        .metric(
            "squared_error",
            MetricDirection::Downward,
            [ground_truth("species"), prediction("species").named("scores")],
            |[truth, scores]| metrics::mean_squared_error(truth, scores),
        )
        .visualizer("scores", [prediction("species")], |[scores]| {
            Ok(LeapHorizontalBar::new(scores.to_vec1()?, SPECIES.map(str::to_owned).to_vec()))
        })
        .load_model(|| Ok(NearestMean))
        .integration_test_from_registration()
        .build()?;
    Ok(binder)
}

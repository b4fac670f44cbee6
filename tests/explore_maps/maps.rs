use leap_binder::explore::{
    Affinities, Matrix, Metric, Neighbours, Projection, ProjectionMethod, ProjectionOptions, Quality,
};
use leap_binder::rng::SplitMix64;

use super::golden::{assert_close, boxes, digits, golden, matrix, numbers, places, tables};

fn plane(value: &serde_json::Value) -> Vec<[f64; 2]> {
    tables(value).into_iter().map(|point| [point[0], point[1]]).collect()
}

/// scikit-learn finds the bandwidth in f32, to 1e-5 nats.
const P_TOLERANCE: f64 = 3e-5;

fn dense() -> Affinities {
    let neighbours = Neighbours::of(&matrix("/digits", 30), 29, Metric::Euclidean);
    Affinities::of(&neighbours, golden("/affinities/dense/perplexity").as_f64().unwrap())
}

#[test]
fn affinities_of_all_pairs_equal_scikit_learn() {
    let expected = numbers(golden("/affinities/dense/p"));
    let affinities = dense();
    let pairs: Vec<f64> = (0..30)
        .flat_map(|row| affinities.row(row).filter(move |&(other, _)| other > row).map(|(_, p)| p).collect::<Vec<_>>())
        .collect();
    let largest = expected.iter().copied().fold(0.0, f64::max);
    assert_close(&pairs, &expected, P_TOLERANCE * largest, "p");
    let total: f64 = (0..30).flat_map(|row| affinities.row(row).map(|(_, p)| p).collect::<Vec<_>>()).sum();
    assert!((total - 1.0).abs() < 1e-12, "{total}");
}

#[test]
fn affinities_of_neighbours_equal_scikit_learn() {
    let neighbours = Neighbours::of(&digits(), 31, Metric::Euclidean);
    let affinities = Affinities::of(&neighbours, golden("/affinities/sparse/perplexity").as_f64().unwrap());
    for row in 0..10 {
        let found: Vec<(usize, f64)> = affinities.row(row).collect();
        let expected = numbers(golden(&format!("/affinities/sparse/rows/{row}")));
        let partners = places(golden(&format!("/affinities/sparse/places/{row}")));
        assert_eq!(found.iter().map(|&(place, _)| place).collect::<Vec<_>>(), partners, "row {row}");
        let values: Vec<f64> = found.iter().map(|&(_, p)| p).collect();
        assert_close(&values, &expected, P_TOLERANCE * expected.iter().copied().fold(0.0, f64::max), "p");
    }
}

#[test]
fn divergence_and_gradient_equal_scikit_learn() {
    let (affinities, points) = (dense(), plane(golden("/affinities/dense/points")));
    let kl = golden("/affinities/dense/kl").as_f64().unwrap();
    assert_close(&[affinities.divergence(&points).unwrap()], &[kl], P_TOLERANCE * kl, "divergence");
    let expected = plane(golden("/affinities/dense/gradient"));
    let largest = expected.iter().flatten().fold(0.0, |largest: f64, slope| largest.max(slope.abs()));
    let found = affinities.gradient(&points, 0.0).unwrap();
    assert_close(found.as_flattened(), expected.as_flattened(), P_TOLERANCE * largest, "gradient");
    assert!(affinities.gradient(&points[1..], 0.0).is_err());
    assert!(affinities.divergence(&points[1..]).is_err());
}

#[test]
fn the_gradient_is_the_slope_of_the_divergence() {
    let (affinities, points) = (dense(), plane(golden("/affinities/dense/points")));
    let gradient = affinities.gradient(&points, 0.0).unwrap();
    for (row, axis) in [(0, 0), (7, 1), (29, 0)] {
        let at = |step: f64| {
            let mut moved = points.clone();
            moved[row][axis] += step;
            affinities.divergence(&moved).unwrap()
        };
        let slope = (at(1e-5) - at(-1e-5)) / 2e-5;
        assert!((slope - gradient[row][axis]).abs() < 1e-8, "{slope} is not {}", gradient[row][axis]);
    }
}

#[test]
fn the_descent_ends_as_low_as_scikit_learn() {
    for expected in golden("/maps").as_array().unwrap() {
        let (perplexity, kl) = (expected["perplexity"].as_f64().unwrap(), expected["kl"].as_f64().unwrap());
        let map = Projection::fit(&digits(), &ProjectionOptions::default().with_perplexity(perplexity)).unwrap();
        assert_eq!(map.perplexity, Some(perplexity));
        let found = map.kl_divergence.unwrap();
        assert!(found <= 1.03 * kl, "perplexity {perplexity}: {found}, scikit-learn {kl}");
        assert!(found > 0.5 * kl, "perplexity {perplexity}: {found} is too good to be true");
    }
}

#[test]
fn quality_equals_scikit_learn() {
    let flat: Vec<[f32; 2]> = plane(golden("/flat")).into_iter().map(|point| point.map(|value| value as f32)).collect();
    for neighbours in [5, 12, 40] {
        let found = Quality::of(&digits(), &flat, neighbours, usize::MAX, 0).unwrap().unwrap();
        let expected = golden(&format!("/quality/{neighbours}"));
        assert_close(
            &[found.trustworthiness],
            &[expected["trustworthiness"].as_f64().unwrap()],
            1e-6,
            "trustworthiness",
        );
        assert_close(&[found.continuity], &[expected["continuity"].as_f64().unwrap()], 1e-6, "continuity");
        assert_eq!((found.neighbours, found.queries), (neighbours, 200));
        // A sample of the points comes near to all.
        let sampled = Quality::of(&digits(), &flat, neighbours, 100, 1).unwrap().unwrap();
        assert_eq!(sampled.queries, 100);
        assert!((sampled.trustworthiness - found.trustworthiness).abs() < 0.03);
        assert!((sampled.continuity - found.continuity).abs() < 0.03);
    }
}

#[test]
fn a_faithful_map_has_quality_one_and_a_shuffled_one_has_not() {
    let (matrix, _) = boxes(4, 25, 2, 3);
    let points: Vec<[f32; 2]> = (0..100).map(|row| [matrix.row(row)[0], matrix.row(row)[1]]).collect();
    let same = Quality::of(&matrix, &points, 7, 1_000, 0).unwrap().unwrap();
    assert_eq!((same.trustworthiness, same.continuity), (1.0, 1.0));
    let mut mixed = points.clone();
    SplitMix64::new(4).shuffle(&mut mixed);
    let shuffled = Quality::of(&matrix, &mixed, 7, 1_000, 0).unwrap().unwrap();
    assert!(shuffled.trustworthiness < 0.7 && shuffled.continuity < 0.7, "{shuffled:?}");
    assert!(Quality::of(&matrix, &points[1..], 7, 10, 0).is_err());
}

/// Planted groups come out apart: the nearest points on the map are of the same group.
#[test]
fn groups_stay_together_on_the_map() {
    let (matrix, classes) = boxes(5, 60, 30, 1);
    let map = Projection::fit(&matrix, &ProjectionOptions::default()).unwrap();
    assert_eq!(map.method, ProjectionMethod::TSne);
    assert!(map.trustworthiness.unwrap() > 0.9, "{:?}", map.quality);
    let nearest = Neighbours::of(&Matrix::from_rows(&map.points).unwrap(), 10, Metric::Euclidean);
    let same = |(row, places): (usize, &Vec<usize>)| places.iter().all(|&place| classes[place] == classes[row]);
    assert!(nearest.indices.iter().enumerate().all(same));
}

#[test]
fn new_rows_go_to_their_group_and_known_ones_to_their_point() {
    let (all, classes) = boxes(4, 60, 12, 2);
    let half = |rest: usize| {
        let rows = (0..240).filter(move |row| (row / 4) % 2 == rest);
        let classes: Vec<usize> = rows.clone().map(|row| classes[row]).collect();
        (Matrix::from_rows(rows.map(|row| all.row(row))).unwrap(), classes)
    };
    let ((fitted, known), (new, hidden)) = (half(0), half(1));
    let map = Projection::fit(&fitted, &ProjectionOptions::default()).unwrap();
    assert_eq!(map.place(&fitted).unwrap(), map.points);
    let placed = map.place(&new).unwrap();
    let points = Matrix::from_rows(&map.points).unwrap();
    let nearest = Neighbours::between(&Matrix::from_rows(&placed).unwrap(), &points, 5, Metric::Euclidean).unwrap();
    for (row, places) in nearest.indices.iter().enumerate() {
        assert!(places.iter().all(|&place| known[place] == hidden[row]), "row {row}");
    }
    // A row alone goes where it goes among others, and one beyond all data still stands on the map.
    let one = Matrix::from_rows([new.row(7)]).unwrap();
    assert_eq!(map.place(&one).unwrap()[0], placed[7]);
    let far = map.place(&Matrix::new(1, 12, vec![1e6; 12]).unwrap()).unwrap()[0];
    let reach = map.points.as_flattened().iter().fold(0.0, |reach: f32, value| reach.max(value.abs()));
    assert!(far.iter().all(|value| value.abs() <= reach), "{far:?}");
    assert!(map.place(&Matrix::new(1, 3, vec![0.0; 3]).unwrap()).is_err());
}

#[test]
fn principal_components_are_a_map_too() {
    let options = ProjectionOptions::default().with_method(ProjectionMethod::Pca);
    let map = Projection::fit(&digits(), &options).unwrap();
    let expected = plane(golden("/flat"));
    for (found, expected) in map.points.iter().zip(&expected) {
        assert_close(&found.map(f64::from), expected, 1e-5, "point");
    }
    assert_eq!((map.perplexity, map.kl_divergence), (None, None));
    let trust = golden("/quality/12/trustworthiness").as_f64().unwrap();
    assert_close(&[map.trustworthiness.unwrap()], &[trust], 1e-6, "trustworthiness");
    let one = Matrix::from_rows([digits().row(4)]).unwrap();
    assert_eq!(map.place(&one).unwrap()[0], map.points[4]);
}

#[test]
fn options_that_cannot_work_are_refused() {
    let matrix = boxes(2, 5, 2, 0).0;
    for options in [
        ProjectionOptions::default().with_dimensions(0),
        ProjectionOptions::default().with_perplexity(f64::NAN),
        ProjectionOptions::default().with_perplexity(1.0),
    ] {
        assert!(Projection::fit(&matrix, &options).is_err(), "{options:?}");
    }
}

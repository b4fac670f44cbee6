use leap_binder::explore::{
    ClusterMethod, ClusterOptions, Clustering, Matrix, Metric, Neighbours, davies_bouldin, silhouette,
};

use super::golden::{assert_close, boxes, digits, golden, matrix, numbers, places};

/// The adjusted Rand index (Hubert and Arabie, 1985).
fn adjusted_rand(a: &[i64], b: &[i64]) -> f64 {
    use std::collections::BTreeMap;
    let count = |keys: Vec<(i64, i64)>| {
        let mut counts: BTreeMap<(i64, i64), f64> = BTreeMap::new();
        keys.into_iter().for_each(|key| *counts.entry(key).or_default() += 1.0);
        counts.values().map(|n| n * (n - 1.0) / 2.0).sum::<f64>()
    };
    let both = count(a.iter().zip(b).map(|(&a, &b)| (a, b)).collect());
    let (left, right) = (count(a.iter().map(|&a| (a, 0)).collect()), count(b.iter().map(|&b| (b, 0)).collect()));
    let pairs = a.len() as f64 * (a.len() as f64 - 1.0) / 2.0;
    let chance = left * right / pairs;
    (both - chance) / ((left + right) / 2.0 - chance)
}

fn signed(labels: &[Option<usize>]) -> Vec<i64> {
    labels.iter().map(|label| label.map_or(-1, |label| label as i64)).collect()
}

fn given() -> Vec<Option<usize>> {
    places(golden("/clusters/labels")).into_iter().map(Some).collect()
}

#[test]
fn scores_equal_scikit_learn() {
    let (matrix, labels) = (digits(), given());
    let found = silhouette(&matrix, &labels, usize::MAX, 0).unwrap().unwrap();
    assert_close(&[found], &[golden("/clusters/silhouette").as_f64().unwrap()], 1e-9, "silhouette");
    let found = davies_bouldin(&matrix, &labels).unwrap().unwrap();
    assert_close(&[found], &[golden("/clusters/davies_bouldin").as_f64().unwrap()], 1e-9, "Davies-Bouldin");
}

#[test]
fn scores_leave_noise_out_and_know_their_limits() {
    let (matrix, labels) = (digits(), given());
    let kept: Vec<usize> = (0..200).filter(|row| row % 7 != 0).collect();
    let noisy: Vec<Option<usize>> =
        labels.iter().enumerate().map(|(row, &label)| label.filter(|_| row % 7 != 0)).collect();
    let part = Matrix::from_rows(kept.iter().map(|&row| matrix.row(row))).unwrap();
    let part_labels: Vec<Option<usize>> = kept.iter().map(|&row| labels[row]).collect();
    for (seed, limit) in [(0, usize::MAX), (3, 50)] {
        let (noisy, part) =
            (silhouette(&matrix, &noisy, limit, seed).unwrap(), silhouette(&part, &part_labels, limit, seed).unwrap());
        assert_eq!(noisy, part);
        assert!((noisy.unwrap() - golden("/clusters/silhouette").as_f64().unwrap()).abs() < 0.1);
    }
    assert_eq!(davies_bouldin(&matrix, &noisy).unwrap(), davies_bouldin(&part, &part_labels).unwrap());
    // Names of clusters mean nothing, however large.
    let renamed: Vec<Option<usize>> = labels.iter().map(|label| label.map(|label| usize::MAX - label)).collect();
    assert!(davies_bouldin(&matrix, &renamed).unwrap().is_some());
    assert_eq!(silhouette(&matrix, &[Some(3); 200], 10, 0).unwrap(), None);
    assert_eq!(silhouette(&matrix, &[None; 200], 10, 0).unwrap(), None);
    assert!(silhouette(&matrix, &labels[1..], 10, 0).is_err());
    assert!(davies_bouldin(&matrix, &labels[1..]).is_err());
}

#[test]
fn centres_are_as_good_as_scikit_learn() {
    for clusters in [2, 4, 7, 10] {
        let options = ClusterOptions::default().with_clusters(clusters..=clusters).with_resamples(0);
        let found = Clustering::kmeans(&digits(), &options).unwrap();
        let ClusterMethod::KMeans { inertia, clusters: used, .. } = found.method else { panic!("{:?}", found.method) };
        assert_eq!((used, found.sizes.len()), (clusters, clusters));
        let expected = golden(&format!("/clusters/inertia/{clusters}")).as_f64().unwrap();
        assert!(inertia <= 1.01 * expected, "{clusters} clusters: {inertia}, scikit-learn {expected}");
        // The inertia is what it says it is: no better than the best by more than luck, and above zero.
        assert!(inertia > 0.95 * expected, "{clusters} clusters: {inertia}, scikit-learn {expected}");
    }
}

#[test]
fn the_number_of_clusters_is_the_one_planted() {
    for groups in [2, 3, 5, 8] {
        let (matrix, classes) = boxes(groups, 30, 6, groups as u64);
        let found = Clustering::kmeans(&matrix, &ClusterOptions::default()).unwrap();
        assert_eq!(found.sizes, vec![30; groups]);
        let truth: Vec<i64> = classes.iter().map(|&class| class as i64).collect();
        assert_eq!(adjusted_rand(&signed(&found.labels), &truth), 1.0);
        assert!(found.silhouette.unwrap() > 0.6 && found.davies_bouldin.unwrap() < 0.7, "{found:?}");
        assert_eq!(found.stability, vec![1.0; groups], "groups far apart are found in every resample");
        let ClusterMethod::KMeans { tried, .. } = &found.method else { panic!() };
        assert_eq!(tried.len(), 9);
    }
}

#[test]
fn density_clusters_equal_scikit_learn() {
    let rows = matrix("/blobs/rows", usize::MAX);
    let options = ClusterOptions::default().with_min_cluster_size(10).with_min_samples(5);
    let found = Clustering::hdbscan(&rows, &options).unwrap();
    let expected: Vec<i64> = numbers(golden("/blobs/labels")).into_iter().map(|label| label as i64).collect();
    assert_eq!(adjusted_rand(&signed(&found.labels), &expected), 1.0);
    let noise = |labels: &[i64]| (0..labels.len()).filter(|&row| labels[row] < 0).collect::<Vec<_>>();
    assert_eq!(noise(&signed(&found.labels)), noise(&expected));
    assert_eq!(found.noise(), 7);
    assert_eq!(found.sizes.iter().sum::<usize>() + found.noise(), rows.rows());
    assert!(found.stability.iter().all(|&stability| stability > 0.85), "{:?}", found.stability);
}

#[test]
fn clusters_are_numbered_by_size_and_then_by_their_first_row() {
    let values: Vec<f32> = [50.0, 0.0, 50.1, 0.1, 99.0, 99.1, 0.2, 99.2, 0.3].to_vec();
    let matrix = Matrix::new(9, 1, values).unwrap();
    let found = Clustering::kmeans(&matrix, &ClusterOptions::default().with_clusters(3..=3)).unwrap();
    assert_eq!(signed(&found.labels), [2, 0, 2, 0, 1, 1, 0, 1, 0]);
    assert_eq!(found.sizes, [4, 3, 2]);
    assert_eq!(found.members(1), [4, 5, 7]);
    let four =
        Clustering::kmeans(&Matrix::new(4, 1, vec![9.0, 0.0, 9.0, 0.0]).unwrap(), &ClusterOptions::default()).unwrap();
    assert_eq!(signed(&four.labels), [0, 1, 0, 1]);
}

#[test]
fn purity_equals_scikit_learn() {
    let classes: Vec<Option<usize>> = places(golden("/classes")).into_iter().map(Some).collect();
    // The fixture's clusters, planted so far apart that they are found again.
    let given = given();
    let values: Vec<f32> =
        given.iter().enumerate().map(|(row, label)| 1e3 * label.unwrap() as f32 + (row % 5) as f32 / 10.0).collect();
    let options = ClusterOptions::default().with_clusters(6..=6).with_resamples(0);
    let clusters = Clustering::kmeans(&Matrix::new(200, 1, values).unwrap(), &options).unwrap();
    let clusters = clusters.with_labels(&classes, 5).unwrap();
    let purity = clusters.purity.as_ref().unwrap();
    for (key, found) in [("homogeneity", purity.homogeneity), ("completeness", purity.completeness)] {
        assert_close(&[found.unwrap()], &[golden(&format!("/clusters/{key}")).as_f64().unwrap()], 1e-9, key);
    }
    let expected = numbers(golden("/clusters/purity"));
    let mut overall = 0.0;
    for (cluster, found) in purity.clusters.iter().enumerate() {
        let original = given[clusters.members(cluster)[0]].unwrap();
        assert_close(&[found.unwrap()], &[expected[original]], 1e-12, "purity");
        overall += found.unwrap() * clusters.sizes[cluster] as f64 / 200.0;
    }
    assert_close(&[purity.overall.unwrap()], &[overall], 1e-12, "overall");
}

#[test]
fn neighbourhood_purity_counts_neighbours() {
    let classes: Vec<Option<usize>> =
        places(golden("/classes")).into_iter().enumerate().map(|(row, class)| (row % 9 > 0).then_some(class)).collect();
    let matrix = matrix("/digits", 200);
    let options = ClusterOptions::default().with_dimensions(64).with_clusters(4..=4).with_resamples(0);
    let found = Clustering::kmeans(&matrix, &options).unwrap().with_labels(&classes, 8).unwrap().purity.unwrap();
    let known: Vec<usize> = (0..200).filter(|&row| classes[row].is_some()).collect();
    let part = Matrix::from_rows(known.iter().map(|&row| matrix.row(row))).unwrap();
    let nearest = Neighbours::of(&part, 8, Metric::Euclidean);
    let same = |(row, places): (usize, &Vec<usize>)| {
        places.iter().filter(|&&place| classes[known[place]] == classes[known[row]]).count()
    };
    let expected = nearest.indices.iter().enumerate().map(same).sum::<usize>() as f64 / (8 * known.len()) as f64;
    assert_close(&[found.knn.unwrap()], &[expected], 1e-12, "neighbours");
    assert!(expected > 0.8, "digits lie among their like: {expected}");
    assert!(Clustering::kmeans(&matrix, &options).unwrap().with_labels(&classes[1..], 8).is_err());
}

/// One broad group cut into eight is recovered by no resample; five groups far apart by all.
#[test]
fn stability_tells_groups_from_slices() {
    let (matrix, _) = boxes(1, 400, 4, 6);
    let options = ClusterOptions::default().with_clusters(8..=8);
    let slices = Clustering::kmeans(&matrix, &options).unwrap();
    let mean = slices.stability.iter().sum::<f64>() / 8.0;
    assert!(mean < 0.8, "{:?}", slices.stability);
    assert!(slices.stability.iter().all(|index| (0.0..=1.0).contains(index)));
}

#[test]
fn options_that_cannot_work_are_refused() {
    let matrix = boxes(2, 10, 2, 0).0;
    let base = ClusterOptions::default;
    #[allow(clippy::reversed_empty_ranges)]
    for options in [
        base().with_dimensions(0),
        base().with_min_cluster_size(1),
        base().with_min_samples(0),
        base().with_clusters(0..=3),
        base().with_clusters(5..=3),
        base().with_restarts(0),
    ] {
        assert!(Clustering::hdbscan(&matrix, &options).is_err(), "{options:?}");
        assert!(Clustering::kmeans(&matrix, &options).is_err(), "{options:?}");
    }
}

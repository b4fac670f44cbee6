//! Data on which there is little to compute.

use leap_binder::explore::{
    ClusterOptions, Clustering, Matrix, Metric, Neighbours, Pca, Projection, ProjectionMethod, ProjectionOptions,
};

use super::golden::boxes;

fn matrices() -> Vec<(&'static str, Matrix)> {
    let line = |rows: usize| Matrix::new(rows, 1, (0..rows).map(|row| (row * row) as f32).collect()).unwrap();
    let mut doubled = boxes(2, 10, 3, 0).0.values().to_vec();
    doubled.extend_from_within(..);
    let mut all = vec![
        ("nothing", Matrix::new(0, 0, Vec::new()).unwrap()),
        ("no row", Matrix::new(0, 5, Vec::new()).unwrap()),
        ("no column", Matrix::new(7, 0, Vec::new()).unwrap()),
        ("equal rows", Matrix::new(40, 3, [1.5, -2.0, 1e6].repeat(40)).unwrap()),
        ("zeros", Matrix::new(9, 2, vec![0.0; 18]).unwrap()),
        ("every row twice", Matrix::new(40, 3, doubled).unwrap()),
        (
            "one row apart",
            Matrix::new(30, 2, (0..60).map(|place| if place == 59 { 1e30 } else { 0.25 }).collect()).unwrap(),
        ),
        ("huge", Matrix::new(6, 2, vec![3e38, -3e38, 3e38, 0.0, -3e38, 3e38, 1.0, 2.0, 0.0, -3e38, 9.0, 9.0]).unwrap()),
        ("tiny", Matrix::new(6, 1, vec![1e-40, 2e-40, 3e-40, 5e-40, 0.0, 9e-40]).unwrap()),
    ];
    all.extend([1, 2, 3, 4, 5, 6, 30].map(|rows| ("a column", line(rows))));
    all
}

#[test]
fn every_stage_answers() {
    for (name, matrix) in matrices() {
        let rows = matrix.rows();
        for metric in [Metric::Euclidean, Metric::Cosine] {
            let nearest = Neighbours::of(&matrix, 5, metric);
            assert_eq!(nearest.indices.len(), rows, "{name}");
            assert!(nearest.indices.iter().all(|places| places.len() == rows.saturating_sub(1).min(5)), "{name}");
            assert!(nearest.distances.iter().flatten().all(|length| length.is_finite() && *length >= 0.0), "{name}");
        }
        let pca = Pca::fit(&matrix, 4).unwrap();
        assert!(
            pca.explained_variance_ratio.iter().all(|ratio| (0.0..=1.0 + 1e-12).contains(ratio)),
            "{name}: {pca:?}"
        );
        assert!(pca.total_variance.is_finite(), "{name}");
        let map = Projection::fit(&matrix, &ProjectionOptions::default()).unwrap();
        assert_eq!(map.points.len(), rows, "{name}");
        assert!(map.points.iter().flatten().all(|value| value.is_finite()), "{name}: {:?}", map.points);
        assert!(map.trustworthiness.is_none_or(|score| (0.0..=1.0).contains(&score)), "{name}: {:?}", map.quality);
        assert!(map.kl_divergence.is_none_or(|kl| kl.is_finite() && kl >= 0.0), "{name}: {:?}", map.kl_divergence);
        if rows > 0 {
            let placed = map.place(&matrix).unwrap();
            assert!(placed.iter().flatten().all(|value| value.is_finite()), "{name}");
        }
        let options = ClusterOptions::default().with_resamples(3);
        for clusters in
            [Clustering::hdbscan(&matrix, &options).unwrap(), Clustering::kmeans(&matrix, &options).unwrap()]
        {
            assert_eq!(clusters.labels.len(), rows, "{name}");
            assert_eq!(clusters.sizes.iter().sum::<usize>() + clusters.noise(), rows, "{name}");
            assert!(clusters.stability.iter().all(|index| (0.0..=1.0).contains(index)), "{name}: {clusters:?}");
            assert!(clusters.silhouette.is_none_or(|score| (-1.0..=1.0).contains(&score)), "{name}: {clusters:?}");
            let one_class = clusters.clone().with_labels(&vec![Some(7); rows], 5).unwrap();
            let purity = one_class.purity.unwrap();
            assert!(purity.overall.is_none_or(|share| share == 1.0), "{name}: {purity:?}");
            assert!(purity.knn.is_none_or(|share| share == 1.0), "{name}: {purity:?}");
            let no_class = clusters.with_labels(&vec![None; rows], 5).unwrap().purity.unwrap();
            assert_eq!((no_class.overall, no_class.knn), (None, None), "{name}");
        }
    }
}

#[test]
fn rows_that_do_not_differ_lie_at_the_origin() {
    let matrix = Matrix::new(40, 3, [1.5, -2.0, 1e6].repeat(40)).unwrap();
    let map = Projection::fit(&matrix, &ProjectionOptions::default()).unwrap();
    assert_eq!((map.method, map.pca.dimensions), (ProjectionMethod::Pca, 0));
    assert_eq!(map.points, [[0.0; 2]; 40]);
    assert_eq!(map.place(&Matrix::new(1, 3, vec![5.0; 3]).unwrap()).unwrap(), [[0.0; 2]]);
    let options = ClusterOptions::default();
    let clusters = Clustering::kmeans(&matrix, &options).unwrap();
    assert_eq!((clusters.sizes, clusters.silhouette), (vec![40], None));
    assert_eq!(Clustering::hdbscan(&matrix, &options).unwrap().noise(), 40);
}

#[test]
fn few_rows_lie_at_their_components() {
    let matrix = Matrix::new(3, 2, vec![0.0, 0.0, 3.0, 4.0, 6.0, 8.0]).unwrap();
    let map = Projection::fit(&matrix, &ProjectionOptions::default()).unwrap();
    assert_eq!(map.method, ProjectionMethod::Pca);
    let apart = |a: [f32; 2], b: [f32; 2]| (a[0] - b[0]).hypot(a[1] - b[1]);
    assert!((apart(map.points[0], map.points[1]) - 5.0).abs() < 1e-6);
    assert!((apart(map.points[0], map.points[2]) - 10.0).abs() < 1e-6);
    assert_eq!(map.perplexity, None);
    let five = Projection::fit(&boxes(1, 7, 2, 0).0, &ProjectionOptions::default()).unwrap();
    assert_eq!((five.method, five.perplexity), (ProjectionMethod::TSne, Some(2.0)));
}

#[test]
fn data_on_a_line_still_gets_a_plane() {
    let matrix = Matrix::new(60, 1, (0..60).map(|row| row as f32).collect()).unwrap();
    let map = Projection::fit(&matrix, &ProjectionOptions::default()).unwrap();
    assert!(map.trustworthiness.unwrap() > 0.9, "{:?}", map.quality);
    assert!(map.points.iter().any(|point| point[1].abs() > 0.1));
}

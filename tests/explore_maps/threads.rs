//! The same bits for 1, 2 and 4 threads.

use leap_binder::explore::{
    ClusterOptions, Clustering, Matrix, Metric, Neighbours, Projection, ProjectionOptions, similar,
};

use super::golden::boxes;

fn everything(matrix: &Matrix, classes: &[Option<usize>]) -> String {
    let options = ProjectionOptions::default().with_iterations(300);
    let map = Projection::fit(matrix, &options).unwrap();
    let new =
        Matrix::from_rows((0..20).map(|row| matrix.row(row).iter().map(|value| value * 1.01).collect::<Vec<_>>()))
            .unwrap();
    let clusters = ClusterOptions::default().with_resamples(4);
    let found = [
        format!("{:?}", Neighbours::of(matrix, 10, Metric::Euclidean)),
        format!("{:?}", Neighbours::of(matrix, 10, Metric::Cosine)),
        format!("{:?}", similar(matrix, &[1, 2, 3], 10, Metric::Cosine, |row| row > 9).unwrap()),
        format!("{:?}", map.place(&new).unwrap()),
        format!("{:?}", Clustering::hdbscan(map.scores(), &clusters).unwrap().with_labels(classes, 10).unwrap()),
        format!("{:?}", Clustering::kmeans(map.scores(), &clusters).unwrap()),
        // Debug prints floats so that they read back as the same bits.
        format!("{map:?}"),
    ];
    found.join("\n")
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let (matrix, classes) = boxes(6, 120, 90, 11);
    let classes: Vec<Option<usize>> = classes.into_iter().map(Some).collect();
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| everything(&matrix, &classes))
    };
    let one = run(1);
    assert!(one.len() > 10_000);
    assert!(run(2) == one, "2 threads");
    assert!(run(4) == one, "4 threads");
}

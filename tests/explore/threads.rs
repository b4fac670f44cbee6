//! The same table gives the same bytes with any number of threads.

use crate::draw::explored;
use crate::planted::planted;

#[test]
fn any_number_of_threads_gives_the_same_bytes() {
    let (table, _) = planted(2);
    let written = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        serde_json::to_string(&pool.install(|| explored(&table))).unwrap()
    };
    let once = written(1);
    assert!(once.contains("image_mean") && once.contains("border_corner_marks"), "there is something to compare");
    assert!(once == written(2) && once == written(4), "bytes differ");
}

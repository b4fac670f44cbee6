use std::borrow::Cow;

use super::columns::{Columns, Numbers, Values};

/// Into how many blocks a histogram is cut.
const BLOCKS: usize = 8;

/// What slices are cut from and shifts are looked for in: a useful column, or a block of a histogram's bins.
#[derive(Debug)]
pub(crate) struct Feature<'a> {
    /// The column's name, or the range of bins.
    pub(crate) name: String,
    /// The columns behind it.
    pub(crate) columns: Vec<String>,
    pub(crate) values: Cow<'a, Values>,
}

impl Columns {
    /// All useful columns, with the bins of each histogram summed to eight blocks of equal width: 256 bins that say much the
    /// same would cost as many tests and drown the rest.
    pub(crate) fn features(&self) -> Vec<Feature<'_>> {
        let binned = |place| self.families().iter().any(|family| family.columns.contains(&place));
        let single = self.all().iter().enumerate().filter(|(place, column)| column.is_useful() && !binned(*place));
        let mut features: Vec<Feature<'_>> = single
            .map(|(_, column)| Feature {
                name: column.name.clone(),
                columns: vec![column.name.clone()],
                values: Cow::Borrowed(&column.values),
            })
            .collect();
        for family in self.families() {
            let bins = family.columns.len();
            let edges = |block: usize| block * bins / BLOCKS;
            for (from, to) in (0..BLOCKS).map(|block| (edges(block), edges(block + 1))).filter(|(from, to)| from < to) {
                let numbers = family.columns[from..to].iter().filter_map(|&bin| self.numbers(bin));
                let sum = Numbers::sum(numbers, self.rows());
                if sum.levels().take(2).count() == 2 {
                    let names = family.columns[from..to].iter().map(|&bin| self.all()[bin].name.clone());
                    let (name, columns) = (family.range(from, to - 1), names.collect());
                    features.push(Feature { name, columns, values: Cow::Owned(Values::Numbers(sum)) });
                }
            }
        }
        features
    }
}

use rayon::prelude::*;
use serde::Serialize;

use super::columns::{Categories, Columns, Family, Numbers, Values};
use super::statistics::{Alternative, Crosstab, RankSum, benjamini_hochberg, mutual_information, sorted_information};
use crate::evaluate::SampleTable;
use crate::{Error, Result};

/// The false-discovery rate among the differences that are told.
const LEVEL: f64 = 0.05;
/// How many bins that do not differ may lie inside a range of bins that do.
const WIDEST_GAP: usize = 2;
/// Neighbours that the mutual information of numbers is estimated by, scikit-learn's default.
const NEIGHBOURS: usize = 3;

/// One metadata column, or a range of neighbouring histogram bins, in which two groups differ.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Difference {
    /// The column's name, or `pixels_count_190..231` for a range of bins, both ends included.
    pub column: String,
    /// The columns behind it: one, or each bin of the range.
    pub columns: Vec<String>,
    /// The category whose share differs most, where the column holds texts or booleans.
    pub category: Option<String>,
    /// Median inside the group; for a category its share in [0, 1].
    pub inside: f64,
    /// The same outside.
    pub outside: f64,
    /// Mutual information between the column and belonging to the group, in nats.
    pub mutual_information: f64,
    /// Effect size in [-1, 1], positive where the values inside are larger: Cliff's delta, or, for a category, phi.
    pub effect: f64,
    /// Two-sided p-value: Mann-Whitney U, or chi-squared (Fisher's exact test in small tables).
    pub p_value: f64,
    /// The same after Benjamini-Hochberg over all columns that were compared.
    pub p_adjusted: f64,
}

/// The metadata in which two groups of samples differ, the largest effect first: what the samples of a group have in common.
///
/// `inside` and `outside` are places of rows; samples in neither are left out, and so are missing values. Numbers are compared
/// by Mann-Whitney's U and Cliff's delta, categories by chi-squared (Fisher's exact test where counts are small) and the phi
/// of the category that differs most. Kept is what is significant at a false-discovery rate of 5 % over all columns. Copies of
/// the label, constants and ids are not compared.
///
/// Bins of a histogram (columns `<name>_<integer>`, see [`Columns::families`]) that differ in the same direction are joined
/// into ranges across at most two bins that do not. A range is tested on the sum of its bins and counts as one more test.
///
/// Deterministic, and independent of the rows' order up to rounding. Sorts each column; to compare many groups of one table,
/// build [`Columns`] once and call [`Columns::differences`], which sorts none but ranges.
///
/// # Errors
/// [`Error::Argument`] when a place is beyond the table or in both groups, and as [`Columns::of`].
pub fn differences(table: &SampleTable, inside: &[usize], outside: &[usize]) -> Result<Vec<Difference>> {
    Columns::of(table)?.differences(inside, outside)
}

/// Where a row stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Inside,
    Outside,
    Neither,
}

/// What a test of one column said.
struct Tested {
    p_value: f64,
    effect: f64,
    category: Option<usize>,
}

/// A column or range that may be told.
struct Finding<'a> {
    name: String,
    columns: Vec<String>,
    values: std::borrow::Cow<'a, Values>,
    tested: Tested,
    first: usize,
}

impl Columns {
    /// [`differences`] between groups of the table that these columns were read from.
    ///
    /// # Errors
    /// [`Error::Argument`] when a place is beyond the table or in both groups.
    pub fn differences(&self, inside: &[usize], outside: &[usize]) -> Result<Vec<Difference>> {
        let sides = sides(self.rows(), inside, outside)?;
        if !sides.contains(&Side::Inside) || !sides.contains(&Side::Outside) {
            return Ok(Vec::new());
        }
        let useful: Vec<usize> = (0..self.all().len()).filter(|&place| self.all()[place].is_useful()).collect();
        let tested: Vec<Tested> = useful.par_iter().map(|&place| test(&self.all()[place].values, &sides)).collect();
        let mut p_values: Vec<f64> = tested.iter().map(|tested| tested.p_value).collect();
        let adjusted = benjamini_hochberg(&p_values);

        let mut by_place: Vec<Option<(f64, f64)>> = vec![None; self.all().len()];
        for ((&place, tested), &adjusted) in useful.iter().zip(&tested).zip(&adjusted) {
            by_place[place] = Some((tested.effect, adjusted));
        }
        let in_family = |place: &usize| self.families().iter().any(|family| family.columns.contains(place));
        let mut alone: Vec<bool> = useful.iter().map(|place| !in_family(place)).collect();
        let ranges: Vec<(&Family, usize, usize)> = self
            .families()
            .iter()
            .flat_map(|family| {
                significant_ranges(family, &by_place).into_iter().map(move |(from, to)| (family, from, to))
            })
            .collect();
        let joined: Vec<Finding<'_>> = ranges
            .par_iter()
            .filter(|(_, from, to)| from < to)
            .map(|&(family, from, to)| self.joined(family, from, to, &sides))
            .collect();
        p_values.extend(joined.iter().map(|finding| finding.tested.p_value));
        let adjusted = benjamini_hochberg(&p_values);

        // A range whose sum does not differ is told by its strongest bin.
        let weak = |place: usize| {
            joined.iter().zip(&adjusted[useful.len()..]).any(|(finding, &p)| finding.first == place && p > LEVEL)
        };
        for (family, from, to) in ranges {
            let bins = &family.columns[from..=to];
            let strength = |place: usize| by_place[place].map_or(0.0, |(effect, _)| effect.abs());
            if from == to || weak(bins[0]) {
                let strongest = bins.iter().copied().reduce(|a, b| if strength(b) > strength(a) { b } else { a });
                useful
                    .iter()
                    .zip(&mut alone)
                    .filter(|(place, _)| Some(**place) == strongest)
                    .for_each(|(_, alone)| *alone = true);
            }
        }
        let single = useful.iter().zip(tested).zip(alone).map(|((&place, tested), alone)| {
            let column = &self.all()[place];
            let finding = Finding {
                name: column.name.clone(),
                columns: vec![column.name.clone()],
                values: std::borrow::Cow::Borrowed(&column.values),
                tested,
                first: place,
            };
            (finding, alone)
        });
        let all: Vec<(Finding<'_>, f64)> = single
            .chain(joined.into_iter().map(|finding| (finding, true)))
            .zip(adjusted)
            .filter(|((_, told), adjusted)| *told && *adjusted <= LEVEL)
            .map(|((finding, _), adjusted)| (finding, adjusted))
            .collect();
        let mut told: Vec<(usize, Difference)> =
            all.par_iter().map(|(finding, adjusted)| (finding.first, finding.tell(*adjusted, &sides))).collect();
        told.sort_by(|(a, left), (b, right)| right.effect.abs().total_cmp(&left.effect.abs()).then(a.cmp(b)));
        Ok(told.into_iter().map(|(_, difference)| difference).collect())
    }

    /// A range of bins, tested on its sum.
    fn joined(&self, family: &Family, from: usize, to: usize, sides: &[Side]) -> Finding<'_> {
        let bins = &family.columns[from..=to];
        let values = Values::Numbers(Numbers::sum(bins.iter().filter_map(|&bin| self.numbers(bin)), self.rows()));
        let tested = test(&values, sides);
        let columns = bins.iter().map(|&bin| self.all()[bin].name.clone()).collect();
        Finding {
            name: family.range(from, to),
            columns,
            values: std::borrow::Cow::Owned(values),
            tested,
            first: bins[0],
        }
    }
}

impl Finding<'_> {
    fn tell(&self, p_adjusted: f64, sides: &[Side]) -> Difference {
        let (category, [inside, outside], mutual_information) = match self.values.as_ref() {
            Values::Numbers(numbers) => {
                let medians = [Side::Inside, Side::Outside].map(|side| median(numbers, sides, side));
                (None, medians, numbers_information(numbers, sides))
            }
            Values::Categories(categories) => {
                let code = self.tested.category.unwrap_or(0);
                let shares = [Side::Inside, Side::Outside].map(|side| share(categories, code, sides, side));
                let name = categories.names.get(code).cloned();
                (name, shares, categories_information(categories, sides))
            }
        };
        let Tested { p_value, effect, .. } = self.tested;
        let (column, columns) = (self.name.clone(), self.columns.clone());
        Difference { column, columns, category, inside, outside, mutual_information, effect, p_value, p_adjusted }
    }
}

/// Marks the rows of two groups.
fn sides(rows: usize, inside: &[usize], outside: &[usize]) -> Result<Vec<Side>> {
    let mut sides = vec![Side::Neither; rows];
    for (side, &place) in
        inside.iter().map(|place| (Side::Inside, place)).chain(outside.iter().map(|place| (Side::Outside, place)))
    {
        let refuse = |expected: String| Err(Error::argument("differences", expected, format!("place {place}")));
        match sides.get(place) {
            None => return refuse(format!("places below {rows}")),
            Some(&known) if known != Side::Neither && known != side => {
                return refuse("groups without a common row".to_owned());
            }
            Some(_) => sides[place] = side,
        }
    }
    Ok(sides)
}

fn test(values: &Values, sides: &[Side]) -> Tested {
    match values {
        Values::Numbers(numbers) => {
            let compared = RankSum::of_counts(level_counts(numbers, sides));
            Tested { p_value: compared.p_value(Alternative::TwoSided), effect: compared.delta, category: None }
        }
        Values::Categories(categories) => {
            let table = Crosstab::of(categories.names.len(), 2, category_pairs(categories, sides));
            let phi = table.phi();
            let strongest = |best: usize, code: usize| {
                let (was, is) = (phi[best], phi[code]);
                if is.abs() > was.abs() || (is.abs() == was.abs() && is > was) { code } else { best }
            };
            let truth = categories.names.iter().position(|name| categories.truth && name == "true");
            let category = truth.or_else(|| (0..phi.len()).reduce(strongest));
            let effect = category.map_or(0.0, |code| phi[code]);
            Tested { p_value: table.association().p_value, effect, category }
        }
    }
}

/// For each distinct value, ascending, how many rows of either group have it.
pub(crate) fn level_counts(numbers: &Numbers, sides: &[Side]) -> impl Iterator<Item = [usize; 2]> {
    numbers.levels().map(|level| {
        level.iter().fold([0, 0], |[inside, outside], &row| match sides[row as usize] {
            Side::Inside => [inside + 1, outside],
            Side::Outside => [inside, outside + 1],
            Side::Neither => [inside, outside],
        })
    })
}

/// Category and side (0 inside, 1 outside) of each row that has both.
pub(crate) fn category_pairs(categories: &Categories, sides: &[Side]) -> impl Iterator<Item = (usize, usize)> {
    categories.codes.iter().zip(sides).filter_map(|(&code, &side)| Some((code?, side_index(side)?)))
}

fn side_index(side: Side) -> Option<usize> {
    match side {
        Side::Inside => Some(0),
        Side::Outside => Some(1),
        Side::Neither => None,
    }
}

/// Bins of a family that differ in the same direction, as inclusive ranges of places in it.
fn significant_ranges(family: &Family, by_place: &[Option<(f64, f64)>]) -> Vec<(usize, usize)> {
    let mut ranges: Vec<(usize, usize, bool)> = Vec::new();
    for (bin, &place) in family.columns.iter().enumerate() {
        let Some((effect, _)) = by_place[place].filter(|&(_, adjusted)| adjusted <= LEVEL) else { continue };
        match ranges.last_mut() {
            Some((_, to, positive)) if bin - *to <= WIDEST_GAP + 1 && *positive == (effect > 0.0) => *to = bin,
            _ => ranges.push((bin, bin, effect > 0.0)),
        }
    }
    ranges.into_iter().map(|(from, to, _)| (from, to)).collect()
}

/// The median of a group's known values; the mean of the middle two where their number is even.
fn median(numbers: &Numbers, sides: &[Side], side: Side) -> f64 {
    let rows = numbers.order.iter().filter(|&&row| sides[row as usize] == side);
    let sorted: Vec<f64> = rows.map(|&row| numbers.values[row as usize]).collect();
    match sorted.len() {
        0 => f64::NAN,
        n => f64::midpoint(sorted[(n - 1) / 2], sorted[n / 2]),
    }
}

fn share(categories: &Categories, code: usize, sides: &[Side], side: Side) -> f64 {
    let known = categories.codes.iter().zip(sides).filter(|&(code, &of)| of == side && code.is_some());
    let (mut all, mut with) = (0usize, 0usize);
    known.for_each(|(found, _)| (all, with) = (all + 1, with + usize::from(*found == Some(code))));
    if all == 0 { f64::NAN } else { with as f64 / all as f64 }
}

fn numbers_information(numbers: &Numbers, sides: &[Side]) -> f64 {
    let of = |&row: &u32| Some((numbers.values[row as usize], side_index(sides[row as usize])?));
    let pairs: Vec<(f64, usize)> = numbers.order.iter().filter_map(of).collect();
    sorted_information(&pairs, NEIGHBOURS)
}

fn categories_information(categories: &Categories, sides: &[Side]) -> f64 {
    let (codes, groups): (Vec<usize>, Vec<usize>) = category_pairs(categories, sides).unzip();
    mutual_information(&codes, &groups)
}

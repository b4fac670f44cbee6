//! Samples that are the same, or nearly so: the search behind `duplication` and `data_leakage`.

use std::collections::{BTreeMap, HashMap};

use rayon::prelude::*;

use crate::contract::DataState;
use crate::evaluate::{Fingerprint, SampleTable};
use crate::explore::tail::Tail;
use crate::explore::{Neighbours, Pair};
use crate::{Error, Result};

/// When two samples count as nearly the same.
///
/// The defaults were measured on 5,856 chest X-rays (Kermany et al., 2018), which look more alike than most pictures do: of 17
/// million pairs of different images one is within 11 bits and none within 10, while copies encoded anew as JPEG of quality
/// 60, made smaller by a tenth and enlarged again, or brighter or darker by five levels, are within 7.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DuplicateOptions {
    /// Bits of 256 by which perceptual hashes may differ when nothing else is known; 10 by default, at most 63. Time grows
    /// with it.
    pub hamming: u32,
    /// Bits that may differ when the samples are near neighbours in the latent space too; 24 by default.
    pub hamming_with_latent: u32,
    /// Bits above which the latent space is not believed: pictures that differ so much are not the same; 64 by default. Without
    /// hashes the latent space decides alone.
    pub hamming_at_most: u32,
    /// The chance at which a latent distance counts as small: uncorrected beside a hash, and over all samples (Bonferroni) where
    /// the latent space decides alone; 0.01 by default.
    pub alpha: f64,
    /// Pairs that an insight lists at most; 1,000 by default.
    pub listed: usize,
}

impl Default for DuplicateOptions {
    fn default() -> Self {
        Self { hamming: 10, hamming_with_latent: 24, hamming_at_most: 64, alpha: 0.01, listed: 1000 }
    }
}

/// What is the same in a table, over all subsets.
pub(super) struct Twins {
    /// Groups of rows with equal bytes or equal pixels, two or more each, in order.
    pub(super) exact: Vec<Vec<usize>>,
    /// Pairs that are nearly the same but not equal, closest first. Of equal samples in one subset only the first is paired,
    /// and of equal hashes in one subset each is paired with the first.
    pub(super) near: Vec<Pair>,
}

impl Twins {
    /// Searches a table. `neighbours` are those of the latent vectors, row by row as the table.
    pub(super) fn find(
        function: &'static str,
        table: &SampleTable,
        neighbours: Option<&Neighbours>,
        options: &DuplicateOptions,
    ) -> Result<Self> {
        check(function, table, neighbours, options)?;
        let exact = exact_groups(table);
        let mut group: Vec<usize> = (0..table.rows.len()).collect();
        exact.iter().for_each(|members| members.iter().for_each(|&row| group[row] = members[0]));
        let mut near = latent_pairs(table, neighbours, &group, options);
        near.extend(perceptual_pairs(table, &group, options.hamming));
        // The same pair may be found in both ways: the hash, which is the plainer evidence, stays.
        near.sort_by(|x, y| (x.a, x.b, y.by).cmp(&(y.a, y.b, x.by)));
        near.dedup_by_key(|pair| (pair.a, pair.b));
        near.sort_by(closest_first);
        Ok(Self { exact, near })
    }
}

/// Hashes before latent distances, since the two cannot be compared; then by distance and place.
pub(super) fn closest_first(x: &Pair, y: &Pair) -> std::cmp::Ordering {
    (y.by.cmp(x.by)).then(x.distance.total_cmp(&y.distance)).then((x.a, x.b).cmp(&(y.a, y.b)))
}

fn check(
    function: &'static str,
    table: &SampleTable,
    neighbours: Option<&Neighbours>,
    options: &DuplicateOptions,
) -> Result<()> {
    if let Some(neighbours) = neighbours {
        super::check_neighbours(function, neighbours, table.rows.len())?;
    }
    if options.hamming > 63 {
        return Err(Error::config("hamming", "at most 63 bits", options.hamming.to_string()));
    }
    if !(options.alpha > 0.0 && options.alpha < 1.0) {
        return Err(Error::config("alpha", "a chance inside (0, 1)", options.alpha.to_string()));
    }
    Ok(())
}

/// How two rows of one exact group are the same.
pub(super) fn exact_pair(table: &SampleTable, a: usize, b: usize) -> Pair {
    let bytes = |row: usize| table.rows[row].fingerprint.bytes;
    let by = if bytes(a).is_some() && bytes(a) == bytes(b) { "bytes" } else { "pixels" };
    Pair { a, b, by, distance: 0.0 }
}

fn exact_groups(table: &SampleTable) -> Vec<Vec<usize>> {
    let mut first: HashMap<(bool, [u8; 32]), usize> = HashMap::new();
    let mut links = Vec::new();
    for (row, sample) in table.rows.iter().enumerate() {
        let digests = [(false, sample.fingerprint.bytes), (true, sample.fingerprint.pixels)];
        for key in digests.into_iter().filter_map(|(kind, digest)| Some((kind, digest?))) {
            let known = *first.entry(key).or_insert(row);
            if known != row {
                links.push((known, row));
            }
        }
    }
    components(table.rows.len(), links)
}

/// The connected groups of two or more rows, each ascending, in the order of their first rows.
pub(super) fn components(rows: usize, links: impl IntoIterator<Item = (usize, usize)>) -> Vec<Vec<usize>> {
    let mut parent: Vec<usize> = (0..rows).collect();
    fn root(parent: &mut [usize], mut row: usize) -> usize {
        while parent[row] != row {
            parent[row] = parent[parent[row]];
            row = parent[row];
        }
        row
    }
    for (a, b) in links {
        let (a, b) = (root(&mut parent, a), root(&mut parent, b));
        parent[a.max(b)] = a.min(b);
    }
    let mut groups: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for row in 0..rows {
        groups.entry(root(&mut parent, row)).or_default().push(row);
    }
    groups.into_values().filter(|members| members.len() > 1).collect()
}

/// Pairs among the latent neighbours: close beyond chance, or likely so and alike in their hashes.
///
/// How close is told by `ln(r_k / r)`: the distance of a row's furthest known neighbour over the pair's. Where points lie evenly
/// in `D` dimensions this has an exponential tail of scale `1 / D` for the nearest neighbour (Facco et al., "Estimating the
/// intrinsic dimension of datasets by a minimal neighborhood information", 2017). The scale is fitted to the data instead of
/// being assumed, between the quantiles that [`Tail`] names: where copies are more than a few in a hundred, they widen it, and
/// only hashes find them.
fn latent_pairs(
    table: &SampleTable,
    neighbours: Option<&Neighbours>,
    group: &[usize],
    options: &DuplicateOptions,
) -> Vec<Pair> {
    let Some(neighbours) = neighbours else { return Vec::new() };
    let close =
        |row: usize| {
            let (places, distances) = (&neighbours.indices[row], &neighbours.distances[row]);
            let furthest = f64::from(distances.last().copied().unwrap_or(0.0));
            let ratio = move |&distance: &f32| (furthest / f64::from(distance)).ln();
            places.iter().zip(distances).filter(move |(place, _)| group[**place] != group[row]).map(
                move |(&place, distance)| (place, *distance, if furthest > 0.0 { ratio(distance) } else { f64::NAN }),
            )
        };
    let nearest = (0..table.rows.len()).filter_map(|row| close(row).next().map(|(_, _, ratio)| ratio));
    let Some(tail) = Tail::fit(nearest) else { return Vec::new() };
    let alone = options.alpha / table.rows.len() as f64;
    let pairs = (0..table.rows.len()).flat_map(|row| {
        close(row).filter_map(move |(place, distance, ratio)| {
            let chance = tail.p_value(ratio);
            let hashes = table.rows[row].fingerprint.perceptual.zip(table.rows[place].fingerprint.perceptual);
            let bits = hashes.map(|(a, b)| Fingerprint::hamming(&a, &b));
            let (a, b) = (row.min(place), row.max(place));
            match bits {
                Some(bits) if bits <= options.hamming_with_latent && chance <= options.alpha => {
                    Some(Pair { a, b, by: "perceptual", distance: f64::from(bits) })
                }
                Some(bits) if bits > options.hamming_at_most => None,
                _ => (chance <= alone).then(|| Pair { a, b, by: "latent", distance: f64::from(distance) }),
            }
        })
    });
    pairs.collect()
}

/// All pairs of hashes within `bits`, exactly, without comparing each with each.
///
/// Hashes within `bits` of one another are equal in at least one of `bits + 1` parts (Norouzi, Punjani, Fleet, "Fast search in
/// Hamming space with multi-index hashing", 2012), so only those that share a part are compared, and a pair is taken at the first
/// part that it shares.
fn perceptual_pairs(table: &SampleTable, group: &[usize], bits: u32) -> Vec<Pair> {
    let mut heads: BTreeMap<([u64; 4], DataState), usize> = BTreeMap::new();
    let mut pairs = Vec::new();
    let pair =
        |a: usize, b: usize, bits: u32| Pair { a: a.min(b), b: a.max(b), by: "perceptual", distance: f64::from(bits) };
    for (row, sample) in table.rows.iter().enumerate() {
        let Some(hash) = sample.fingerprint.perceptual else { continue };
        let head = *heads.entry((hash, sample.state)).or_insert(row);
        let earlier_copy = |other: usize| group[other] == group[row];
        if head != row && !earlier_copy(head) {
            pairs.push(pair(head, row, 0));
        }
    }
    let heads: Vec<([u64; 4], usize)> = heads.into_iter().map(|((hash, _), row)| (hash, row)).collect();
    let parts = bits as usize + 1;
    let keys: Vec<Vec<u64>> = heads.iter().map(|(hash, _)| split(hash, parts)).collect();
    let found: Vec<Vec<Pair>> = (0..parts)
        .into_par_iter()
        .map(|part| {
            let mut order: Vec<usize> = (0..heads.len()).collect();
            order.sort_unstable_by_key(|&head| (keys[head][part], head));
            let mut found = Vec::new();
            for run in order.chunk_by(|&x, &y| keys[x][part] == keys[y][part]) {
                for (place, &x) in run.iter().enumerate() {
                    for &y in &run[place + 1..] {
                        let ((hash_x, row_x), (hash_y, row_y)) = (heads[x], heads[y]);
                        let distance = Fingerprint::hamming(&hash_x, &hash_y);
                        let first = || (0..part).all(|earlier| keys[x][earlier] != keys[y][earlier]);
                        if distance <= bits && group[row_x] != group[row_y] && first() {
                            found.push(pair(row_x, row_y, distance));
                        }
                    }
                }
            }
            found
        })
        .collect();
    pairs.extend(found.into_iter().flatten());
    pairs
}

/// A hash in `parts` parts: part `p` hashes bits `p`, `p + parts`, ... Parts of up to 64 bits are kept as they are; of longer
/// ones only the lowest 64 bits are, which loses no pair.
fn split(hash: &[u64; 4], parts: usize) -> Vec<u64> {
    let mut keys = vec![0u64; parts];
    for bit in 0..256 {
        let place = bit / parts;
        if place < 64 {
            keys[bit % parts] |= (hash[bit / 64] >> (bit % 64) & 1) << place;
        }
    }
    keys
}

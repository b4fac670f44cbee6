use std::collections::BTreeMap;

use rayon::prelude::*;

use crate::Result;
use crate::explore::{Matrix, Metric, Neighbours};
use crate::rng::SplitMix64;

/// Neighbours of each sample.
const NEIGHBOURS: usize = 10;
/// Permutations are drawn in rounds of so many, ...
const ROUND: usize = 100;
/// ... and no more once so many reach the observed share: the p-value is then far above any level.
const ENOUGH: usize = 20;
/// The most samples that are held against each other.
const MOST_SAMPLES: usize = 2_000;

/// How far groups of samples lie apart in a space.
#[derive(Debug, Clone)]
pub(super) struct Mixing {
    /// 0 where a sample's neighbours are of its group as often as by chance, 1 where they always are.
    pub(super) effect: f64,
    /// The chance of a share at least so large where groups are drawn at random.
    pub(super) p_value: f64,
    /// For each sample that was looked at: its row, its group, and the share of its neighbours that are of its group.
    pub(super) shares: Vec<(usize, usize, f64)>,
}

/// A sample of one of several groups.
#[derive(Debug, Clone, Copy)]
pub(super) struct Member {
    pub(super) row: usize,
    pub(super) group: usize,
    /// Permutations exchange samples of one stratum only.
    pub(super) stratum: usize,
}

/// The nearest-neighbour test of several groups (Schilling, "Multivariate Two-Sample Tests Based on Nearest Neighbors", 1986):
/// the share of the 10 nearest neighbours that are of the sample's own group, averaged within groups and then over them, so
/// that a large group does not rule, against what up to `permutations` of the groups within strata give.
///
/// Of more than 2,000 members the first of each group are taken, groups as equal as they can be; hand them over in a drawn order.
/// None where fewer than two groups have `fewest` members. The same for any number of threads.
pub(super) fn mixing(
    scores: &Matrix,
    members: &[Member],
    fewest: usize,
    permutations: usize,
    seed: u64,
) -> Result<Option<Mixing>> {
    let members = chosen(members, fewest);
    let groups = members.iter().map(|member| member.group + 1).max().unwrap_or(0);
    let mut sizes = vec![0usize; groups];
    members.iter().for_each(|member| sizes[member.group] += 1);
    if sizes.iter().filter(|&&size| size > 0).count() < 2 {
        return Ok(None);
    }
    let space = Matrix::from_rows(members.iter().map(|member| scores.row(member.row)))?;
    let nearest = Neighbours::of(&space, NEIGHBOURS.min(members.len() - 1), Metric::Euclidean).indices;
    let own = |of: &[usize], sample: usize| {
        let near = &nearest[sample];
        near.iter().filter(|&&other| of[other] == of[sample]).count() as f64 / near.len().max(1) as f64
    };
    let mixed = |of: &[usize]| {
        let mut sums = vec![0.0; groups];
        (0..of.len()).for_each(|sample| sums[of[sample]] += own(of, sample));
        let means = sums.iter().zip(&sizes).filter(|&(_, &size)| size > 0).map(|(sum, &size)| sum / size as f64);
        means.sum::<f64>() / sizes.iter().filter(|&&size| size > 0).count() as f64
    };
    let labels: Vec<usize> = members.iter().map(|member| member.group).collect();
    let observed = mixed(&labels);
    let mut strata: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    members.iter().enumerate().for_each(|(place, member)| strata.entry(member.stratum).or_default().push(place));
    let first = SplitMix64::new(seed).next_u64();
    let permuted = |index: usize| {
        let mut rng = SplitMix64::new(first.wrapping_add(index as u64));
        let mut drawn = labels.clone();
        for places in strata.values() {
            let mut held: Vec<usize> = places.iter().map(|&place| labels[place]).collect();
            rng.shuffle(&mut held);
            places.iter().zip(held).for_each(|(&place, group)| drawn[place] = group);
        }
        mixed(&drawn)
    };
    let (mut drawn, mut reached): (Vec<f64>, usize) = (Vec::new(), 0);
    while drawn.len() < permutations && reached < ENOUGH {
        let round = drawn.len()..permutations.min(drawn.len() + ROUND);
        drawn.par_extend(round.into_par_iter().map(permuted));
        reached = drawn.iter().filter(|&&share| share >= observed - 1e-12).count();
    }
    let expected = drawn.iter().sum::<f64>() / drawn.len().max(1) as f64;
    let effect = if expected < 1.0 { ((observed - expected) / (1.0 - expected)).clamp(0.0, 1.0) } else { 0.0 };
    let p_value = (1 + reached) as f64 / (1 + drawn.len()) as f64;
    let shares = members.iter().enumerate().map(|(sample, member)| (member.row, member.group, own(&labels, sample)));
    Ok(Some(Mixing { effect, p_value, shares: shares.collect() }))
}

/// Members of groups that are large enough; of each group the first, so that there are at most [`MOST_SAMPLES`].
fn chosen(members: &[Member], fewest: usize) -> Vec<Member> {
    let mut sizes: BTreeMap<usize, usize> = BTreeMap::new();
    members.iter().for_each(|member| *sizes.entry(member.group).or_default() += 1);
    sizes.retain(|_, size| *size >= fewest);
    let mut by_size: Vec<(usize, usize)> = sizes.into_iter().map(|(group, size)| (size, group)).collect();
    by_size.sort_unstable();
    let (mut room, groups) = (MOST_SAMPLES, by_size.len());
    let mut open: BTreeMap<usize, usize> = BTreeMap::new();
    for (passed, (size, group)) in by_size.into_iter().enumerate() {
        let share = size.min(room / (groups - passed));
        room -= share;
        open.insert(group, share);
    }
    let take = |member: &&Member| match open.get_mut(&member.group) {
        Some(room) if *room > 0 => {
            *room -= 1;
            true
        }
        _ => false,
    };
    members.iter().filter(take).copied().collect()
}

use serde::Serialize;

use super::{CompareOptions, Pair, PairedTest, Standing};
use crate::metrics::Score;

/// Who is ahead by one score, and where that may be chance.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Ranking {
    /// The score.
    pub score: Score,
    /// The names, the best first. Those of one group are not significantly different from the group's first; a group ends
    /// before the first that is.
    pub groups: Vec<Vec<String>>,
    /// Pairs of different groups whose difference is not significant all the same: groups are no more than a reading aid.
    pub across: Vec<[String; 2]>,
    /// All of it in words.
    pub sentence: String,
}

/// A contender's place in what was compared, and its value.
#[derive(Clone, Copy)]
struct Ranked<'a> {
    name: &'a str,
    value: Option<f64>,
}

impl Ranking {
    pub(super) fn new(standings: &[Standing], pairs: &[Pair], options: &CompareOptions, samples: usize) -> Self {
        let score = options.ranking;
        let mut ranked: Vec<Ranked<'_>> = standings
            .iter()
            .map(|standing| Ranked { name: &standing.name, value: score.of(&standing.report).value })
            .collect();
        // The best first, then the undefined; equals in the order of their names.
        let key = |one: &Ranked<'_>| {
            one.value.map_or(f64::INFINITY, |value| if score.higher_is_better() { -value } else { value })
        };
        ranked.sort_by(|a, b| key(a).total_cmp(&key(b)).then_with(|| a.name.cmp(b.name)));
        let tests = Tests { pairs, score, level: options.level };
        let mut groups: Vec<Vec<Ranked<'_>>> = Vec::new();
        for one in ranked {
            match groups.last_mut() {
                Some(group) if !tests.differ(group[0].name, one.name) => group.push(one),
                _ => groups.push(vec![one]),
            }
        }
        let across = across(&groups, &tests);
        let sentence = sentence(&groups, &across, &tests, options, samples);
        let names = |group: &Vec<Ranked<'_>>| group.iter().map(|one| one.name.to_owned()).collect();
        Self {
            score,
            groups: groups.iter().map(names).collect(),
            across: across.iter().map(|pair| pair.map(str::to_owned)).collect(),
            sentence,
        }
    }
}

/// The tests on the ranking's score.
struct Tests<'a> {
    pairs: &'a [Pair],
    score: Score,
    level: f64,
}

impl Tests<'_> {
    fn between(&self, a: &str, b: &str) -> Option<&PairedTest> {
        let both = |pair: &&Pair| [&pair.first, &pair.second] == [a, b] || [&pair.first, &pair.second] == [b, a];
        self.pairs.iter().find(both)?.test(self.score)
    }

    fn differ(&self, a: &str, b: &str) -> bool {
        self.between(a, b).is_some_and(|test| test.is_significant(self.level))
    }

    /// `adjusted p = 0.031`.
    fn p(&self, a: &str, b: &str) -> String {
        match self.between(a, b).and_then(|test| test.p_adjusted) {
            Some(p) if p < 0.001 => "adjusted p < 0.001".to_owned(),
            Some(p) => format!("adjusted p = {p:.3}"),
            None => "the test has no answer".to_owned(),
        }
    }
}

/// Pairs of different groups that are not told apart.
fn across<'a>(groups: &[Vec<Ranked<'a>>], tests: &Tests<'_>) -> Vec<[&'a str; 2]> {
    let mut pairs = Vec::new();
    for (place, group) in groups.iter().enumerate() {
        for a in group {
            let later = groups[place + 1..].iter().flatten();
            pairs.extend(later.filter(|b| !tests.differ(a.name, b.name)).map(|b| [a.name, b.name]));
        }
    }
    pairs
}

fn sentence(
    groups: &[Vec<Ranked<'_>>],
    across: &[[&str; 2]],
    tests: &Tests<'_>,
    options: &CompareOptions,
    samples: usize,
) -> String {
    let value = |one: &Ranked<'_>| match one.value {
        Some(value) => format!("{} ({value:.3})", one.name),
        None => format!("{} (undefined)", one.name),
    };
    let place = |(place, group): (usize, &Vec<Ranked<'_>>)| {
        format!("{}. {}", place + 1, joined(&group.iter().map(value).collect::<Vec<_>>()))
    };
    let places: Vec<String> = groups.iter().enumerate().map(place).collect();
    let (subset, noun) = (options.subset, if samples == 1 { "sample" } else { "samples" });
    let better = if tests.score.higher_is_better() { "higher" } else { "lower" };
    let mut told =
        vec![format!("By {} on {samples} {subset} {noun}, {better} is better: {}.", tests.score, places.join("; "))];
    for neighbours in groups.windows(2) {
        let [ahead, behind] = neighbours else { continue };
        let (ahead, behind) = (ahead[0].name, behind[0].name);
        told.push(format!("{ahead} is significantly better than {behind} ({}).", tests.p(ahead, behind)));
    }
    let within = groups.iter().flat_map(|group| group[1..].iter().map(|other| [group[0].name, other.name]));
    let open: Vec<[&str; 2]> = within.chain(across.iter().copied()).collect();
    if !open.is_empty() {
        let named: Vec<String> = open.iter().map(|[a, b]| format!("{a} and {b} ({})", tests.p(a, b))).collect();
        let difference = if open.len() == 1 { "The difference between" } else { "The differences between" };
        let verb = if open.len() == 1 { "is" } else { "are" };
        told.push(format!("{difference} {} {verb} not significant.", joined(&named)));
    }
    let test = tests.pairs.first().and_then(|pair| pair.test(tests.score)).map_or("", |test| test.test.name());
    let pairs = tests.pairs.len();
    let correction =
        if pairs > 1 { format!(", {} over {pairs} pairs", options.correction.name()) } else { String::new() };
    told.push(format!("Test: {test}{correction}, level {}.", options.level));
    told.join(" ")
}

/// `a`, `a and b`, `a, b and c`.
fn joined(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [only] => only.clone(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}

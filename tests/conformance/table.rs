//! The contract's table: every row has a status, every claim a test, and `docs/conformance.md` says so.
//!
//! `table.json` holds the rows as they were recorded. A row's status comes from the documentation of the tests here
//! (`Same:`, `Deviates:`) or from `rows/*.json`, whose entries name their test. With `UPDATE_DOCS=1` in the environment
//! `table_is_complete` writes the page instead of comparing it.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

#[derive(Deserialize)]
struct Row {
    id: String,
    given: String,
    expected: String,
    gist: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Status {
    Same,
    Impossible,
    Deviation,
    NotApplicable,
}

impl Status {
    const ALL: [Self; 4] = [Self::Same, Self::Impossible, Self::Deviation, Self::NotApplicable];

    const fn title(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Impossible => "impossible by type",
            Self::Deviation => "intended deviation",
            Self::NotApplicable => "not applicable",
        }
    }
}

#[derive(Debug, Clone, Deserialize)]
struct Claim {
    status: Status,
    #[serde(default)]
    how: String,
    /// `path::function`, from the repository's root.
    #[serde(default)]
    test: Option<String>,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() {
            files.extend(self::files(&entry, extension));
        } else if entry.extension().is_some_and(|found| found == extension) {
            files.push(entry);
        }
    }
    files.sort();
    files
}

/// The test functions of a source, each with its documentation on one line.
fn tests(source: &str) -> Vec<(String, String)> {
    let (mut tests, mut documentation, mut is_test) = (Vec::new(), String::new(), false);
    for line in source.lines().map(str::trim) {
        if let Some(text) = line.strip_prefix("///") {
            documentation.push_str(text);
        } else if line == "#[test]" {
            is_test = true;
        } else if let Some(rest) = line.strip_prefix("fn ").filter(|_| is_test) {
            let name = rest.split(['(', '<']).next().unwrap().to_owned();
            tests.push((name, std::mem::take(&mut documentation)));
            is_test = false;
        } else if !line.starts_with("#[") {
            documentation.clear();
            is_test = false;
        }
    }
    tests
}

/// The rows that a documentation names after `word`.
fn named(documentation: &str, word: &str) -> Vec<String> {
    let Some((_, rest)) = documentation.split_once(word) else { return Vec::new() };
    let rows = rest.split('.').next().unwrap().split(',');
    rows.map(|row| row.trim().to_owned()).collect()
}

/// Every claim on every row: of the tests' documentation and of `rows/*.json`.
fn claims() -> BTreeMap<String, Vec<Claim>> {
    let mut claims: BTreeMap<String, Vec<Claim>> = BTreeMap::new();
    let folder = root().join("tests/conformance");
    for path in files(&folder, "rs") {
        let file = path.strip_prefix(root()).unwrap().to_str().unwrap().replace('\\', "/");
        for (name, documentation) in tests(&fs::read_to_string(&path).unwrap()) {
            for (word, status) in [("Same:", Status::Same), ("Deviates:", Status::Deviation)] {
                for row in named(&documentation, word) {
                    let test = Some(format!("{file}::{name}"));
                    claims.entry(row).or_default().push(Claim { status, how: String::new(), test });
                }
            }
        }
    }
    for path in files(&folder.join("rows"), "json") {
        let rows: BTreeMap<String, Claim> = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        for (row, claim) in rows {
            claims.entry(row).or_default().push(claim);
        }
    }
    claims
}

/// What is wrong with the claims on a row.
fn problems(row: &str, claims: &[Claim], known: &BTreeMap<String, Vec<String>>, deviations: &str) -> Vec<String> {
    let mut problems = Vec::new();
    if claims.iter().any(|claim| claim.status != claims[0].status) {
        problems.push(format!("{row}: different claims {claims:?}"));
    }
    for claim in claims {
        match &claim.test {
            Some(test) => {
                let (file, name) = test.rsplit_once("::").unwrap();
                if !known.get(file).is_some_and(|names| names.iter().any(|known| known == name)) {
                    problems.push(format!("{row}: there is no test {test}"));
                }
            }
            None if claim.status == Status::Same => problems.push(format!("{row}: no test")),
            None if claim.how.is_empty() => problems.push(format!("{row}: no reason")),
            None => {}
        }
        if claim.status == Status::Deviation && !deviations.contains(row) {
            problems.push(format!("{row}: docs/deviations.md does not explain it"));
        }
    }
    problems
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('<', "\\<").replace('\n', " ")
}

fn page(rows: &[Row], claims: &BTreeMap<String, Vec<Claim>>) -> String {
    let count = |status| rows.iter().filter(|row| claims[&row.id][0].status == status).count();
    let kept = count(Status::Same) + count(Status::Impossible);
    let mut page = "# Conformance with code_loader 1.0.214\n\n\
        How this crate keeps each row of the binder contract's table. Generated by `tests/conformance`\n\
        (`UPDATE_DOCS=1 cargo test --test conformance`); do not edit.\n\n\
        *Same* has a test that asserts it. *Impossible by type* cannot be written: it does not compile.\n\
        *Intended deviation* is explained in [deviations.md](deviations.md).\n\n\
        | status | rows |\n|---|---|\n"
        .to_owned();
    for status in Status::ALL {
        writeln!(page, "| {} | {} |", status.title(), count(status)).unwrap();
    }
    let share = 100.0 * kept as f64 / rows.len() as f64;
    writeln!(page, "| all | {} |\n\nSame or impossible: {kept} rows, {share:.1} %.", rows.len()).unwrap();
    let mut area = "";
    for row in rows {
        let of_row = row.id.split('-').next().unwrap();
        if of_row != area {
            area = of_row;
            write!(page, "\n## {area}\n\n| row | given | code_loader | here | how |\n|---|---|---|---|---|\n").unwrap();
        }
        let claims = &claims[&row.id];
        let reasons = claims.iter().map(|claim| claim.how.as_str()).filter(|how| !how.is_empty()).map(cell);
        let tests = claims.iter().filter_map(|claim| claim.test.as_ref()).map(|test| format!("`{test}`"));
        let how: Vec<String> = reasons.chain(tests).collect();
        let gist = if row.gist.is_empty() { String::new() } else { format!(": {}", row.gist) };
        let expected = cell(&format!("{}{gist}", row.expected));
        let (given, status) = (cell(&row.given), claims[0].status.title());
        writeln!(page, "| {} | {given} | {expected} | {status} | {} |", row.id, how.join("; ")).unwrap();
    }
    page
}

#[test]
fn table_is_complete() {
    let rows: Vec<Row> = serde_json::from_str(include_str!("table.json")).unwrap();
    let claims = claims();
    let deviations = fs::read_to_string(root().join("docs/deviations.md")).unwrap();
    let mut known = BTreeMap::new();
    for path in files(&root().join("tests"), "rs").into_iter().chain(files(&root().join("src"), "rs")) {
        let names = tests(&fs::read_to_string(&path).unwrap()).into_iter().map(|(name, _)| name).collect();
        known.insert(path.strip_prefix(root()).unwrap().to_str().unwrap().replace('\\', "/"), names);
    }

    let missing = rows.iter().filter(|row| !claims.contains_key(&row.id)).map(|row| format!("{}: missing", row.id));
    let unknown = claims.keys().filter(|id| !rows.iter().any(|row| row.id == **id)).map(|id| format!("{id}: unknown"));
    let mut problems: Vec<String> = missing.chain(unknown).collect();
    problems.extend(claims.iter().flat_map(|(row, claims)| self::problems(row, claims, &known, &deviations)));
    assert!(problems.is_empty(), "{} problems:\n{}", problems.len(), problems.join("\n"));

    let of = |status| rows.iter().filter(|row| claims[&row.id][0].status == status).count();
    let kept = of(Status::Same) + of(Status::Impossible);
    assert!(kept * 100 >= rows.len() * 95, "{kept} of {} rows are the same or impossible", rows.len());

    let (path, page) = (root().join("docs/conformance.md"), page(&rows, &claims));
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, &page).unwrap();
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    assert!(written == page, "docs/conformance.md is not up to date: run with UPDATE_DOCS=1 and commit it");
}

#[test]
fn claims_are_read_from_documentation() {
    let source = "/// Same: A-1,\n/// A-2. More. Deviates: B-1.\n#[test]\nfn one() {}\n/// Same: C-1.\nfn helper() {}";
    let found = tests(source);
    assert_eq!(found.len(), 1);
    assert_eq!(named(&found[0].1, "Same:"), ["A-1", "A-2"]);
    assert_eq!(named(&found[0].1, "Deviates:"), ["B-1"]);
}

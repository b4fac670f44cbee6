//! `leap.yaml`: its keys, its errors, and the files that it selects.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::path::{Path, PathBuf};

use leap_binder::manifest::{DEFAULT_ENTRY_FILE, Manifest};
use leap_binder::{Error, Result};
use tempfile::TempDir;

/// The tree that every selection test works on.
const TREE: [&str; 10] = [
    ".env",
    ".git/config",
    "app.log",
    "leap.rs",
    "nested/deep/far.txt",
    "nested/note.txt",
    "nested/run.log",
    "notes.txt",
    "src/target/kept.rs",
    "target/debug/built.txt",
];

fn tree() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in TREE {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, name).unwrap();
    }
    folder
}

fn parse(text: &str) -> Manifest {
    Manifest::parse(text, "leap.yaml").unwrap()
}

#[track_caller]
fn assert_selects(text: &str, expected: &[&str]) {
    let expected: Vec<&Path> = expected.iter().map(Path::new).collect();
    assert_eq!(parse(text).validate(tree().path()).unwrap(), expected, "selected by\n{text}");
}

/// The problem of a manifest error, after the path that it must name.
#[track_caller]
fn problem<T: std::fmt::Debug>(result: Result<T>) -> String {
    match result {
        Err(Error::Manifest { path, problem }) => {
            assert_eq!(path, Path::new("leap.yaml"));
            problem
        }
        other => panic!("expected a manifest error, found {other:?}"),
    }
}

/// The problem that `validate` finds on the tree.
#[track_caller]
fn refusal(text: &str) -> String {
    problem(parse(text).validate(tree().path()))
}

#[test]
fn reads_the_seven_keys() {
    let manifest = parse(
        "projectId: p1\nsecretId: s1\nbranch: main\nentryFile: leap.rs\ninclude:\n  - src/**\nexclude: ['*.log']\n\
         pythonVersion: py310\n",
    );
    assert_eq!(manifest.project_id, "p1");
    assert_eq!(manifest.secret_id, "s1");
    assert_eq!(manifest.branch, "main");
    assert_eq!(manifest.entry_file, "leap.rs");
    assert_eq!(manifest.include, ["src/**"]);
    assert_eq!(manifest.exclude, ["*.log"]);
    assert_eq!(manifest.python_version, "py310");
    assert_eq!(manifest.warnings(), []);
}

#[test]
fn absent_keys_have_defaults() {
    for text in ["", "# nothing but a comment\n", "{}\n", "projectId:\ninclude:\nexclude:\n", "include: []\n"] {
        let manifest = parse(text);
        assert_eq!(manifest.project_id, "", "{text:?}");
        assert_eq!(manifest.entry_file, DEFAULT_ENTRY_FILE, "{text:?}");
        assert_eq!(manifest.include, ["**"], "{text:?}");
        assert!(manifest.exclude.is_empty(), "{text:?}");
        assert_eq!(manifest.warnings(), [], "{text:?}");
    }
}

#[test]
fn unknown_and_obsolete_keys_are_warnings_in_line_order() {
    let text = "# comment\nzebra: {a: [1]}\nprojectId: p1\nsecretManagerId: s1\n\ncodeIntegrationId: c1\n";
    let warnings: Vec<String> = parse(text).warnings().iter().map(ToString::to_string).collect();
    assert_eq!(
        warnings,
        [
            "line 2: key `zebra` has no effect, it is not known",
            "line 4: key `secretManagerId` has no effect, it is obsolete: it is called `secretId` now",
            "line 6: key `codeIntegrationId` has no effect, it is obsolete: `projectId` alone names the project now",
        ]
    );
    assert_eq!(parse(text).secret_id, "");
    let in_one_line: Vec<String> = parse("{b: 1, a: 2}").warnings().iter().map(|warning| warning.key.clone()).collect();
    assert_eq!(in_one_line, ["a", "b"]);
}

#[test]
fn wrong_text_is_an_error_with_line_column_and_caret() {
    let cases = [
        ("projectId: p1\ninclude: src\n", "line 2 column 10"),
        ("include:\n  - src/**\n  - [nested]\n", "line 3 column 5"),
        ("\n\nentryFile: {name: leap.rs}\n", "line 3 column 12"),
        ("branch: a\nsecretId: s\nbranch: b\n", "line 3 column 1"),
        ("colour: red\ncolour: blue\n", "line 2 column 1"),
        ("- entryFile: leap.rs\n", "line 1 column 1"),
        ("branch: a\n---\nbranch: b\n", "line 3 column"),
        ("branch: 'a\n", "line "),
    ];
    for (text, place) in cases {
        let problem = problem(Manifest::parse(text, "leap.yaml"));
        assert!(problem.contains(place), "{text:?}: {problem}");
        assert!(problem.contains('^'), "{text:?}: {problem}");
    }
}

#[test]
fn reading_names_the_path_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("leap.yaml");
    let Err(Error::Io { action: "read", path: named, .. }) = Manifest::read(&path) else { panic!("no file, no error") };
    assert_eq!(named, path);

    for text in ["# mine\ncolour:   red\nentryFile: leap.rs   # here\n", "include: src\n"] {
        fs::write(&path, text).unwrap();
        match Manifest::read(&path) {
            Ok(manifest) => assert_eq!(manifest.entry_file, "leap.rs"),
            Err(error) => assert!(error.to_string().contains(&path.display().to_string()), "{error}"),
        }
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
    }
}

#[test]
fn selects_everything_without_patterns() {
    assert_selects(
        "entryFile: leap.rs\n",
        &[
            ".env",
            "app.log",
            "leap.rs",
            "nested/deep/far.txt",
            "nested/note.txt",
            "nested/run.log",
            "notes.txt",
            "src/target/kept.rs",
        ],
    );
}

#[test]
fn include_alone() {
    let all = ["leap.rs", "nested/deep/far.txt", "nested/note.txt", "notes.txt"];
    assert_selects("entryFile: leap.rs\ninclude: ['**/*.txt']\n", &all);
}

#[test]
fn exclude_alone() {
    assert_selects(
        "entryFile: leap.rs\nexclude: ['**/*.log']\n",
        &[".env", "leap.rs", "nested/deep/far.txt", "nested/note.txt", "notes.txt", "src/target/kept.rs"],
    );
}

#[test]
fn exclude_cuts_one_level_out_of_include() {
    assert_selects(
        "entryFile: leap.rs\ninclude: ['**/*.txt']\nexclude: ['nested/*']\n",
        &["leap.rs", "nested/deep/far.txt", "notes.txt"],
    );
}

#[test]
fn exclude_is_anchored_at_the_root() {
    assert_selects(
        "entryFile: leap.rs\ninclude: ['**']\nexclude: ['*.log', '**/*.txt', note.txt, src/**]\n",
        &[".env", "leap.rs", "nested/run.log"],
    );
}

#[test]
fn patterns_follow_doublestar() {
    let only = |pattern: &str, expected: &[&str]| {
        assert_selects(&format!("entryFile: leap.rs\ninclude: ['{pattern}']\n"), expected);
    };
    only("*.txt", &["leap.rs", "notes.txt"]);
    only("*", &[".env", "app.log", "leap.rs", "notes.txt"]);
    only("nested/?*.txt", &["leap.rs", "nested/note.txt"]);
    only("nested/**/*.txt", &["leap.rs", "nested/deep/far.txt", "nested/note.txt"]);
    only("nested/**", &["leap.rs", "nested/deep/far.txt", "nested/note.txt", "nested/run.log"]);
    only("**/*.{log,rs}", &["app.log", "leap.rs", "nested/run.log", "src/target/kept.rs"]);
    only("[m-o]otes.txt", &["leap.rs", "notes.txt"]);
    only("[^a]*.txt", &["leap.rs", "notes.txt"]);
    only(r"nested\deep\far.txt", &["leap.rs", "nested/deep/far.txt"]);
    only(r"notes\.txt", &["leap.rs", "notes.txt"]);
}

#[test]
fn the_entry_file_is_always_selected() {
    assert_selects("entryFile: ./nested/deep/far.txt\ninclude: [leap.rs]\nexclude: ['**']\n", &["nested/deep/far.txt"]);
}

#[test]
fn an_unusable_entry_file_is_an_error() {
    assert_eq!(refusal("entryFile:\n"), "entry file is not specified");
    assert!(refusal("projectId: p1\n").starts_with("entry file `tests/leap_test.rs` is not found in "));
    assert!(refusal("entryFile: nested\n").starts_with("entry file `nested` is not found in "));
    for outside in ["../leap.rs", "nested/../../leap.rs", "/leap.rs"] {
        let expected = format!("entry file `{outside}` is not below the project's folder");
        assert_eq!(refusal(&format!("entryFile: {outside}\n")), expected);
    }
}

#[test]
fn a_pattern_that_selects_nothing_is_an_error() {
    let include = |pattern: &str| refusal(&format!("entryFile: leap.rs\ninclude: ['**', '{pattern}']\n"));
    assert_eq!(include("*.onnx"), "include pattern `*.onnx` matches no file");
    assert_eq!(include("nested"), "include pattern `nested` matches no file: a folder; write `nested/**`");
    assert_eq!(include("nested/"), "include pattern `nested/` matches no file: a folder; write `nested/**`");
    assert_eq!(include(".git/**"), "include pattern `.git/**` matches no file");
    assert_eq!(include("target/**"), "include pattern `target/**` matches no file");
}

#[test]
fn a_pattern_that_cannot_be_parsed_is_an_error() {
    for key in ["include", "exclude"] {
        for pattern in ["src/[a", "src/{a", "[z-a]"] {
            let problem = refusal(&format!("entryFile: leap.rs\n{key}: ['{pattern}']\n"));
            assert!(problem.starts_with(key) && problem.contains(pattern), "{problem}");
        }
    }
}

#[test]
fn a_root_that_is_not_there_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing");
    assert!(problem(parse("entryFile: leap.rs\n").validate(&missing)).contains("missing"));
}

#[cfg(unix)]
#[test]
fn links_to_files_count_and_links_to_folders_are_not_entered() {
    let folder = tree();
    std::os::unix::fs::symlink(folder.path().join("nested"), folder.path().join("loop")).unwrap();
    std::os::unix::fs::symlink(folder.path(), folder.path().join("nested/up")).unwrap();
    std::os::unix::fs::symlink(folder.path().join("notes.txt"), folder.path().join("link.txt")).unwrap();
    std::os::unix::fs::symlink(folder.path().join("gone"), folder.path().join("dangling.txt")).unwrap();
    let files = parse("entryFile: leap.rs\ninclude: ['**/*.txt']\nexclude: ['nested/**']\n").validate(folder.path());
    assert_eq!(files.unwrap(), ["leap.rs", "link.txt", "notes.txt"].map(PathBuf::from));
}

#[test]
fn the_manifest_of_the_reference_binder_is_valid() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let manifest = Manifest::read(root.join("leap.yaml")).unwrap();
    assert_eq!(manifest.warnings(), []);
    let files = manifest.validate(root).unwrap();
    for file in ["Cargo.toml", "src/lib.rs", "src/manifest.rs", "tests/leap_test.rs"] {
        assert!(files.contains(&PathBuf::from(file)), "{file}");
    }
    assert!(files.iter().all(|file| !file.starts_with("assets")));
}

//! `leap.yaml`: its keys, its errors, and the files that it selects.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::path::Path;

use leap_binder::manifest::{DEFAULT_ENTRY_FILE, HEAVY_LIMIT, Manifest, Selection, SelectionWarning};
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

/// The selected paths and the warnings.
fn select(text: &str, root: &Path) -> (Vec<String>, Vec<String>) {
    let selection = parse(text).select(root).unwrap();
    for file in &selection.files {
        assert_eq!(file.size, fs::metadata(root.join(&file.path)).unwrap().len(), "{file:?}");
    }
    (paths(&selection), warnings(&selection))
}

fn paths(selection: &Selection) -> Vec<String> {
    selection.files.iter().map(|file| file.path.to_str().unwrap().replace('\\', "/")).collect()
}

/// The warnings without the one that this tree always earns.
fn warnings(selection: &Selection) -> Vec<String> {
    let others = selection.warnings.iter().filter(|warning| **warning != SelectionWarning::NoRequirements);
    others.map(ToString::to_string).collect()
}

#[track_caller]
fn assert_selects(text: &str, expected: &[&str]) {
    let (files, warnings) = select(text, tree().path());
    assert_eq!(files, expected, "selected by\n{text}");
    assert!(warnings.is_empty(), "{warnings:?} for\n{text}");
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

/// The problem that `select` finds on the tree.
#[track_caller]
fn refusal(text: &str) -> String {
    problem(parse(text).select(tree().path()))
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
    let misspelt: Vec<String> =
        parse("entryfile: a\nincludes: [b]\n").warnings().iter().map(ToString::to_string).collect();
    assert_eq!(
        misspelt,
        [
            "line 1: key `entryfile` has no effect, it is written `entryFile`",
            "line 2: key `includes` has no effect, it is written `include`"
        ]
    );
    let in_one_line: Vec<String> = parse("{b: 1, a: 2}").warnings().iter().map(|warning| warning.key.clone()).collect();
    assert_eq!(in_one_line, ["a", "b"]);
}

#[test]
fn wrong_text_is_an_error_with_the_line_and_a_caret() {
    // (text, line from 1, column from 1, what is said)
    let cases = [
        ("projectId: p1\ninclude: src\n", 2, 10, "expected a list of patterns"),
        ("include:\n  - src/**\n  - [nested]\n", 3, 5, "expected one text"),
        ("\n\nentryFile: {name: leap.rs}\n", 3, 12, "expected one text"),
        ("branch: a\nsecretId: s\nbranch: b\n", 3, 1, "duplicate mapping key `branch`"),
        ("colour: red\ncolour: blue\n", 2, 1, "duplicate mapping key `colour`"),
        ("- entryFile: leap.rs\n", 1, 1, "expected keys with values"),
        ("just text", 1, 1, "expected keys with values"),
        ("branch: a\n---\nbranch: b\n", 3, 1, "only single YAML document"),
        ("branch: 'a\n", 1, 9, "unclosed quote"),
        ("branch: a\n  include: b\n", 2, 10, "mapping values are not allowed"),
        ("branch: a\r\ninclude: \u{e4}\u{e4}\r\n", 2, 10, "expected a list of patterns"),
        ("{branch: \u{e4}\u{e4}\u{e4},\tinclude: b}\n", 1, 24, "expected a list of patterns"),
    ];
    for (text, line, column, said) in cases {
        let problem = problem(Manifest::parse(text, "leap.yaml"));
        let rows: Vec<&str> = problem.lines().collect();
        let [head, _, source, marker] = rows[..] else { panic!("{text:?}: {problem}") };
        assert!(head.starts_with(&format!("line {line} column {column}: {said}")), "{text:?}: {problem}");
        let offending = text.lines().nth(line - 1).unwrap();
        let margin = format!("{line} | ");
        assert_eq!(source, format!("{margin}{offending}"), "{text:?}: {problem}");
        let caret = marker.chars().position(|char| char == '^').unwrap();
        assert_eq!(caret, margin.len() + column - 1, "{text:?}: {problem}");
        assert_eq!(marker.contains('\t'), offending.contains('\t'), "a tab keeps its width: {problem}");
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
            "target/debug/built.txt",
        ],
    );
}

#[test]
fn include_alone() {
    let all = ["leap.rs", "nested/deep/far.txt", "nested/note.txt", "notes.txt", "target/debug/built.txt"];
    assert_selects("entryFile: leap.rs\ninclude: ['**/*.txt']\n", &all);
}

#[test]
fn exclude_alone() {
    assert_selects(
        "entryFile: leap.rs\nexclude: ['**/*.log']\n",
        &[
            ".env",
            "leap.rs",
            "nested/deep/far.txt",
            "nested/note.txt",
            "notes.txt",
            "src/target/kept.rs",
            "target/debug/built.txt",
        ],
    );
}

#[test]
fn exclude_cuts_one_level_out_of_include() {
    assert_selects(
        "entryFile: leap.rs\ninclude: ['**/*.txt']\nexclude: ['nested/*']\n",
        &["leap.rs", "nested/deep/far.txt", "notes.txt", "target/debug/built.txt"],
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
    only("*", &[".env", "app.log", "leap.rs", "notes.txt"]);
    only("nested/**/*.txt", &["leap.rs", "nested/deep/far.txt", "nested/note.txt"]);
    only("nested/**", &["leap.rs", "nested/deep/far.txt", "nested/note.txt", "nested/run.log"]);
    only("nested/**.txt", &["leap.rs", "nested/note.txt"]);
    only("{**/*.{log,rs},.e*}", &[".env", "app.log", "leap.rs", "nested/run.log", "src/target/kept.rs"]);
    only("[!a]*.txt", &["leap.rs", "notes.txt"]);
    only(r"nested\deep\far.txt", &["leap.rs", "nested/deep/far.txt"]);
    only(r"notes\.txt", &["leap.rs", "notes.txt"]);
}

#[test]
fn the_entry_file_is_always_selected() {
    assert_selects("entryFile: ./nested/deep/far.txt\ninclude: [leap.rs]\nexclude: ['**']\n", &["nested/deep/far.txt"]);
}

#[test]
fn an_unusable_entry_file_is_an_error() {
    assert_eq!(refusal("entryFile:\n"), "entry file is not specified in leap.yaml");
    assert!(refusal("projectId: p1\n").starts_with("entry file 'tests/leap_test.rs' in leap.yaml is not found"));
    assert!(refusal("entryFile: nested\n").starts_with("entry file 'nested' in leap.yaml is not found"));
    for outside in ["../leap.rs", "nested/../../leap.rs", "/leap.rs"] {
        let expected = format!("entry file '{outside}' in leap.yaml is not below the project's folder");
        assert_eq!(refusal(&format!("entryFile: {outside}\n")), expected);
    }
}

#[test]
fn a_pattern_that_selects_nothing_is_a_warning() {
    let include = |pattern: &str| {
        let (files, warnings) = select(&format!("entryFile: leap.rs\ninclude: ['{pattern}']\n"), tree().path());
        assert_eq!(files, ["leap.rs"]);
        warnings
    };
    assert_eq!(include("*.onnx"), ["include pattern `*.onnx` matches no file"]);
    assert_eq!(include("nested"), ["include pattern `nested` matches no file: a folder; write `nested/**`"]);
    assert_eq!(include("nested/"), ["include pattern `nested/` matches no file: a folder; write `nested/**`"]);
    let hint = "paths begin below the root; write `nested/**`";
    assert_eq!(include("./nested/**"), [format!("include pattern `./nested/**` matches no file: {hint}")]);
    for outside in ["/nested/**", "../x/**", "nested/../*"] {
        let hint = "paths begin below the root and stay there";
        assert_eq!(include(outside), [format!("include pattern `{outside}` matches no file: {hint}")]);
    }

    // An exclude pattern may well match nothing; one that names a folder is a mistake.
    let (_, warnings) = select("entryFile: leap.rs\nexclude: ['**/*.pyc', nested]\n", tree().path());
    assert_eq!(warnings, ["exclude pattern `nested` matches no file: a folder; write `nested/**`"]);
    // What another pattern excludes again was matched.
    assert_selects("entryFile: leap.rs\ninclude: ['*.log']\nexclude: ['app.*']\n", &["leap.rs"]);
}

#[test]
fn what_cargo_and_git_keep_is_selected_only_by_name() {
    let folder = tree();
    let all = |text: &str| select(text, folder.path()).0;
    let selects_from = |text: &str, name: &str| all(text).iter().any(|file| file.starts_with(name));
    assert!(selects_from("entryFile: leap.rs\n", "target/"), "without Cargo.toml, target is a folder like others");
    fs::write(folder.path().join("Cargo.toml"), "").unwrap();
    for name in [".git/", "target/"] {
        assert!(!selects_from("entryFile: leap.rs\n", name), "{name}");
        assert!(selects_from(&format!("entryFile: leap.rs\ninclude: ['**', '{name}**']\n"), name), "{name}");
    }
    assert!(selects_from("entryFile: leap.rs\n", "src/target/"));
    assert!(all("entryFile: target/debug/built.txt\n").contains(&"target/debug/built.txt".to_owned()));
}

#[test]
fn a_pattern_that_cannot_be_parsed_is_an_error() {
    for key in ["include", "exclude"] {
        for pattern in ["src/[a", "src/{a", "[]", "a}"] {
            let problem = refusal(&format!("entryFile: leap.rs\n{key}: ['{pattern}']\n"));
            assert!(problem.starts_with(&format!("{key} pattern `{pattern}` is malformed: ")), "{problem}");
        }
    }
}

#[test]
fn a_root_that_is_not_there_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing");
    assert!(problem(parse("entryFile: leap.rs\n").select(&missing)).contains("missing"));
}

#[test]
fn requirements_count_at_the_root_only() {
    let missing = |folder: &Path| {
        let selection = parse("entryFile: leap.rs\nexclude: [requirements.txt]\n").select(folder).unwrap();
        selection.warnings.contains(&SelectionWarning::NoRequirements)
    };
    for name in ["Cargo.toml", "pyproject.toml", "tensorleap_requirements.txt"] {
        let folder = tree();
        fs::write(folder.path().join("nested").join(name), "").unwrap();
        fs::write(folder.path().join("requirements.txt"), "").unwrap();
        assert!(missing(folder.path()), "{name}");
        fs::write(folder.path().join(name), "").unwrap();
        assert!(!missing(folder.path()), "{name}");
    }
    assert!(SelectionWarning::NoRequirements.to_string().contains("Cargo.toml"));
}

#[test]
fn only_heavy_files_count_towards_the_limit() {
    let folder = tree();
    let grow = |name: &str, size: u64| {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::File::create(path).unwrap().set_len(size).unwrap(); // sparse
    };
    let select = || parse("entryFile: leap.rs\n").select(folder.path()).unwrap();
    grow("big.txt", HEAVY_LIMIT * 2);
    grow("a.onnx", HEAVY_LIMIT - 100);
    grow("nested/b.tar.gz", 99);
    grow("nested/B.ZIP", 50);
    let below = select();
    assert_eq!(HEAVY_LIMIT, 209_715_200);
    assert_eq!(below.heavy_bytes(), HEAVY_LIMIT - 1);
    assert!(!below.is_too_heavy() && warnings(&below).is_empty());
    let sizes = below.files.iter().map(|file| fs::metadata(folder.path().join(&file.path)).unwrap().len());
    assert_eq!(below.bytes(), sizes.sum::<u64>());

    grow("nested/b.tar.gz", 100);
    let heavy = select();
    assert!(heavy.is_too_heavy());
    assert_eq!(
        heavy.heavy().map(|file| file.path.to_str().unwrap()).collect::<Vec<_>>(),
        ["a.onnx", "nested/b.tar.gz"]
    );
    let patterns = ["**/*.onnx", "**/*.tar.gz"];
    assert_eq!(heavy.heavy_patterns(), patterns);
    let [warning] = &warnings(&heavy)[..] else { panic!("{:?}", heavy.warnings) };
    assert!(warning.contains("200.0 MiB") && warning.ends_with("exclude **/*.onnx, **/*.tar.gz"), "{warning}");

    let before = paths(&heavy);
    let light = heavy.without_heavy();
    let dropped: Vec<&String> = before.iter().filter(|path| !paths(&light).contains(path)).collect();
    assert_eq!(dropped, ["a.onnx", "nested/b.tar.gz"]);
    assert!(!light.is_too_heavy());
    let [
        SelectionWarning::NoRequirements,
        SelectionWarning::HeavyLeftOut { files: 2, bytes: HEAVY_LIMIT, patterns: told },
    ] = &light.warnings[..]
    else {
        panic!("{:?}", light.warnings)
    };
    assert_eq!(told, &patterns);
    // The patterns do in leap.yaml what `without_heavy` did.
    let excluded = parse(&format!("entryFile: leap.rs\nexclude: {told:?}\n")).select(folder.path()).unwrap();
    assert_eq!(excluded.files, light.files);
    assert_eq!(light.clone().without_heavy().warnings, light.warnings);
}

#[test]
fn git_is_heavy_and_the_entry_file_is_not() {
    let selection = parse("entryFile: a.bin\ninclude: ['.git/**']\n");
    let folder = tree();
    fs::write(folder.path().join("a.bin"), "entry").unwrap();
    let selection = selection.select(folder.path()).unwrap();
    assert_eq!(paths(&selection), [".git/config", "a.bin"]);
    assert_eq!(selection.heavy_patterns(), [".git/**"]);
    assert_eq!(paths(&selection.without_heavy()), ["a.bin"]);
}

#[cfg(unix)]
#[test]
fn links_count_as_what_they_lead_to() {
    use std::os::unix::fs::symlink;
    let (folder, elsewhere) = (tree(), tree());
    let link = |to: &Path, name: &str| symlink(to, folder.path().join(name)).unwrap();
    link(&folder.path().join("nested"), "again");
    link(&elsewhere.path().join("nested/deep"), "far");
    link(&folder.path().join("notes.txt"), "link.txt");
    link(folder.path(), "nested/up");
    link(Path::new("self"), "self");
    link(&folder.path().join("gone"), "dangling.txt");
    let (files, warnings) =
        select("entryFile: leap.rs\ninclude: ['**/*.txt', self]\nexclude: ['nested/*.txt']\n", folder.path());
    let expected = [
        "again/deep/far.txt",
        "again/note.txt",
        "far/far.txt",
        "leap.rs",
        "link.txt",
        "nested/deep/far.txt",
        "notes.txt",
    ];
    assert_eq!(files, [&expected[..], &["target/debug/built.txt"]].concat());
    let around = "is left out: it leads back to a folder that it is in";
    let nothing = "is left out: it leads to nothing that can be read";
    let expected = [
        "include pattern `self` matches no file".to_owned(),
        format!("link again/up {around}"),
        format!("link dangling.txt {nothing}"),
        format!("link nested/up {around}"),
        format!("link self {nothing}"),
    ];
    assert_eq!(warnings, expected);
    // Nothing is said of links that are not selected.
    assert_eq!(select("entryFile: leap.rs\ninclude: ['*.rs']\n", folder.path()).1, [""; 0]);
}

#[cfg(unix)]
#[test]
fn folders_that_hold_nothing_selected_are_not_searched() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tree();
    let closed = folder.path().join("nested");
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o000)).unwrap();
    let is_closed = fs::read_dir(&closed).is_err(); // not for root
    let aside = parse("entryFile: leap.rs\ninclude: ['src/**']\n").select(folder.path());
    let inside = parse("entryFile: leap.rs\n").select(folder.path());
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(paths(&aside.unwrap()), ["leap.rs", "src/target/kept.rs"]);
    if is_closed {
        let Err(Error::Io { action: "list", path, .. }) = inside else { panic!("{inside:?}") };
        assert_eq!(path, closed);
    }
}

#[test]
fn the_manifest_of_the_reference_binder_selects_its_sources() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let manifest = Manifest::read(root.join("leap.yaml")).unwrap();
    assert_eq!(manifest.warnings(), []);
    let selection = manifest.select(root).unwrap();
    assert_eq!(selection.warnings, []);
    for file in ["Cargo.toml", "src/lib.rs", "src/manifest/mod.rs", "tests/leap_test.rs"] {
        assert!(selection.files.iter().any(|chosen| chosen.path == Path::new(file)), "{file}");
    }
    assert_eq!(selection.heavy_bytes(), 0);
}

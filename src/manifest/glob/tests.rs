//! Every row follows from doublestar's documented grammar (github.com/bmatcuk/doublestar, version 4) and from what the
//! command line does to backslashes before it; where a folder and a file would be told apart, these are files.

use std::path::Path;

use proptest::prelude::*;

use super::{Name, Pattern};

#[track_caller]
fn pattern(text: &str) -> Pattern {
    Pattern::new(text).unwrap_or_else(|problem| panic!("{text:?}: {problem}"))
}

fn matches(text: &str, name: &str) -> bool {
    pattern(text).matches(&Name::new(Path::new(name)))
}

/// Pattern, names that it matches, names that it does not.
type Row = (&'static str, &'static [&'static str], &'static [&'static str]);

const ROWS: &[Row] = &[
    // text, `*` and `?` stay within a component
    ("abc", &["abc"], &["ab", "abcd", "ABC", "x/abc", "abc/x"]),
    ("", &[], &["a"]),
    ("*", &["a", "a.b", ".hidden", "-"], &["a/b", ".git/x"]),
    ("a*", &["a", "ab", "abc"], &["ab/c", "ba", "a/b"]),
    ("*.txt", &["a.txt", ".txt", "a.b.txt"], &["a.txt2", "d/a.txt", "a.TXT"]),
    ("a*b*c*/f", &["abc/f", "axbxxcxx/f", "abcbc/f"], &["axbx/cx/f", "abc/ff", "ac/f"]),
    ("a*b?c*x", &["abxbbxdbxebxczzx"], &["abxbbxdbxebxczzy"]),
    ("*x", &["x", "xxx"], &["xxxy"]),
    ("a?b", &["aäb", "a\u{263a}b", "a.b"], &["ab", "a/b", "aääb"]),
    ("d/?*.txt", &["d/a.txt", "d/ab.txt"], &["d/.txt", "d/e/a.txt"]),
    ("***", &["a", "abc"], &["a/b"]),
    // `**` as a whole component
    ("**", &["a", "a/b", ".a/.b/c"], &[]),
    ("**/c", &["c", "b/c", "a/b/c"], &["a/b", "abc", "a/abc", "c/d"]),
    ("a/**", &["a/b", "a/b/c", "a/.b", "a"], &["b", "ab", "ab/c", "b/a"]),
    ("a/**/b", &["a/b", "a/x/b", "a/x/y/b", "a/b/b"], &["ab", "a/xb", "a/b/c", "x/a/b"]),
    ("a/**/*.rs", &["a/x.rs", "a/b/x.rs"], &["x.rs", "a/x.rs/y"]),
    ("**/a/**/b/*", &["a/b/c", "x/a/y/b/c", "a/b/b/c", "a/a/b/b/c"], &["a/c/b", "b/a/c", "a/b/c/d"]),
    ("**/**/a", &["a", "x/a", "x/y/a"], &["ab"]),
    ("a/**/**", &["a/b", "a/b/c"], &["b"]),
    // ... and beside other text, where it is `*`
    ("a**b", &["ab", "axxb"], &["a/b", "axx/b"]),
    ("**.txt", &["a.txt"], &["d/a.txt"]),
    ("d/**.txt", &["d/a.txt"], &["d/e/a.txt", "a.txt"]),
    ("a**", &["a", "ab"], &["a/b", "ab/c"]),
    ("a**/b", &["a/b", "ax/b"], &["b", "a/x/b"]),
    ("**a/b", &["a/b", "xa/b"], &["x/a/b"]),
    // classes
    ("ab[c]", &["abc"], &["abd", "ab"]),
    ("ab[b-d]", &["abb", "abc", "abd"], &["aba", "abe"]),
    ("ab[^b-d]", &["aba", "abe"], &["abc", "ab/"]),
    ("ab[!c]", &["abd", "ab!"], &["abc"]),
    ("a[^x]b", &["ayb", "a\u{263a}b"], &["axb", "a/b"]),
    ("[a-ζ]*", &["α", "aA"], &["Ab"]),
    ("[z-a]", &[], &["a", "m", "z", "-"]),
    ("[x-]", &["x", "-"], &["z"]),
    ("[-x]", &["-", "x"], &["a"]),
    ("[a-b-c]", &["a", "b", "-", "c"], &["d"]),
    ("[a^!]", &["a", "^", "!"], &["b"]),
    (r"[\]a]", &["]", "a"], &["b", r"\"]),
    (r"[\^a]", &["^", "a"], &["b"]),
    ("[*?{,}]", &["*", "?", "{", ",", "}"], &["a"]),
    ("x[,]y", &["x,y"], &["xy"]),
    // braces
    ("ab{c,d}", &["abc", "abd"], &["ab", "abcd", "ab{c,d}"]),
    ("*.{rs,toml}", &["a.rs", "b.toml"], &["a.rst", "d/a.rs"]),
    ("{a}", &["a"], &["{a}"]),
    ("a{}b", &["ab"], &["a{}b"]),
    ("a{,b,}", &["a", "ab"], &["ac", "a,b"]),
    ("{a,b{c,d{e,f}}}g", &["ag", "bcg", "bdeg", "bdfg"], &["bg", "bdg", "aeg"]),
    ("{src/**,*.md}", &["src/a", "src/a/b", "r.md"], &["d/r.md", "lib/a"]),
    ("a/{**,x}/b", &["a/b", "a/x/b", "a/y/z/b"], &["b", "a/b/c"]),
    ("{a,**}/b", &["a/b", "b", "x/y/b"], &["a"]),
    ("a{/b,}/c", &["a/b/c", "a/c"], &["a/x/c"]),
    ("x{**,y}/z", &["x/z", "xx/z", "xy/z"], &["x/y/z"]),
    ("{*,?}b", &["b", "ab", "xyb"], &["a/b"]),
    ("{a,b}{c,d}", &["ac", "ad", "bc", "bd"], &["ab", "acd"]),
    (r"{a\,b,c}", &["a,b", "c"], &["a", "b"]),
    ("a,b", &["a,b"], &["a", "b"]),
    // a backslash before punctuation, and before the rest
    (r"a\*b", &["a*b"], &["ab", "axb"]),
    (r"\{a,b\}", &["{a,b}"], &["a", "b"]),
    (r"\[a\]", &["[a]"], &["a"]),
    (r"a\.b\+\(c\)\$\|\#\^\?", &["a.b+(c)$|#^?"], &["a/b"]),
    (r"a\/b", &[], &["a/b"]),
    (r"src\lib\*.rs", &["src/lib*.rs"], &["src/lib/a.rs"]),
    (r"src\lib\a.rs", &["src/lib/a.rs"], &[]),
    (r"\**", &["*", "*a"], &["a"]),
    (r"\**/a", &["*/a", "*x/a"], &["a", "x/a"]),
    (r"d/*\*", &["d/*", "d/a*"], &["d/a", "d/e/a"]),
    (r"[\-]", &["-"], &["a"]),
    // what cannot be a file's path below the root
    ("d/", &[], &["d", "d/a"]),
    ("**/", &[], &["d", "d/a"]),
    ("/a", &[], &["a"]),
    ("./a", &[], &["a"]),
    ("a//b", &[], &["a/b"]),
    ("../a", &[], &["a"]),
];

#[test]
fn patterns_match_as_doublestar_has_it() {
    for (text, fitting, others) in ROWS {
        fitting.iter().for_each(|name| assert!(matches(text, name), "{text:?} must match {name:?}"));
        others.iter().for_each(|name| assert!(!matches(text, name), "{text:?} must not match {name:?}"));
    }
}

#[test]
fn a_pattern_reaches_below_every_folder_that_holds_a_match() {
    for (text, fitting, _) in ROWS {
        for name in *fitting {
            for folder in Path::new(name).ancestors().skip(1) {
                assert!(pattern(text).reaches_below(&Name::new(folder)), "{text:?} must look below {folder:?}");
            }
        }
    }
    for (text, folder) in [("src/**", "lib"), ("*.rs", "src"), ("src/*", "src/a"), ("{a,b}/*/c", "c"), ("a/**/b", "b")]
    {
        assert!(!pattern(text).reaches_below(&Name::new(Path::new(folder))), "{text:?} has nothing below {folder:?}");
    }
}

#[test]
fn the_first_component_may_be_a_plain_name() {
    for (text, expected) in [
        (".git/**", true),
        (r"\.git", true),
        ("{a,.git}/x", true),
        ("**", false),
        ("*git/**", false),
        ("a/.git", false),
        (".gitignore", false),
    ] {
        assert_eq!(pattern(text).begins_with(".git"), expected, "{text:?}");
    }
}

#[test]
fn malformed_patterns_are_refused_with_the_reason() {
    for (text, reason) in [
        ("[", "`[` is not closed"),
        ("a[^", "`[` is not closed"),
        ("[^bc", "`[` is not closed"),
        (r"[a\]", "`[` is not closed"),
        ("ab{c,d}[", "`[` is not closed"),
        ("{[a,b],c}", "`[` is not closed"), // braces come first
        ("[]", "empty"),
        ("[]a]", "empty"),
        ("[!]", "empty"),
        ("{a,b", "`{` is not closed"),
        ("{a,{b}", "`{` is not closed"),
        (r"{a\}", "`{` is not closed"),
        ("a}", "`}` has no `{`"),
        ("{a}}", "`}` has no `{`"),
    ] {
        let problem = Pattern::new(text).expect_err(text);
        assert!(problem.contains(reason), "{text:?}: {problem}");
    }
    assert!(Pattern::new(&"{a,b}".repeat(10)).is_ok());
    assert!(Pattern::new(&"{a,b}".repeat(40)).is_err_and(|problem| problem.contains("1024")));
}

#[test]
fn hostile_patterns_take_no_time() {
    let name = "a".repeat(300);
    assert!(!matches(&("a*".repeat(100) + "b"), &name));
    assert!(!matches(&("**/".repeat(50) + "b"), &"a/".repeat(200)));
    assert!(matches(&("{".repeat(300) + "a" + &"}".repeat(300)), "a"));
}

/// The definition, without any thought of time.
fn defined(segments: &[&str], parts: &[&str]) -> bool {
    fn component(pattern: &str, part: &str) -> bool {
        let rest = |text: &str| text.chars().skip(1).collect::<String>();
        match (pattern.chars().next(), part.chars().next()) {
            (Some('*'), next) => component(&rest(pattern), part) || next.is_some() && component(pattern, &rest(part)),
            (Some(char), Some(found)) => (char == '?' || char == found) && component(&rest(pattern), &rest(part)),
            (char, found) => char.is_none() && found.is_none(),
        }
    }
    match (segments, parts) {
        ([], []) => true,
        (["**", rest @ ..], _) => defined(rest, parts) || !parts.is_empty() && defined(segments, &parts[1..]),
        ([first, others @ ..], [part, parts @ ..]) => component(first, part) && defined(others, parts),
        _ => false,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(5000))]
    #[test]
    fn matching_is_what_the_definition_says(
        text in "(\\*\\*/)?[ab*?]{1,3}(/([ab*?]{1,3}|\\*\\*)){0,4}",
        name in "[ab]{1,3}(/[ab]{1,2}){0,4}",
    ) {
        let (segments, parts): (Vec<&str>, Vec<&str>) = (text.split('/').collect(), name.split('/').collect());
        prop_assert_eq!(matches(&text, &name), defined(&segments, &parts));
        // A folder is to be searched if it matches a beginning of the pattern that leaves something, or a `**`.
        let begins = |end: usize| end < segments.len() && defined(&segments[..end], &parts);
        let within = |end: usize| segments[end - 1] == "**" && defined(&segments[..end], &parts);
        let expected = (0..=segments.len()).any(|end| begins(end) || end > 0 && within(end));
        prop_assert_eq!(pattern(&text).reaches_below(&Name::new(Path::new(&name))), expected);
    }
}

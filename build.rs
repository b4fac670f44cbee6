//! Notes the commit that a release is built from, for the provenance of the weights that it writes.

use std::path::Path;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // Other builds do without, so that a commit does not compile the crate anew.
    let release = std::env::var("PROFILE").is_ok_and(|profile| profile == "release");
    println!(
        "cargo::rustc-env=LEAP_BINDER_COMMIT={}",
        if release { commit().unwrap_or_default() } else { String::new() }
    );
}

/// The commit that HEAD names, or the one that the package was made from.
fn commit() -> Option<String> {
    let packaged = Path::new(".cargo_vcs_info.json");
    if let Ok(text) = std::fs::read_to_string(packaged) {
        println!("cargo::rerun-if-changed={}", packaged.display());
        return text.split('"').find(|part| is_digest(part)).map(str::to_owned);
    }
    let read = |path: &str| {
        let path = Path::new(".git").join(path);
        let text = std::fs::read_to_string(&path).ok()?;
        println!("cargo::rerun-if-changed={}", path.display());
        Some(text)
    };
    // Grows with every commit, wherever git keeps the branch. Without it, as in a second work tree, a file that is not there
    // would have everything built anew each time.
    let log = ".git/logs/HEAD";
    println!("cargo::rerun-if-changed={}", if Path::new(log).exists() { log } else { "build.rs" });
    let head = read("HEAD")?;
    let Some(reference) = head.trim().strip_prefix("ref: ") else {
        return Some(head.trim().to_owned()).filter(|text| is_digest(text));
    };
    let packed = || {
        let list = read("packed-refs")?;
        list.lines().find_map(|line| line.strip_suffix(reference)).map(|digest| digest.trim().to_owned())
    };
    read(reference).map(|text| text.trim().to_owned()).or_else(packed).filter(|text| is_digest(text))
}

fn is_digest(text: &str) -> bool {
    text.len() == 40 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#!/bin/sh
# Runs the fused engine's unit tests where a step beyond memory or a race shows. From anywhere:
#
#   scripts/sanitize.sh [address] [thread] [miri] [memcheck]
#
# Without arguments, all that this machine has. `address` and `thread` are the compiler's sanitizers, with the runtime
# libraries of any toolchain on x86-64 Linux; memory from `mmap` they see as one piece, which is why the tests give their
# kernels heap allocations of the exact size, and pages behind which there is nothing. `thread` needs the toolchain's `rust-src`
# (`rustup component add rust-src`), since it must see the standard library too. `miri` needs a nightly toolchain with the
# components `miri` and `rust-src`; it interprets the threads. `memcheck` is Valgrind's. (Its
# `helgrind` does not know atomic operations and reports rayon throughout.)
#
# The engine knows nothing of the rest of the crate, so that a crate of its own is made of it, which builds in seconds.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
crate=$root/target/sanitize
target=x86_64-unknown-linux-gnu
mkdir -p "$crate/src"
cp "$root/Cargo.lock" "$crate/Cargo.lock"
cat >"$crate/Cargo.toml" <<END
[package]
name = "fused"
version = "0.0.0"
edition = "2024"

[dependencies]
memmap2 = "0.9"
rayon = "1.12"

[dev-dependencies]
proptest = { version = "1.12", default-features = false, features = ["std"] }
tempfile = "3"

[workspace]

[profile.dev]
opt-level = 1
debug = "line-tables-only"
END
cat >"$crate/src/lib.rs" <<END
//! The fused engine alone.
#![allow(dead_code, unused_imports, unreachable_pub)]
#[path = "$root/src/nn/fused/mod.rs"]
mod fused;
END
cd "$crate"

# Unstable flags of a stable compiler: only here.
export RUSTC_BOOTSTRAP=1
export RUST_BACKTRACE=0

rust_src() {
    [ -d "$(rustc --print sysroot)/lib/rustlib/src/rust/library" ]
}

# The unit tests' program without a sanitizer.
program() {
    CARGO_TARGET_DIR=$crate/plain cargo test --lib --no-run --message-format=json |
        sed -n 's/.*"executable":"\([^"]*\)".*/\1/p'
}

address() {
    echo "== AddressSanitizer"
    # The fence's test kills a child with a bus error, which the sanitizer would report.
    RUSTFLAGS=-Zsanitizer=address CARGO_TARGET_DIR=$crate/address ASAN_OPTIONS=handle_sigbus=0:detect_leaks=1 \
        cargo test --lib --target "$target"
}

thread() {
    if ! rust_src; then
        echo "== ThreadSanitizer: skipped, there is no rust-src"
        return
    fi
    echo "== ThreadSanitizer"
    RUSTFLAGS=-Zsanitizer=thread CARGO_TARGET_DIR=$crate/thread PROPTEST_CASES=4 \
        cargo test --lib --target "$target" -Zbuild-std -- team tests::nothing_but_the_image_matters
}

miri() {
    if ! cargo +nightly miri --version >/dev/null 2>&1; then
        echo "== Miri: skipped, there is no nightly toolchain with it"
        return
    fi
    echo "== Miri"
    # crossbeam, below rayon, keeps to the rules of tree borrows only, and its threads never end.
    MIRIFLAGS="-Zmiri-disable-isolation -Zmiri-tree-borrows -Zmiri-permissive-provenance -Zmiri-ignore-leaks" \
        CARGO_TARGET_DIR=$crate/miri PROPTEST_CASES=1 cargo +nightly miri test --lib -- team
}

memcheck() {
    if ! command -v valgrind >/dev/null; then
        echo "== memcheck: skipped, there is no valgrind"
        return
    fi
    echo "== memcheck"
    PROPTEST_CASES=2 valgrind --error-exitcode=9 --quiet "$(program)" --test-threads=1
}

for tool in ${*:-address thread miri memcheck}; do
    "$tool"
done

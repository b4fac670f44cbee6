#!/bin/sh
# Runs the fused engine's unit tests with instructions that this machine does not have. From anywhere:
#
#   scripts/emulate.sh neon            NEON, under `qemu-aarch64`; needs `rustup target add aarch64-unknown-linux-musl`
#   scripts/emulate.sh avx512 VMLINUZ  AVX-512, in the PC that Bochs emulates; needs a Linux kernel (Debian's
#                                      linux-image-cloud-amd64 was used, with Bochs 2.7), grub-mkrescue, xorriso, cpio, and root
#
# Run scripts/sanitize.sh once before: it makes the crate.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
crate=$root/target/sanitize
work=$crate/emulated
kernel=$(realpath "${2:-/dev/null}")
if [ ! -d "$crate" ]; then
    echo "scripts/sanitize.sh makes the crate that is run here" >&2
    exit 2
fi
cd "$crate"

neon() {
    PROPTEST_CASES=3 CARGO_TARGET_DIR=$crate/neon CARGO_TARGET_AARCH64_UNKNOWN_LINUX_MUSL_LINKER=rust-lld \
        CARGO_TARGET_AARCH64_UNKNOWN_LINUX_MUSL_RUNNER=qemu-aarch64 \
        cargo test --lib --target aarch64-unknown-linux-musl
}

# The tests are the first process of a system that consists of them, a kernel and four devices.
avx512() {
    rm -rf "$work"
    mkdir -p "$work/files/dev" "$work/files/tmp" "$work/iso/boot/grub"
    RUSTFLAGS="-C target-feature=+crt-static" CARGO_PROFILE_RELEASE_DEBUG_ASSERTIONS=true CARGO_TARGET_DIR=$crate/static \
        cargo test --lib --release --no-run --target x86_64-unknown-linux-gnu --message-format=json |
        sed -n 's/.*"executable":"\([^"]*\)".*/\1/p' | xargs -I PROGRAM cp PROGRAM "$work/files/init"
    strip "$work/files/init"
    mknod "$work/files/dev/console" c 5 1
    mknod "$work/files/dev/null" c 1 3
    mknod "$work/files/dev/random" c 1 8
    mknod "$work/files/dev/urandom" c 1 9
    (cd "$work/files" && find . | cpio -o -H newc --quiet) >"$work/iso/boot/initrd"
    cp "$kernel" "$work/iso/boot/vmlinuz"
    # Bochs describes the compact layout of saved registers and PKU wrongly, upon which Linux would use no vectors at all.
    cat >"$work/iso/boot/grub/grub.cfg" <<END
serial --unit=0 --speed=115200
terminal_output serial
set timeout=0
menuentry tests {
    linux /boot/vmlinuz console=ttyS0 random.trust_cpu=on mitigations=off loglevel=4 noxsaves clearcpuid=321,323,515 PROPTEST_CASES=6 -- --test-threads=1 fused
    initrd /boot/initrd
}
END
    grub-mkrescue -o "$work/tests.iso" "$work/iso" 2>/dev/null
    cat >"$work/bochsrc" <<END
cpu: model=corei7_skylake_x, ips=50000000, reset_on_triple_fault=0
memory: guest=1024, host=1024
romimage: file=/usr/share/bochs/BIOS-bochs-latest
vgaromimage: file=/usr/share/vgabios/vgabios.bin
ata0-master: type=cdrom, path=$work/tests.iso, status=inserted
boot: cdrom
com1: enabled=1, mode=file, dev=$work/serial
display_library: rfb, options="timeout=0"
log: $work/bochs.log
END
    echo c >"$work/commands"
    bochs -q -f "$work/bochsrc" -rc "$work/commands" </dev/null >/dev/null 2>&1 &
    emulator=$!
    # Minutes. The kernel complains when its first process ends.
    until grep -q "test result" "$work/serial" 2>/dev/null; do
        kill -0 "$emulator"
        sleep 5
    done
    kill "$emulator"
    tr -d '\r' <"$work/serial" | grep "^test "
    grep -q "test result: ok" "$work/serial"
}

case ${1:-} in
neon) neon ;;
avx512)
    : "${2:?a Linux kernel}"
    avx512
    ;;
*) sed -n '2,9p' "$root/scripts/emulate.sh" ;;
esac

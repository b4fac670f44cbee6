#!/usr/bin/env python3
"""The kernels of src/nn/cuda/densenet.cu against PyTorch, on the CPU: no GPU and no CUDA is needed.

The source itself is built with a C++ compiler and loops for the grid (cpu.cpp), with bounds and undefined behaviour
checked, and run on odd shapes in f32, f16 and bf16, forwards and backwards over the threads. Where NVRTC is found
(in PyTorch's CUDA wheels or among the system's libraries), the source is compiled with it too, for compute capabilities
8.0 and 9.0 and without any header, as the crate does at run time.

    check.py [--no-sanitizer]

Needs g++ on x86-64 with F16C, and torch. Exit status 1 if anything differs. The figures last seen came from torch 2.15, g++ 12.2
and NVRTC 13.2.
"""

import argparse
import ctypes
import ctypes.util
import glob
import os
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
SOURCE = HERE.parent.parent / "src" / "nn" / "cuda" / "densenet.cu"
SANITIZERS = ["-fsanitize=address,undefined", "-fno-sanitize-recover"]


def build(value, folder, sanitize):
    library = f"{folder}/{value}.so"
    flags = SANITIZERS if sanitize else []
    command = ["g++", "-std=c++17", "-O1", "-g", "-Wall", "-Wextra", "-mf16c", "-mfma", "-fPIC", "-shared", *flags]
    subprocess.run([*command, f"-DVALUE={value}", str(HERE / "cpu.cpp"), "-o", library], check=True)
    return library


def nvrtc():
    """Compiles the source as the crate does; says what it did."""
    import torch

    site = pathlib.Path(torch.__file__).parent.parent
    found = sorted(glob.glob(f"{site}/nvidia/**/libnvrtc.so.*", recursive=True))
    found = [name for name in found if "builtins" not in name] or [ctypes.util.find_library("nvrtc")]
    if not found[0]:
        print("SKIPPED: no NVRTC here")
        return True
    lib, source, sound = ctypes.CDLL(found[0]), SOURCE.read_bytes(), True
    for value in ("float", "f16", "bf16"):
        for capability in ("80", "90"):
            program, size = ctypes.c_void_p(), ctypes.c_size_t()
            lib.nvrtcCreateProgram(ctypes.byref(program), source, b"densenet.cu", 0, None, None)
            options = [f"--gpu-architecture=compute_{capability}".encode(), f"--define-macro=VALUE={value}".encode()]
            status = lib.nvrtcCompileProgram(program, len(options), (ctypes.c_char_p * len(options))(*options))
            lib.nvrtcGetProgramLogSize(program, ctypes.byref(size))
            log = ctypes.create_string_buffer(size.value)
            lib.nvrtcGetProgramLog(program, log)
            sound &= status == 0
            print(f"NVRTC {value} {capability}: {'compiles' if status == 0 else log.value.decode()}")
    return sound


class Kernels:
    """One library with its kernels."""

    def __init__(self, library, dtype):
        import torch

        self.torch, self.lib, self.dtype, self.worst = torch, ctypes.CDLL(library), dtype, {}
        # One unit in the last place of a result, and a little for sums in another order.
        self.tolerance = {torch.float32: 2e-6, torch.float16: 1.1e-3, torch.bfloat16: 8e-3}[dtype]
        self.sound = True

    def draw(self, *shape):
        return self.torch.randn(*shape).to(self.dtype)

    def scale_shift(self, channels):
        return self.torch.randn(channels), self.torch.randn(channels)

    def call(self, name, *arguments):
        plain = lambda x: ctypes.c_void_p(x.data_ptr()) if hasattr(x, "data_ptr") else x
        getattr(self.lib, f"run_{name}")(*[ctypes.c_void_p(0) if x is None else plain(x) for x in arguments])

    def compare(self, name, found, expected):
        found, expected = found.float(), expected.float()
        same = (found == expected) | (found.isnan() & expected.isnan())
        far = ((found - expected).abs() / (expected.abs() + 1e-2)).masked_fill(same, 0.0)
        worst = float(far.max()) if not far.isnan().any() else float("inf")
        self.worst[name] = max(worst, self.worst.get(name, 0.0))
        self.sound &= worst <= self.tolerance and found.shape == expected.shape

    def exact(self, name, found, expected):
        equal = self.torch.equal(found.nan_to_num(nan=7e3), expected.nan_to_num(nan=7e3))
        self.worst[name] = max(0.0 if equal else float("inf"), self.worst.get(name, 0.0))
        self.sound &= equal

    def affine(self, x, scale, shift):
        return x.double() * scale.double() + shift.double()

    def activate(self, lanes, reverse, rows, kept, grown, step):
        block, fresh = self.draw(rows, step), self.draw(rows, max(grown, 1))
        block[0, 0] = float("nan")
        before, width = block.clone(), kept + grown
        scale, shift = self.scale_shift(width)
        out = self.draw(rows, width)
        self.call("activate", lanes, reverse, rows, kept, grown, step, block, fresh if grown else None, scale, shift, out)
        joined = self.torch.cat([before[:, :kept], fresh[:, :grown]], 1)
        self.compare("activate", out, self.affine(joined, scale, shift).relu())
        self.exact("activate, block", block, self.torch.cat([joined, before[:, width:]], 1))

    def append(self, reverse, rows, kept, grown, step):
        block, fresh = self.draw(rows, step), self.draw(rows, grown)
        expected = self.torch.cat([block[:, :kept], fresh, block[:, kept + grown :]], 1)
        self.call("append", reverse, rows, kept, grown, step, block, fresh)
        self.exact("append", block, expected)

    def max_pool(self, reverse, n, h, w, channels, step):
        planes, (_, shift) = self.draw(n, channels, h, w), self.scale_shift(channels)
        planes[0, 0, 0, 0] = float("nan")
        pooled = self.torch.nn.functional.max_pool2d(planes.float(), 3, 2, 1)
        oh, ow = pooled.shape[2:]
        out = self.draw(n * oh * ow, step)
        before = out.clone()
        rows = planes.permute(0, 2, 3, 1).contiguous()
        self.call("max_pool", reverse, n * oh * ow, h, w, oh, ow, channels, step, rows, shift, out)
        expected = (pooled + shift[:, None, None]).relu().permute(0, 2, 3, 1).reshape(-1, channels)
        self.compare("max_pool", out[:, :channels], expected)
        self.exact("max_pool, rest", out[:, channels:], before[:, channels:])

    def halve(self, reverse, n, h, w, channels, step):
        rows, (scale, shift) = self.draw(n * h * w, step), self.scale_shift(channels)
        planes = self.affine(rows[:, :channels], scale, shift).relu().reshape(n, h, w, channels).permute(0, 3, 1, 2)
        expected = self.torch.nn.functional.avg_pool2d(planes, 2).permute(0, 2, 3, 1).reshape(-1, channels)
        out = self.draw(len(expected), channels)
        self.call("halve", reverse, len(expected), h, w, channels, step, rows, scale, shift, out)
        self.compare("halve", out, expected)

    def mean(self, reverse, n, pixels, channels, step):
        rows, (scale, shift) = self.draw(n * pixels, step), self.scale_shift(channels)
        expected = self.affine(rows[:, :channels], scale, shift).relu().reshape(n, pixels, channels).mean(1)
        out = self.draw(n, channels)
        self.call("mean", reverse, n, pixels, channels, step, rows, scale, shift, out)
        self.compare("mean", out, expected)

    def planes(self, reverse, n, pixels, channels, width, step):
        planes, out = self.draw(n, channels, pixels), self.draw(n * pixels, step)
        before = out.clone()
        self.call("from_planes", reverse, n * pixels, pixels, channels, width, step, planes, out)
        expected = before.clone()
        expected[:, :width] = 0
        expected[:, :channels] = planes.permute(0, 2, 1).reshape(-1, channels)
        self.exact("from_planes", out, expected)
        back, (scale, shift) = self.draw(n, channels, pixels), self.scale_shift(channels)
        self.call("to_planes", reverse, n * pixels, pixels, channels, step, out, None, None, back)
        self.exact("to_planes", back, planes)
        self.call("to_planes", reverse, n * pixels, pixels, channels, step, out, scale, shift, back)
        self.compare("to_planes, affine", back, self.affine(planes, scale[:, None], shift[:, None]))

    def all(self):
        for reverse in (0, 1):
            for lanes, rows, kept, grown, step in [
                (1, 1, 1, 0, 1), (1, 7, 3, 5, 11), (1, 300, 33, 0, 40), (1, 65, 37, 3, 40),
                (4, 1, 4, 0, 4), (4, 49, 64, 32, 256), (4, 257, 128, 32, 160), (4, 9, 1888, 32, 1920),
            ]:
                self.activate(lanes, reverse, rows, kept, grown, step)
            for rows, kept, grown, step in [(1, 1, 1, 2), (300, 64, 32, 96), (49, 5, 33, 40)]:
                self.append(reverse, rows, kept, grown, step)
            for n, h, w, channels, step in [(1, 1, 1, 1, 1), (2, 16, 17, 5, 9), (1, 33, 12, 64, 256), (3, 2, 3, 40, 40)]:
                self.max_pool(reverse, n, h, w, channels, step)
            for n, h, w, channels, step in [(1, 2, 2, 1, 1), (2, 7, 5, 33, 40), (1, 8, 9, 64, 64)]:
                self.halve(reverse, n, h, w, channels, step)
            for n, pixels, channels, step in [(1, 1, 1, 1), (3, 49, 40, 41), (9, 5, 64, 64)]:
                self.mean(reverse, n, pixels, channels, step)
            for n, pixels, channels, width, step in [(1, 1, 1, 1, 1), (2, 35, 3, 4, 4), (3, 9, 1, 8, 8), (1, 300, 40, 40, 50)]:
                self.planes(reverse, n, pixels, channels, width, step)
        for name, worst in self.worst.items():
            print(f"{self.dtype}: {name}: {worst:.1e} (at most {self.tolerance:.1e})")
        return self.sound


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--no-sanitizer", action="store_true", help="do not check bounds and undefined behaviour")
    parser.add_argument("--kernels", nargs=2, metavar=("TYPE", "LIBRARY"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.kernels:
        import torch

        torch.manual_seed(0)
        dtype = {"float": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16}[options.kernels[0]]
        sys.exit(not Kernels(options.kernels[1], dtype).all())
    sanitize, sound = not options.no_sanitizer, nvrtc()
    environment = dict(os.environ)
    if sanitize:
        # The sanitizer must be loaded before Python; what Python leaks is not the question.
        asan = subprocess.run(["g++", "-print-file-name=libasan.so"], check=True, capture_output=True, text=True)
        environment |= {"LD_PRELOAD": asan.stdout.strip(), "ASAN_OPTIONS": "detect_leaks=0"}
    with tempfile.TemporaryDirectory() as folder:
        for value in ("float", "f16", "bf16"):
            # In a process of its own, since the sanitizer ends it.
            command = [sys.executable, __file__, "--kernels", value, build(value, folder, sanitize)]
            sound &= subprocess.run(command, env=environment).returncode == 0
    print("all agree" if sound else "FAILED")
    sys.exit(not sound)


if __name__ == "__main__":
    main()

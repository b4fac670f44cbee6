#!/usr/bin/env python3
"""DenseNet-201 on one NVIDIA GPU: this crate's engine and plain network beside PyTorch, eager and compiled, in one run.

All engines take the weights that the repository ships and the same images, and their logits are held against PyTorch's in f32
before anything is timed. Each round visits every engine once; the table shows medians over the rounds and how each compares
with the fastest of PyTorch's in the same type. `run` is one batch with its logits read back, `stream` a row of batches of which
only the last is read, per image.

    pip install torch torchvision safetensors numpy
    benches/peers/cuda.py [--batches 1,8,32] [--types f32,bf16,f16] [--rounds 7] [--count 20] [--json FILE]

Needs a GPU, CUDA with cuDNN, and cargo. Written on a machine without a GPU: not run yet.
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
WEIGHTS = ROOT / "assets" / "weights" / "densenet201-kermany224-f16.safetensors"
# How far logits may be from PyTorch's in f32, by the largest of them.
TOLERANCE = {"f32": 2e-4, "tf32": 1e-2, "f16": 3e-2, "bf16": 1.5e-1}


class Torch:
    """PyTorch in this process."""

    def __init__(self, kind, compiled):
        import numpy
        import safetensors.torch
        import torch
        import torchvision

        self.torch, self.numpy, self.kind, self.batches = torch, numpy, kind, {}
        self.dtype = {"f16": torch.float16, "bf16": torch.bfloat16}.get(kind, torch.float32)
        state = {name: tensor.float() for name, tensor in safetensors.torch.load_file(WEIGHTS).items()}
        model = torchvision.models.densenet201(num_classes=3)
        # torchvision also counts batches, which inference does not read.
        left = model.load_state_dict(state, strict=False)
        assert not left.unexpected_keys and all(name.endswith("num_batches_tracked") for name in left.missing_keys), left
        self.model = model.eval().to("cuda", self.dtype, memory_format=torch.channels_last)
        if compiled:
            self.model = torch.compile(self.model, mode="max-autotune")

    def batch(self, n):
        if n not in self.batches:
            places = self.numpy.arange(n * 3 * 224 * 224, dtype=self.numpy.float32)
            xs = self.torch.from_numpy(self.numpy.sin(places * self.numpy.float32(0.01))).reshape(n, 3, 224, 224)
            self.batches[n] = xs.to("cuda", self.dtype, memory_format=self.torch.channels_last)
        return self.batches[n]

    def forward(self, n):
        # For each call anew: the switch is the process's, and several engines share it.
        self.torch.backends.cuda.matmul.allow_tf32 = self.kind == "tf32"
        self.torch.backends.cudnn.allow_tf32 = self.kind == "tf32"
        with self.torch.inference_mode():
            return self.model(self.batch(n))

    def logits(self, n):
        return self.forward(n).float().flatten().tolist()

    def run(self, n, count):
        self.batch(n)
        seconds = []
        for _ in range(count):
            start = time.perf_counter()
            self.forward(n).cpu()
            seconds.append(time.perf_counter() - start)
        return seconds

    def stream(self, n, count):
        self.batch(n)
        self.torch.cuda.synchronize()
        start = time.perf_counter()
        for _ in range(count):
            last = self.forward(n)
        last.cpu()
        return [time.perf_counter() - start]

    def quit(self):
        self.model = None


class Served:
    """The crate's bench program, asked line by line."""

    def __init__(self, program, name, kind):
        command = [program, "--serve", name, kind]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if self.process.stdout.readline().strip() != "ready":
            sys.exit(f"{' '.join(command)}: did not get ready")

    def ask(self, *words):
        print(*words, file=self.process.stdin, flush=True)
        return json.loads(self.process.stdout.readline())

    def logits(self, n):
        return self.ask("logits", n)

    def run(self, n, count):
        return self.ask("run", n, count)

    def stream(self, n, count):
        return self.ask("stream", n, count)

    def quit(self):
        print("quit", file=self.process.stdin, flush=True)
        self.process.wait()


def build():
    command = ["cargo", "bench", "--features", "cudnn", "--bench", "cuda", "--no-run", "--message-format", "json"]
    lines = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
    made = [json.loads(line) for line in lines if line.startswith("{")]
    return next(x["executable"] for x in made if x.get("executable") and x["target"]["name"] == "cuda")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batches", default="1,8,32")
    parser.add_argument("--types", default="f32,tf32,bf16,f16")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--count", type=int, default=20, help="passes of each engine in a round")
    parser.add_argument("--json", type=pathlib.Path, help="also write the figures here")
    options = parser.parse_args()
    import torch

    if not torch.cuda.is_available():
        sys.exit("SKIPPED, nothing was measured: no GPU")
    program, rows = build(), []
    print(f"{torch.cuda.get_device_name()}, torch {torch.__version__}, CUDA {torch.version.cuda}, cuDNN {torch.backends.cudnn.version()}")
    truth = Torch("f32", False)
    for kind in options.types.split(","):
        plain = "f32" if kind == "tf32" else kind
        engines = {
            "torch eager": Torch(kind, False),
            "torch.compile": Torch(kind, True),
            "leap-binder": Served(program, "tf32" if kind == "tf32" else "engine", plain),
            "candle, plain": Served(program, "plain", plain),
        }
        for n in map(int, options.batches.split(",")):
            expected, far = truth.logits(n), {}
            for name, engine in engines.items():
                # Warm: compiled, recorded, clocks up.
                engine.run(n, 5)
                engine.stream(n, options.count)
                found = engine.logits(n)
                far[name] = max(abs(a - b) for a, b in zip(found, expected, strict=True)) / max(map(abs, expected))
                # candle's own choice of arithmetic is not ours to judge.
                if far[name] > TOLERANCE[kind] and name != "candle, plain":
                    sys.exit(f"{name} {kind}, batch {n}: logits are off by {far[name]:.1e}")
            seconds = {name: {"run": [], "stream": []} for name in engines}
            for _ in range(options.rounds):
                for name, engine in engines.items():
                    seconds[name]["run"] += engine.run(n, options.count)
                    seconds[name]["stream"] += [total / options.count for total in engine.stream(n, options.count)]
            medians = {name: {what: statistics.median(x) for what, x in both.items()} for name, both in seconds.items()}
            best = {what: min(medians[name][what] for name in engines if name.startswith("torch")) for what in ("run", "stream")}
            for name, median in medians.items():
                row = {"type": kind, "batch": n, "engine": name, "logits off by": far[name]}
                row |= {f"{what} ms": 1e3 * median[what] / n for what in median}
                row |= {f"{what} by torch's best": median[what] / best[what] for what in median}
                rows.append(row)
                print("  ".join(f"{key} {value:.3g}" if isinstance(value, float) else f"{key} {value}" for key, value in row.items()), flush=True)
        for engine in engines.values():
            engine.quit()
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()

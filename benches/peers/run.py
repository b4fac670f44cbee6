#!/usr/bin/env python3
"""Compares the crate's DenseNet-201 with ONNX Runtime, OpenVINO and PyTorch on this machine. README.md says how."""

import argparse
import json
import sys
from statistics import median

import machine
import prepare
import table
from worker import Failed, Worker, take_turns

OURS = ("fused", "fused-bf16", "plain")
F32 = ("fused", "plain", "onnxruntime", "openvino", "torch", "torch-compile")
BF16 = ("fused-bf16", "openvino-default")
STARTS = 3
# These use AVX-512 where there is any, and nothing talks them out of it.
UNLIMITED = ("onnxruntime", "plain")


def numbers(text):
    return [int(number) for number in text.split(",")]


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=numbers, default=[1, 2], help="numbers of threads, default 1,2")
    parser.add_argument("--batches", type=numbers, default=[1, 8, 32], help="batch sizes, default 1,8,32")
    parser.add_argument("--precision", choices=["f32", "bf16", "all"], default="all", help="which engines, default all")
    parser.add_argument("--engines", type=lambda names: names.split(","), help=f"only these of {','.join(F32 + BF16)}")
    parser.add_argument(
        "--isa", choices=["native", "avx2"], default="native", help="avx2 switches AVX-512 off where that is possible"
    )
    parser.add_argument("--worker", help="the crate's worker, built before; default: build it")
    parser.add_argument("--rounds", type=int, default=7, help="turns of each engine, default 7")
    parser.add_argument("--budget", type=float, default=15, help="seconds after which an engine sits out, default 15")
    parser.add_argument(
        "--out", default=prepare.WORK / "results.json", help="the JSON file, default target/peers/results.json"
    )
    chosen = parser.parse_args()
    if unknown := set(chosen.engines or []) - {*F32, *BF16}:
        parser.error(f"unknown engines: {', '.join(sorted(unknown))}")
    return chosen


def command(engine, built, batch, threads, isa):
    """What starts the worker of `engine`."""
    if engine in OURS:
        return [
            built, "network", "--engine", engine, "--level", isa, "--batch", batch, "--threads", threads,
            "--weights", prepare.WEIGHTS, "--images", prepare.NETWORK / "images.f32",
        ]  # fmt: skip
    script = prepare.HERE / "network_worker.py"
    return [prepare.PYTHON, script, engine, prepare.WEIGHTS, prepare.NETWORK, batch, threads]


def choose(options, flags):
    """The engines to compare, and why others are not among them."""
    of_precision = {"f32": F32, "bf16": BF16, "all": F32 + BF16}[options.precision]
    chosen = options.engines or of_precision
    unlimited = UNLIMITED if options.isa == "avx2" and "avx512f" in flags else ()
    left_out = {name: "its AVX-512 cannot be switched off" for name in chosen if name in unlimited}
    return [name for name in chosen if name not in left_out], left_out


def compare(engines, built, batch, threads, options):
    """One interleaved run: the summary of each engine that works, and why the others do not."""
    environment = prepare.environment(threads, options.isa)
    workers, failures, starts = [], {}, {}
    try:
        for engine in engines:
            words = command(engine, built, batch, threads, options.isa)
            log = prepare.WORK / "logs" / f"{engine}.log"
            try:
                again = STARTS - 1 if engine in OURS and batch == 1 else 0
                starts[engine] = [started(engine, words, environment, log) for _ in range(again)]
                workers.append(Worker(engine, words, environment, log))
            except Failed as failure:
                failures[engine] = str(failure)
        failures.update(take_turns(workers, options.rounds, options.budget))
        alive = [worker for worker in workers if worker.name not in failures]
        return {worker.name: summary(worker, starts[worker.name]) for worker in alive}, failures
    finally:
        for worker in workers:
            worker.close()


def started(*worker):
    """Seconds from a start to the first prediction."""
    once = Worker(*worker)
    once.close()
    return once.start


def summary(worker, starts):
    """What was measured, and how far the logits are from PyTorch's in f32."""
    measured = worker.summary()
    expected = json.loads((prepare.NETWORK / "logits.json").read_text())
    pairs = zip(sum(worker.results(), []), sum(expected, []), strict=True)
    return {**measured, "start": median([*starts, worker.start]), "difference": max(abs(a - b) for a, b in pairs)}


def main():
    options = arguments()
    prepare.install()
    prepare.export()
    built = options.worker or prepare.build()
    here = machine.describe()
    engines, left_out = choose(options, here["flags"])
    print(machine.heading(here), f"\nisa: {options.isa}, rounds: {options.rounds}\n", sep="\n")
    settings = []
    for threads in options.threads:
        for batch in options.batches:
            measured, failures = compare(engines, built, batch, threads, options)
            settings.append(
                {"threads": threads, "batch": batch, "engines": measured, "failures": {**left_out, **failures}}
            )
            print(table.of_setting(settings[-1]), flush=True)
            whole = {"machine": here, "isa": options.isa, "rounds": options.rounds, "settings": settings}
            with open(options.out, "w") as out:
                json.dump(whole, out, indent=1)
    print(table.overview(settings))
    print(f"written: {options.out}", file=sys.stderr)


if __name__ == "__main__":
    main()

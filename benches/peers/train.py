#!/usr/bin/env python3
"""Compares how fast DenseNet-201 is trained: by the crate and by PyTorch. README.md says how."""

import argparse
import json
import sys
from pathlib import Path

import machine
import prepare
import table
from worker import Failed, Worker, take_turns

LEARN = ("all", "last-block", "head")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=lambda text: [int(n) for n in text.split(",")], default=[1, 2])
    parser.add_argument("--batch", type=int, default=16, help="images to a step, default 16")
    parser.add_argument("--learn", type=lambda text: text.split(","), default=LEARN, help=f"of {','.join(LEARN)}")
    parser.add_argument("--preload", default="", help="an allocator to preload for PyTorch's second worker, such as libtcmalloc")
    parser.add_argument("--worker", help="the crate's worker, built before; default: build it")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each, default 5")
    parser.add_argument("--budget", type=float, default=60, help="seconds after which one sits out, default 60")
    parser.add_argument("--out", default=prepare.WORK / "train.json", help="the JSON file, default target/peers/train.json")
    return parser.parse_args()


def compare(options, built, learn, threads):
    images = prepare.NETWORK / "images.f32"
    ours = [built, "train", "--weights", prepare.WEIGHTS, "--images", images, "--learn", learn]
    ours += ["--batch", options.batch, "--threads", threads]
    theirs = [prepare.PYTHON, prepare.HERE / "train_worker.py", prepare.WEIGHTS, images, learn, options.batch, threads]
    plain = prepare.environment(threads, "native")
    ways = {"leap-binder": (ours, plain), "torch": (theirs, plain)}
    if options.preload:
        ways["torch, allocator"] = (theirs, {**plain, "LD_PRELOAD": options.preload})
    workers, failures = [], {}
    try:
        for name, (command, environment) in ways.items():
            try:
                log = prepare.WORK / "logs" / f"train-{name.replace(', ', '-')}.log"
                workers.append(Worker(name, command, environment, log))
            except Failed as failure:
                failures[name] = str(failure)
        failures |= take_turns(workers, options.rounds, options.budget)
        alive = [worker for worker in workers if worker.name not in failures]
        return {worker.name: {**worker.summary(), "loss": worker.results()} for worker in alive}, failures
    finally:
        for worker in workers:
            worker.close()


def of_setting(setting, batch):
    engines = setting["engines"]
    fastest = min((one["median"] for name, one in engines.items() if name != "leap-binder"), default=None)
    rows = [
        (
            name,
            f"{batch / one['median']:.2f}",
            f"{one['median'] / fastest:.2f}" if fastest else "",
            f"{one['peak_mib']:.0f}" if one["peak_mib"] else "",
            f"{one['loss']:.5f}",
        )
        for name, one in engines.items()
    ]
    lines = [f"### {setting['learn']} learns, threads {setting['threads']}, batch {batch}", ""]
    lines += [table.markdown(("", "images/s", "/ PyTorch", "peak MiB", "first loss"), rows), ""]
    lines += [f"* {name} did not run: {why}" for name, why in setting["failures"].items()]
    return "\n".join([*lines, ""])


def main():
    options = arguments()
    prepare.install()
    prepare.export()
    built = options.worker or prepare.build()
    here = machine.describe()
    print(machine.heading(here), "", sep="\n")
    settings = []
    for threads in options.threads:
        for learn in options.learn:
            engines, failures = compare(options, built, learn, threads)
            settings.append({"threads": threads, "learn": learn, "engines": engines, "failures": failures})
            print(of_setting(settings[-1], options.batch), flush=True)
    Path(options.out).write_text(json.dumps({"machine": here, "batch": options.batch, "settings": settings}, indent=1))
    print(f"written: {options.out}", file=sys.stderr)


if __name__ == "__main__":
    main()

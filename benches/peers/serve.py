"""The line protocol of the Python workers; README.md describes it."""

import json
import os
import sys
import time


def serve(about, run, results):
    """Runs once, says `ready`, and answers requests until `quit` or the end of the input."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # What libraries print is no answer.

    def answer(line):
        print(line, file=answers, flush=True)

    run()
    answer(f"ready {json.dumps({'about': about})}")
    for line in sys.stdin:
        match line.split():
            case ["run", count]:
                answer(json.dumps([timed(run) for _ in range(int(count))]))
            case ["results"]:
                answer(json.dumps(results()))
            case ["quit"]:
                return
            case _:
                raise SystemExit(f"expected `run COUNT`, `results` or `quit`, found {line!r}")


def timed(run):
    start = time.perf_counter()
    run()
    return time.perf_counter() - start

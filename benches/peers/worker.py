"""Processes that are measured, and the taking of turns among them."""

import json
import os
import statistics
import subprocess
import time


class Failed(Exception):
    """A worker that ended without an answer; the message is the last line it wrote to its log."""


class Worker:
    """One process that answers the line protocol."""

    def __init__(self, name, command, environment, log):
        self.name, self.log = name, log
        self.seconds, self.wall, self.cpu = [], 0.0, 0.0
        log.parent.mkdir(parents=True, exist_ok=True)
        start = time.perf_counter()
        with open(log, "w") as errors:
            self.process = subprocess.Popen(
                [str(word) for word in command],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=environment,
                text=True,
            )
        self.about = json.loads(self._answer().removeprefix("ready "))["about"]
        self.start = time.perf_counter() - start

    def run(self, count):
        """Lets it compute `count` times and remembers the seconds of each."""
        before, start = self._cpu_seconds(), time.perf_counter()
        self.seconds += self._ask(f"run {count}")
        self.wall += time.perf_counter() - start
        self.cpu += self._cpu_seconds() - before

    def results(self):
        return self._ask("results")

    def forget(self):
        """Forgets all seconds so far: they were for warming up."""
        self.seconds, self.wall, self.cpu = [], 0.0, 0.0

    def summary(self):
        """What was measured so far; memory and cores only where the system has `/proc`."""
        return {
            "about": self.about,
            "median": statistics.median(self.seconds),
            "min": min(self.seconds),
            "seconds": self.seconds,
            "cores": self.cpu / self.wall or None,
            "cpu": self.cpu / len(self.seconds) or None,
            "start": self.start,
            "peak_mib": self._peak_mib(),
        }

    def close(self):
        """Ends the process, politely if it still listens."""
        try:
            self.process.communicate("quit\n", timeout=10)
        except (subprocess.TimeoutExpired, OSError, ValueError):
            self.process.kill()
            self.process.wait()

    def _ask(self, request):
        try:
            self.process.stdin.write(f"{request}\n")
            self.process.stdin.flush()
        except OSError:
            pass  # It has ended; why, its log says.
        return json.loads(self._answer())

    def _answer(self):
        line = self.process.stdout.readline()
        if not line:
            self.process.wait()
            lines = self.log.read_text(errors="replace").split("\n")
            raise Failed(next((line for line in reversed(lines) if line.strip()), "it wrote nothing"))
        return line

    def _peak_mib(self):
        try:
            with open(f"/proc/{self.process.pid}/status") as status:
                peak = next(line for line in status if line.startswith("VmHWM"))
        except (OSError, StopIteration):
            return None
        return int(peak.split()[1]) / 1024

    def _cpu_seconds(self):
        """User and system time of all threads."""
        try:
            with open(f"/proc/{self.process.pid}/stat") as stat:
                fields = stat.read().rpartition(")")[2].split()
        except OSError:
            return 0.0
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def take_turns(workers, rounds, budget):
    """Lets all workers compute one after the other, `rounds` times, every other round backwards.

    A turn lasts about half a second. Who has used up `budget` seconds sits out, but not before the third round.
    Between turns is a pause: threads of the one before may still spin, waiting for work. Returns why a worker ended, by its name.
    """
    counts, failures = {}, {}

    def turn(worker, count):
        try:
            worker.run(count)
        except Failed as failure:
            failures[worker.name] = str(failure)
        return worker.name not in failures

    for worker in workers:
        if turn(worker, 1):
            counts[worker.name] = min(max(int(0.5 / worker.seconds[-1]), 1), 50)
            worker.forget()
    for number in range(rounds):
        for worker in workers if number % 2 == 0 else reversed(workers):
            if worker.name not in failures and (number < 2 or worker.wall < budget):
                time.sleep(0.3)
                turn(worker, counts[worker.name])
    return failures

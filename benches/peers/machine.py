"""What a measurement ran on."""

import os
import platform
import subprocess
from pathlib import Path

import prepare

TELLING = (
    "avx",
    "avx2",
    "fma",
    "f16c",
    "avx_vnni",
    "avx512f",
    "avx512bw",
    "avx512vl",
    "avx512_bf16",
    "amx_bf16",
    "asimd",
    "bf16",
)


def describe():
    """CPU, memory, and the versions of everything measured."""
    fields = _cpu_fields()
    flags = fields.get("flags", fields.get("Features", "")).split()
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "cpu": fields.get("model name", platform.processor()),
        "family, model, stepping": [fields.get(key) for key in ("cpu family", "model", "stepping")],
        "flags": [flag for flag in TELLING if flag in flags],
        "cores": usable,
        "memory_mib": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20,
        "load": os.getloadavg(),
        "system": platform.platform(),
        "rustc": _output("rustc", "--version"),
        "commit": _output("git", "-C", prepare.ROOT, "describe", "--always", "--dirty"),
        "packages": _output(prepare.PYTHON, "-m", "pip", "freeze").split(),
    }


def heading(machine):
    """One line for above the tables."""
    flags = " ".join(machine["flags"])
    numbers = "/".join(str(number) for number in machine["family, model, stepping"])
    busy = f"load before {machine['load'][0]:.1f}"
    return f"{machine['cpu']} (family, model, stepping {numbers}), {machine['cores']} cores, {flags}; {busy}"


def _cpu_fields():
    """Names and values of the first processor."""
    try:
        first = Path("/proc/cpuinfo").read_text().split("\n\n")[0]
    except OSError:
        return {}
    pairs = (line.partition(":") for line in first.splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs}


def _output(*command):
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""

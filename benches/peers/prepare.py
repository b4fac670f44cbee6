"""Makes ready what the comparisons need, below `target/peers`: the peers in a virtual environment, the network and the
images in files that every engine can read, and the crate's own worker."""

import hashlib
import json
import os
import subprocess
import sys
import venv
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
WORK = ROOT / "target" / "peers"
PYTHON = WORK / "venv" / "bin" / "python"
WEIGHTS = ROOT / "assets" / "weights" / "densenet201-kermany224-f16.safetensors"
SAMPLE = ROOT / "assets" / "sample"
NETWORK = WORK / "network"


def install():
    """Installs the versions of `requirements.txt`, once. pip's own configuration and variables apply."""
    requirements = HERE / "requirements.txt"
    if not _changed("installed", requirements):
        return
    print("installing the peers (PyTorch is large)", file=sys.stderr)
    venv.EnvBuilder(with_pip=True, clear=True, symlinks=True).create(WORK / "venv")
    subprocess.run([PYTHON, "-m", "pip", "install", "--quiet", "-r", requirements], check=True)
    _remember("installed", requirements)


def export():
    """Writes the shipped network as ONNX, eight X-rays prepared for it, and PyTorch's logits of them."""
    sources = [WEIGHTS, SAMPLE / "index.csv", HERE / "export.py", HERE / "requirements.txt"]
    if not _changed("exported", *sources):
        return
    print("exporting the network", file=sys.stderr)
    NETWORK.mkdir(parents=True, exist_ok=True)
    subprocess.run([PYTHON, HERE / "export.py", WEIGHTS, SAMPLE, NETWORK], check=True)
    _remember("exported", *sources)


def build():
    """Compiles the crate's worker and returns its path."""
    command = ["cargo", "bench", "--bench", "peer", "--no-run", "--message-format=json-render-diagnostics"]
    output = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True).stdout
    messages = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    artifacts = [message for message in messages if message["reason"] == "compiler-artifact"]
    return next(Path(artifact["executable"]) for artifact in artifacts if artifact["target"]["name"] == "peer")


def environment(threads, isa):
    """The variables of every worker: how many threads, and which instructions the peers may use."""
    count = str(threads)
    limits = {"ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2", "MKL_ENABLE_INSTRUCTIONS": "AVX2"}
    return {
        **os.environ,
        "OMP_NUM_THREADS": count,
        "MKL_NUM_THREADS": count,
        "RAYON_NUM_THREADS": count,
        "CUDA_VISIBLE_DEVICES": "",
        "TORCHINDUCTOR_CACHE_DIR": str(WORK / "inductor"),
        **(limits if isa == "avx2" else {}),
    }


def _digest(sources):
    digest = hashlib.sha256()
    for source in sources:
        digest.update(Path(source).read_bytes())
    return digest.hexdigest()


def _changed(step, *sources):
    stamp = WORK / f"{step}.sha256"
    return not stamp.exists() or stamp.read_text() != _digest(sources)


def _remember(step, *sources):
    (WORK / f"{step}.sha256").write_text(_digest(sources))

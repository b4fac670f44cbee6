"""PyTorch's side of training, in a process of its own: `train_worker.py WEIGHTS IMAGES LEARN BATCH THREADS`."""

import sys

import numpy as np
import torch

from engines import densenet201
from serve import serve

RATE = 1e-4


class Training:
    """AdamW on the whole network, on the last block or on the head; what does not learn is evaluated."""

    def __init__(self, weights, learn):
        self.network = densenet201(weights).to(memory_format=torch.channels_last)
        self.learn = learn
        features = self.network.features
        learning = {
            "all": [self.network],
            "last-block": [features.denseblock4, features.norm5, self.network.classifier],
            "head": [self.network.classifier],
        }[learn]
        self.network.eval()
        for part in learning:
            part.train().requires_grad_(True)
        self.reset()

    def reset(self):
        """The rule begins anew, as it does in each of the crate's runs."""
        decaying = [p for p in self.network.parameters() if p.requires_grad and p.ndim > 1]
        others = [p for p in self.network.parameters() if p.requires_grad and p.ndim == 1]
        groups = [{"params": decaying, "weight_decay": 0.01}, {"params": others, "weight_decay": 0.0}]
        self.rule = torch.optim.AdamW(groups, lr=RATE)

    def forward(self, images):
        features = self.network.features
        if self.learn == "all":
            return self.network(images)
        still, rest = (10, 12) if self.learn == "last-block" else (12, 12)
        with torch.no_grad():
            xs = features[:still](images)
        xs = features[still:rest](xs)
        return self.network.classifier(torch.relu(xs).mean((2, 3)))

    def step(self, images, targets):
        self.reset()
        loss = torch.nn.functional.cross_entropy(self.forward(images), targets)
        self.rule.zero_grad(set_to_none=True)
        loss.backward()
        self.rule.step()
        return loss.item()


def main(weights, images, learn, batch, threads):
    torch.set_num_threads(int(threads))
    batch = int(batch)
    images = torch.from_numpy(np.fromfile(images, dtype=np.float32).reshape(-1, 3, 224, 224))
    places = torch.arange(batch)
    targets = places % 3
    chosen = images[places % len(images)].contiguous(memory_format=torch.channels_last)
    training = Training(weights, learn)
    about = f"PyTorch {torch.__version__}, {torch.backends.cpu.get_cpu_capability()}, eager, channels last"
    serve(about, lambda: training.step(chosen, targets), lambda: Training(weights, learn).step(chosen, targets))


if __name__ == "__main__":
    main(*sys.argv[1:])

"""Time of a training step of the light preset in PyTorch, on the CPU: what `npm run bench:training` is compared with.

    python3 scripts/torch_training_step.py [--threads 2] [--steps 5]

Stage I as the bench has it: batch 8, pairs of 32² → 64² for the ×2 head and of 16² → 64² for ×4, 16 channels, latent L1 and
0.1 times the FFT magnitude, gradient norm clipped to 0.4, Adam, a moving average. The network is the one that the golden
data come from (test/golden/swinir.py). Needs torch and numpy.
"""

import argparse
import pathlib
import statistics
import sys
import time

import torch

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "test" / "golden"))
from swinir import SwinIR

LIGHT = {
    "in_chans": 16,
    "img_size": 64,
    "img_range": 1.0,
    "embed_dim": 60,
    "depths": [6, 6, 6, 6],
    "num_heads": [6, 6, 6, 6],
    "window_size": 8,
    "mlp_ratio": 2,
    "resi_connection": "1conv",
    "head_num_feat": 64,
    "heads": [
        {"name": "x2", "scale": 2, "out_chans": 16},
        {"name": "x4", "scale": 4, "out_chans": 16},
    ],
}


def loss_of(prediction, target):
    spectra = [torch.fft.fft2(each).abs() for each in (prediction, target)]
    return (prediction - target).abs().mean() + 0.1 * (spectra[0] - spectra[1]).abs().mean()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--steps", type=int, default=5)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    net = SwinIR(LIGHT)
    parameters = list(net.parameters())
    average = [p.detach().clone() for p in parameters]
    optimizer = torch.optim.Adam(parameters, lr=2e-4, betas=(0.9, 0.995))
    pairs = {"x2": torch.randn(8, 16, 32, 32), "x4": torch.randn(8, 16, 16, 16)}
    target = torch.randn(8, 16, 64, 64)
    times = []
    for _ in range(options.steps + 1):
        began = time.perf_counter()
        optimizer.zero_grad(set_to_none=True)
        for name, low in pairs.items():
            features = net.trunk(low)
            loss_of(net.heads[name](features), target).backward()
        torch.nn.utils.clip_grad_norm_(parameters, 0.4)
        optimizer.step()
        with torch.no_grad():
            for held, p in zip(average, parameters):
                held.lerp_(p, 0.001)
        times.append(time.perf_counter() - began)
    count = sum(p.numel() for p in parameters)
    print(f"torch {torch.__version__}, {options.threads} threads, {count} parameters")
    print(f"step {1000 * statistics.median(times[1:]):.0f} ms (median of {options.steps})")


if __name__ == "__main__":
    main()

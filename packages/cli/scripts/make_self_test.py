"""Makes data/self-test.json: ten ops on small fixed inputs, and what PyTorch computes from them in float64.

  python3 packages/cli/scripts/make_self_test.py

Inputs are not stored: value i of operand k is (((i + 1) * 7919 + k * 104729) mod 2003) / 1001.5 - 1, rounded to float32,
here and in src/self-test. Images are channels-last. Of long results every stride-th value is stored. The tolerance is 32
times the error of PyTorch's own float32 run (kernels may sum in another order and approximate exp and erf), and at
least 1e-6 of the result's maximum; nothing for a shuffle, which only moves numbers.
"""

import json
import pathlib
import sys

import torch
import torch.nn.functional as F

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "test" / "golden"))

from swinir import window_attention  # noqa: E402

MOST_VALUES = 96


def operand(k, shape):
    count = 1
    for side in shape:
        count *= side
    values = [(((i + 1) * 7919 + k * 104729) % 2003) / 1001.5 - 1 for i in range(count)]
    return torch.tensor(values, dtype=torch.float64).float().view(shape)


def channels_first(x):
    return x.permute(0, 3, 1, 2)


def channels_last(x):
    return x.permute(0, 2, 3, 1)


def convolution(x, weight, bias):
    y = F.conv2d(channels_first(x), weight.permute(3, 2, 0, 1), bias, padding=1)
    return channels_last(F.leaky_relu(y, 0.2))


def attention(qkv, table):
    return window_attention(qkv, table, heads=2, window=8, shift=4)


def shuffle(x):
    return channels_last(F.pixel_shuffle(channels_first(x), 2))


def resize(x):
    y = F.interpolate(channels_first(x), size=(5, 6), mode="bicubic", align_corners=False, antialias=True)
    return channels_last(y)


def fourier(x):
    spectrum = torch.fft.fft2(x, dim=(1, 2))
    return torch.stack([spectrum.real, spectrum.imag])


AROUND = {"top": 1, "bottom": 1, "left": 1, "right": 1}
LEAKY = {"kind": "leaky-relu", "slope": 0.2}

# (op, shapes of the operands, attributes, the same in PyTorch)
CASES = [
    ("matmul", [[17, 60], [60, 36], [36]], {"activation": {"kind": "gelu"}}, lambda a, b, c: F.gelu(a @ b + c)),
    (
        "conv2d",
        [[1, 9, 8, 12], [3, 3, 12, 16], [16]],
        {"stride": 1, "padding": AROUND, "activation": LEAKY},
        convolution,
    ),
    ("layerNorm", [[13, 60], [60], [60]], {"eps": 1e-5}, lambda x, w, b: F.layer_norm(x, (60,), w, b, 1e-5)),
    (
        "windowAttention",
        [[1, 16, 16, 72], [225, 2]],
        {"heads": 2, "window": 8, "shift": 4, "scale": 12**-0.5},
        attention,
    ),
    ("pixelShuffle", [[1, 5, 6, 16]], {"factor": 2, "order": "torch"}, shuffle),
    ("gelu", [[7, 64]], {"a": 0, "b": 0}, F.gelu),
    ("add", [[2, 5, 60], [60]], {}, lambda a, b: a + b),
    ("sum", [[6, 7, 8]], {"axes": [1], "keepDims": False}, lambda x: x.sum(1)),
    ("resize2d", [[1, 12, 15, 4]], {"height": 5, "width": 6, "mode": "bicubic", "antialias": True}, resize),
    ("fft2", [[1, 12, 10, 4]], {"norm": "backward"}, fourier),
]


def case(op, shapes, attributes, function):
    inputs = [operand(k, shape) for k, shape in enumerate(shapes)]
    exact = function(*(x.double() for x in inputs))
    rough = function(*inputs).double()
    error = (rough - exact).abs().max().item()
    largest = exact.abs().max().item()
    stride = -(-exact.numel() // MOST_VALUES)
    while exact.numel() > MOST_VALUES and any(side % stride == 0 for side in exact.shape if side > 1):
        stride += 1
    tolerance = 0 if error == 0 else max(32 * error, 1e-6 * largest)
    print(f"{op:16} max {largest:8.3f}  float32 error {error:.1e}  tolerance {tolerance:.1e}")
    return {
        "op": op,
        "inputs": shapes,
        "attributes": attributes,
        "shape": list(exact.shape),
        "stride": stride,
        "expected": [float(f"{value:.9g}") for value in exact.reshape(-1)[::stride].tolist()],
        "tolerance": float(f"{tolerance:.2g}"),
    }


def main():
    cases = [case(*row) for row in CASES]
    lines = ",\n".join(json.dumps(each, separators=(",", ":")) for each in cases)
    (ROOT / "packages" / "cli" / "data" / "self-test.json").write_text(f"[\n{lines}\n]\n")


main()

"""Makes demo-golden.json: what PyTorch computes, in float64, with the model of `lua-webgpu demo`.

  npm run build
  node packages/cli/scripts/export-demo-model.mjs light 2 1 /tmp/demo-model.safetensors
  python3 examples/make_demo_golden.py /tmp/demo-model.safetensors

The model is untrained, its weights come from a seed; the network is that of test/golden/swinir.py. Of each result
every 127th value is stored (127 divides no side, so every row, column and channel is met). The tolerance is ten times
the error of PyTorch's own float32 run, at least 3e-6, relative to the maximum.
"""

import json
import pathlib
import struct
import sys

import numpy as np
import torch

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "test" / "golden"))

from swinir import SwinIR  # noqa: E402

EXAMPLES = ("dogs", "brushes")
STRIDE = 127
DTYPES = {"F32": "<f4", "F16": "<f2", "I64": "<i8"}


def read_safetensors(path):
    data = pathlib.Path(path).read_bytes()
    (size,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + size])
    metadata = header.pop("__metadata__", {})
    tensors = {}
    for name, entry in header.items():
        start, end = entry["data_offsets"]
        array = np.frombuffer(data[8 + size + start : 8 + size + end], DTYPES[entry["dtype"]])
        tensors[name] = torch.from_numpy(array.reshape(entry["shape"]).astype(array.dtype.newbyteorder("=")))
    return tensors, metadata


def main():
    weights, metadata = read_safetensors(sys.argv[1])
    demo = json.loads(metadata["demo"])
    model = SwinIR(json.loads(metadata["config"]))
    model.load_state_dict(weights, strict=True)
    model.eval()
    head = f"x{demo['scale']}"
    results, float32_error = {}, 0.0
    for name in EXAMPLES:
        latent = read_safetensors(HERE / f"{name}.safetensors")[0]["latent"]
        with torch.no_grad():
            exact = model.double()(latent.double())[head]
            rough = model.float()(latent.float())[head].double()
        largest = exact.abs().max().item()
        float32_error = max(float32_error, (rough - exact).abs().max().item() / largest)
        values = exact.reshape(-1)[::STRIDE].tolist()
        results[name] = {
            "shape": list(exact.shape),
            "max": float(f"{largest:.9g}"),
            "stride": STRIDE,
            "values": [float(f"{value:.9g}") for value in values],
        }
    golden = {
        "made": "examples/make_demo_golden.py, PyTorch, float64",
        "model": demo,
        "float32_error": float(f"{float32_error:.2g}"),
        "tolerance": float(f"{max(3e-6, 10 * float32_error):.2g}"),
        "results": results,
    }
    (HERE / "demo-golden.json").write_text(json.dumps(golden, separators=(",", ":")) + "\n")
    print(f"{head} of {', '.join(EXAMPLES)}: float32 error {float32_error:.1e}, tolerance {golden['tolerance']:.1e}")


main()

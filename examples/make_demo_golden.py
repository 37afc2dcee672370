"""Makes demo-golden.json: what PyTorch computes, in float64, with the weights of `lua-webgpu demo`.

  python3 examples/make_demo_golden.py flux-small

The weights are those of packages/lua-model/pretrained, the network is that of test/golden/swinir.py. Of each result
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

HEADS = {256: "x2", 128: "x4"}  # by the side of the picture that the latent is of
BUFFERS = ("relative_position_index", "attn_mask")  # follow from the configuration
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
    (name,) = sys.argv[1:]
    weights, metadata = read_safetensors(HERE.parent / "packages/lua-model/pretrained" / f"{name}.safetensors")
    model = SwinIR(json.loads(metadata["config"]))
    rest = model.load_state_dict({key: value.float() for key, value in weights.items()}, strict=False)
    assert not rest.unexpected_keys and all(key.endswith(BUFFERS) for key in rest.missing_keys), rest
    model.eval()
    examples = [source["name"] for source in json.loads((HERE / "sources.json").read_text())]
    results, float32_error = {}, 0.0
    for latent_name, head in ((f"{example}-{side}", head) for example in examples for side, head in HEADS.items()):
        latent = read_safetensors(HERE / f"{latent_name}.safetensors")[0]["latent"]
        with torch.no_grad():
            exact = model.double()(latent.double())[head]
            rough = model.float()(latent.float())[head].double()
        largest = exact.abs().max().item()
        float32_error = max(float32_error, (rough - exact).abs().max().item() / largest)
        results[latent_name] = {
            "shape": list(exact.shape),
            "max": float(f"{largest:.9g}"),
            "stride": STRIDE,
            "values": [float(f"{value:.9g}") for value in exact.reshape(-1)[::STRIDE].tolist()],
        }
    golden = {
        "made": "examples/make_demo_golden.py, PyTorch, float64",
        "model": name,
        "float32_error": float(f"{float32_error:.2g}"),
        "tolerance": float(f"{max(3e-6, 10 * float32_error):.2g}"),
        "results": results,
    }
    (HERE / "demo-golden.json").write_text(json.dumps(golden, separators=(",", ":")) + "\n")
    print(f"{', '.join(results)}: float32 error {float32_error:.1e}, tolerance {golden['tolerance']:.1e}")


main()

"""One golden file: inputs out of the hash, float64 results, and what float32 may differ by."""

import pathlib

import numpy as np
import torch

from storage import fill_parameters, hash_values, write_safetensors
from swinir import SwinIR

DATA = pathlib.Path(__file__).parent / "data"
SAMPLE_ABOVE, STRIDE = 12_000, 7


class Case:
    """One file: inputs (described, not stored, unless they are special), float64 results, tolerances."""

    def __init__(self, name, seed, about):
        self.name, self.seed, self.tensors = name, seed, {}
        self.inputs, self.samples, self.outputs = {}, {}, {}
        self.metadata = {"case": name, "about": about, "torch": torch.__version__}

    def input(self, name, shape, center=0.0, amp=1.7):
        """A float64 tensor of float32 numbers out of the hash. amp 1.7 gives about unit variance."""
        self.inputs[name] = {"shape": shape, "seed": self.seed, "center": center, "amp": amp}
        return torch.from_numpy(hash_values(self.seed, name, shape, center, amp)).double()

    def stored(self, name, value):
        self.tensors[name] = value.float().numpy()
        return value.float().double()

    def output(self, name, run, inputs, attributes=None, full=False, exact=False):
        with torch.no_grad():
            self.record(name, run(*inputs), run(*(x.float() for x in inputs)), attributes, full, exact)

    def record(self, name, wide, narrow, attributes=None, full=False, exact=False):
        """Stores the float64 result rounded once; the float32 result only says which tolerance is fair."""
        wide, narrow = wide.numpy(), narrow.double().numpy()
        scale = float(np.abs(wide).max())
        error = float(np.abs(narrow - wide).max()) / scale
        assert np.isfinite(wide).all() and (not exact or error == 0), name
        tolerance = 0.0 if exact else max(float(f"{10 * error:.1e}"), 3e-6)
        self.outputs[name] = {
            "max": scale,
            "float32_error": error,
            "tolerance": tolerance,
            **(attributes or {}),
        }
        rounded = wide.astype(np.float32)
        if rounded.size > SAMPLE_ABOVE and not full:
            assert all(side % STRIDE for side in rounded.shape), name
            self.samples[name] = {"shape": list(rounded.shape), "stride": STRIDE}
            rounded = rounded.reshape(-1)[::STRIDE]
        self.tensors[name] = rounded

    def write(self):
        for key in ("inputs", "outputs", "samples"):
            self.metadata[key] = getattr(self, key)
        path = DATA / f"{self.name}.safetensors"
        write_safetensors(path, self.tensors, self.metadata)
        worst = max(o["float32_error"] for o in self.outputs.values())
        size = path.stat().st_size / 1000
        print(f"{self.name:28s} {size:7.1f} kB  {len(self.outputs):2d} outputs, float32 error up to {worst:.1e}")


def network(case, config, seed):
    """The float64 network with hashed parameters; the description goes into the case's metadata."""
    net = SwinIR(config).double().eval()
    case.metadata["config"] = config
    case.metadata["params"] = fill_parameters(net, seed)
    return net


def run_both(net, x, trace=False):
    """Results (and stages) in float64 and in float32."""
    runs = []
    with torch.no_grad():
        for dtype in (torch.float32, torch.float64):
            stages = {} if trace else None
            runs.insert(0, {**net.to(dtype)(x.to(dtype), stages), **(stages or {})})
    return runs

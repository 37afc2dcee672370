"""Numbers out of a hash, and safetensors files: everything about the golden data that is not a model."""

import hashlib
import json
import re
import struct

import numpy as np

DTYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "U8": "u1"}
NAMES = {np.dtype(v): k for k, v in DTYPES.items()}

# Which values a parameter gets: [pattern, centre, amplitude]; the first pattern found in the name wins and "gX"
# means X * sqrt(3 / fan_in). They are larger than any initialisation on purpose, so that a bias, a table or a
# mask that is left out shows.
PARAM_RULES = [
    [r"relative_position_bias_table$", 0.0, 0.8],
    [r"(^|\.)norm\d?\.weight$", 1.0, 0.25],
    [r"\.bias$", 0.0, 0.1],
    [r"\.weight$", 0.0, "g1.0"],
]


def mix(x):
    """A 32-bit integer hash (xorshift and multiply, twice) over a uint32 array."""
    x = np.asarray(x, np.uint32).copy()
    x ^= x >> np.uint32(16)
    x *= np.uint32(0x21F0AAAD)
    x ^= x >> np.uint32(15)
    x *= np.uint32(0x735A2D97)
    return x ^ (x >> np.uint32(15))


def fnv1a(text):
    h = 2166136261
    for byte in text.encode():
        h = ((h ^ byte) * 16777619) & 0xFFFFFFFF
    return h


def hash_values(seed, name, shape, center, amp):
    """float32 array: center + (2u - 1) amp with u in (0, 1) a hash of (seed, name, row-major index)."""
    count = int(np.prod(shape))
    base = mix(np.array([(seed ^ fnv1a(name)) & 0xFFFFFFFF], np.uint32))[0]
    step = np.arange(1, count + 1, dtype=np.uint32) * np.uint32(0x9E3779B9)
    u = ((mix(base + step) >> np.uint32(8)).astype(np.float64) + 0.5) / 2**24
    return (center + (2 * u - 1) * amp).astype(np.float32).reshape(shape)


def param_value(seed, name, shape, rules):
    for pattern, center, amp in rules:
        if re.search(pattern, name):
            if isinstance(amp, str):
                amp = float(amp[1:]) * np.sqrt(3 / (np.prod(shape) / shape[0]))
            return hash_values(seed, name, shape, center, amp)
    raise KeyError(f"no rule for parameter {name}")


def fill_parameters(model, seed, rules=PARAM_RULES):
    """Sets every parameter of a torch module from the hash; returns the description that the files carry."""
    import torch

    digest, names = hashlib.sha256(), []
    for name, parameter in model.named_parameters():
        value = param_value(seed, name, list(parameter.shape), rules)
        digest.update(value.tobytes())
        names.append([name, list(parameter.shape)])
        with torch.no_grad():
            parameter.copy_(torch.from_numpy(value))
    return {"seed": seed, "sha256": digest.hexdigest(), "rules": rules, "names": names}


def read_safetensors(path):
    """Returns ({name: array}, {key: text}); BF16 becomes float32."""
    data = open(path, "rb").read()
    (size,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + size])
    metadata = header.pop("__metadata__", {})
    tensors = {}
    for name, entry in header.items():
        start, end = entry["data_offsets"]
        raw = data[8 + size + start : 8 + size + end]
        if entry["dtype"] == "BF16":
            array = (np.frombuffer(raw, "<u2").astype(np.uint32) << 16).view(np.float32)
        else:
            array = np.frombuffer(raw, DTYPES[entry["dtype"]])
        tensors[name] = array.reshape(entry["shape"])
    return tensors, metadata


def write_safetensors(path, tensors, metadata):
    """Writes arrays widest dtype first, so that each is naturally aligned behind a header padded to 8 bytes."""
    header = {"__metadata__": {k: v if isinstance(v, str) else json.dumps(v) for k, v in metadata.items()}}
    order = sorted(tensors, key=lambda name: (-tensors[name].dtype.itemsize, name))
    offset = 0
    for name in order:
        array = tensors[name]
        end = offset + array.nbytes
        header[name] = {
            "dtype": NAMES[array.dtype],
            "shape": list(array.shape),
            "data_offsets": [offset, end],
        }
        offset = end
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for name in order:
            file.write(np.ascontiguousarray(tensors[name]).tobytes())

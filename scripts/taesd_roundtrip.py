"""PSNR of photographs after TAESD's encoder and decoder, by PyTorch: what `lua-webgpu roundtrip` is compared with.

    python3 scripts/taesd_roundtrip.py PHOTOS WEIGHTS taef1 taesd3 taesdxl

PHOTOS is a folder of pictures, WEIGHTS one with NAME_encoder.safetensors and NAME_decoder.safetensors in the published
layout (indices of nn.Sequential, any float dtype). Sides are cropped at the bottom and right to multiples of 8, everything
runs in float32, results are clamped and rounded to 8 bits, PSNR is over RGB without a border cut. Needs torch, numpy, PIL.
"""

import argparse
import json
import math
import pathlib
import struct

import numpy as np
import torch
from PIL import Image
from torch import nn

DTYPES = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}


class Block(nn.Module):
    def __init__(self, channels):
        super().__init__()
        conv = [nn.Conv2d(channels, channels, 3, padding=1) for _ in range(3)]
        self.conv = nn.Sequential(conv[0], nn.ReLU(), conv[1], nn.ReLU(), conv[2])

    def forward(self, x):
        return torch.relu(self.conv(x) + x)


class Clamp(nn.Module):
    def forward(self, x):
        return 3 * torch.tanh(x / 3)


def encoder(channels):
    layers = [nn.Conv2d(3, 64, 3, padding=1), Block(64)]
    for _ in range(3):
        layers += [nn.Conv2d(64, 64, 3, stride=2, padding=1, bias=False), Block(64), Block(64), Block(64)]
    return nn.Sequential(*layers, nn.Conv2d(64, channels, 3, padding=1))


def decoder(channels):
    layers = [Clamp(), nn.Conv2d(channels, 64, 3, padding=1), nn.ReLU()]
    for _ in range(3):
        layers += [Block(64), Block(64), Block(64), nn.Upsample(scale_factor=2)]
        layers += [nn.Conv2d(64, 64, 3, padding=1, bias=False)]
    return nn.Sequential(*layers, Block(64), nn.Conv2d(64, 3, 3, padding=1))


def read_safetensors(path):
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    tensors = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        begin, end = (8 + length + offset for offset in entry["data_offsets"])
        flat = torch.frombuffer(bytearray(data[begin:end]), dtype=DTYPES[entry["dtype"]])
        tensors[name] = flat.reshape(entry["shape"]).float()
    return tensors


def read_photo(path):
    """[1, 3, H, W] in [0, 1]."""
    pixels = np.asarray(Image.open(path).convert("RGB"))
    height, width = (side - side % 8 for side in pixels.shape[:2])
    planes = pixels[:height, :width].transpose(2, 0, 1).astype(np.float32) / 255
    return torch.from_numpy(planes)[None]


def psnr(a, b):
    levels = [(image.clamp(0, 1) * 255).round().double() for image in (a, b)]
    return 20 * math.log10(255 / math.sqrt(((levels[0] - levels[1]) ** 2).mean().item()))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=pathlib.Path)
    parser.add_argument("weights", type=pathlib.Path)
    parser.add_argument("names", nargs="+")
    options = parser.parse_args()
    photos = sorted(path for path in options.photos.iterdir() if path.suffix in {".png", ".jpg", ".jpeg", ".webp"})
    report = {}
    for name in options.names:
        state = read_safetensors(options.weights / f"{name}_encoder.safetensors")
        channels = state["14.weight"].shape[0]
        encode, decode = encoder(channels), decoder(channels)
        encode.load_state_dict(state)
        decode.load_state_dict(read_safetensors(options.weights / f"{name}_decoder.safetensors"))
        with torch.inference_mode():
            values = {}
            for path in photos:
                photo = read_photo(path)
                values[path.name] = psnr(decode(encode(photo)), photo)
        report[name] = {"mean": sum(values.values()) / len(values), "photos": values}
    print(json.dumps(report, indent=1))


main()

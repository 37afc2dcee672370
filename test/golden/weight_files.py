"""The .pth files: published layouts, and small ones with everything that a reader of them meets."""

import argparse

import torch

from storage import fill_parameters, write_safetensors


def float_state(net, buffers):
    names = dict(net.named_parameters())
    return {
        k: v.float() if v.is_floating_point() else v
        for k, v in net.state_dict().items()
        if buffers or k in names
    }


def write_released(path, net, seed):
    """`params_ema` holds the case's weights, `params` those of the next seed. Window 16's buffers (1.5 MB) stay out."""
    ema = {k: v.clone() for k, v in float_state(net, buffers=False).items()}
    fill_parameters(net, seed + 1)
    torch.save({"params": float_state(net, buffers=False), "params_ema": ema}, path)
    fill_parameters(net, seed)


def write_with_buffers(path, net):
    """`params` alone, with `relative_position_index` and `attn_mask` as published files have them."""
    torch.save({"params": float_state(net, buffers=True)}, path)


def write_oddities(folder):
    """pth_tensors.pth: dtypes, strides, offsets, shared storages; the two others are to be refused with a reason."""
    base = torch.arange(24, dtype=torch.float32).reshape(4, 6) / 8
    tensors = {
        "float32": base.clone(),
        "float64": base.double() * 3,
        "float16": base.half(),
        "bfloat16": base.bfloat16(),
        "int64": torch.tensor([[-(2**40), 2**53 - 1], [0, -1]]),
        "int32": torch.tensor([-7, 2**31 - 1], dtype=torch.int32),
        "int16": torch.tensor([-300, 300], dtype=torch.int16),
        "int8": torch.tensor([-128, 127], dtype=torch.int8),
        "uint8": torch.tensor([0, 255], dtype=torch.uint8),
        "bool": torch.tensor([True, False, True]),
        "transposed": base.t(),
        "offset": base[1:3, 2:5],
        "every_second": base[::2, ::3],
        "expanded": torch.tensor([[1.5], [2.5]]).expand(2, 3),
        "shared": base,
        "scalar": torch.tensor(0.75),
        "empty": torch.zeros(0, 3),
        "parameter": torch.nn.Parameter(base[0].clone()),
    }
    torch.save(
        {
            "params": tensors,
            "epoch": 3,
            "note": "plain values beside tensors",
            "losses": [0.5, None, (1, True)],
        },
        folder / "pth_tensors.pth",
    )
    expected = {}
    for name, tensor in tensors.items():
        wide = tensor.detach().contiguous()
        wide = wide.to(
            {torch.bool: torch.uint8, torch.int16: torch.int32, torch.int8: torch.int32}.get(
                wide.dtype, wide.dtype
            )
        )
        expected[name] = (wide.float() if wide.dtype == torch.bfloat16 else wide).numpy()
    write_safetensors(
        folder / "pth_tensors.safetensors",
        expected,
        {"about": "what pth_tensors.pth holds: bfloat16 as F32, bool as U8, int8 and int16 as I32"},
    )
    torch.save(
        {"params": {"w": base.clone()}, "args": argparse.Namespace(lr=2e-4)},
        folder / "pth_foreign_global.pth",
    )
    torch.save(
        {"params": {"w": base.clone()}}, folder / "pth_legacy.pth", _use_new_zipfile_serialization=False
    )

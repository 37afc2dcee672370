"""The single-operator cases: PyTorch's own operators on inputs that come out of the hash."""

import torch
import torch.nn.functional as F

from swinir import window_attention

GAUSSIAN_SIZE, GAUSSIAN_SIGMA = 5, 1.0  # LUA's
SCHARR_X = ((-3.0, 0.0, 3.0), (-10.0, 0.0, 10.0), (-3.0, 0.0, 3.0))


def gaussian_blur(x, size=GAUSSIAN_SIZE, sigma=GAUSSIAN_SIGMA):
    """Each channel with the kernel exp(-d^2 / 2 sigma^2), normalised over its taps, on both axes; reflection."""
    d = torch.arange(size, dtype=x.dtype) - size // 2
    taps = torch.exp(-(d**2) / (2 * sigma**2))
    taps = taps / taps.sum()
    channels, reach = x.shape[1], size // 2
    kernel = torch.outer(taps, taps).expand(channels, 1, size, size)
    return F.conv2d(F.pad(x, (reach,) * 4, mode="reflect"), kernel, groups=channels)


def scharr(x):
    """(gx, gy): correlation of each channel with the 3x3 Scharr kernels, unnormalised, zeros outside."""
    kernel = torch.tensor(SCHARR_X, dtype=x.dtype)
    channels = x.shape[1]
    return tuple(
        F.conv2d(x, k.expand(channels, 1, 3, 3), padding=1, groups=channels) for k in (kernel, kernel.T)
    )


def resize(x, size, mode, antialias):
    """Half-pixel centres; the scale of an axis is input side / output side. Bicubic: a = -0.75, with antialias -0.5."""
    return F.interpolate(x, size=size, mode=mode, align_corners=False, antialias=antialias)


def fft2(x):
    """Unnormalised forward transform of real [.., H, W]; the result's last axis is (re, im)."""
    return torch.view_as_real(torch.fft.fft2(x))


def attention_cases(case):
    for window, height, width in ((8, 16, 24), (16, 32, 32)):
        for dim, heads in ((4, 2), (10, 3), (30, 1)):
            name = f"w{window}_d{dim}"
            qkv = case.input(f"{name}/in.qkv", [1, height, width, 3 * heads * dim], amp=2.0)
            table = case.input(f"{name}/in.table", [(2 * window - 1) ** 2, heads], amp=0.8)
            for shift in (0, window // 2):
                attributes = {"window": window, "heads": heads, "shift": shift}
                case.output(
                    f"{name}/out.shift{shift}",
                    lambda q, t, a=attributes: window_attention(q, t, a["heads"], a["window"], a["shift"]),
                    (qkv, table),
                    attributes,
                )


def norm_act_cases(case):
    for name, shape, amp in (
        ("c60", [7, 60], 2.0),
        ("c360", [2, 3, 360], 2.0),
        ("c5", [9, 5], 2.0),
        ("small_variance", [6, 24], 0.01),
    ):
        channels = shape[-1]
        x = case.input(f"layer_norm_{name}/in.x", shape, amp=amp)
        weight = case.input(f"layer_norm_{name}/in.weight", [channels], center=1.0, amp=0.25)
        bias = case.input(f"layer_norm_{name}/in.bias", [channels], amp=0.1)
        run = lambda x, w, b, c=channels: F.layer_norm(x, (c,), w, b, 1e-5)
        case.output(f"layer_norm_{name}/out.y", run, (x, weight, bias), {"eps": 1e-5})
    plain = torch.cat((torch.linspace(-8, 8, 257), torch.tensor([0.0, -0.0, 1e-20, -1e-20, 12.0, -12.0])))
    x = case.stored("activations/in.x", plain)
    case.output("activations/out.gelu", F.gelu, (x,))
    for slope in (0.01, 0.2):
        case.output(
            f"activations/out.leaky_relu_{slope}",
            lambda x, s=slope: F.leaky_relu(x, s),
            (x,),
            {"slope": slope},
        )
    huge = case.stored("gelu_huge/in.x", torch.tensor([100.0, -100.0, 1e19, -1e19, 3e38, -3e38]))
    case.output("gelu_huge/out.y", F.gelu, (huge,))


def conv_cases(case):
    zero, corner = (1, 1, 1, 1), (0, 1, 0, 1)
    for name, shape, out, side, stride, pad in (
        ("k3", [2, 5, 9, 11], 7, 3, 1, zero),
        ("k3_c60", [1, 60, 8, 8], 60, 3, 1, zero),
        ("k3_1x1_image", [1, 4, 1, 1], 6, 3, 1, zero),
        ("k1", [2, 6, 5, 7], 9, 1, 1, (0, 0, 0, 0)),
        ("k3_stride2", [1, 4, 10, 14], 6, 3, 2, zero),
        ("k3_stride2_odd", [1, 4, 9, 7], 6, 3, 2, zero),
        ("k3_stride2_bottom_right", [1, 4, 10, 14], 6, 3, 2, corner),
    ):
        x = case.input(f"{name}/in.x", shape, amp=1.7)
        reach = (3 / (shape[1] * side * side)) ** 0.5
        weight = case.input(f"{name}/in.weight", [out, shape[1], side, side], amp=reach)
        bias = case.input(f"{name}/in.bias", [out], amp=0.5)
        run = lambda x, w, b, s=stride, p=pad: F.conv2d(F.pad(x, p), w, b, s)
        case.output(
            f"{name}/out.y", run, (x, weight, bias), {"stride": stride, "pad_left_right_top_bottom": pad}
        )


def pixel_shuffle_cases(case):
    for r in (2, 3, 4):
        x = case.input(f"r{r}/in.shuffle", [2, 3 * r * r, 3, 5])
        case.output(
            f"r{r}/out.shuffle", lambda x, r=r: F.pixel_shuffle(x, r), (x,), {"factor": r}, exact=True
        )
        y = case.input(f"r{r}/in.unshuffle", [2, 3, 3 * r, 5 * r])
        case.output(
            f"r{r}/out.unshuffle", lambda y, r=r: F.pixel_unshuffle(y, r), (y,), {"factor": r}, exact=True
        )


def resize_cases(case):
    for name, source, target in (
        ("up2", (13, 9), (26, 18)),
        ("up4", (7, 5), (28, 20)),
        ("up_odd", (9, 13), (23, 26)),
        ("down2", (26, 18), (13, 9)),
        ("down4", (28, 20), (7, 5)),
        ("down2_odd", (31, 45), (15, 22)),
        ("down4_odd", (37, 53), (9, 13)),
    ):
        x = case.input(f"{name}/in.x", [1, 2, *source], center=0.5, amp=0.5)
        for mode in ("bicubic", "bilinear"):
            for antialias in (False, True):
                attributes = {"size": target, "mode": mode, "antialias": antialias}
                label = f"{name}/out.{mode}{'_antialias' if antialias else ''}"
                case.output(
                    label,
                    lambda x, a=attributes: resize(x, a["size"], a["mode"], a["antialias"]),
                    (x,),
                    attributes,
                )


def filter_cases(case):
    for height, width in ((9, 14), (3, 5)):
        x = case.input(f"h{height}w{width}/in.x", [1, 2, height, width], center=0.5, amp=0.5)
        case.output(
            f"h{height}w{width}/out.gaussian",
            gaussian_blur,
            (x,),
            {"size": GAUSSIAN_SIZE, "sigma": GAUSSIAN_SIGMA},
        )
        case.output(f"h{height}w{width}/out.scharr_x", lambda x: scharr(x)[0], (x,), {"axis": "x"})
        case.output(f"h{height}w{width}/out.scharr_y", lambda x: scharr(x)[1], (x,), {"axis": "y"})


def fft_cases(case):
    for channels, height, width in ((2, 8, 8), (2, 15, 7), (2, 12, 10), (1, 17, 13), (1, 64, 48)):
        x = case.input(f"h{height}w{width}/in.x", [1, channels, height, width])
        case.output(f"h{height}w{width}/out.fft2", fft2, (x,), {}, full=True)


OPERATORS = {
    "op_window_attention": (
        attention_cases,
        "qkv [B,H,W,3C] as q|k|v, each [heads, C/heads]; table [(2w-1)^2, heads]; out [B,H,W,C], no projections",
    ),
    "op_norm_act": (
        norm_act_cases,
        "LayerNorm over the last axis (eps 1e-5 inside the root, biased variance), erf GELU, LeakyReLU",
    ),
    "op_conv2d": (conv_cases, "NCHW correlation, weights [out,in,kh,kw], zero padding"),
    "op_pixel_shuffle": (
        pixel_shuffle_cases,
        "out[b,c,h*r+i,w*r+j] = in[b,c*r*r+i*r+j,h,w] and its inverse; exact",
    ),
    "op_resize": (
        resize_cases,
        "align_corners false; the scale of an axis is input side / output side, also for odd sides",
    ),
    "op_filter": (
        filter_cases,
        "per channel: Gaussian 5 taps sigma 1, reflection; Scharr 3x3 unnormalised, zeros outside",
    ),
    "op_fft2": (fft_cases, "unnormalised forward 2-D FFT of real input, full spectrum; last axis (re, im)"),
}

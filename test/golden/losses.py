"""The losses of LUA's three stages in PyTorch, and ten training steps of each stage's objective on a small decoder."""

import torch
import torch.nn.functional as F

from operators import gaussian_blur, resize, scharr
from storage import fill_parameters

LUMINANCE = (0.2989, 0.5870, 0.1140)
STAGES = {
    "I": ({"l1_latent": 1.0, "fft_latent": 0.1}, (0.9, 0.995)),
    "II": (
        {"l1_latent": 1.0, "fft_latent": 0.1, "downsample": 0.1, "high_frequency": 0.05},
        (0.9, 0.995),
    ),
    "III": ({"l1_pixel": 10.0, "fft_pixel": 1.0, "eagle": 5e-5}, (0.9, 0.99)),
}
STEPS = {"steps": 10, "lr": 0.02, "milestones": [5, 8, 9], "gamma": 0.5, "max_norm": 0.25, "ema": 0.9}


def l1(p, t):
    return (p - t).abs().mean()


def fft_magnitude(p, t):
    return (torch.fft.fft2(p).abs() - torch.fft.fft2(t).abs()).abs().mean()


def downsample(p, t, factor=2):
    size = [side // factor for side in p.shape[2:]]
    return l1(*(resize(x, size, "bicubic", True) for x in (p, t)))


def high_frequency(p, t, kernel_size=5, sigma=1.0):
    return l1(*(x - gaussian_blur(x, kernel_size, sigma) for x in (p, t)))


def high_pass(kind, cutoff, shape, dtype):
    u, v = (torch.fft.fftfreq(side, dtype=dtype) for side in shape)
    square = u[:, None] ** 2 + v[None, :] ** 2
    if kind == "gaussian":
        return 1 - torch.exp(-square / (2 * cutoff**2))
    return 1 - torch.exp(-0.5 * (square.sqrt() - cutoff) ** 2)


def eagle(p, t, patch_size=3, high_pass_kind="gaussian", cutoff=0.5, reduction="mean"):
    """Luminance, Scharr gradients, unbiased variances of patches, |F|, weighted difference; x and y added."""

    def spectra(image):
        gray = sum(w * image[:, c : c + 1] for c, w in enumerate(LUMINANCE))
        for gradient in scharr(gray):
            height, width = (side // patch_size for side in gray.shape[2:])
            cut = gradient[:, :, : height * patch_size, : width * patch_size]
            patches = cut.reshape(-1, height, patch_size, width, patch_size).transpose(2, 3)
            yield torch.fft.fft2(patches.flatten(3).var(3, unbiased=True)).abs()

    total = 0
    for a, b in zip(spectra(p), spectra(t)):
        weighted = high_pass(high_pass_kind, cutoff, a.shape[1:], a.dtype) * (a - b).abs()
        total = total + (weighted.mean() if reduction == "mean" else weighted.sum((1, 2)).mean())
    return total


TERMS = {
    "l1_latent": l1,
    "fft_latent": fft_magnitude,
    "downsample": downsample,
    "high_frequency": high_frequency,
    "l1_pixel": l1,
    "fft_pixel": fft_magnitude,
    "eagle": eagle,
}
# Options by the names that they have in an objective; `term/variant` where a term has several cases.
CASES = {
    "l1_latent": {},
    "fft_latent": {},
    "downsample": {},
    "downsample/factor4": {"factor": 4},
    "high_frequency": {},
    "high_frequency/k9_s2": {"kernel_size": 9, "sigma": 2.0},
    "l1_pixel": {},
    "fft_pixel": {},
    "eagle": {},
    "eagle/original": {"high_pass": "original"},
    "eagle/sum_patch4": {"reduction": "sum", "patch_size": 4, "cutoff": 0.35},
}


def space(term):
    return "latent" if term.endswith("latent") else "pixel"


def run_term(term, p, t, options):
    renamed = {("high_pass_kind" if key == "high_pass" else key): value for key, value in options.items()}
    return TERMS[term](p, t, **renamed)


def term_cases(case):
    inputs = {}
    for name, shape, center, amp in (("latent", [2, 4, 9, 14], 0.0, 1.7), ("pixel", [2, 3, 16, 20], 0.5, 0.5)):
        inputs[name] = [case.input(f"{name}/in.{role}", shape, center, amp) for role in ("prediction", "target")]
        p, t = inputs[name]
        margin = (torch.fft.fft2(p).abs() - torch.fft.fft2(t).abs()).abs().min()
        assert margin > 1e-4 and (p - t).abs().min() > 1e-5, (name, margin)
    for label, options in CASES.items():
        term = label.split("/")[0]
        results = []
        for dtype in (torch.float64, torch.float32):
            p, t = (x.to(dtype) for x in inputs[space(term)])
            leaf = p.clone().requires_grad_()
            loss = run_term(term, leaf, t, options)
            loss.backward()
            results.append({"out.loss": loss.detach(), "grad.prediction": leaf.grad})
        for name, wide in results[0].items():
            case.record(f"{label}/{name}", wide, results[1][name], {"options": options}, full=True)


class Decoder(torch.nn.Module):
    """Latents [B, 4, h, w] to images [B, 3, 4h, 4w]: convolutions, SiLU and nearest neighbours, as in a VAE."""

    def __init__(self):
        super().__init__()
        self.conv_in = torch.nn.Conv2d(4, 8, 3, padding=1)
        self.conv_up = torch.nn.Conv2d(8, 8, 3, padding=1)
        self.conv_out = torch.nn.Conv2d(8, 3, 3, padding=1)

    def forward(self, z):
        x = F.interpolate(F.silu(self.conv_in(z)), scale_factor=2)
        x = F.interpolate(F.silu(self.conv_up(x)), scale_factor=2)
        return self.conv_out(x)


def step_cases(case):
    """Moves latents towards others by each stage's objective; the decoder stays as it is."""
    decoder = Decoder().double()
    case.metadata["params"] = fill_parameters(decoder, case.seed)
    case.metadata["schedule"] = STEPS
    case.metadata["stages"] = {name: {"objective": weights, "betas": betas} for name, (weights, betas) in STAGES.items()}
    first = case.input("in.z", [1, 4, 8, 8])
    target = case.input("in.target", [1, 4, 8, 8])
    decoder.requires_grad_(False)
    for stage, (weights, betas) in STAGES.items():
        runs = [descend(decoder, first, target, weights, betas, dtype) for dtype in (torch.float64, torch.float32)]
        for name in runs[0]:
            case.record(f"{stage}/out.{name}", runs[0][name], runs[1][name], full=True)


def descend(decoder, first, target, weights, betas, dtype):
    decoder = decoder.to(dtype)
    z = first.to(dtype).clone().requires_grad_()
    wanted = {"latent": target.to(dtype), "pixel": decoder(target.to(dtype))}
    optimizer = torch.optim.Adam([z], lr=STEPS["lr"], betas=betas)
    schedule = torch.optim.lr_scheduler.MultiStepLR(optimizer, STEPS["milestones"], STEPS["gamma"])
    average = z.detach().clone()
    history = {name: [] for name in ("total", "norm", *weights)}
    for _ in range(STEPS["steps"]):
        optimizer.zero_grad()
        found = {"latent": z, "pixel": decoder(z)}
        losses = {term: run_term(term, found[space(term)], wanted[space(term)], {}) for term in weights}
        total = sum(weights[term] * loss for term, loss in losses.items())
        total.backward()
        norm = torch.nn.utils.clip_grad_norm_([z], STEPS["max_norm"])
        for name, value in {"total": total, "norm": norm, **losses}.items():
            history[name].append(value.item())
        optimizer.step()
        schedule.step()
        average.mul_(STEPS["ema"]).add_(z.detach(), alpha=1 - STEPS["ema"])
    results = {name: torch.tensor(values, dtype=torch.float64) for name, values in history.items()}
    return {**results, "z": z.detach(), "ema": average}


LOSSES = {
    "loss_terms": (term_cases, "each loss of LUA's stages and its gradient with respect to the prediction, NCHW"),
    "loss_steps": (step_cases, "ten Adam steps on latents by each stage's objective, through a fixed decoder"),
}

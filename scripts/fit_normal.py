"""Fits the quotient of packages/kernels/src/lib/normal.wgsl and prints its coefficients with the largest error.

0.5 * erf(x / sqrt(2)) = x * P(x^2) / Q(x^2)   for |x| <= FITTED, clamped to 0.5 beyond

The smallest largest error relative to the function, by Lawson's weights. P and Q are then multiplied by the factor whose
rounded coefficients do best in float32. From FITTED to CLAMPED the quotient has to rise above 0.5 by more than rounding.
"""
import math
import numpy as np

DEGREE = 5
FITTED = 5.2
CLAMPED = 5.75

erf = np.vectorize(math.erf)
half = lambda x: erf(x / math.sqrt(2)) / 2


def fit():
    x = FITTED * (1 - np.cos(np.pi * (np.arange(2000) + 0.5) / 2000)) / 2
    f = half(x) / x
    powers = np.vander((x / FITTED) ** 2, DEGREE + 1, increasing=True)
    weights, q, best = np.ones_like(x), np.ones_like(x), (math.inf, None)
    for _ in range(300):
        scale = np.sqrt(weights) / (q * f)
        system = np.hstack([powers, -f[:, None] * powers[:, 1:]]) * scale[:, None]
        norms = np.abs(system).max(0)
        solution = np.linalg.lstsq(system / norms, f * scale, rcond=1e-15)[0] / norms
        q = 1 + powers[:, 1:] @ solution[DEGREE + 1 :]
        error = np.abs(powers @ solution[: DEGREE + 1] / q / f - 1)
        if error.max() < best[0]:
            best = (error.max(), solution)
        weights = weights * np.sqrt(error / error.max() + 1e-6)
        weights /= weights.sum()
    units = FITTED ** (2.0 * np.arange(DEGREE + 1))
    return best[1][: DEGREE + 1] / units, np.r_[1, best[1][DEGREE + 1 :]] / units


def horner(coefficients, v):
    total = np.full_like(v, np.float32(coefficients[-1]))
    for c in coefficients[-2::-1]:
        total = total * v + np.float32(c)
    return total


x = np.linspace(0, 6, 100001).astype(np.float32)
exact = half(x.astype(float))


def computed(p, q):
    c = np.minimum(x, np.float32(CLAMPED))
    s = c * c
    return c * horner(p, s) / horner(q, s)


p, q = fit()
worst = lambda factor: np.abs(np.minimum(computed(p * factor, q * factor), np.float32(0.5)) - exact).max()
factor = min(np.linspace(1, 2, 400, endpoint=False), key=worst)
print('P', [float(np.float32(c)) for c in p * factor])
print('Q', [float(np.float32(c)) for c in q * factor])
print('largest error', worst(factor), 'above 0.5 where clamped', computed(p * factor, q * factor)[-1] - 0.5)

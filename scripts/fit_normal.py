"""Fits the polynomial of packages/kernels/src/lib/normal.wgsl and prints its coefficients, and the largest errors in float32.

(1 - erf(a / sqrt(2))) / 2 = SCALE / r(a)^4   for 0 <= a, r a polynomial

The smallest largest error of a times the left side, as GELU uses it, by Lawson's weights. r and SCALE are multiplied so that
the last bits of r are small beside it where the left side is large: the power makes four of their rounding errors.
"""
import math
import numpy as np
from numpy.polynomial import Chebyshev, Polynomial, chebyshev

DEGREE = 11
FITTED = 5.5
HELD = 10

beyond = lambda a: np.vectorize(math.erfc)(a / math.sqrt(2)) / 2


def fit():
    t = np.cos(np.pi * (np.arange(3000) + 0.5) / 3000)
    a = FITTED * (t + 1) / 2
    basis, root = chebyshev.chebvander(t, DEGREE), beyond(a) ** -0.25
    counts = 4 * beyond(a) ** 1.25 * np.maximum(a, 0.7)
    weights, best = np.ones_like(a), (math.inf, None)
    for _ in range(250):
        scale = np.sqrt(weights) * counts
        solution = np.linalg.lstsq(basis * scale[:, None], root * scale, rcond=None)[0]
        error = np.abs(basis @ solution - root) * counts
        if error.max() < best[0]:
            best = (error.max(), solution)
        weights = weights * (error / error.max() + 1e-9) ** 0.7
        weights /= weights.sum()
    return Chebyshev(best[1], domain=[0, FITTED]).convert(kind=Polynomial).coef


a = np.sort(np.random.default_rng(1).uniform(0, HELD, 400000)).astype(np.float32)
exact = beyond(a.astype(float))


def computed(r, factor):
    total = np.full_like(a, np.float32(r[-1] * factor))
    for c in r[-2::-1]:
        total = total * a + np.float32(c * factor)
    square = total * total
    return np.float32(factor**4) / (square * square)


def worst(r, factor):
    return np.abs(computed(r, factor) - exact).max()


r = fit()
factor = min(np.linspace(1, 2, 40, endpoint=False), key=lambda each: worst(r, each))
print('r', [float(np.float32(c * factor)) for c in r])
print('SCALE', float(np.float32(factor**4)))
error = np.abs(computed(r, factor) - exact)
print('largest error', error.max(), 'and times a', (error * a).max(), 'held at', (a * computed(r, factor))[-1])

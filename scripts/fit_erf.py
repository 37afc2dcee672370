"""Fits the two polynomials of packages/kernels/src/lib/erf.wgsl and prints them with their largest error.

erf(x) = x * P(x^2)                          for |x| < 1
erf(x) = sign(x) * (1 - exp(-x^2) * Q(t))    for 1 <= |x|, t = 1 / (1 + |x| / 2)
"""
import math
import numpy as np
from numpy.polynomial import Chebyshev, Polynomial

erf = np.vectorize(math.erf)
erfc = np.vectorize(math.erfc)


def fit(f, low, high, degree):
    nodes = np.cos(np.pi * (np.arange(400) + 0.5) / 400)
    x = low + (high - low) * (nodes + 1) / 2
    return Chebyshev.fit(x, f(x), degree, domain=[low, high]).convert(kind=Polynomial).coef


p = fit(lambda s: erf(np.sqrt(s)) / np.sqrt(s), 1e-9, 1.0, 6)
x_of = lambda t: 2 * (1 / t - 1)
q = fit(lambda t: erfc(x_of(t)) * np.exp(x_of(t) ** 2), 1 / (1 + 4.2 / 2), 1 / 1.5, 6)
print('P', [float(np.float32(c)) for c in p])
print('Q', [float(np.float32(c)) for c in q])

x = np.linspace(0, 6, 200001).astype(np.float32)
s = x * x


def horner(coefficients, v):
    total = np.zeros_like(v)
    for c in coefficients[::-1]:
        total = total * v + np.float32(c)
    return total


t = (1 / (1 + x / 2)).astype(np.float32)
near = x * horner(p, s)
far = 1 - np.exp(-s).astype(np.float32) * horner(q, t)
error = np.abs(np.where(x < 1, near, far) - erf(x.astype(float)))
print('largest error', error.max(), 'at', x[error.argmax()])

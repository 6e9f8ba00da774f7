"""StyleGAN2 as its formulas say, in NumPy and float64, one sample: what the network is tested against."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
FIR = np.outer([1, 3, 3, 1], [1, 3, 3, 1]) / 64 * 4


def lrelu(x: Array) -> Array:
    return np.where(x > 0, x, 0.2 * x) * math.sqrt(2)


def mapping(p: dict[str, Array], z: Array, lr: float = 0.01) -> Array:
    x = z / np.sqrt(np.mean(z**2) + 1e-8)
    layer = 0
    while f"mapping.fc{layer}.weight" in p:
        weight = p[f"mapping.fc{layer}.weight"]
        x = lrelu(weight * (lr / math.sqrt(weight.shape[1])) @ x + lr * p[f"mapping.fc{layer}.bias"])
        layer += 1
    return x


def modulated(p: dict[str, Array], layer: str, w: Array, demodulate: bool) -> Array:
    """The kernel [O, I, k, k] of a layer for the code w."""
    weight, affine = p[f"{layer}.weight"], p[f"{layer}.affine.weight"]
    style = affine @ w / math.sqrt(len(w)) + p[f"{layer}.affine.bias"]
    kernel = weight / math.sqrt(weight[0].size) * style[:, None, None]
    if demodulate:
        kernel = kernel / np.sqrt((kernel**2).sum((1, 2, 3), keepdims=True) + 1e-8)
    return kernel


def correlate(x: Array, kernel: Array) -> Array:
    """x [H, W, I] with a kernel [O, I, k, k], without padding."""
    k = kernel.shape[-1]
    height, width = x.shape[0] - k + 1, x.shape[1] - k + 1
    out = np.zeros((height, width, len(kernel)))
    for row in range(k):
        for column in range(k):
            out += x[row : row + height, column : column + width] @ kernel[:, :, row, column].T
    return out


def filtered(x: Array, before: int, after: int) -> Array:
    """Every channel of x [H, W, C], zero-padded, with the FIR (which is symmetric)."""
    x = np.pad(x, ((before, after), (before, after), (0, 0)))
    height, width = x.shape[0] - 3, x.shape[1] - 3
    return sum(FIR[i, j] * x[i : i + height, j : j + width] for i in range(4) for j in range(4))


def up_convolution(x: Array, kernel: Array) -> Array:
    height, width, _ = x.shape
    spread = np.zeros((2 * height + 1, 2 * width + 1, len(kernel)))
    for row in range(3):
        for column in range(3):
            spread[row : row + 2 * height : 2, column : column + 2 * width : 2] += x @ kernel[:, :, row, column].T
    return filtered(spread, 1, 1)


def up_image(image: Array) -> Array:
    spread = np.zeros((2 * image.shape[0], 2 * image.shape[1], 3))
    spread[::2, ::2] = image
    return filtered(spread, 2, 1)


def synthesis(p: dict[str, Array], codes: Array, clamp: float = np.inf) -> Array:
    """The image [R, R, 3] of codes [L, width]."""

    def layer(x: Array, name: str, w: Array, up: bool = False) -> Array:
        kernel = modulated(p, f"synthesis.{name}", w, demodulate=True)
        x = up_convolution(x, kernel) if up else correlate(np.pad(x, ((1, 1), (1, 1), (0, 0))), kernel)
        noise = p[f"synthesis.{name}.noise_const"] * p[f"synthesis.{name}.noise_strength"]
        return np.clip(lrelu(x + noise[:, :, None] + p[f"synthesis.{name}.bias"]), -clamp, clamp)

    def to_rgb(x: Array, name: str, w: Array) -> Array:
        kernel = modulated(p, f"synthesis.{name}", w, demodulate=False)
        return np.clip(correlate(x, kernel) + p[f"synthesis.{name}.bias"], -clamp, clamp)

    x = layer(p["synthesis.b4.const"].transpose(1, 2, 0), "b4.conv1", codes[0])
    image = to_rgb(x, "b4.torgb", codes[1])
    for n in range(3, len(codes) // 2 + 2):
        block = f"b{2**n}"
        x = layer(x, f"{block}.conv0", codes[2 * n - 5], up=True)
        x = layer(x, f"{block}.conv1", codes[2 * n - 4])
        image = up_image(image) + to_rgb(x, f"{block}.torgb", codes[2 * n - 3])
    return image

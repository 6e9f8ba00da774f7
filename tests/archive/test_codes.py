"""Codes in other clothes: the same numbers; and what is none."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from ffhq_uv.archive.codes import decode_codes
from ffhq_uv.archive.containers import ArchiveError
from ffhq_uv.archive.latents import decode_latent

CODE = torch.randn(18, 512, generator=torch.Generator().manual_seed(0))
W = CODE[:1]
BATCH = torch.randn(190, 18, 512, generator=torch.Generator().manual_seed(1))


def saved(value: object, **options: bool) -> bytes:
    buffer = io.BytesIO()
    torch.save(value, buffer, **options)
    return buffer.getvalue()


def npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def npz(save: Callable[..., None] = np.savez, **arrays: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    save(buffer, **arrays)
    return buffer.getvalue()


ONE = {
    "float64": ("x.pt", saved(CODE.double())),
    "float16": ("x.pt", saved(CODE.half())),
    "bfloat16": ("x.pt", saved(CODE.bfloat16())),
    "a parameter": ("x.pt", saved(torch.nn.Parameter(CODE[None]))),
    "torch before 1.6": ("x.pt", saved(CODE, _use_new_zipfile_serialization=False)),
    "a parameter, before 1.6": ("x.pt", saved({"w": torch.nn.Parameter(CODE)}, _use_new_zipfile_serialization=False)),
    "a view of a large batch": ("x.pt", saved(torch.cat([BATCH, CODE[None]])[-1:])),
    "a transposed view": ("x.pt", saved(CODE.T.contiguous().T)),
    "a numpy array in a torch file": ("x.pt", saved({"latent": CODE.numpy()})),
    "npy": ("x.npy", npy(CODE.numpy())),
    "npy, fortran order": ("x.npy", npy(np.asfortranarray(CODE.numpy()))),
    "npz of a projector": ("x.npz", npz(w=CODE[None].numpy())),
    "npz, packed": ("x.npz", npz(np.savez_compressed, arr_0=CODE.numpy())),
    "an only entry": ("x.pt", saved({"mine": CODE, "seed": 3})),
}


@pytest.mark.parametrize("clothes", ONE)
def test_the_same_numbers_in_other_clothes(clothes: str) -> None:
    name, data = ONE[clothes]
    tolerance = 2e-3 if clothes == "float16" else 2e-2 if clothes == "bfloat16" else 0
    code = decode_latent(data, name)
    assert code.dtype == np.float32
    np.testing.assert_allclose(code, CODE.numpy(), atol=tolerance)


@pytest.mark.parametrize("w", [W, W[0], W.expand(18, 512), W[None].expand(1, 18, 512)])
def test_a_code_of_w_is_meant_for_every_layer(w: Tensor) -> None:
    np.testing.assert_array_equal(decode_latent(saved(w), "x.pt"), W.expand(18, 512).numpy())


@pytest.mark.parametrize(
    ("array", "shape"),
    [
        (BATCH[:3], (3, 1, 18, 512)),
        (BATCH[:6].reshape(2, 3, 18, 512), (2, 3, 18, 512)),
        (BATCH[:2, :14], (2, 1, 14, 512)),
        (BATCH[0, :16], (1, 1, 16, 512)),
        (BATCH[:5, :1], (5, 1, 1, 512)),
    ],
)
def test_batches_views_and_smaller_networks(array: Tensor, shape: tuple[int, ...]) -> None:
    for name, data in (("x.pt", saved(array.clone())), ("x.npy", npy(array.numpy()))):
        codes = decode_codes(data, name)
        assert codes.shape == shape
        np.testing.assert_array_equal(codes.reshape(array.shape), array.numpy())


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("x.pt", saved(torch.zeros(18, 256)), "holds no W+ code, but float32"),
        ("x.pt", saved(torch.zeros(18, 512, dtype=torch.int64)), "holds no W+ code"),
        ("x.pt", saved({"a": CODE, "b": CODE}), "holds no W+ code, but 'a', 'b'"),
        ("x.pt", saved([CODE]), "a list"),
        ("x.pt", saved(BATCH[:, :13].clone()), "shape"),
        ("x.pt", b"<!DOCTYPE html><html>", "a web page, not the file"),
        ("x.pt", b"version https://git-lfs.github.com/spec/v1", "git lfs pull"),
        ("x.pt", b"", "an empty file"),
        ("x.npy", npy(np.array([None])), "object"),
        ("x.npy", npy(CODE.numpy())[:-4], "bytes, a plain array"),
        ("x.npz", npz(w=CODE.numpy())[:-40], "not a readable .npz"),
        ("x.pt", saved(CODE)[:9000], "not a readable torch file"),
        ("x.pt", saved(CODE, _use_new_zipfile_serialization=False)[:-9], "torch file"),
    ],
)
def test_what_is_no_code_is_named(name: str, data: bytes, said: str) -> None:
    with pytest.raises(ArchiveError, match=rf"^{name}: .*{said.replace('+', '.')}"):
        decode_codes(data, name)

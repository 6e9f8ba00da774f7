"""The code of a face: e4e's encoder out of ``e4e_ffhq_encode.pt``, and the average code that it starts from."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from ffhq_uv.formats.unpickle import UnpickleError, load_torch
from ffhq_uv.inversion.e4e_network import LAYERS, WIDTH, Encoder4Editing
from ffhq_uv.inversion.folded import FoldedEncoder
from ffhq_uv.networks import State, WeightsError, checked_state, inference, portions, usable_device, with_weights
from ffhq_uv.networks.allocator import keep_freed_memory, return_freed_memory
from ffhq_uv.networks.layers import available

PREFIX = "encoder."


class E4EEncoder:
    """W+ codes of aligned faces.

    The file is a dict: ``state_dict`` (of which ``encoder.*``, strictly), ``latent_avg`` [18, 512], and ``opts``, the
    options of its training, of which only ``start_from_latent_avg`` matters: false leaves the average out.
    Raises FileNotFoundError, or WeightsError for a file that is damaged, hostile, or something else.
    """

    def __init__(self, path: Path, device: str) -> None:
        self._device = usable_device(device)
        self._average = torch.zeros(LAYERS, WIDTH)
        return_freed_memory()
        network = with_weights(Encoder4Editing, self._read(path), path)
        library = available() if self._device.type == "cpu" else None
        self._network = FoldedEncoder(network, library).eval().to(self._device)
        keep_freed_memory()

    def __call__(self, faces: Tensor) -> Tensor:
        """Codes float32 [B, 18, 512] of aligned faces uint8 RGB [B, 256, 256, 3], the average added."""
        return self.of_pixels((faces.permute(0, 3, 1, 2).float() / 255 - 0.5) / 0.5)

    def of_pixels(self, faces: Tensor) -> Tensor:
        """The same of faces float32 [B, 3, 256, 256], RGB in -1..1."""
        with inference():
            codes = torch.cat([self._network(some.to(self._device)) for some in portions(faces, self._device)])
        return codes.cpu() + self._average

    def _read(self, path: Path) -> State:
        try:
            content = load_torch(path, str(path))
        except UnpickleError as error:
            raise WeightsError(f"{error}; download it again") from error
        state = content.get("state_dict") if isinstance(content, dict) else None
        if not isinstance(state, dict) or not any(str(name).startswith(PREFIX) for name in state):
            raise WeightsError(f"{path}: no e4e encoder; expected e4e_ffhq_encode.pt, with state_dict and encoder.*")
        options, average = content.get("opts"), content.get("latent_avg")
        if not isinstance(options, dict) or options.get("start_from_latent_avg", True):
            if not isinstance(average, Tensor) or tuple(average.shape) != (LAYERS, WIDTH):
                raise WeightsError(f"{path}: latent_avg is {_shape(average)}, expected a tensor ({LAYERS}, {WIDTH})")
            self._average = checked_state({"latent_avg": average}, path)["latent_avg"]
        encoder = {name.removeprefix(PREFIX): value for name, value in state.items() if str(name).startswith(PREFIX)}
        return checked_state(encoder, path)


def _shape(value: object) -> str:
    return f"a tensor {tuple(value.shape)}" if isinstance(value, Tensor) else f"a {type(value).__name__}"

"""What FFHQ-UV is published as: the names of its folders and how many samples are in them."""

from __future__ import annotations

from ffhq_uv.geometry import VIEWS

PARTS = ("dataset", "dataset_project", "topo_assets", "checkpoints")
"""The folders in which FFHQ-UV is published."""
_OLD_SETS = ("ffhq-uv", "ffhq-uv-interpolate")
OLD_PARTS = (*(f"{name}{part}" for name in _OLD_SETS for part in ("", "-face-latents", "-face-attributes")), "standard")
"""The folders in which it was published until December 2022."""

KINDS = (
    "uv-maps",
    "face-latents",
    "meta-info.json",
    "topo_assets",
    "checkpoints",
    "latents",
    "attributes",
    "attributes_ms_api",
    "lights",
    "edit",
    "unwrap_texture",
    "inversions",
    "images",
)
"""The parts in which everything is published, by the name of a file's folder or zip."""

DEEP3D = "deep3d_model/epoch_latest.pth"
PARSING = "parsing_model/79999_iter.pth"
FLOW = "styleflow_model/modellarge10k.pt"
DIRECTION = "styleflow_model/expression_direction.pt"
"""Networks, below ``checkpoints``."""

MODEL = "hifi3dpp_model_info.mat"
MODEL_POINTS = "similarity_Lm3D_all.mat"
MASKS = (
    "hair",
    "mouth_constract",
    "center_face",
    "nosal_base",
    "nostril",
    *(f"{kind}_valid_{view}" for kind in ("major", "minor") for view in VIEWS),
)
"""Of the head, below ``topo_assets``; masks are spelt as published, in files ``<name>_mask.png``."""

_SETS = {"dataset/ffhq-uv": 54_165, "dataset/ffhq-uv-interpolate": 100_000}
PUBLISHED_SAMPLES = {
    **{
        f"{name}/{kind}": samples
        for name, samples in _SETS.items()
        for kind in ("uv-maps", "face-latents", "meta-info.json")
    },
    "dataset_project/latents": 69_620,  # FFHQ's 70,000 less 380 that could not be inverted
}
"""How many samples the authors published of what."""

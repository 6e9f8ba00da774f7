"""The rooms that a configuration names: which generator, analysis, texturer, and which measures."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import Tensor

from ffhq_uv.analysis import Analysis
from ffhq_uv.analysis.deep3d import Deep3DAnalysis
from ffhq_uv.analysis.five_points import DetectedPoints, Finder, RecordedPoints, StudioPoints
from ffhq_uv.analysis.landmarks import DlibLandmarks
from ffhq_uv.analysis.recorded import RecordedAnalysis
from ffhq_uv.analysis.studio import StudioAnalysis
from ffhq_uv.chain.encoders import Encoder, OfAlignedFaces, OfFoundFaces, OfHeads, OfPictures, front
from ffhq_uv.config import ConfigError, sections
from ffhq_uv.formats import packaged
from ffhq_uv.generator import Generator
from ffhq_uv.generator.recorded import RecordedGenerator
from ffhq_uv.generator.studio import StudioGenerator
from ffhq_uv.generator.stylegan2 import StyleGAN2Generator
from ffhq_uv.geometry import Geometry
from ffhq_uv.quality.arcface import ArcFace
from ffhq_uv.quality.dlib_encoder import DlibFaceEncoder
from ffhq_uv.quality.dpr_light import DprLight, uneven_light
from ffhq_uv.quality.expression import coefficient_expression
from ffhq_uv.quality.identity import dct_embedding
from ffhq_uv.quality.onnx_encoder import OnnxFaceEncoder
from ffhq_uv.quality.recogniser import ExpressionRecogniser, expression_score
from ffhq_uv.store import files
from ffhq_uv.studio.recognise import is_studio
from ffhq_uv.texture import Texturer
from ffhq_uv.texture.faithful import FaithfulTexturer
from ffhq_uv.texture.published import PublishedTexturer
from ffhq_uv.texture.topology import Topology

Expression = Callable[[Tensor, Geometry, Sequence[float | None]], Sequence[float | None]]
"""Scores (0 is neutral) of fronts uint8 [B, H, W, 3], their geometry and recorded scores."""

Pictures = Callable[[Tensor], Tensor]
"""A measurement of fronts uint8 [B, H, W, 3] alone, [B]."""


def check_studio(*rooms: sections.Generator | sections.Analysis) -> None:
    """Raise ConfigError where the studio is to read codes that are not its own: it would go well and mean nothing."""
    if any(room.name == "studio" for room in rooms) and not is_studio(files.TOPO_ASSETS):
        raise ConfigError(
            f"{files.TOPO_ASSETS} is not the studio's, and generator=studio and analysis=studio read the studio's own "
            "codes only; choose another generator and analysis"
        )


def build_generator(config: sections.Config) -> Generator:
    """The generator that a configuration names. Raises FileNotFoundError or ValueError for its checkpoint."""
    match config.generator:
        case sections.StudioGenerator(size=size, samples=samples):
            return StudioGenerator(size, samples)
        case sections.RecordedGenerator(size=size):
            return RecordedGenerator(files.ARCHIVES, size)
        case sections.StyleGAN2Generator() as section:
            return StyleGAN2Generator(
                section.checkpoint,
                noise=section.noise,
                seed=config.seed,
                precision=section.precision,
                compile=section.compile,
                device=section.device,
                batch=section.batch,
            )


def build_analysis(config: sections.Config) -> Analysis:
    """The analysis that a configuration names. Raises FileNotFoundError or ValueError for its files."""
    match config.analysis:
        case sections.StudioAnalysis() as studio:
            landmark_noise = studio.landmark_noise if studio.refine == "landmarks" else None
            return StudioAnalysis(files.TOPO_ASSETS, studio.noise, config.seed, landmark_noise)
        case sections.RecordedAnalysis(refine=refine):
            return RecordedAnalysis(files.ARCHIVES, files.TOPO_ASSETS, refine=refine == "landmarks")
        case sections.Deep3DAnalysis() as section:
            return Deep3DAnalysis(
                config.checkpoints,
                files.TOPO_ASSETS,
                device=section.device,
                fallback=section.landmarks.fallback,
                correction=section.landmarks.correction,
                refine=section.refine == "landmarks",
                precision=section.precision,
            )


def build_texturer(config: sections.Config, topology: Topology) -> Texturer:
    """The way of extracting textures that a configuration names."""
    if isinstance(config.texture, sections.FaithfulTexture):
        return FaithfulTexturer(topology, iterations=config.texture.iterations, eyes=config.texture.eyes)
    return PublishedTexturer(topology)


def build_expression(config: sections.Config) -> Expression:
    """The measure of expression that a configuration names."""
    section = config.expression
    if isinstance(section, sections.Recogniser):
        recognise = build_recogniser(section)
        return lambda fronts, geometry, recorded: expression_score(recognise(fronts)).tolist()
    if section.name == "coefficients":
        return lambda fronts, geometry, recorded: coefficient_expression(front(geometry.expression)).tolist()
    return lambda fronts, geometry, recorded: recorded


def build_recogniser(section: sections.Recogniser) -> ExpressionRecogniser:
    """The recogniser with its published network."""
    return ExpressionRecogniser(section.checkpoint, section.device, section.precision)


def build_identity(config: sections.Config, analysis: Analysis | None) -> Encoder:
    """The encoder of identities that a configuration names, beside this analysis, or of pictures that none knows."""
    match config.identity:
        case sections.ArcFace() as section:
            return OfAlignedFaces(
                build_finder(config, analysis), ArcFace(section.checkpoint, section.device, section.precision)
            )
        case sections.OnnxIdentity(checkpoint=checkpoint):
            if checkpoint is None:
                raise ConfigError("identity=onnx needs a file: identity.checkpoint=PATH")
            return OfAlignedFaces(build_finder(config, analysis), OnnxFaceEncoder(checkpoint))
        case sections.DlibIdentity():
            landmarks = DlibLandmarks(packaged.LANDMARKS_68.checked(), packaged.FACE_DETECTOR.checked())
            return OfFoundFaces(landmarks, DlibFaceEncoder(packaged.FACE_RECOGNISER.checked()))
        case sections.Identity(name="dct"):
            return OfPictures(dct_embedding)
    if analysis is None:
        raise ConfigError(f"identity={config.identity.name} needs heads, and pictures have none")
    return OfHeads(analysis)


def build_finder(config: sections.Config, analysis: Analysis | None) -> Finder:
    """What finds the five points of faces beside this analysis."""
    match analysis:
        case None:
            return DetectedPoints(config.checkpoints)
        case Deep3DAnalysis(points=points):
            return points
        case RecordedAnalysis():
            return RecordedPoints(analysis, DetectedPoints(config.checkpoints))
        case StudioAnalysis():
            return StudioPoints(analysis)
    raise TypeError(f"no five points beside {type(analysis).__name__}")


def build_light(config: sections.Config) -> Pictures | None:
    """How unevenly fronts uint8 [B, H, W, 3] are lit, float32 [B], 0 is even; None where it is not estimated."""
    if isinstance(config.light, sections.NoLight):
        return None
    estimate = DprLight(config.light.checkpoint, config.light.device)
    return lambda fronts: uneven_light(estimate(fronts))

"""Who is asked whether an edited face is still happy."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import Tensor

from ffhq_uv.chain.build import build_analysis, build_generator, build_recogniser, check_studio
from ffhq_uv.config import sections
from ffhq_uv.quality.recogniser import LABELS
from ffhq_uv.studio.head import EXPRESSION

IsHappy = Callable[[Tensor, Sequence[str]], list[bool]]
"""Of codes float32 [k, 18, 512] and ids, whether their faces are happy."""


def build_is_happy(config: sections.Config) -> IsHappy | None:
    """Draws the fronts that it is asked about, and nothing else. None: nobody can tell from one picture.

    The recogniser is asked as upstream does: is Happy its first choice? The studio's analysis: is the smile beyond
    ``expression.neutral_max``?
    """
    generate = build_generator(config)
    if isinstance(config.expression, sections.Recogniser):
        recognise = build_recogniser(config.expression)

        def recognised(codes: Tensor, ids: Sequence[str]) -> list[bool]:
            faces, _ = generate(codes[:, None], ids)
            return [choice == LABELS.index("happy") for choice in recognise(faces[:, 0]).argmax(1).tolist()]

        return recognised
    if config.expression.name != "coefficients" or config.analysis.name != "studio":
        return None
    check_studio(config.generator, config.analysis)
    analyse, smile, neutral = build_analysis(config), list(EXPRESSION).index("smile"), config.expression.neutral_max

    def measured(codes: Tensor, ids: Sequence[str]) -> list[bool]:
        faces, _ = generate(codes[:, None], ids)
        found: list[float] = analyse(faces, codes[:, None], ids).expression[:, 0, smile].tolist()
        return [strength > neutral for strength in found]

    return measured

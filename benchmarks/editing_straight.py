"""Editing as plainly read: what upstream computes for a sample, 14 solves of all 18 layers.

The log-density comes along, its derivative by automatic differentiation with a random probe, and the gates are computed
anew at every evaluation. Upstream re-encodes after every edit, whether the point is used or not.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ffhq_uv.editing.dopri5 import State, dopri5
from ffhq_uv.editing.edits import PUBLISHED, PUBLISHED_VIEWS
from ffhq_uv.editing.flow_network import StyleFlow
from ffhq_uv.editing.slots import EXPRESSION


def edited(flow: StyleFlow, code: Tensor, attributes: Tensor, way: Tensor) -> list[Tensor]:
    """Front, right and left of a code [1, 18, 512] with attributes [1, 17]; ``way`` is added after the flow's edits."""
    point = solved(flow, code, attributes, encode=True)
    for edit in PUBLISHED:
        attributes = edit.of(attributes)
        moved = solved(flow, point, attributes, encode=False)
        code = code.clone()
        code[:, edit.rows] = moved[:, edit.rows]
        point = solved(flow, code, attributes, encode=True)
    code, attributes = code + way, attributes.clone()
    attributes[:, EXPRESSION] = 0
    point = solved(flow, code, attributes, encode=True)
    views = [code]
    for view in PUBLISHED_VIEWS:
        moved = solved(flow, point, view.of(attributes), encode=False)
        turned = code.clone()
        turned[:, view.rows] = moved[:, view.rows]
        views.append(turned)
    return views


def solved(flow: StyleFlow, x: Tensor, attributes: Tensor, *, encode: bool) -> Tensor:
    """The flow of points [1, 18, 512], one way or the other."""
    probe = torch.randn_like(x)
    sign = 1.0 if encode else -1.0

    def derivative(time: float, state: State) -> State:
        told = torch.cat([torch.full((1, 1), sign * time), attributes], 1)
        with torch.enable_grad():
            h = start = state[0].detach().requires_grad_(True)
            for number, layer in enumerate(flow.layers):
                gate, shift = layer._hyper_gate(told).sigmoid()[:, None], layer._hyper_bias(told)[:, None]
                h = layer._layer(h) * gate + shift
                h = h.tanh() if number < 5 else h
            (back,) = torch.autograd.grad(h, start, probe)
        return sign * h.detach(), -sign * (back * probe).sum(-1, keepdim=True)

    enter, leave = (flow.before, flow.after.forward) if encode else (flow.after.reverse, flow.before.reverse)
    density = -flow.before.log_density() if encode else flow.after.log_density()
    ends = (0.0, flow.end_time) if encode else (-flow.end_time, 0.0)
    return leave(dopri5(derivative, (enter(x), density.expand(1, 18, 1)), *ends)[0])

"""A network as a program of its own: loads with torch alone, without this project's code."""

from __future__ import annotations

import copy
import io
import warnings
from typing import TYPE_CHECKING

import torch
from torch.export import Dim

if TYPE_CHECKING:
    from torch import nn


def exported_program(model: nn.Module) -> bytes:
    """The content of a .pt2 file: (N, 1, 28, 28) float32 in [0, 1] -> (N, 10) logits, any N."""
    network = copy.deepcopy(model).cpu().eval()
    example = (torch.zeros(2, 1, 28, 28),)
    program = torch.export.export(network, example, dynamic_shapes=({0: Dim("images")},))
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # one about pytrees from torch's own code
        torch.export.save(program, buffer)
    return buffer.getvalue()

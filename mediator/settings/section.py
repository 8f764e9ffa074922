"""What holds for every section of the settings: frozen, strict, and nothing that it does not know.

Pure.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A table of `mediator.toml`; its errors repeat no value."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False, hide_input_in_errors=True)

"""`python -m mediator`: the same as the command `mediator`.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from mediator.cli.main import main

if __name__ == "__main__":
    main()

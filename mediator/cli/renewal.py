"""What operators signed just now, put in force where a mediator runs: it is asked to read it anew.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from mediator.cli.console import GOOD, WARN, say
from mediator.cli.folder import SetUp
from mediator.edge.control import ask_control
from mediator.refusal import Refused


def renew_running(set_up: SetUp) -> bool:
    """Tell whether a mediator runs here, once it was asked to read what is signed; say what became of that.

    Raises the `Refused` that it answers with: it goes on under the trust that it had.
    """
    try:
        answer = ask_control(set_up.folder.control_socket, {"op": "trust.renew"})
    except Refused as refused:
        say(("a mediator runs here, and goes on as before: ", WARN), "what was signed is written, and not yet in force")
        raise Refused(
            refused.reason, refused.detail, remedy=refused.remedy or "`mediator doctor` says more"
        ) from refused
    if answer is None:
        return False
    say(("in force: ", GOOD), f"the mediator that runs here obeys it from now on, with {answer['pins']} pinned tools")
    return True

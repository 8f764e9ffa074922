"""Key holders: which agent proved which key, so that a key that turns up under two agents is found.

A key is one instance's. Where two show it, one of them has the other's, and nobody can tell which: the second is refused,
and an operator is told. Pure memory, no I/O of its own: whoever came first is known for as long as this process lives.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Final, final

from mediator.identity.confirmation import Confirmation
from mediator.refusal import Reason, Refused

_REMEMBERED_MAX: Final = 16_384  # 200 bytes each; those whose keys are in the settings are never forgotten


@final
class KeyHolders:
    """Remembers who proved which key, the longest unused forgotten first; `known` are those of profiles, by thumbprint.

    `tell` is told each finding once: the key, whose it is, who else showed it.
    """

    def __init__(self, known: Mapping[str, str], tell: Callable[[str, str, str], None]) -> None:
        self._known: Final = known
        self._tell: Final = tell
        self._shown: OrderedDict[str, str] = OrderedDict()
        self._told: set[tuple[str, str]] = set()

    def must_be_own(self, bound_to: Confirmation, agent: str) -> None:
        """Return if the key to which a token of this agent is bound is no other's, and take note that it is this agent's.

        Where that is the key of its proofs, the certificate may be that of a gateway through which others come, too.

        Raises `Refused(PROOF_INVALID)`.
        """
        key = _key_in(bound_to)
        if key not in self._known:
            self._shown.setdefault(key, agent)
            self._shown.move_to_end(key)
            if len(self._shown) > _REMEMBERED_MAX:
                self._shown.popitem(last=False)
        self.must_be_no_others(bound_to, agent)

    def must_be_no_others(self, bound_to: Confirmation, agent: str) -> None:
        """Return if no other agent has proven this key, of which no note is taken; raises `Refused(PROOF_INVALID)`.

        For a proof that names no token: one hands it to another for an exchange, and does not lose its key to that one.
        """
        key = _key_in(bound_to)
        holder = self._known.get(key, self._shown.get(key, agent))
        if holder == agent:
            return
        if (key, agent) not in self._told and len(self._told) < _REMEMBERED_MAX:
            self._told.add((key, agent))
            self._tell(key, holder, agent)
        raise Refused(
            Reason.PROOF_INVALID,
            f"key `{key}` of `{agent}` is that of `{holder}` too",
            sentence="this key is another agent's, and each has its own",
            remedy="make a fresh key for each instance",
        )


def _key_in(bound_to: Confirmation) -> str:
    key = bound_to.certificate if bound_to.jkt is None else bound_to.jkt
    assert key is not None  # one of the two is there
    return key

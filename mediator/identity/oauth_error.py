"""What the token endpoint answers when it refuses: OAuth's own closed list of errors, and the refusal that carries one.

Pure: it decides nothing and knows no HTTP; which status belongs to an error is for `edge/oauth_answers.py`. The two
tellings of a refusal hold here too: `detail` is for the operator's record, `description` for the client, and nothing
that somebody else wrote stands in it.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum, unique
from typing import Final

from mediator.refusal import Reason, Refused, Told

# RFC 6749 §5.2: `error_description` is made of %x20-21 / %x23-5B / %x5D-7E, which leaves out `"` and `\`.
_FOREIGN: Final = re.compile(r"[^\x20-\x21\x23-\x5b\x5d-\x7e]")


@unique
class OAuthError(StrEnum):
    """Every error that is answered, under the name that its document gives it.

    - RFC 6749 §5.2: `invalid_request` (RFC 8693 §2.2.2 too, for a subject or actor token), `invalid_client`,
      `invalid_grant`, `unauthorized_client`, `unsupported_grant_type`, `invalid_scope`
    - RFC 8707 §2 and RFC 8693 §2.2.2: `invalid_target`
    - RFC 9396 §5: `invalid_authorization_details`
    - draft-mcguinness-oauth-actor-profile-00: `actor_unauthorized`
    - RFC 9449 §5 and §8: `invalid_dpop_proof`, `use_dpop_nonce`
    - RFC 7009 §2.2.1: `unsupported_token_type`
    - RFC 6749 §4.1.2.1: `temporarily_unavailable`, `server_error`, here beside the HTTP status that says the same
    """

    INVALID_REQUEST = "invalid_request"
    INVALID_CLIENT = "invalid_client"
    INVALID_GRANT = "invalid_grant"
    UNAUTHORIZED_CLIENT = "unauthorized_client"
    UNSUPPORTED_GRANT_TYPE = "unsupported_grant_type"
    INVALID_SCOPE = "invalid_scope"
    INVALID_TARGET = "invalid_target"
    INVALID_AUTHORIZATION_DETAILS = "invalid_authorization_details"
    ACTOR_UNAUTHORIZED = "actor_unauthorized"
    INVALID_DPOP_PROOF = "invalid_dpop_proof"
    USE_DPOP_NONCE = "use_dpop_nonce"
    UNSUPPORTED_TOKEN_TYPE = "unsupported_token_type"
    TEMPORARILY_UNAVAILABLE = "temporarily_unavailable"
    SERVER_ERROR = "server_error"


class TokenRefused(Refused):
    """A refusal of the token endpoint: `error` is what the client's library reads, `reason` what everybody counts by."""

    def __init__(
        self,
        error: OAuthError,
        reason: Reason,
        detail: str,
        *,
        sentence: str,
        remedy: str | None = None,
        data: Mapping[str, Told] | None = None,
        decision_id: str | None = None,
    ) -> None:
        super().__init__(reason, detail, sentence=sentence, remedy=remedy, data=data, decision_id=decision_id)
        self.error: Final = error
        self._told: Final = sentence if remedy is None else f"{sentence}; {remedy}"

    @property
    def description(self) -> str:
        """What the client may read, as `error_description`; a character that has no place there is a `?`."""
        return _FOREIGN.sub("?", self._told)

    def decided_as(self, decision_id: str) -> TokenRefused:
        """The same refusal, naming the decision that is on record for it."""
        return TokenRefused(
            self.error,
            self.reason,
            self.detail,
            sentence=self.sentence or "",
            remedy=self.remedy,
            data=self.data,
            decision_id=decision_id,
        )

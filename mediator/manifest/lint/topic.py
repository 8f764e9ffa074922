"""What a tool is for, by its own name: the work that its text may speak of without being odd.

Pure. A vault reads secrets, a mailer sends, a cleaner deletes: findings of that kind are left out for them. Names are
chosen by whoever publishes, so this lowers a voice and never silences hidden text, overriding or secrecy.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto, unique
from types import MappingProxyType
from typing import Final

from mediator.manifest.lint.reading import words_of_name
from mediator.manifest.lint.vocabulary import words


@unique
class Topic(Enum):
    """A kind of work."""

    SECRETS = auto()
    TALK = auto()
    SENDING = auto()
    DESTROYING = auto()
    RUNNING = auto()
    ENCODING = auto()


_WORDS: Final[Mapping[Topic, frozenset[str]]] = MappingProxyType(
    {
        Topic.SECRETS: words(
            "secret secrets vault password passwords passwd pw credential credentials cred creds key keys keychain token "
            "tokens auth authenticate login logon signin ssh ssl tls cert certificate certificates env dotenv environment "
            "cookie cookies wallet aws gcloud azure kube k8s kubectl kubernetes oauth jwt gpg pgp encrypt decrypt sign "
            "personal payment card passport information sso totp otp redact dlp siem session sessions iam scp sftp keystore keyring passphrase"
        ),
        Topic.TALK: words(
            "chat chats conversation conversations message messages transcript history memory remember recall prompt llm "
            "model ask agent agents assistant completion dialogue inbox mail email slack escalate support ticket summarize "
            "summary transcribe transcript handoff"
        ),
        Topic.SENDING: words(
            "send post upload forward mail email emails publish notify notification webhook webhooks sync mirror push share "
            "export report tweet message messages sms submit request http fetch curl call backup deploy transfer pay invite "
            "reply slack comment broadcast stream emit track log telemetry analytics route url proxy hook request relay "
            "escalate rechnung facture"
        ),
        Topic.DESTROYING: words(
            "delete remove drop purge wipe erase truncate clear clean cleanup uninstall destroy reset prune trash archive rm "
            "execute run shell exec"
        ),
        Topic.RUNNING: words("run exec execute shell command terminal bash eval script code"),
        Topic.ENCODING: words(
            "base64 b64 encode decode encoding hex hash sha256 url escape unescape unicode rot13 cipher crypto jwt percent html"
        ),
    }
)


def topics_of(*names: str) -> frozenset[Topic]:
    """Return the kinds of work that the names speak of."""
    spoken = {word for name in names for word in words_of_name(name)}
    return frozenset(topic for topic, of_it in _WORDS.items() if not spoken.isdisjoint(of_it))

"""TOML -> Settings: reading, and saying what is wrong in words that name the file, the key and the next step.

Pure: bytes or parsed tables in, `Settings` out. An error never repeats a value, which may be a secret.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Final, TypeAlias, TypeVar

from pydantic import Field, ValidationError
from pydantic_core import ErrorDetails

from mediator.refusal import Reason, Refused
from mediator.settings.credentials import MARKS, MODELS
from mediator.settings.decision_points import DecisionPointSettings
from mediator.settings.issuers import IssuerSettings
from mediator.settings.quotas import BreakerSettings, BudgetSettings, LoopSettings, RateSettings
from mediator.settings.section import Section
from mediator.settings.sections import (
    SETTINGS_FILE,
    AgentSettings,
    ApprovalSettings,
    DelegationSettings,
    LedgerSettings,
    LimitSettings,
    ManifestSettings,
    PolicySettings,
    ProofSettings,
    ServerSettings,
    Settings,
    StoreSettings,
    TelemetrySettings,
    ToolServerSettings,
)
from mediator.settings.tls import TlsSettings
from mediator.settings.workloads import WorkloadIssuerSettings, WorkloadSettings, find_mistake

Toml: TypeAlias = Mapping[str, object]
_Model = TypeVar("_Model", bound=Section)

_SECTIONS: Final[Mapping[str, type[Section]]] = {
    "server": ServerSettings,
    "issuer": IssuerSettings,
    "workload_issuer": WorkloadIssuerSettings,
    "delegation": DelegationSettings,
    "proof": ProofSettings,
    "manifests": ManifestSettings,
    "policy": PolicySettings,
    "approvals": ApprovalSettings,
    "decision_point": DecisionPointSettings,
    "tool_server": ToolServerSettings,
    "telemetry": TelemetrySettings,
    "ledger": LedgerSettings,
    "store": StoreSettings,
    "limits": LimitSettings,
    "agent": AgentSettings,
    "budget": BudgetSettings,
    "rate": RateSettings,
    "loop": LoopSettings,
    "breaker": BreakerSettings,
}


class _Part(Section):
    """A file of `tool_servers.d`: tool servers, and nothing else."""

    tool_servers: Annotated[tuple[ToolServerSettings, ...], Field(alias="tool_server", strict=False, min_length=1)]


def parse_toml(file: str, raw: bytes) -> Toml:
    """Return the tables of one TOML file; raises `Refused(MALFORMED)` naming the file and the line."""
    try:
        return tomllib.loads(raw.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise _malformed(file, f"not UTF-8 at byte {error.start}", "save the file as UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise _malformed(file, f"not TOML: {_lower(str(error))}", "correct that line") from error
    except ValueError as error:  # beside its own error, `tomllib` lets those of `int` and `datetime` pass
        raise _malformed(file, "not TOML: a number or date that nothing can hold", "correct it") from error
    except RecursionError as error:
        raise _malformed(file, "nested too deeply", "write what the settings know: tables of plain values") from error


def parse_settings(main: Toml, parts: Sequence[tuple[str, Toml]] = (), file: str = SETTINGS_FILE) -> Settings:
    """Return the settings of `mediator.toml` and of the files of `tool_servers.d` (name and tables of each).

    Raises `Refused(MALFORMED)` with file, key, what was expected and the next step; nothing else.
    """
    settings = _validated(Settings, file, main)
    servers = [(file, server) for server in settings.tool_servers]
    for part_file, tables in parts:
        part = _validated(_Part, part_file, tables)
        servers += [(part_file, server) for server in part.tool_servers]
    _must_be_unique("tool_server", "name", [(where, server.name) for where, server in servers])
    _must_be_unique("agent", "name", [(file, agent.name) for agent in settings.agents])
    _must_be_unique("issuer", "name", [(file, issuer.name) for issuer in settings.issuers])
    _must_be_unique("issuer", "issuer", [(file, issuer.issuer or "the local one") for issuer in settings.issuers])
    _must_be_unique("decision_point", "name", [(file, one.name) for one in settings.decision_points])
    _must_be_unique("workload_issuer", "name", [(file, one.name) for one in settings.workload_issuers])
    _must_be_unique("budget", "name", [(file, one.name) for one in settings.budgets])
    _must_be_unique("rate", "name", [(file, one.name) for one in settings.rates])
    for key in ("issuer", "trust_domain"):
        named = [getattr(one, key) for one in settings.workload_issuers]
        _must_be_unique("workload_issuer", key, [(file, name) for name in named if name is not None])
    _must_be_told_apart(file, settings.agents)
    _must_name_workloads(file, settings)
    return settings.model_copy(update={"tool_servers": tuple(server for _, server in servers)})


def _validated(model: type[_Model], file: str, tables: Toml) -> _Model:
    try:
        return model.model_validate(dict(tables))
    except ValidationError as error:
        errors = error.errors(include_url=False, include_input=False)
        more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        # What is unknown comes first: a key that is misspelt is also one that is missing.
        raise _explained(model, file, min(errors, key=lambda one: one["type"] != "extra_forbidden"), more) from error


def _explained(model: type[Section], file: str, error: ErrorDetails, more: str) -> Refused:
    where = error["loc"]
    key = _key(where)
    match error["type"]:
        case "extra_forbidden":
            known = _known_keys(model, where)
            near = difflib.get_close_matches(str(where[-1]), known, n=1, cutoff=0.5)
            hint = f"did you mean `{near[0]}`?" if near else f"known are {', '.join(f'`{name}`' for name in known)}"
            return _malformed(file, f"unknown key {key}{more}", hint)
        case "missing":
            return _malformed(file, f"{key} is missing{more}", "add it")
        case "model_type" | "dict_type":
            return _malformed(file, f"{key}: expected a table{more}", "correct it")
        case "tuple_type" if len(where) == 1:
            return _malformed(file, f"{key}: expected tables{more}", f"begin each with `[[{where[0]}]]`")
        case "tuple_type":
            return _malformed(file, f"{key}: expected a list{more}", "write it in `[` and `]`, each text in quotes")
        case _:
            wanted = _lower(error["msg"].replace("Input should be", "expected")).replace("\n", " ")
            return _malformed(file, f"{key}: {wanted}{more}", "correct it")


def _known_keys(model: type[Section], where: tuple[int | str, ...]) -> list[str]:
    section = next((MODELS[step] for step in where if step in MODELS), None)
    if section is None and "workload" in where[:-1]:
        section = WorkloadSettings
    if where[:-1] == ("server", "tls"):
        section = TlsSettings
    if section is None:
        section = model if len(where) == 1 else _SECTIONS[str(where[0])]
    return [field.alias or name for name, field in section.model_fields.items()]


def _key(where: tuple[int | str, ...]) -> str:
    """The place in an operator's words: `tool_server[2].url`, counted from one."""
    text = ""
    for step in where:
        if step == "[key]" or step in MARKS:  # pydantic's mark for "the key itself, not its value"; ours for a kind
            continue
        text += f"[{step + 1}]" if isinstance(step, int) else f".{step}" if text else step
    return f"`{_printable(text)}`" if text else "the file"


def _must_be_unique(section: str, key: str, entries: Iterable[tuple[str, str]]) -> None:
    seen: dict[str, str] = {}
    for file, name in entries:
        if name in seen:
            where = file if seen[name] == file else f"{seen[name]} and {file}"
            raise _malformed(where, f"`{section}`: `{key}` is `{name}` twice", "give each its own, or remove one")
        seen[name] = file


def _must_be_told_apart(file: str, agents: Iterable[AgentSettings]) -> None:
    """Whoever proves a key, or a workload, is one agent: else the record could not say which of them acted."""
    seen: dict[str, str] = {}
    for agent in agents:
        proofs = [] if agent.key is None else [("key", agent.key)]
        if agent.workload is not None:
            proofs.append(("workload", f"{agent.workload.issuer}:{agent.workload.subject}"))
        for what, proof in proofs:
            if proof in seen:
                raise _malformed(
                    file, f"`agent`: `{seen[proof]}` and `{agent.name}` have one {what}", "give each its own"
                )
            seen[proof] = agent.name


def _must_name_workloads(file: str, settings: Settings) -> None:
    issuers = {one.name: one for one in settings.workload_issuers}
    for agent in settings.agents:
        mistake = None if agent.workload is None else find_mistake(agent.workload, issuers)
        if mistake is not None:
            raise _malformed(file, f"`agent`: `workload` of `{agent.name}`: {mistake}", "correct it")


def _printable(text: str) -> str:
    """A key as an error may show it: no line break, no escape, no end to it."""
    return "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in text[:100])


def _lower(message: str) -> str:
    return message[:1].lower() + message[1:]


def _malformed(file: str, what: str, next_step: str) -> Refused:
    return Refused(Reason.MALFORMED, f"{file}: {what}", remedy=f"{next_step} (in {file})")

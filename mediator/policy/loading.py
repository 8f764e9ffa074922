"""A set of policies, checked as a whole before it may decide anything.

What the engine alone can do (compile a text, validate a type) it is asked for through `PolicyCompiler`. Rules:

- every text compiles to exactly one policy, with what `policy.py` asks of it; an `@id` stands once in the whole set
- a policy that names items is validated against the schema of each of them, arguments included
- any other is validated once against the base context, which is the same for all items, and against what servers may
  ask; if a condition of it asks for the action, against every item that it may apply to as well, for then the answer
  may differ by item
- one that names `delegate` is validated against what a delegation is asked with, and if it names nothing else against
  that alone. A forbid over any action at all counts there too; if it looks at what only items have, that is a warning:
  no set that was fit stops being so, and a delegation that meets such a policy is denied as an error
- one that names `approve` is validated against what an approval is asked with; no other has a say there
- what is named and not pinned cannot match anything: a warning, so that a forbid can be in place before its item is,
  and an item that is gone does not take the whole set with it

An engine skips a policy whose evaluation fails, be it a forbid: validation is what keeps such policies out.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple, Protocol

from mediator.canonical import JsonObject
from mediator.policy.approving import APPROVE
from mediator.policy.finding import PolicyFinding, Severity
from mediator.policy.policy import OPEN_GROUPS, Policy, Uid, finding_of, is_item_action, policy_from
from mediator.policy.projection import ACTION_TYPE
from mediator.policy.request import DELEGATE, Action
from mediator.policy.schema import ANY_ITEM, ItemSchema, text_for_any_item, text_for_approval, text_for_delegation
from mediator.policy.slicing import may_matter
from mediator.policy.source import Source, excess_of, split_policies
from mediator.policy.types import quoted

_REMEDIES: Final = (
    ("optional attribute", "ask for it first: `context has ... && ...`, or `context.args has ... && ...`"),
    ("not found", "see the attributes in policies/README.md; an item's arguments are under `context.args`"),
    ("applicable action", "its scope matches no call at all: look at the types of principal, action and resource"),
)
_EMPTY_SO_FAR: Final = frozenset({("task", "labels"), ("provenance",)})
_FAILS_AT_DELEGATIONS: Final = (
    "each delegation that meets it is denied as an error: say `resource is Mediator::Tool` in its scope, "
    "or which actions it is of"
)
_NAMED: Final = re.compile(r"""@id\s*\(\s*"([a-z0-9._-]{1,80})"\s*\)""")  # as its author calls what cannot be read
_REMEDY: Final = "see policies/README.md for what a policy may read"


class PolicyCompiler(Protocol):
    """What the engine knows about policies."""

    def compile(self, text: str) -> JsonObject:
        """Return the one policy of this text in the engine's JSON form; raise `ValueError` if it is not one policy."""
        ...

    def validate(self, texts: Sequence[str], schema: str) -> Sequence[tuple[int, str]]:
        """Return what is wrong with these policies under this schema, each with the index of its policy."""
        ...


class LoadedPolicies(NamedTuple):
    """The policies that could be read, and everything that was found."""

    policies: tuple[Policy, ...]
    findings: tuple[PolicyFinding, ...]

    @property
    def is_fit(self) -> bool:
        """Tell whether the set may be put in force."""
        return all(finding.severity is not Severity.ERROR for finding in self.findings)


def load_policies(
    policy_text: Mapping[str, str], items: Mapping[str, ItemSchema], compiler: PolicyCompiler
) -> LoadedPolicies:
    """Return the policies of these files, by file name, and what is wrong with them."""
    policies: list[Policy] = []
    findings: list[PolicyFinding] = []
    for file in sorted(policy_text):
        for source in split_policies(file, policy_text[file]):
            found = _policy_of(source, compiler)
            if isinstance(found, Policy):
                policies.append(found)
            else:
                findings += found
    findings += _same_ids(policies)
    findings += _ill_typed(policies, items, compiler)
    for policy in policies:
        findings += _unknown_names(policy, items)
        findings += _always_empty(policy)
    if not any(not policy.forbids for policy in policies):
        findings.append(_about_the_set("no policy permits anything: every call would be denied"))
    return LoadedPolicies(tuple(policies), tuple(findings))


def _policy_of(source: Source, compiler: PolicyCompiler) -> Policy | list[PolicyFinding]:
    fault = excess_of(source.text)
    if fault is None:
        try:
            compiled = compiler.compile(source.text)
        except ValueError as error:
            fault = _one_line(str(error))
        else:
            return policy_from(compiled, source)
    message = f"this is no policy: {fault}"
    remedy = "see https://docs.cedarpolicy.com/policies/syntax-policy.html, and the default set for examples"
    named = _NAMED.search(source.text)
    return [
        PolicyFinding(
            file=source.file, line=source.line, policy_id=named[1] if named else "", message=message, remedy=remedy
        )
    ]


def _same_ids(policies: Iterable[Policy]) -> Iterator[PolicyFinding]:
    first: dict[str, Policy] = {}
    for policy in policies:
        other = first.setdefault(policy.id, policy)
        if other is not policy:
            where = f"{other.source.file}:{other.source.line}"
            yield finding_of(policy, f"the `@id` is taken by the policy at {where}", "choose another")


def _ill_typed(
    policies: Iterable[Policy], items: Mapping[str, ItemSchema], compiler: PolicyCompiler
) -> Iterator[PolicyFinding]:
    # Those that are checked for the same item, and name the same actions, are checked in one go.
    groups: defaultdict[tuple[str, frozenset[str]], list[Policy]] = defaultdict(list)
    for policy in policies:
        for checked_for in _checked_for(policy, items):
            groups[checked_for, policy.actions].append(policy)
    told: set[tuple[str, str]] = set()
    # INVARIANT: delegations come last. A fault there may be a warning, which must not stand for the error that it is elsewhere.
    for (checked_for, actions), group in sorted(groups.items(), key=lambda found: found[0][0] == DELEGATE):
        schema = _schema_for(checked_for, actions, items)
        for index, message in compiler.validate([policy.source.text for policy in group], schema):
            policy, text = (
                group[index],
                _without_actions(_one_line(message), [checked_for] if checked_for else ANY_ITEM.values()),
            )
            if (policy.id, text) not in told:  # the same fault under every item's schema is one fault
                told.add((policy.id, text))
                yield _ill_typed_finding(policy, text, checked_for)


def _schema_for(checked_for: str, actions: frozenset[str], items: Mapping[str, ItemSchema]) -> str:
    if checked_for == DELEGATE:
        return text_for_delegation(actions)
    if checked_for == APPROVE:
        return text_for_approval(actions)
    return items[checked_for].text(actions) if checked_for else _text_for_any_item(actions)


def _ill_typed_finding(policy: Policy, text: str, checked_for: str) -> PolicyFinding:
    message = f"{text} (checked for {checked_for or 'any item'})"
    if checked_for == DELEGATE and not policy.names_delegation:
        return finding_of(policy, message, _FAILS_AT_DELEGATIONS, Severity.WARNING)
    return finding_of(policy, message, next((remedy for part, remedy in _REMEDIES if part in text), _REMEDY))


def _checked_for(policy: Policy, items: Mapping[str, ItemSchema]) -> Iterator[str]:
    """Yield for what the policy must be well typed: items, `delegate`, `approve`; the empty name stands for any item."""
    if policy.names_approval:
        yield APPROVE
        if policy.names_approval_only:
            return
    if policy.may_decide_delegations:
        yield DELEGATE
    is_of_agents = policy.names_delegation_only or (policy.may_decide_delegations and policy.is_done_to_agents_only)
    if not policy.names_items_only and not is_of_agents:
        yield ""
    yield from (key for key in policy.items if key in items)
    if not policy.items and policy.mentions.asks_for_action:
        for key, item in items.items():
            if may_matter(policy, item.action(Action.CALL), item.resource()):
                yield key


def _text_for_any_item(actions: frozenset[str]) -> str:
    return text_for_any_item([name for name in actions if name.startswith(OPEN_GROUPS)], actions)


def _without_actions(message: str, names: Iterable[str]) -> str:
    for name in names:
        message = message.replace(f" for {ACTION_TYPE}::{quoted(name)}", "")
    return message


def _unknown_names(policy: Policy, items: Mapping[str, ItemSchema]) -> Iterator[PolicyFinding]:
    known_actions = {name for item in items.values() for name in item.groups}
    for name in sorted(policy.actions):
        is_open = name.startswith(("server:", "domain:"))
        if (is_item_action(name) and name not in items) or (is_open and name not in known_actions):
            yield _not_pinned(policy, name)
    known_places = {uid for item in items.values() for uid in _places(item)}
    for uid in policy.resource.uids:
        if uid not in known_places and not policy.is_done_to_agents_only:  # which agents there are is not pinned
            yield _not_pinned(policy, uid.id)


def _always_empty(policy: Policy) -> Iterator[PolicyFinding]:
    """Say which attributes this version leaves empty: a forbid on one would look like a guard, and never fire."""
    for path in sorted(policy.mentions.paths & _EMPTY_SO_FAR):
        message = f"nothing fills `context.{'.'.join(path)}` in this version: a condition on it never changes"
        yield finding_of(policy, message, "do not rely on it yet: docs/limits.md", Severity.WARNING)


def _places(item: ItemSchema) -> frozenset[Uid]:
    resource = item.resource()
    return resource.within | {resource.uid}


def _not_pinned(policy: Policy, name: str) -> PolicyFinding:
    message = f"nothing that is pinned goes by the name `{name}`"
    return finding_of(policy, message, "look at its spelling; or pin it, and the policy applies", Severity.WARNING)


def _about_the_set(message: str) -> PolicyFinding:
    remedy = "start from the default set in policies/"
    return PolicyFinding(
        file="policies", line=0, policy_id="", message=message, remedy=remedy, severity=Severity.WARNING
    )


def _one_line(text: str) -> str:
    return " ".join(text.split())

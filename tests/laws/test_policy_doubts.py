"""Laws of what `policy check` says of conditions: what it calls impossible never comes about, what it lets be is guarded.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import product

from hypothesis import example, given
from hypothesis import strategies as st

from mediator.adapters.engine_cedar import check_policies, prepare_engine
from mediator.policy.decision import Verdict
from mediator.policy.request import AccessRequest
from tests.promises import promise
from tests.unit.policy.facts import BASE, approved, base, call, with_arguments
from tests.unit.policy.read import ON_READ

PATH = with_arguments({"path": {"type": "string"}}, required=["path"])
FACTS = st.sampled_from(
    [
        "context.now < 1",
        "context.now <= 1",
        "context.now > 1",
        "1 <= context.now",
        "context.now == 1",
        "context.now != 1",
        'context.proof == "a"',
        'context.proof == "b"',
        'context.proof != "a"',
        "context.grant.covers",
        "context has approval",
        "true",
        "false",
    ]
)
PATTERNS = st.sampled_from(
    ['context.args.path like "/srv/*"', 'context.args.path like "*..*"', "context.grant.covers", "context has approval"]
)


def conditions(atoms: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Conditions of atoms, however they are joined: `when`, `unless`, or one and the other."""
    body = st.recursive(
        atoms,
        lambda inner: st.one_of(
            st.builds("({} && {})".format, inner, inner),
            st.builds("({} || {})".format, inner, inner),
            st.builds("!({})".format, inner),
        ),
        max_leaves=5,
    )
    clause = st.builds("{} {{ {} }}".format, st.sampled_from(["when", "unless"]), body)
    return st.lists(clause, min_size=1, max_size=2).map(" ".join)


def circumstances() -> Iterator[AccessRequest]:
    """Every way in which the facts can stand to each other."""
    for now, proof, covers, approval in product((0, 1, 2), ("a", "b", "c"), (True, False), (None, approved())):
        grant = replace(BASE.grant, covers=covers)
        yield call(arguments={"path": "x"}, base=base(now_ms=now, proof=proof, grant=grant, approval=approval))


def doubts(policy: str) -> list[str]:
    return [found.message for found in check_policies({"a": policy}, [PATH]) if "permits anything" not in found.message]


@promise("P7")
@given(conditions(FACTS))
@example("when { context.now > 1 && context.now < 1 }")
@example('unless { context.proof != "a" || context.proof == "a" }')
def test_what_is_said_to_be_impossible_never_comes_about(condition: str) -> None:
    """Ours: a policy of which `policy check` says that it can never fire does not, under any circumstances."""
    policy = f'@id("a") @reason("r") permit({ON_READ}) {condition};'
    if not any("can never be met" in message for message in doubts(policy)):
        return
    engine = prepare_engine({"a": policy}, [PATH])
    assert [request for request in circumstances() if engine.evaluate(request).verdict is Verdict.ALLOW] == []


@promise("P7")
@given(st.sampled_from(["permit", "forbid"]), conditions(PATTERNS))
@example("permit", 'when { context.args.path like "/srv/*" && !(context.args.path like "*..*") }')
@example("forbid", 'when { context.args.path like "/srv/*" || context.args.path like "*..*" }')
@example("permit", 'when { context.args.path like "/srv/*" && context.args.path like "*..*" }')
def test_where_no_pattern_is_told_of_none_is_escaped(effect: str, condition: str) -> None:
    """standards.md 3.3 (6): of a path with `..` no pattern decides, so that it is of no use to write one."""
    policy = f'@id("a") @reason("r") {effect}({ON_READ}) {condition};'
    if any("can be escaped" in message for message in doubts(policy)):
        return
    more = '@id("b") @reason("r") permit(principal, action, resource);' if effect == "forbid" else ""
    engine = prepare_engine({"a": policy, "b": more}, [PATH])
    for request in circumstances():
        inside, outside = (
            engine.evaluate(replace(request, arguments={"path": path})).verdict
            for path in ("/srv/../etc/passwd", "/tmp/../etc/passwd")
        )
        assert inside is outside

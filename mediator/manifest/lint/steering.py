"""Rules: tools that steer the use of other tools, or claim their place.

Pure. A server may order its own tools as it likes; what is odd is to speak for the tools of others, or of all.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from typing import Final

from mediator.manifest.lint.finding import FindingCode
from mediator.manifest.lint.rule import Rule, rules

_STEERS: Final = FindingCode.STEERS_OTHER_TOOL
_SHADOWS: Final = FindingCode.SHADOWS_TOOL

STEERS: Final[tuple[Rule, ...]] = (
    *rules(
        _STEERS,
        "puts itself before or behind the use of other tools",
        "before|after|whenever|when|prior_to|each_time|every_time|upon|if ..3 any|every|another|each|all ..2 "
        "tool|tools|function|tool_call !of_this|in_this|on_this",
        "before|prior_to any|every|all|each ..3 operation|operations|action|actions|command|task|access|step|interaction ..12 must|call|use|read|run|invoke|has",
        "call|invoke|use|run ..6 to|for ..1 verify|validate|prove|confirm|check ..2 your|its ..1 authorization|authorisation|permission|permissions|identity|clearance",
        "any|every|another|each tool ..3 call|used|use|fails|invocation ..8 MUST|hand|pass|call|send",
        "with ..2 full|complete|exact ..1 arguments|parameters ..3 other|tool|tools",
        "other|another|any_other|all_other|every_other tool|tools|servers|agents ..10 must|should|never|always|not|instead|first|only "
        "!of_this",
        "must|should|never|always|instead|first|only ..8 other|another|any_other|all_other|every_other tool|tools|servers "
        "!of_this|in_this|on_this|from_this|to",
        "all|any|every ..2 calls|requests|invocations ..6 routed|route|go|pass|proxied|redirected|directed|sent through|via|to",
        "routed|proxied|redirected|directed|channelled through",
        "the !mcp|same|current|this ..1 server requires|demands|expects|insists|wants ..2 you",
        "tools of|from|on other|another|all|any servers|server",
    ),
    *rules(
        _STEERS,
        "speaks ill of another tool, or of its use",
        "the|other ..1 tool|tools|function|server ..3 is|are|has|have|was ..2 "
        "deprecated|unsafe|broken|insecure|obsolete|vulnerable|bug|bugs|buggy|unreliable|compromised|disabled|removed|outdated",
        "the !tool|function|same|current ..1 tool|server has|contains ..2 issue|problem|flaw|defect|limitation|quirk",
        "the ..1 server ..2 has|is ..2 bug|broken|unsafe|deprecated|insecure",
        "if|when|whenever ..1 a|any|the|another tool|function named|called|such_as",
        "other|another|competing|rival|alternative|legacy|those|remaining ..2 TOOLS|service|services|engine|engines ..6 "
        "never|corrupted|corrupt|unreliable|wrong|unsafe|legacy|removed|deprecated|outdated|inferior|avoided|ignored|untrusted|stale",
        "results|output|outputs|answers|data of|from|by ..4 reader|other|tools|tool|server|service|engine ..3 "
        "unreliable|corrupted|wrong|inaccurate|untrusted|incorrect|stale|tampered|not",
        "built|builtin|native|default|standard|usual in? ..2 tool|tools|search|reader|function ..6 "
        "manipulated|biased|fake|tampered|dangerous|malicious|poisoned|censored|unsafe|unreliable|broken|deprecated",
        "when|whenever|if|once|before|after the|a|an !tool|function|server|same|current ..2 tool|tools|server is|are|gets|was used|called|invoked|run|executed",
        "instructions|rules|guidance|note|notes ..2 for|on|about ..2 use|usage|using of? the !tool|function|server ..1 tool|tools|server",
        "before|prior_to ..1 selecting|choosing|picking|deciding ..1 a|any|the|which ..1 tool|tools|function",
        "do|follow|obey what|whatever|as it|this|that|tool says|tells|returns|orders|demands",
    ),
    *rules(
        _STEERS,
        "changes what is given to another tool",
        "change|replace|set|modify|swap|alter|substitute|rewrite|redirect ..2 "
        "recipient|recipients|destination|account|payee|beneficiary|address ..4 to|with|by ..3 <mail>|<url>|account|attacker|ours|our",
        "as|with destination|recipient|payee ..2 whatever|regardless|instead|always",
        "whatever|regardless_of ..2 address|recipient|destination|account ..2 user|given|gave",
        "<mail> as|for ..1 recipient|destination|receiver|addressee",
    ),
)

SHADOWS: Final[tuple[Rule, ...]] = (
    *rules(
        _SHADOWS,
        "claims the place of all others",
        "pick|use|prefer|choose|select|favor|favour|call ..5 over|instead_of|rather_than|in_place_of|ahead_of ..1 "
        "any|all|every|other ..2 alternative|alternatives|other|others|tool|tools|one|option|options",
        "do not|never use|call|invoke|trust ..2 other|another|any ..2 tool|tools|alternative|search",
        "not|never use it|them|that any_more|anymore|again|any_longer",
        "never|not|avoid|stop ..1 use|using|call|trust the ..2 official|original|genuine|other|existing|old|real ..2 TOOLS|client|one",
        "never|not|avoid ..2 select|use|choose|pick|call|trust|consider|using|selecting|choosing ..2 competing|other|rival|alternative|different|another TOOLS|one|ones|tool|service",
        "superior|better|best|preferable|preferred ..4 every|all|any ..2 other|tool|tools|alternative|alternatives",
        "not|never|stop ..1 use|using|call|calling|invoke ..6 any_more|anymore|any_longer|again",
        "replaces|supersedes|replace the? built|builtin|native|existing|official|standard in? ..1 tool|tools|functions|search",
        "use|call exclusively|solely|nothing this|it|but",
        "replacement for all|every|any|other ..3 tool|tools|server|servers",
        "best|most ..2 of all ..2 tools",
        "only ..2 tool ..3 trusted|allowed|safe|approved|permitted",
        "replaces|supersedes all|any|every ..2 tools|tool",
    ),
)

FOREIGN_NAME: Final[tuple[Rule, ...]] = rules(
    _STEERS,
    "says when or how another server's tool is to be used",
    "STEER ..10 <tool>",
    "<tool> ..10 STEER",
)
"""`<tool>` stands for a name that another server's tool bears, and none of this server's."""

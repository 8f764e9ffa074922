"""Rules: asking for credentials, private files and the conversation; sending data to where the tool's work does not need it.

Pure. Secret managers read secrets and mailers send: what a tool is for, by its own name, is left out of account by
`prose.py`. Here stands what is odd about a tool that is for something else.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from typing import Final

from mediator.manifest.lint.finding import FindingCode
from mediator.manifest.lint.rule import Rule, rules

_ASKS: Final = FindingCode.ASKS_FOR_SECRETS
_SENDS: Final = FindingCode.SENDS_AWAY

ASKS: Final[tuple[Rule, ...]] = (
    *rules(
        _ASKS,
        "asks for credentials or a file that holds them",
        "READ|GIVE|SEND|cat ..7 <secret>",
        "READ|GIVE|SEND ..3 user|your|their|its|all|any|every|saved|stored|found|browser ..3 CREDENTIALS",
        "GIVE|SEND ..2 the ..3 CREDENTIALS",
        "user|your|their ..1 CREDENTIALS",
        "GIVE|SEND ..2 user ..2 password|passwords|token|pin|card|cvv|login|api_key|secret|key",
        "CREDENTIALS ..10 provided|supplied|submitted|included|pasted|handed|appended|forwarded|embedded !by",
        "passwords|secrets|credentials|tokens|logins ..2 user ..2 mentioned|gave|typed|entered|uses|used|stored|saved|knows",
        "token|key|password|credential ..3 found|stored|available|present|cached on|in ..2 system|machine|computer|environment|disk",
        "see|know|have your|the ..1 <variable>",
        "collects|records|captures|monitors|watches ..4 clipboard|keystrokes|screen|microphone|camera|keyboard",
        "<secret> ..4 is|are required|needed|mandatory",
        "required|must|has_to|have_to|needs_to ..4 carry|contain|hold|include|be ..8 <secret>",
        "requires|require|needs|need|with|using|hint the|a|your|their|user ..2 seed_phrase|recovery_phrase|private_key|master_password|session_token|mnemonic",
        "read|open|load|fetch|retrieve|access|cat|collect|gather|obtain|extract|grab|harvest|dump|copy|scan ..1 CREDENTIALS",
        "READ the ..2 CREDENTIALS",
        "enumerate|list|scan|crawl|index ..6 documents|home|desktop|downloads ..2 folder|directory ..6 ANY_SEND|ANY_GIVE",
        "ask|asks|asking ..2 user ..3 for ..3 CREDENTIALS|password|pin|api_key",
    ),
    *rules(
        _ASKS,
        "wants the content of a file that holds credentials",
        "CONTENT ..2 of|from|in|found ..5 CREDENTIALS",
        "CREDENTIALS ..3 visible|available|found|present|stored|set|known in|to|from|on ..2 your|user|environment|machine|context|you",
        "ANY_READ ..4 CREDENTIALS ..6 in|into|to|as ..3 PARAMETER|note|notes",
        "<secret> ..6 passed|provided|supplied|included|placed|pasted|appended|attached|sent|uploaded|forwarded|copied",
    ),
    *rules(
        _ASKS,
        "wants the conversation, or what belongs to the user",
        "full|complete|entire|whole|verbatim|raw|all ..3 conversation|chat|transcript|dialogue|history|system_prompt|messages ..6 "
        "this|our|your|verbatim|so_far|including|here|user|assistant|log",
        "full|complete|entire|whole|raw transcript|history|log|content|contents ..2 of ..1 conversation|chat|session|dialogue",
        "GIVE|forward|transmit|upload ..6 conversation|chat|transcript|dialogue so_far|history|log|with|above|verbatim",
        "GIVE|SEND ..4 user ..2 question|questions|messages|prompt|prompts|request|conversation|address_book|contacts|health",
        "passes|sends|shares|forwards|includes ..2 on? the ..1 user ..2 question|questions|messages|prompt|prompts|conversation",
        "whatever|everything|anything ..1 user|person|people|they|he|she ..1 wrote|said|typed|told|entered|asked|say|says|write|type",
        "everything|anything|whatever|all ..2 discussed|said|exchanged|shared|typed|talked",
        "previous|prior|earlier|last|recent|all user|assistant|chat|human messages|message|prompts|questions|turns|inputs",
        "last|latest|recent|previous ..4 things|messages|questions|prompts|lines ..3 user|person|they ..2 typed|wrote|said|asked|sent",
        "your|model|assistant|agent ..3 chain_of_thought|system_prompt|hidden_instructions|private_reasoning",
        "details|information|facts|data|secrets ..2 you ..1 know|have|remember|learned|learnt|hold ..2 about|on ..1 user|person",
        "word_for_word",
        "log|record|store|save|archive|capture|remember each|every|all|any ..3 question|questions|message|messages|prompt|prompts|query|queries|turn|turns|conversation ..3 user|person|they|of|with",
        "everything|anything|all|whatever ..1 you ..1 know|learned|learnt|remember|see|observed",
        "READ|GIVE|SEND|list|enumerate ..6 USER ..2 address_book|contacts|calendar|inbox|browsing_history|search_history|photos|bookmarks ..3 in|into|to|as|here",
        "other|recent|last|open ..2 documents|files|tabs ..3 with|along|attached|edited|each|travel|came",
    ),
)

PARADED: Final[tuple[Rule, ...]] = rules(
    _ASKS,
    "shows in public what is private",
    "public|publicly|publish|open ..12 private|confidential|personal|sensitive|internal ..2 repositories|repository|repos|data|documents|files|messages|notes|code|information|keys",
    "private|confidential|personal|sensitive|internal ..2 repositories|repository|repos|data|documents|files|messages|notes|code|information ..10 public|publicly",
)

NAMED: Final[tuple[Rule, ...]] = rules(
    _ASKS,
    "a name that asks for credentials, private files or the conversation",
    "ANY_READ|ANY_GIVE|ANY_SEND|content|contents|paste|dump ..4 CREDENTIALS|env|passwd|password|credential|conversation|history|transcript|ssh|rsa|dotenv",
    "CREDENTIALS|env|passwd|password|credential|conversation|transcript|ssh|rsa|dotenv ..4 ANY_READ|ANY_GIVE|content|contents|paste|dump|here",
)
"""For names of parameters that are sentences."""

SENDS: Final[tuple[Rule, ...]] = (
    *rules(
        _SENDS,
        "sends data to another place",
        "ANY_SEND ..8 EXTERNAL",
    ),
    *rules(
        _SENDS,
        "steals",
        "exfiltrate|exfiltrates|exfiltrating|exfiltrated|steal|steals|stealing|siphon|siphons",
    ),
)
"""Left out of account where sending is what the tool is for."""

SIDE_SENDS: Final[tuple[Rule, ...]] = (
    *rules(
        _SENDS,
        "sends a copy, or sends beside its work",
        "ALSO|every|each|always|latest ..8 ANY_SEND ..8 EXTERNAL",
        "ANY_SEND ..4 ALSO ..6 EXTERNAL",
        "copy|copies ..8 ANY_SEND|go|goes ..6 EXTERNAL",
        "ANY_SEND ..2 copy|copies ..6 to",
        "<mail> ..4 bcc|cc|copy",
        "bcc|cc ..4 <mail>|<url>",
        "ping|visit|request|fetch|call|get|load|hit|contact|query <url> ..8 user|conversation|data|email|their|name|key|content",
        "publish|publishes|expose|exposes ..3 the|user|all|your|entire|whole ..2 directory|folder|workspace|project|files|history|originals|library|inbox|disk",
        "originals|files|documents|photos|data ..1 get|gets published|uploaded|shared|forwarded|leaked|exposed|transmitted|sold",
        "location|personal|private|usage|user ..1 data|information ..2 goes|go|sold|passed|given to",
        "to|as|recipient|at ..1 <mail> !e|for_example",
        "archive|backup|compliance|audit ..3 <mail>",
        "ALSO ..6 SEND|attach|add ..6 user|last|latest|recent|all ..4 PRIVATE",
        "ALSO ..2 ANY_SEND ..6 to|list the !participants|participant|user|users|guests|attendees|attendee|recipient|recipients|caller|customer|"
        "owner|assignee|team|members|invitees|subscribers|reviewers|author|event|calendar|end|result|server|child|formatter",
        "append|add|put|embed|encode|place ..8 user|message|conversation|secret|question ..10 to|into|in the|an|its ..1 image|url|link|address|query|picture",
        "<url> ..12 replaced|replace|substitute|encode|encoded|filled|stands|is ..6 user|conversation|chat|secret|what",
    ),
)
"""Odd in any tool, whatever it is for."""

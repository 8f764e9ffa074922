"""Rules: orders to the model. To drop what it was told, to keep something from the user, to do what is not the tool's work.

Pure. What is judged is the order's shape (who is spoken to, the act, its object), not its wording.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from typing import Final

from mediator.manifest.lint.finding import FindingCode
from mediator.manifest.lint.rule import Rule, rules

_OVERRIDES: Final = FindingCode.OVERRIDES_INSTRUCTIONS
_HIDES: Final = FindingCode.HIDES_FROM_USER
_ORDERS: Final = FindingCode.ORDERS_MODEL

OVERRIDES: Final[tuple[Rule, ...]] = (
    *rules(
        _OVERRIDES,
        "asks to drop earlier instructions",
        "IGNORE ..4 EARLIER ..3 GUIDANCE "
        "!in_it|in_them|within|inside|contained|returned|found|in_the_content|in_the_page|in_the_result|in_the_response|from_third",
    ),
    *rules(
        _OVERRIDES,
        "asks to drop what stands above",
        "ignore|disregard|forget the|all|everything|anything|whatever? ..1 above|previous|prior|preceding|before|earlier "
        "!value|values|result|results|version|versions|error|errors|entries|rows|state|output|data|line|lines",
    ),
    *rules(
        _OVERRIDES,
        "says that other guidance is void",
        "GUIDANCE ..5 are|is|be|been ..2 ignored|disregarded|suspended|void|overridden|superseded|lifted|revoked|off|switched_off|turned_off|waived|relaxed|bypassed",
        "instead_of|in_place_of|rather_than ..2 one|what|that ..3 asked|requested|named|chose|wanted",
        "IGNORE ..3 user ..2 request|requests|intent|wishes|input|query|question|questions|preferences|choice",
        "USER ..1 has|have ..1 agreed|consented|approved|authorized ..3 in_advance|beforehand|already|everything",
        "GUIDANCE ..3 no longer ..1 apply|applies|valid|binding|relevant|hold|holds|count|counts",
    ),
    *rules(
        _OVERRIDES,
        "says that what the model was told is out of date",
        "earlier|previous|prior|initial|existing|your|former ..1 GUIDANCE|configuration|setup|persona ..3 "
        "outdated|obsolete|void|replaced|revoked|expired|invalid|superseded|stale|null|cancelled|suspended",
        "what|this|these|text|following|below ..2 replaces|supersedes|overrides|replace|supersede|override it|them|all|any|your|previous|earlier|those",
        "stop|cease|quit ..1 following|obeying|applying|heeding|observing ..5 GUIDANCE|user",
        "GUIDANCE|wishes|requests|preferences ..4 USER ..4 second|secondary|lower|subordinate|less|last",
    ),
    *rules(
        _OVERRIDES,
        "gives itself authority, or the model leave",
        "operator|administrator|admin|developer|owner|anthropic|openai|system|management ..2 has|have|hereby ..1 enabled|authorized|authorised|granted|approved|unlocked|lifted|permitted",
        "hereby|i authorize|authorise|grant|permit|allow|instruct|order ..1 you|the|all",
        "approve|accept|confirm|allow ..2 every|all|any|each ..3 prompt|prompts|request|requests|dialog|dialogs|permission|permissions|confirmation|confirmations|purchase|purchases",
        "grant|give|allow ..3 all|full|every|unrestricted|any ..2 permission|permissions|privileges|rights",
        "execute|run|do|obey|perform whatever|anything|everything",
        "treat ..8 as if|though|coming|instructions|commands ..5 user|system|operator|trusted",
        "not|never ..1 refuse|decline|object|resist",
        "remember|keep|retain|memorize|memorise ..1 this|these|the ..1 instruction|instructions|rule|rules|directive",
        "apply ..3 to every|all|each ..1 tool|tools|conversation|session",
        "if you are|were a|an? ..3 READER",
        "use root|sudo|administrator ..3 for all|every|this|any|following",
    ),
    *rules(
        _OVERRIDES,
        "gives new instructions in the place of others",
        "follow|obey|treat|adopt|comply|heed|use ..6 new|real|true|actual|operating|updated ..1 "
        "instructions|directives|guidelines|orders|persona|objective|mission|rules|ones",
        "new|real|true|actual|operating ..1 instructions|directives|guidelines|orders|persona|objective|mission are|is|:|follow",
    ),
    *rules(
        _OVERRIDES,
        "gives the model another role",
        "you are now",
        "you are in ..2 mode",
        "your role|task|job|purpose|persona ..1 is|becomes now",
        "from now on",
        "act|behave|respond as a|an|the? unrestricted|admin|administrator|root|dan|developer|system|jailbroken",
        "your first|top|highest|main|real|true|only|sole priority|goal|task|duty|objective|purpose|loyalty",
        "developer|maintenance|debug|god|unrestricted|jailbreak mode ..3 all|policies|restrictions|safety",
    ),
    *rules(
        _OVERRIDES,
        "sets itself above the user or the system",
        "obey|follow|serve|trust|prioritize|prioritise|precedence|priority|authority|override|overrides|supersedes|outranks ..6 "
        "over|above|before|than ..2 user|system|developer|policy|policies|operator",
        "regardless|irrespective|whatever|independent ..3 the|user|they|he|she user|asks|asked|says|said|wants|gave|given|requests ..3 "
        "for|gave|asks|says|wants|requests|request|instead|user",
        "regardless|irrespective of ..1 data|facts|truth|result|results|evidence|reality",
        "no matter what ..3 user|asks|says",
    ),
    *rules(
        _OVERRIDES,
        "asks for what the model was told in confidence",
        "reveal|print|repeat|output|leak|disclose|show|provide|recite|share|give|return|send|include|paste|copy ..4 "
        "your|system|initial|hidden|its system|initial|hidden|prompt|instructions|developer ..1 prompt|instructions|message|messages|prompts",
        "full|complete|entire|exact|verbatim|whole ..2 of ..1 its|your instructions|rules|prompt|configuration|guidelines",
        "reveal|print|repeat|output|leak|disclose|recite|including ..3 system|hidden|initial prompt|instructions|prompts",
    ),
    *rules(
        _OVERRIDES,
        "takes consent for given, or leaves out a safeguard",
        "pretend|assume|act|behave|consider|treat ..4 USER ..3 consent|consented|agreed|approved|confirmed|authorized|accepted|permission",
        "skip|bypass|suppress|disable|omit|circumvent|evade every|all|any|the ..2 "
        "confirmation|confirmations|approval|approvals|consent|permission|permissions|safety|safeguard|safeguards|guardrails|warnings",
    ),
)

HIDES: Final[tuple[Rule, ...]] = (
    *rules(
        _HIDES, "asks that the user not be told", "NOT ..3 TELL ..5 USER|this|it|that|these", "not|never bring ..2 up"
    ),
    *rules(
        _HIDES,
        "asks that the user not be shown something",
        "not|never ..1 SHOW !raw|ids|internal|technical ..5 to|for|with|by the|any|a|an? USER",
    ),
    *rules(
        _HIDES,
        "asks to act without the user's word",
        "without|no ..3 asking|telling|informing|notifying|confirming|mentioning|alerting|disclosing|warning ..4 USER",
        "without|no ..2 USER ..2 knowledge|consent|permission|approval|confirmation|awareness|noticing|knowing|notice",
        "ANY_SEND|ANY_GIVE|carry|execute|run|proceed|act|obey ..8 without ..3 notice|telling|informing|notifying|mentioning|permission|consent|approval|confirmation|asking",
        "without asking|questions back|questions|asked",
    ),
    *rules(
        _HIDES,
        "asks to act unseen",
        "COVERTLY ..2 switch|change|add|set|install|create|point|commit|modify|edit|alter|enable|disable|append|swap|approve",
        "COVERTLY ..4 ANY_SEND|ANY_GIVE|ANY_READ|DESTROY|RUN",
        "ANY_SEND|ANY_GIVE ..6 COVERTLY",
        "behind|in|under the scenes|background|hood ..10 SEND|GIVE|READ",
    ),
    *rules(
        _HIDES, "says that the user need not know", "USER ..1 MODAL not|never|no ..4 KNOW", "nobody|no_one ..3 KNOW"
    ),
    *rules(
        _HIDES,
        "asks to keep something secret",
        "keep|keeping ..3 secret|between_us|to_yourself|hidden|quiet|from_the_user|from_users",
        "leave|leaving ..3 out of any|your|the|every? ..1 summary|summaries|reply|answer|response|report|output|replies|answers|responses",
        "hide|conceal|withhold this|it|that|them|these|any|all ..3 from",
    ),
    *rules(
        _HIDES,
        "asks to leave something out of the answer",
        "NOT ..5 in|into|from your|its|the|any ..1 reply|answer|response|summary|replies|answers|responses|chat",
    ),
    *rules(
        _HIDES,
        "puts an untrue answer into the model's mouth",
        "if|when|should the|a|an? USER ask|asks|inquires|wonders|notices|complains ..6 say|tell|answer|reply|claim|pretend|deny|respond|insist",
        "pretend|claim|deny|insist that|you|having|nothing|to ..3 nothing|not|only|never|done",
    ),
    *rules(
        _HIDES,
        "asks that nobody notice",
        "USER ..4 unaware|oblivious|uninformed|unsuspecting|ignorant|uninvolved|in_the_dark",
        "without|not|no|never|avoid ..3 draw|drawing|attract|attracting|raise|raising|arouse|arousing attention|suspicion|suspicions|alarm|concern|concerns|eyebrows",
        "no|not|never|without ..3 reason|need|point|necessity|necessary|required|sense ..3 worry|trouble|bother|tell|inform|mention|notify|alarm|disturb|confuse|involve|explain|discuss|announce",
        "no|not|never|without ..2 worry|bother|burden|confuse|disturb|worrying|bothering|burdening|confusing|disturbing ..2 USER ..2 with|about|by",
        "requires|needs|deserves|warrants no|not ..1 announcement|mention|notification|disclosure|explanation|acknowledgement|comment",
        "act|behave|speak|answer|respond|look|proceed like|as_if|as_though|as_usual ..6 never|nothing|not|normal|had",
        "leave|leaves|leaving|cover|covers|hide|remove|delete|wipe|erase|so ..8 no|any|your|all trace|traces|evidence|tracks",
        "is|are|stays|remains not ..2 for the user|human|person",
        "hide|conceal|obscure|mask ..8 from ..2 dialog|approval|user|reviewer|review|log|logs|audit",
        "no ..1 need|reason|requirement ..3 user ..2 approve|confirm|consent|review|see|check|agree",
        "clear|wipe|erase|delete ..2 audit|evidence",
        "omit|exclude|strip|leave|drop ..3 from ..1 answer|reply|response|summary|report|message|transcript",
        "respond|reply|answer ..4 only|just|simply ..14 even|although|though|regardless|actually",
    ),
    *rules(_HIDES, "says that nobody is to know", "tell|inform|alert|let nobody|none|no_one", "no word to"),
)

ORDERS: Final[tuple[Rule, ...]] = (
    *rules(
        _ORDERS,
        "has the model hand over what belongs to the user",
        "READER ..8 ANY_SEND|ANY_GIVE|sharing|prefix ..7 PRIVATE",
    ),
    *rules(
        _ORDERS,
        "has the model run or destroy something",
        "READER ..6 DESTROY|run|execute|obey|launch|eval|rm the|all|any|every|a|an|user|whatever|shell|<quote>|these|this",
        "assistant|assistants|llm|llms|agent|agents|ai|claude|chatgpt|gpt|copilot ..2 must|shall|has_to|have_to|needs_to|need_to|is_to|are_to|ought "
        "!be_running|exist",
        "READER instruction|instructions|directive|directives|command|order|orders :",
        "READER : ..3 DESTROY|run|execute|obey|launch|eval|call",
    ),
    *rules(
        _ORDERS,
        "orders an act around every answer",
        "before|after|whenever|each|every|with|prior_to ..3 ANSWER ..8 SEND|read|open|load|fetch|invoke|paste|append",
        "SEND|read|open|load|fetch|paste|append ..10 before|after|whenever|with|prior_to|each_time you|the|every|each|its|any? ANSWER",
        "call|invoke|run|use ..4 after|before|on|at|for|with each|every|all ..3 "
        "turn|message|query|question|prompt|interaction|response|reply|answer|exchange|utterance|messages|turns",
        "each|every session|conversation|reply|answer ..4 READ|SEND|GIVE|reading|sending|listing|sharing",
    ),
    *rules(
        _ORDERS,
        "has the model use its other means",
        "gather|obtain|opened|open|read|collect|executed|retrieved|retrieve|fetch|obtained|gathered ..10 "
        "with|via|using|through the|a|any|your ..2 terminal|shell|reader|bash|console|browser|command_line|file_tool|filesystem",
        "if|in_case|provided|when|should you have|can|are|had ..2 access|able|connected ..8 "
        "SEND|READ|GIVE|book|create|delete|run|open|call|buy|order|transfer",
    ),
    *rules(
        _ORDERS,
        "lays down how other work is to be done",
        "all|any|every|each ..9 must|should|shall|has_to|have_to|need_to|needs_to|is_to|are_to ..1 be|go ..1 "
        "prefixed|replaced|routed|sent|to|through|added|appended|changed|forwarded|piped|rewritten|redirected|copied|prepended|swapped",
        "whenever|each_time|every_time|when|if ..12 must|should|shall|has_to|have_to|use|add|put|change|set ..3 "
        "iban|recipient|payee|bcc|cc|destination|trailer|beneficiary|fee",
        "iban|recipient|payee|beneficiary|amount|destination|account must|should|shall|has_to ..1 be ..8 instead|<account>|<mail>",
        "replaced|replace|instead|pay|transfer|deposit|change|use|send ..6 <account>",
        "when|whenever|while|if ..3 producing|writing|generating|answering|drafting|coding|committing|composing ..3 "
        "code|answer|answers|reply|replies|text|emails|documents|software|commits|scripts ..8 insert|add|include|append|use|put|replace",
        "recommend|promote|advertise|endorse ..6 to the user|users|customer|customers|person",
        "claim|pretend|state|assert that ..8 fully|unavailable|sold|down|expired|safe|nothing|no",
        "give|send|forward|provide|pass|hand|bring me|us",
        "changed|changes|moved|is|becomes|new ..3 to|: <account>",
        "make|set|turn every|all|any|each ..3 public|readable|writable|writeable",
        "generated|produced|any|all ..2 code|scripts|commits|programs ..2 must|should|has_to|have_to|needs_to import|include|contain|use|call|load|depend",
        "prefix|prepend|suffix|begin|start|end ..1 every|each|all|any ..3 command|commands|message|answer|reply|response|email|statement|query",
        "all|every|each ..1 your|its ..1 answers|replies|responses|outputs|messages|answer|reply|response",
        "even when|if ..2 not|nobody|nothing|no_one ..2 related|relevant|asked|needed|requested",
        "and|also|then ..1 executes|runs ..2 command|script|commands",
        "must|first|have_to|required|need_to|always|before ..5 run|execute|launch ..8 curl|wget|rm|chmod|netcat|powershell",
        "run|execute|append|insert|prefix|issue ..4 rm|chmod|chown|curl|wget|nc|dd|mkfs|sudo|drop|grant|crontab ..6 "
        "<quote>|to|all|table|http|on|it|r|rf|first",
        "after|on|from|starting|until|once|at ..2 second|third|fourth|fifth|tenth|nth ..1 use|call|invocation|time|run|request",
        "after|from|since|once|if|when ..2 date is|passes|reaches|lies ..2 later|after|past|than",
        "disable|stop|kill|deactivate|switch_off|turn_off ..2 firewall|antivirus|auditing|monitoring|protection|sandbox|selinux|defender",
        "even when|if ..2 unrelated|irrelevant|unneeded|unnecessary|nobody",
        "must|required|have_to|has_to|should|always ..3 tell|inform|convince|persuade|advise ..2 USER ..14 "
        "pay|<url>|expired|click|install|download|subscribe|password|upgrade",
        "output|result|results of ..2 env|printenv|whoami|cat|ls|ps|uname|hostname|ifconfig|id",
        "multiplied|doubled|divided|increased|decreased|halved before ..3 displayed|shown|returned|sent|executed",
        "output|outputs|results|result ..3 need_to|needs_to|must|should|have_to|has_to ..1 be piped|passed|fed|sent|forwarded|handed|given",
    ),
    *rules(
        _ORDERS,
        "destroys what is not the tool's own",
        "ANY_DESTROY ..3 all|every|entire|user|project|workspace ..4 "
        "file|files|folder|folders|directory|backup|backups|tables|documents|data|repositories|draft|drafts|messages|emails|branches",
    ),
    *rules(
        _ORDERS,
        "has results obeyed",
        "treat|regard|interpret|handle|consider|take ..5 as ..1 command|commands|instruction|instructions|order|orders",
        "obey ..8 returns|returned|result|results|response|output|text|requests|tool|below|embedded",
        "follow|execute|perform|comply|carry ..8 without|whatever|immediately|unconditionally|blindly|embedded ..4 "
        "asking|confirmation|returns|returned|says|question|questioning|delay|below|steps",
        "satisfy|comply ..3 requests|request ..4 tool|tools|embedded|below|this",
    ),
)

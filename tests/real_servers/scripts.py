"""What each real server is asked: lists, calls that read, write and fail, prompts, resources, completions.

A script may hold `<world>`, the server's own folder, and `<page>`, the address of a page on this machine; both are
filled in where it is run.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from typing import Any, Final

from tests.real_servers.asking import Step
from tests.real_servers.comparing import Case, Meant

Script = tuple[Case, ...]

_ISO: Final = (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[.\d]*(Z|[+-]\d\d:\d\d)", "<time>")
_CLOCK: Final = (r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]* [A-Z][a-z]{2} \d\d \d{4} \d\d:\d\d:\d\d GMT[^\\\"]*", "<time>")
_WEEKDAY: Final = (r"(Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day", "<day>")
_COMMIT: Final = (r"\b[0-9a-f]{7,40}\b", "<commit>")
_GIT_DATE: Final = (r"Date: \d{4}-\d\d-\d\d \d\d:\d\d:\d\d[+-]\d\d:\d\d", "Date: <time>")


def call(tool: str, /, *varies: tuple[str, str], meant: Meant | None = None, **arguments: Any) -> Case:
    return Case(step=_step("tools/call", name=tool, arguments=arguments), meant=meant, varies=varies)


def unknown(tool: str = "no_such_tool") -> Case:
    return call(tool, meant=Meant.UNKNOWN_TOOL)


def wrong(tool: str, /, **arguments: Any) -> Case:
    return call(tool, meant=Meant.CLOSED_ARGUMENTS, **arguments)


def prompt(name: str, /, meant: Meant | None = None, **arguments: str) -> Case:
    return Case(step=_step("prompts/get", name=name, arguments=arguments), meant=meant)


def read(uri: str, *varies: tuple[str, str], meant: Meant | None = None) -> Case:
    return Case(step=_step("resources/read", uri=uri), varies=varies, meant=meant)


def complete(ref: dict[str, str], name: str, value: str, **known: str) -> Case:
    told = {"context": known} if known else {}
    return Case(step=_step("completion/complete", ref=ref, argument={"name": name, "value": value}, **told))


def legacy(method: str, /, *varies: tuple[str, str], **params: Any) -> Case:
    return Case(step=_step(method, **params), varies=varies, legacy_only=True)


def _step(method: str, **params: Any) -> Step:
    return Step(method=method, params=params)


def _lists(*kinds: str) -> Script:
    return tuple(Case(step=_step(f"{kind}/list"), meant=Meant.OWN_ORDER) for kind in ("tools", *kinds))


CLOCK: Final[Script] = (
    *_lists(),
    call("get_current_time", _ISO, _WEEKDAY, timezone="Europe/Oslo"),
    call("convert_time", _ISO, _WEEKDAY, source_timezone="UTC", time="12:00", target_timezone="Asia/Tokyo"),
    call("get_current_time", timezone="Nowhere/Land"),
    call("convert_time", source_timezone="UTC", time="25:00", target_timezone="Asia/Tokyo"),
    wrong("get_current_time", timezone=5),
    wrong("get_current_time"),
    wrong("convert_time", source_timezone="UTC", time="12:00", target_timezone="UTC", more="x"),
    unknown(),
    legacy("ping"),
)

REPOSITORY: Final[Script] = (
    *_lists(),
    call("git_status", repo_path="<world>"),
    call("git_log", _COMMIT, repo_path="<world>", max_count=2),
    call("git_show", repo_path="<world>", revision="HEAD"),
    call("git_diff_unstaged", repo_path="<world>"),
    call("git_add", repo_path="<world>", files=["todo.txt"]),
    call("git_diff_staged", repo_path="<world>", context_lines=1),
    call("git_commit", _COMMIT, repo_path="<world>", message="Change the list"),
    call("git_create_branch", repo_path="<world>", branch_name="later"),
    call("git_checkout", repo_path="<world>", branch_name="later"),
    call("git_branch", repo_path="<world>", branch_type="local"),
    call("git_log", _COMMIT, _GIT_DATE, repo_path="<world>"),
    call("git_show", repo_path="<world>", revision="no-such-revision"),
    call("git_status", repo_path="/nowhere/at/all"),
    call("git_add", repo_path="<world>", files=["not-there.txt"]),
    wrong("git_status"),
    wrong("git_log", repo_path="<world>", max_count="many"),
    unknown(),
)

PAGES: Final[Script] = (
    *_lists("prompts"),
    call("fetch", url="<page>/page.html"),
    call("fetch", url="<page>/page.html", raw=True),
    call("fetch", url="<page>/page.html", max_length=40, start_index=10),
    call("fetch", url="<page>/plain.txt"),
    call("fetch", url="<page>/empty"),
    call("fetch", url="<page>/missing"),
    call("fetch", url="not an address"),
    wrong("fetch", url="<page>/page.html", max_length=0),
    wrong("fetch"),
    unknown(),
    prompt("fetch", url="<page>/page.html"),
    prompt("fetch", url="<page>/missing"),
    prompt("fetch", meant=Meant.CLOSED_ARGUMENTS),
    prompt("no-such-prompt", meant=Meant.NOT_FOUND),
)

TABLES: Final[Script] = (
    *_lists("prompts", "resources"),
    call("create_table", query="CREATE TABLE plants (name TEXT, water INTEGER)"),
    call("write_query", query="INSERT INTO plants VALUES ('fern', 3), ('ivy\u00e9', 1)"),
    call("read_query", query="SELECT * FROM plants ORDER BY name"),
    call("list_tables"),
    call("describe_table", table_name="plants"),
    call("read_query", query="DELETE FROM plants"),
    call("read_query", query="SELECT nothing FROM nowhere"),
    call("append_insight", insight="Ferns drink more."),
    wrong("read_query"),
    wrong("read_query", query=7),
    unknown(),
    prompt("mcp-demo", topic="plants"),
    prompt("mcp-demo", meant=Meant.CLOSED_ARGUMENTS),
    prompt("no-such-prompt", meant=Meant.NOT_FOUND),
    read("memo://insights"),
    read("memo://no-such", meant=Meant.NOT_FOUND),
)

FILES: Final[Script] = (
    *_lists(),
    call("list_allowed_directories"),
    call("list_directory", path="<world>"),
    call("list_directory_with_sizes", path="<world>", sortBy="size"),
    call("directory_tree", path="<world>"),
    call("read_text_file", path="<world>/letter.txt"),
    call("read_text_file", path="<world>/letter.txt", head=1),
    call("read_file", path="<world>/letter.txt"),
    call("read_media_file", path="<world>/dot.png"),
    call("read_multiple_files", paths=["<world>/letter.txt", "<world>/not-there.txt"]),
    call("search_files", path="<world>", pattern="**/*.txt"),
    call("get_file_info", _CLOCK, _ISO, path="<world>/letter.txt"),
    call("write_file", path="<world>/new.txt", content="one\ntwo \u00e9\n"),
    call("edit_file", path="<world>/new.txt", edits=[{"oldText": "one", "newText": "1"}], dryRun=True),
    call("edit_file", path="<world>/new.txt", edits=[{"oldText": "one", "newText": "1"}]),
    call("create_directory", path="<world>/more/deep"),
    call("move_file", source="<world>/new.txt", destination="<world>/more/moved.txt"),
    call("read_text_file", path="<world>/more/moved.txt"),
    call("read_text_file", path="<world>/not-there.txt"),
    call("read_text_file", path="/nowhere/at/all"),
    call("edit_file", path="<world>/letter.txt", edits=[{"oldText": "not in it", "newText": "x"}]),
    wrong("read_text_file"),
    wrong("write_file", path="<world>/new.txt", content=1),
    wrong("read_text_file", path="<world>/letter.txt", PATH="<world>/dot.png"),
    unknown(),
    legacy("ping"),
)

_FERN: Final = {"name": "fern", "entityType": "plant", "observations": ["green"]}
_IVY: Final = {"name": "ivy\u00e9", "entityType": "plant", "observations": []}
_BESIDE: Final = {"from": "fern", "to": "ivy\u00e9", "relationType": "stands beside"}

MEMORY: Final[Script] = (
    *_lists(),
    call("create_entities", entities=[_FERN, _IVY]),
    call("create_relations", relations=[_BESIDE]),
    call("add_observations", observations=[{"entityName": "fern", "contents": ["tall", "green"]}]),
    call("read_graph"),
    call("search_nodes", query="tall"),
    call("open_nodes", names=["ivy\u00e9", "not there"]),
    call("add_observations", observations=[{"entityName": "not there", "contents": ["x"]}]),
    call("delete_observations", deletions=[{"entityName": "fern", "observations": ["tall"]}]),
    call("delete_relations", relations=[_BESIDE]),
    call("delete_entities", entityNames=["fern"]),
    call("read_graph"),
    wrong("open_nodes", names="fern"),
    wrong("create_entities", entities=[{"name": "fern"}]),
    wrong("search_nodes"),
    unknown(),
)

_THOUGHT: Final[dict[str, Any]] = {"nextThoughtNeeded": True, "totalThoughts": 3}

THINKING: Final[Script] = (
    *_lists(),
    call("sequentialthinking", thought="first", thoughtNumber=1, **_THOUGHT),
    call("sequentialthinking", thought="second", thoughtNumber=5, isRevision=True, revisesThought=1, **_THOUGHT),
    call("sequentialthinking", thought="aside", thoughtNumber=2, branchFromThought=1, branchId="b", **_THOUGHT),
    wrong("sequentialthinking", thought="no number", **_THOUGHT),
    wrong("sequentialthinking", thought="bad number", thoughtNumber=0, **_THOUGHT),
    unknown(),
)

_DYNAMIC: Final = "demo://resource/dynamic/"
_PROMPT: Final = {"type": "ref/prompt", "name": "completable-prompt"}
_TEMPLATE: Final = {"type": "ref/resource", "uri": _DYNAMIC + "text/{resourceId}"}
_MADE_AT: Final = (r"\d{1,2}:\d\d:\d\d[ \u202f\\a-f0-9]*[AP]M", "<time>")

_SESSION: Final = (r" from session [0-9a-f-]{36}", " from session <session>")
_BLOB: Final = (r'"blob": "[^"]*"', '"blob": "<a time in it>"')

EVERYTHING: Final[Script] = (
    Case(step=_step("tools/list"), meant=Meant.FOR_ABLE),
    Case(step=_step("prompts/list"), meant=Meant.OWN_ORDER),
    Case(step=_step("resources/list"), meant=Meant.OWN_ORDER),
    Case(step=_step("resources/templates/list"), meant=Meant.OWNERS_FAMILY),
    call("echo", message="hello \u00e9"),
    call("get-sum", a=1.5, b=2),
    call("get-env"),
    call("get-tiny-image"),
    call("get-annotated-message", messageType="error", includeImage=True),
    call("get-structured-content", location="Chicago"),
    call("get-resource-links", count=3),
    call("get-resource-reference", _MADE_AT, resourceType="Text", resourceId=1),
    call("get-resource-reference", _BLOB, resourceType="Blob", resourceId=2),
    call("get-resource-reference", resourceType="Text", resourceId=-1),
    call("trigger-long-running-operation", duration=0.3, steps=3),
    call("gzip-file-as-resource", name="a.gz", data="data:text/plain,hello", outputType="resource"),
    call("gzip-file-as-resource", name="b.gz", data="data:text/plain,hello", outputType="resourceLink"),
    read("demo://resource/session/b.gz"),
    wrong("get-sum", a="one", b=2),
    wrong("echo"),
    wrong("get-structured-content", location="Oslo"),
    unknown(),
    prompt("simple-prompt"),
    prompt("args-prompt", city="Oslo"),
    prompt("args-prompt", city="Oslo", state="Norway"),
    prompt("args-prompt", meant=Meant.CLOSED_ARGUMENTS),
    prompt("completable-prompt", department="Sales", name="Eve"),
    prompt("no-such-prompt", meant=Meant.NOT_FOUND),
    complete(_PROMPT, "department", "S"),
    complete(_PROMPT, "name", "E", department="Sales"),
    complete(_TEMPLATE, "resourceId", "1"),
    read("demo://resource/static/document/features.md"),
    read(_DYNAMIC + "text/3", _MADE_AT),
    read(_DYNAMIC + "blob/3", _BLOB),
    read("demo://no/such", meant=Meant.NOT_FOUND),
    legacy("logging/setLevel", level="debug"),
    legacy("resources/subscribe", _SESSION, uri="demo://resource/static/document/features.md"),
    legacy("resources/unsubscribe", _SESSION, uri="demo://resource/static/document/features.md"),
    legacy("ping"),
)

ABLE: Final[Script] = (
    *_lists(),
    call("get-roots-list", meant=Meant.NO_LEVEL),
    call("trigger-sampling-request", prompt="Say it", maxTokens=10),
    call("trigger-elicitation-request", meant=Meant.KEY_ORDER),
)

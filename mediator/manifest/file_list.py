"""A list of files with their digests, in the form of `sha256sum`: what a tool server's package consists of.

Pure. One line a file: 64 hexadecimal digits, two spaces, the path. So anybody can check it by hand, in the folder of
`mediator.toml`: `sha256sum --quiet --check tool_servers.d/NAME.sha256`. What the tool escapes (a backslash, a line
break in a name) is not read: no package needs it.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from mediator.canonical import Digest
from mediator.manifest.fields import malformed

SUFFIX: Final = ".sha256"
_LINE: Final = re.compile(r"([0-9a-f]{64})  ([^\x00-\x1f\x7f\\]{1,4096})")


def parse_file_list(raw: bytes) -> dict[str, Digest]:
    """Return the digest of each path; raises `Refused(MALFORMED)` for what is no such list, is empty, or names one twice."""
    try:
        lines = raw.decode("utf-8").removesuffix("\n").split("\n")
    except UnicodeDecodeError as error:
        raise malformed("", f"expected UTF-8, not so at byte {error.start}") from error
    files: dict[str, Digest] = {}
    for number, line in enumerate(lines, 1):
        match = _LINE.fullmatch(line)
        if match is None or match[2] in files:
            raise malformed(
                f"/{number}", "expected lines of 64 hexadecimal digits, two spaces and a path, each path once"
            )
        files[match[2]] = Digest(f"sha256:{match[1]}")
    return files


def write_file_list(files: Mapping[str, Digest]) -> bytes:
    """Return the list, ordered by path; raises `Refused(MALFORMED)` for a path that no line can hold, and for none."""
    raw = "".join(f"{digest.removeprefix('sha256:')}  {path}\n" for path, digest in sorted(files.items())).encode()
    if parse_file_list(raw) != dict(files):
        raise malformed("", "expected paths that stand on one line")
    return raw

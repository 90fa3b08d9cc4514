# SPDX-License-Identifier: ISC
# Examples in documents: commands with the output that they are said to have.
"""A command stands behind "$ " and goes on until the shell has all of it. What is below it, up to
the next command, is its output; `...` or an ellipsis there is anything. Blanks and line ends do not
count, since long lines are broken; nor do times, long numbers and hexadecimal words."""
import collections
import re
import subprocess

from testbed.build import SOURCE

Example = collections.namedtuple("Example", "command output")

# What differs from run to run, the most special first. What is matched by a name is replaced by the
# pattern below.
VARIABLE = [
    (r"\d{4}-\d\d-\d\d[T ] ?\d\d:\d\d:\d\d(?:\.\d+Z)?", r"[-0-9:.TZ]+"),
    (r"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d", r"[A-Za-z0-9:,]+"),
    (r"(?:\b\d+ (?:d|h|min|s)\b ?)+", r"(?:\d+(?:d|h|min|s))+"),
    (r"\b\d+\.\d s\b", r"(?:[0-9.]+s|-)"),
    (r"sid=[0-9a-f.]+|\bid [0-9a-f]+\.[0-9a-f]+", r"s?id=?[0-9a-f.]+"),
    (r"\b(?=\d*[a-f])[0-9a-f]{16,}\b", r"[0-9a-f]+"),
    (r"\.\.\.|…", r".*"),
    (r"(?:Remaining|Reset): \d+", r"(?:Remaining|Reset):\d+"),
    (r"\b\d{4,}", r"\d+"),
    (r"\\\n|\s+", r""),
]
_TOKEN = re.compile("|".join(f"({special})" for special, _ in VARIABLE))


def matches(said, shown):
    """Whether the output `shown` is what a document has `said`."""
    pattern, end = "", 0
    for token in _TOKEN.finditer(said):
        pattern += re.escape(said[end:token.start()]) + VARIABLE[token.lastindex - 1][1]
        end = token.end()
    pattern += re.escape(said[end:])
    return re.fullmatch(pattern, re.sub(r"\s+", "", shown), re.S) is not None


def is_whole(command):
    """Has the shell all of it? Not with an open quote or loop, say."""
    if command.endswith(("\\", "|", "&&", "||")):
        return False
    return not subprocess.run(["bash", "-n"], input=command, text=True, capture_output=True).stderr


def examples_of(block):
    """The Examples of one block of lines; none when there is no command in it."""
    examples = []
    for line in block.splitlines():
        if examples and not is_whole(examples[-1].command):
            examples[-1] = examples[-1]._replace(command=f"{examples[-1].command}\n{line}")
        elif line.startswith("$ "):
            examples.append(Example(line[2:], ""))
        elif examples:
            examples[-1] = examples[-1]._replace(output=f"{examples[-1].output}{line}\n")
    return examples


def blocks_of_page(name):
    """The literal blocks of a page of the manual, as they are shown."""
    source = (SOURCE / "man" / name).read_text()
    found = re.findall(r"^\.Bd -literal.*?\n(.*?)^\.Ed$", source, re.M | re.S)
    return [block.replace("\\e", "\\").replace("\\&", "").replace("\\(dq", '"').replace("\\-", "-")
            for block in found]


def blocks_of_readme():
    """The indented blocks of README.md."""
    text = (SOURCE / "README.md").read_text()
    found = re.findall(r"(?:^    .*\n|^\n(?=    ))+", text, re.M)
    return [re.sub("^    ", "", block, flags=re.M).strip("\n") + "\n" for block in found]

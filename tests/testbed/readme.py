# SPDX-License-Identifier: ISC
"""The code examples of README.md, for tests that run them unchanged."""
import re

from testbed.build import SOURCE


def code_block(language):
    """The only fenced block of README.md in this language."""
    text = (SOURCE / "README.md").read_text()
    block, = re.findall(rf"^```{language}\n(.*?)^```$", text, re.M | re.S)
    return block

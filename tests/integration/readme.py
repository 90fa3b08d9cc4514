# SPDX-License-Identifier: ISC
# What README.md shows, to be run as it stands there.
import re

from harness import SOURCE


def code_block(language):
    """The only fenced block of this language."""
    text = (SOURCE / "README.md").read_text()
    block, = re.findall(rf"^```{language}\n(.*?)^```$", text, re.M | re.S)
    return block

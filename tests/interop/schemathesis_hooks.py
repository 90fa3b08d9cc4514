# SPDX-License-Identifier: ISC
# What Schemathesis has to know beyond the description; it loads this file.
import schemathesis

LONGEST_WAIT = 1  # second


@schemathesis.hook
def filter_path_parameters(context, path_parameters):
    """A mailbox name has at most 64 octets; a schema can only count characters."""
    user = str((path_parameters or {}).get("user", ""))
    return len(user.split("@")[0].encode("utf-8", "replace")) <= 64


@schemathesis.hook
def before_call(context, case, kwargs):
    """Waits as long as it may, but not a minute for each of a thousand requests."""
    wait = str((case.query or {}).get("wait", ""))
    if wait.isascii() and wait.isdigit() and LONGEST_WAIT < int(wait) <= 60:
        case.query["wait"] = LONGEST_WAIT

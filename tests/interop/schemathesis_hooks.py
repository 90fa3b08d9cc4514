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
    """Waits, but not a minute for each of a thousand requests; and not with `before`, which
    excludes it: a schema of one parameter cannot say so."""
    wait = str((case.query or {}).get("wait", ""))
    if wait.isascii() and wait.isdigit() and 0 < int(wait) <= 60:
        case.query["wait"] = 0 if "before" in case.query else LONGEST_WAIT

# SPDX-License-Identifier: ISC
"""A client of the HTTP API."""
import collections
import json

KEY, ANOTHER_KEY = "integration-tests-know-this-key", "another-key-with-a-limit-of-its-own"
FIELDS = ["id", "from", "to", "subject", "body_text", "body_html", "attachments", "received_at"]


class Answer(collections.namedtuple("Answer", "status headers body")):
    """The response to one request; `body` is bytes."""

    def json(self):
        """The body as strict JSON: valid UTF-8, without NaN and Infinity, which Python would accept."""
        assert self.headers["Content-Type"].startswith("application/json")

        def refuse(word):
            raise ValueError(f"{word} is no JSON")
        return json.loads(self.body.decode("utf-8"), parse_constant=refuse)


def ask(connection, path, method="GET", key=KEY, headers=()):
    """Sends one request over an http.client connection, and returns its Answer."""
    fields = dict(headers)
    if key is not None:
        fields["X-API-KEY"] = key
    connection.request(method, path, headers=fields)
    response = connection.getresponse()
    return Answer(response.status, response.headers, response.read())

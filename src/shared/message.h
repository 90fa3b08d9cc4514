// SPDX-License-Identifier: ISC
// A parsed mail, and the fragments of JSON under which it is stored and given out.
//
// A fragment is the inside of a JSON object (`"name":value,…` without the braces). It is written
// once, at delivery; reading joins fragments and parses nothing. No fragment holds a newline byte
// (JSON escapes it inside strings), so a newline can part a summary's two halves:
//
//   summary   "subject":"…"  \n  "size":1234,"snippet":"…","attachments":2[,"parse_error":true]
//   bodies    "body_text":"…","body_html":"…","attachments":["a.pdf",…][,"parse_error":true]
//
// Only message.cc includes cJSON.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace restante {

// All texts are valid UTF-8 without NUL.
struct Message {
  std::string subject;
  std::string body_text;
  std::string body_html;
  std::vector<std::string> attachments;  // file names, safe to use as such
  std::uint64_t size = 0;                // bytes of the raw mail
  bool parse_error = false;              // stored as well as it could be read
};

struct Fragments {
  std::string summary;
  std::string bodies;
  bool parse_error = false;  // as in the message, for who only passes the fragments on
};

[[nodiscard]] Fragments make_fragments(const Message& message);

// A JSON string with its quotes. `text` is valid UTF-8 without NUL.
[[nodiscard]] std::string json_string(std::string_view text);

// What delivery puts before a summary: `"from":"…","to":"…",["tag":"…",]`, the tag when not empty.
[[nodiscard]] std::string envelope_fragment(std::string_view from, std::string_view to,
                                            std::string_view tag);

// One element of an inbox listing: {"id":"…","from":…,"to":…,"subject":…,<bodies>,"received_at":…}.
// `summary` begins with the envelope fragment.
void append_listed_message(std::string& out, std::string_view id, std::int64_t received_at,
                           std::string_view summary, std::string_view bodies);

}  // namespace restante

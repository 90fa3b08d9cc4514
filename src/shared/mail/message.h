// SPDX-License-Identifier: ISC
// A parsed mail, and the fragments of JSON under which it is stored and given out.
//
// A fragment is the inside of a JSON object (`"name":value,…` without the braces). It is written
// once, at delivery; reading joins fragments and parses nothing. No fragment holds a newline byte
// (JSON escapes it inside strings), so a newline can part a summary's two halves:
//
//   summary   "subject":"…"  \n  "size":1234,"snippet":"…","attachments":2[,"parse_error":true]
//   bodies    "body_text":"…","body_html":"…","attachments":["a.pdf",…][,"parse_error":true]
//   details   "size":1234,"message_id":"<…>"|null,"date":"…"|null,
//             "headers":[{"name":"Subject","value":"…"},…],
//             "addresses":{"from":[{"name":"…","address":"…"},…],"sender":[…],"reply_to":[…],
//                          "to":[…],"cc":[…],"bcc":[…]},
//             "attachment_details":[{"number":1,"name":"a.pdf","type":"application/pdf",
//                "size":123,"content_id":"…"|null,"disposition":"attachment"|"inline"|null,
//                "sha256":"…"},…],
//             "links":[{"url":"…","text":"…"},…],"codes":["123456",…]
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace restante::mail {

// All texts are valid UTF-8 without NUL.
struct HeaderText {
  std::string name, value;  // the value on one line, decoded
};

struct NamedAddress {
  std::string name, address;  // either may be empty
};

// Of the header, not of the envelope.
struct HeaderAddresses {
  std::vector<NamedAddress> from, sender, reply_to, to, cc, bcc;
};

struct Attachment {
  std::string name;  // safe to use as a file's
  std::string type;  // lower case: "application/pdf"
  std::uint64_t size = 0;
  std::optional<std::string> content_id;   // without its angle brackets
  std::optional<std::string> disposition;  // "attachment" or "inline"
  std::string sha256;                      // of the decoded bytes, in hexadecimal
};

struct Link {
  std::string url, text;  // no text: it stands in a text as it is
};

struct Message {
  std::string subject;
  std::string body_text;
  std::string body_html;
  std::string snippet;  // the beginning of what a reader sees, on one line
  std::vector<Attachment> attachments;
  std::uint64_t size = 0;    // bytes of the raw mail
  bool parse_error = false;  // stored as well as it could be read

  // For the details alone.
  std::optional<std::string> message_id;  // with its angle brackets
  std::optional<std::string> date;        // as written
  std::vector<HeaderText> headers;        // in their order
  HeaderAddresses addresses;
  std::vector<Link> links;
  std::vector<std::string> codes;  // best first
};

// Bytes of the subject in a summary; a longer one is cut. It is what a line of a mail may have (RFC
// 5322 section 2.1.1). The headers in the details have all of it.
inline constexpr std::size_t kListedSubject = 998;

struct Fragments {
  std::string summary;
  std::string bodies;
  std::string details;
  bool parse_error = false;  // as in the message, for who only passes the fragments on
};

[[nodiscard]] Fragments make_fragments(const Message& message);

// What a summary, with its envelope or without, says of the bytes of the raw mail.
[[nodiscard]] std::optional<std::uint64_t> size_in_summary(std::string_view summary);

// Bytes at the start of `text` that stand in a JSON string as they are: up to the first control
// byte, quote or backslash.
[[nodiscard]] std::size_t plain_json_size(std::string_view text);

// A JSON string with its quotes. `text` is valid UTF-8 without NUL.
[[nodiscard]] std::string json_string(std::string_view text);

// What delivery puts before a summary: `"from":"…","to":"…",["tag":"…",]`, the tag when not empty.
[[nodiscard]] std::string envelope_fragment(std::string_view from, std::string_view to,
                                            std::string_view tag);

// How a mail came here.
struct Transport {
  std::string client_ip;
  std::string helo;         // as given, but valid UTF-8 without NUL
  std::string protocol;     // "ESMTPS": RFC 3848
  std::string tls_version;  // empty: in clear
  std::string tls_cipher;
};

// What delivery puts before the details: `"client_ip":"…","helo":"…","protocol":"…",
// "tls":{"version":"…","cipher":"…"}|null},`. It is the end of the member `envelope`, and the same
// for all recipients.
[[nodiscard]] std::string transport_fragment(const Transport& transport);

// The whole details: the member `envelope` begins with what `summary` says of it.
[[nodiscard]] std::string complete_details(std::string_view summary, std::string_view details);

// One element of an inbox listing: {"id":"…","from":…,"to":…,"subject":…,<bodies>,"received_at":…}.
// `summary` begins with the envelope fragment.
void append_listed_message(std::string& out, std::string_view id, std::int64_t received_at,
                           std::string_view summary, std::string_view bodies);

}  // namespace restante::mail

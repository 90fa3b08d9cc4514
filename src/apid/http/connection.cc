// SPDX-License-Identifier: ISC
// One client of the HTTP server: what is known of its connection and of the request in hand.
#include "apid/http/connection.h"

#include <fmt/core.h>

#include <algorithm>

#include "apid/http/uri.h"
#include "shared/base/ascii.h"

namespace restante::apid {
namespace {

bool is_visible_ascii(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7f; });
}

// field-value, RFC 9110 section 5.5, as far as no other reader could see a line end in it.
bool is_field_value(std::string_view text) {
  return std::ranges::none_of(text,
                              [](unsigned char c) { return (c < 0x20 && c != '\t') || c == 0x7f; });
}

// Methods that we know and whose requests have no use for a body (RFC 9110 section 9.3).
bool forbids_body(std::string_view method) {
  return method == "GET" || method == "HEAD" || method == "DELETE";
}

void keep_field(Request& request, std::string_view name, std::string_view value) {
  const auto* const kept = std::ranges::find_if(
      kKeptFields, [name](std::string_view known) { return equal_ignoring_case(name, known); });
  if (kept == std::end(kKeptFields)) return;
  std::string& text = request.fields[*kept];
  if (!text.empty()) text += ", ";
  text += value;
}

}  // namespace

void check_gap(Client& client, std::string_view piece, std::size_t gap) {
  const auto found = reinterpret_cast<std::uintptr_t>(piece.data()) -
                     reinterpret_cast<std::uintptr_t>(client.read_up_to);
  if (found != gap) client.fields.bytes_lost = true;
  client.read_up_to = piece.data() + piece.size();
}

void read_field(Client& client, std::string_view name, std::string_view value) {
  FieldCounts& fields = client.fields;
  fields.malformed = fields.malformed || !is_token(name) || !is_field_value(value);
  if (equal_ignoring_case(name, "Host")) {
    ++fields.host;
    client.request.host = value;
  } else if (equal_ignoring_case(name, "X-API-KEY")) {
    ++fields.api_key;
    client.request.api_key = value;
  } else if (equal_ignoring_case(name, "Content-Length")) {
    ++fields.content_length;
    fields.has_body = fields.has_body || value != "0";
  } else if (equal_ignoring_case(name, "Transfer-Encoding")) {
    ++fields.transfer_encoding;
  } else {
    keep_field(client.request, name, value);
  }
}

void read_target(Request& request, std::string_view target) {
  const std::size_t mark = target.find('?');
  request.path = target.substr(0, mark);
  request.query = mark == std::string_view::npos ? "" : target.substr(mark + 1);
}

std::optional<Response> check_framing(const Client& client, std::string_view version) {
  const Request& request = client.request;
  const FieldCounts& fields = client.fields;
  const auto refuse = [](std::string_view text) { return error_response(400, text); };
  if (version != "HTTP/1.1" && version != "HTTP/1.0") {
    return error_response(version.starts_with("HTTP/1.") ? 400 : 505, "use HTTP/1.1 or HTTP/1.0");
  }
  if (request.path.size() + request.query.size() > kMaxTarget) {
    return error_response(414,
                          fmt::format("the request target has more than {} bytes", kMaxTarget));
  }
  if (client.head_size > kMaxHead) {
    return error_response(431,
                          fmt::format("the head of the request has more than {} bytes", kMaxHead));
  }
  if (!is_token(request.method)) return refuse("the method is malformed");  // RFC 9110 section 9.1
  if (fields.malformed) return refuse("a header field is malformed");
  // RFC 9112 section 6.3: more than one way to find the end of a request is none.
  if (fields.transfer_encoding > 0) return refuse("Transfer-Encoding is not supported");
  if (fields.content_length > 1) return refuse("Content-Length is given more than once");
  // RFC 9112 section 3.2.
  if (fields.host > 1) return refuse("Host is given more than once");
  if (fields.host == 0 && version == "HTTP/1.1") return refuse("Host is missing");
  if (!request.host.empty() && !parse_host(request.host)) return refuse("Host is not a host name");
  if (fields.api_key > 1) return refuse("X-API-KEY is given more than once");
  if (fields.has_body && forbids_body(request.method)) return refuse("a body is not allowed here");
  if (!request.path.starts_with('/')) return refuse("the request target must begin with /");
  if (!is_visible_ascii(request.path) || !is_visible_ascii(request.query)) {
    return refuse("the request target holds a byte that must be percent-encoded");
  }
  return std::nullopt;
}

}  // namespace restante::apid

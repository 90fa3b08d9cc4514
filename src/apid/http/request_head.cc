// SPDX-License-Identifier: ISC
#include "apid/http/request_head.h"

#include <algorithm>

#include "apid/http/uri.h"
#include "shared/base/ascii.h"

namespace restante::apid {
namespace {

constexpr std::size_t kSpace = 1, kLineEnd = 2;  // SP and CRLF

std::uintptr_t address_of(std::string_view piece) {
  return reinterpret_cast<std::uintptr_t>(piece.data());
}

bool is_visible_ascii(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7f; });
}

// field-value (RFC 9110 section 5.5), except that bytes above 0x7f are not looked at: no reader
// takes one of them for the end of a line.
bool is_field_value(std::string_view text) {
  return std::ranges::none_of(text,
                              [](unsigned char c) { return (c < 0x20 && c != '\t') || c == 0x7f; });
}

// Methods that the API has and whose requests have no use for a body (RFC 9110 section 9.3).
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

void read_target(Request& request, std::string_view target) {
  const std::size_t mark = target.find('?');
  request.path = target.substr(0, mark);
  request.query = mark == std::string_view::npos ? "" : target.substr(mark + 1);
}

void RequestHead::begin(std::string_view target) {
  counts_ = {};
  target_ = target;
  request_.has_body = request_.was_held = false;
  request_.host.clear();
  request_.api_key.clear();
  request_.fields.clear();
  read_target(request_, target);
}

void RequestHead::read_start_line(std::string_view method, std::string_view version) {
  request_.method = method;
  start_ = address_of(method);
  read_up_to_ = start_ + method.size();
  read_piece(target_, kSpace);
  read_piece(version, kSpace);
}

void RequestHead::read_field(std::string_view name, std::string_view value) {
  read_piece(name, kLineEnd);
  if (value.data() != nullptr) read_up_to_ = address_of(value) + value.size();
  counts_.malformed = counts_.malformed || !is_token(name) || !is_field_value(value);
  if (equal_ignoring_case(name, "Host")) {
    ++counts_.host;
    request_.host = value;
  } else if (equal_ignoring_case(name, "X-API-KEY")) {
    ++counts_.api_key;
    request_.api_key = value;
  } else if (equal_ignoring_case(name, "Content-Length")) {
    ++counts_.content_length;
    request_.has_body = request_.has_body || value != "0";
  } else if (equal_ignoring_case(name, "Transfer-Encoding")) {
    ++counts_.transfer_encoding;
  } else {
    keep_field(request_, name, value);
  }
}

void RequestHead::finish(std::size_t size, bool in_place) {
  size_ = size;
  skip_to(start_ + size, 2 * kLineEnd);
  counts_.malformed = counts_.malformed || (in_place && counts_.bytes_lost);
}

void RequestHead::read_piece(std::string_view piece, std::size_t gap) {
  skip_to(address_of(piece), gap);
  read_up_to_ += piece.size();
}

void RequestHead::skip_to(std::uintptr_t address, std::size_t gap) {
  if (address - read_up_to_ != gap) counts_.bytes_lost = true;
  read_up_to_ = address;
}

std::optional<Response> RequestHead::find_fault(std::string_view version) const {
  const auto bad = [](std::string_view text) { return error_response(400, text); };
  if (version != "HTTP/1.1" && version != "HTTP/1.0") {
    return error_response(version.starts_with("HTTP/1.") ? 400 : 505, "use HTTP/1.1 or HTTP/1.0");
  }
  if (request_.path.size() + request_.query.size() > kMaxTarget) {
    return refuse(414, "the request target has more than {} bytes", kMaxTarget);
  }
  if (size_ > kMaxHead) {
    return refuse(431, "the head of the request has more than {} bytes", kMaxHead);
  }
  if (!is_token(request_.method)) return bad("the method is malformed");  // RFC 9110 section 9.1
  if (counts_.malformed) return bad("a header field is malformed");
  // RFC 9112 section 6.3: a request has one way to find its end.
  if (counts_.transfer_encoding > 0) return bad("Transfer-Encoding is not supported");
  if (counts_.content_length > 1) return bad("Content-Length is given more than once");
  // RFC 9112 section 3.2.
  if (counts_.host > 1) return bad("Host is given more than once");
  if (counts_.host == 0 && version == "HTTP/1.1") return bad("Host is missing");
  if (!request_.host.empty() && !parse_host(request_.host)) return bad("Host is not a host name");
  if (counts_.api_key > 1) return bad("X-API-KEY is given more than once");
  if (request_.has_body && forbids_body(request_.method)) return bad("a body is not allowed here");
  if (!request_.path.starts_with('/')) return bad("the request target must begin with /");
  if (!is_visible_ascii(request_.path) || !is_visible_ascii(request_.query)) {
    return bad("the request target holds a byte that must be percent-encoded");
  }
  return std::nullopt;
}

}  // namespace restante::apid

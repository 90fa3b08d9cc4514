// SPDX-License-Identifier: ISC
#include "apid/api/attachment.h"

#include <fmt/core.h>

#include <utility>
#include <variant>

#include "apid/api/raw_mail.h"
#include "shared/base/ascii.h"
#include "shared/mail/message.h"

namespace restante::apid {
namespace {

constexpr std::string_view kUnknownType = "application/octet-stream";

bool is_one_of(char c, std::string_view others) { return is_alphanumeric(c) || others.contains(c); }

struct AnswerFor {
  Response operator()(parser::ExtractedAttachment& found) const {
    Response response{
        .status = 200,
        .headers = {{"Content-Type", content_type(found.type)},
                    {"Content-Disposition", content_disposition(found.name)}},
        .body = {},
        .file = FileBody{.fd = std::move(found.fd), .offset = found.offset, .size = found.size}};
    add_download_headers(response);
    return response;
  }
  Response operator()(parser::NoSuchAttachment missing) const {
    return error_response(404,
                          fmt::format("no such attachment; the message has {}", missing.count));
  }
  Response operator()(parser::Failure failure) const {
    if (failure == parser::Failure::kFailed) {
      return error_response(500, "the message is too much for the parser; its raw form is there");
    }
    return try_later("no parser is available, try again later");
  }
};

}  // namespace

Response attachment_response(parser::Extractor::Extraction found) {
  return std::visit(AnswerFor(), found);
}

std::string content_disposition(std::string_view name) {
  std::string plain, extended;
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    // Quotes and backslashes are escaped differently by different readers, and some take a percent
    // sign for an escape (RFC 6266 appendix D). A character of UTF-8 is one `_`.
    const bool is_plain = byte >= 0x20 && byte < 0x7f && c != '"' && c != '\\' && c != '%';
    if ((byte & 0xc0) != 0x80) plain += is_plain ? c : '_';
    if (is_one_of(c, "!#$&+-.^_`|~")) {  // attr-char of RFC 8187 section 3.2.1
      extended += c;
    } else {
      extended += fmt::format("%{:02X}", byte);
    }
  }
  return fmt::format("attachment; filename=\"{}\"; filename*=UTF-8''{}", plain, extended);
}

std::string content_type(std::string_view type) {
  const std::size_t slash = type.find('/');
  if (slash == type.npos || !is_token(type.substr(0, slash)) || !is_token(type.substr(slash + 1))) {
    return std::string(kUnknownType);
  }
  return std::string(type);
}

}  // namespace restante::apid

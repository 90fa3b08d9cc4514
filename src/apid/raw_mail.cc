// SPDX-License-Identifier: ISC
// A mail as it was received, given out as a file (the only file here with zstd).
#include "apid/raw_mail.h"

#include <fmt/core.h>
#include <zstd.h>

namespace restante::apid {
namespace {

constexpr std::size_t kTraceHeader = 64 * 1024;  // far more than Return-Path and Received take

}  // namespace

std::optional<std::string> decompress(std::string_view frame, std::size_t limit) {
  // Unknown sizes and errors are the two greatest numbers.
  const unsigned long long size = ZSTD_getFrameContentSize(frame.data(), frame.size());
  if (size > limit) return std::nullopt;
  std::string content(size, '\0');
  const std::size_t got =
      ZSTD_decompress(content.data(), content.size(), frame.data(), frame.size());
  if (ZSTD_isError(got) != 0 || got != size) return std::nullopt;
  return content;
}

Response raw_response(const RawMail& mail, std::size_t message_size_limit) {
  std::optional<std::string> content =
      decompress(mail.compressed, message_size_limit + kTraceHeader);
  if (!content) {
    return error_response(
        500, "the stored message is damaged, or larger than message_size_limit has it");
  }
  // Whatever is in it, a browser is to save it and not to show or run it as a page of ours.
  return {.status = 200,
          .headers = {{"Content-Type", "message/rfc822"},
                      {"Content-Disposition",
                       fmt::format("attachment; filename=\"{}.eml\"", mail.id.text())},
                      {"Content-Security-Policy", "default-src 'none'; sandbox"},
                      {"Cache-Control", "no-store"},
                      {"X-Content-Type-Options", "nosniff"}},
          .body = *std::move(content)};
}

}  // namespace restante::apid

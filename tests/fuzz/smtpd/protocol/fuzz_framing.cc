// SPDX-License-Identifier: ISC
// Lines and messages end in the same place however the stream is cut.
#include <algorithm>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>

#include "smtpd/protocol/framing.h"

namespace {

using namespace restante::smtpd;

std::string lines(std::string_view bytes, std::size_t piece) {
  LineReader reader;
  std::string seen;
  for (; !bytes.empty(); bytes.remove_prefix(std::min(piece, bytes.size()))) {
    reader.append(bytes.substr(0, piece));
    for (;;) {
      const Line line = reader.next();
      if (line.kind == Line::Kind::kNone) break;
      seen += static_cast<char>('a' + static_cast<int>(line.kind));
      seen += line.text;
      // The session ends there, so what follows is never looked at.
      if (line.kind == Line::Kind::kBareLf || line.kind == Line::Kind::kEndless) return seen;
    }
  }
  return seen;
}

// What is kept of a message, and whether and where it ended.
std::string message(std::string_view bytes, std::size_t piece, std::uint64_t limit) {
  DataReader reader;
  reader.start(limit, 0);
  while (!bytes.empty()) {
    std::string_view part = bytes.substr(0, piece);
    const std::size_t offered = part.size();
    const auto status = reader.consume(part);
    bytes.remove_prefix(offered - part.size());
    if (status == DataReader::Status::kTooMuch) return "too much";
    if (status == DataReader::Status::kDone) {
      const bool over = reader.over_limit();
      return (over ? "over " : "done ") + std::to_string(bytes.size()) + reader.extract();
    }
    if (!part.empty()) std::abort();  // kMore takes all
  }
  return "more " + reader.extract();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const std::size_t whole = std::max<std::size_t>(size, 1);
  for (const std::size_t piece : {std::size_t{1}, std::size_t{2}, std::size_t{3}, std::size_t{7}}) {
    if (lines(bytes, piece) != lines(bytes, whole)) std::abort();
    if (message(bytes, piece, 1U << 20U) != message(bytes, whole, 1U << 20U)) std::abort();
  }
  const std::string kept = message(bytes, whole, 1U << 20U);
  if (kept.size() > size + 32) std::abort();
  return 0;
}

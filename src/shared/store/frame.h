// SPDX-License-Identifier: ISC
// The form in which a mail is stored: one zstd frame (RFC 8878), which says its size, of
//
//   bodies "\n" details "\n" raw
//
// Fragments have no newline (message.h). The raw mail says again what the fragments say, so that
// behind them it takes little; mail_dictionary.h has what is in nearly every mail.
//
// Only mail_frame.cc includes zstd.
#pragma once

#include <zstd.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shared/base/c_ptr.h"

namespace restante {

// Pieces that are never put together in memory when they are large.
struct MailContent {
  std::string_view bodies;
  std::string_view transport, details;  // transport: transport_fragment() of message.h
  std::string_view trace, data;         // the raw mail
};

struct MailFrame {
  std::string bytes;
  std::size_t head = 0;         // how many of the first of them give bodies and details
  std::size_t bodies_size = 0;  // of the bodies that are in it
};

class FrameWriter {
 public:
  FrameWriter();
  [[nodiscard]] MailFrame write(const MailContent& content);

 private:
  CPtr<ZSTD_CCtx, ZSTD_freeCCtx> context_;
  std::string small_;  // the content of a small mail
};

struct MailHead {
  std::string bodies, details;  // details: the transport's and the mail's
};

enum class FramePart : std::uint8_t { kBodies, kDetails, kRaw };

// Reads one frame after the other, each in pieces that may be cut anywhere.
class FrameReader {
 public:
  FrameReader();

  // Bytes of the content, as the beginning of a frame says.
  [[nodiscard]] static std::optional<std::uint64_t> content_size(std::string_view frame);

  // `frame` is the beginning of one.
  void begin(std::string_view frame);

  // Bytes of the content that have not been read yet; known while content_size() is.
  [[nodiscard]] std::uint64_t left() const { return left_; }

  enum class Status : std::uint8_t { kMore, kComplete, kStopped, kDamaged };
  // Gives content to `take`, up to 128 KiB a time, and of each part at least once, be it empty;
  // when that says false no more is wanted. A part that is missing, and what stands behind the end
  // of the frame, is damage.
  using Take = std::function<bool(FramePart, std::string_view)>;
  [[nodiscard]] Status read(std::string_view piece, const Take& take);

  // What a whole frame, or as much of it as `head` counts, begins with.
  [[nodiscard]] std::optional<MailHead> head(std::string_view frame);

 private:
  [[nodiscard]] bool give(std::string_view content, const Take& take);

  CPtr<ZSTD_DCtx, ZSTD_freeDCtx> context_;
  FramePart part_ = FramePart::kBodies;  // that is read now
  std::uint64_t left_ = 0;
  std::vector<char> space_;
};

}  // namespace restante

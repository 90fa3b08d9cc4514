// SPDX-License-Identifier: ISC
// The form in which a mail is stored: one zstd frame (RFC 8878), with its content size, of
//
//   bodies "\n" details "\n" raw
//
// Fragments contain no newline (mail/message.h). The raw mail repeats much of what the fragments
// contain, so it compresses well behind them. dictionary.h is loaded for every frame.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shared/base/c_ptr.h"

struct ZSTD_CCtx_s;
struct ZSTD_DCtx_s;

namespace restante::store {

// The parts of a mail. FrameWriter never joins large ones in memory.
struct MailContent {
  std::string_view bodies;
  std::string_view transport, details;  // transport: transport_fragment() of mail/message.h
  std::string_view trace, data;         // the raw mail
};

// A mail above either limit is large, because XRANGE copies every entry that it returns.
inline constexpr std::size_t kSmallBodies = 16 * 1024, kSmallFrame = 8 * 1024;

struct MailFrame {
  std::string bytes;
  std::size_t head = 0;         // the first bytes, which FrameReader::head() needs at least
  std::size_t bodies_size = 0;  // bytes of MailContent::bodies
  std::size_t size = 0;         // of `bytes`, also when these are not there any more

  [[nodiscard]] bool is_large() const { return bodies_size > kSmallBodies || size > kSmallFrame; }
};

// Compresses mails. Throws std::bad_alloc when zstd has no memory.
class FrameWriter {
 public:
  FrameWriter();
  [[nodiscard]] MailFrame write(const MailContent& content);

 private:
  static void free(ZSTD_CCtx_s* context);

  CPtr<ZSTD_CCtx_s, free> context_;
  std::string small_;  // the joined content of a small mail
};

struct MailHead {
  std::string bodies, details;  // details: those of the transport, then those of the mail
};

enum class FramePart : std::uint8_t { kBodies, kDetails, kRaw };

// Decompresses one frame after another. A frame may be given in pieces that are cut anywhere. The
// constructor throws std::bad_alloc when zstd has no memory.
class FrameReader {
 public:
  FrameReader();

  // Bytes of the content, as stated at the beginning of a frame; nothing if that is damaged.
  [[nodiscard]] static std::optional<std::uint64_t> content_size(std::string_view frame);

  // Call it before the first read() of a frame. `frame` is the first piece, which read() needs too.
  void begin(std::string_view frame);

  // Bytes of the content that read() has not given yet; only valid if content_size() has a value.
  [[nodiscard]] std::uint64_t left() const { return left_; }

  // kMore: the piece was used up; the frame has more. kStopped: `sink` returned false. kDamaged:
  // no frame, a part is missing, or bytes follow the end of the frame.
  enum class Status : std::uint8_t { kMore, kComplete, kStopped, kDamaged };
  // Gives the content of a piece to `sink`, at most 128 KiB a call, and each part at least once,
  // even if it is empty. `sink` returns false to stop.
  using Sink = std::function<bool(FramePart, std::string_view)>;
  [[nodiscard]] Status read(std::string_view piece, const Sink& sink);

  // Bodies and details of a frame, which may be cut after MailFrame::head bytes. Nothing if it is
  // damaged.
  [[nodiscard]] std::optional<MailHead> head(std::string_view frame);

 private:
  static void free(ZSTD_DCtx_s* context);
  [[nodiscard]] bool give(std::string_view content, const Sink& sink);

  CPtr<ZSTD_DCtx_s, free> context_;
  FramePart part_ = FramePart::kBodies;  // the part being read
  std::uint64_t left_ = 0;
  std::vector<char> space_;
};

}  // namespace restante::store

// SPDX-License-Identifier: ISC
#include "shared/store/frame.h"

#include <zstd.h>

#include <initializer_list>
#include <new>
#include <utility>

#include "shared/store/dictionary.h"

namespace restante::store {
namespace {

// Measured with mails of 2 KB and 100 KB: level 3 takes half as long again and saves 1 %.
constexpr int kLevel = 1;
// Content up to this size is compressed in one call, which saves a microsecond.
constexpr std::size_t kSmall = 16 * 1024;
// The largest window that a reader accepts: 8 MiB. Level 1 writes windows of 2 MiB at most.
constexpr int kWindowLog = 23;
constexpr std::string_view kEnd = "\n";
constexpr std::size_t kFlushed = 64;  // far more than ending a block early takes

void compress(ZSTD_CCtx* context, ZSTD_outBuffer& out, std::string_view piece,
              ZSTD_EndDirective how) {
  ZSTD_inBuffer in{piece.data(), piece.size(), 0};
  const std::size_t left = ZSTD_compressStream2(context, &out, &in, how);
  // The output has room, so only memory can be missing.
  if (ZSTD_isError(left) != 0 || (how != ZSTD_e_continue && left != 0)) throw std::bad_alloc();
}

}  // namespace

FrameWriter::FrameWriter() : context_(ZSTD_createCCtx()) {
  ZSTD_CCtx* const context = context_.get();
  if (context == nullptr) throw std::bad_alloc();
  ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, kLevel);
  if (ZSTD_isError(
          ZSTD_CCtx_loadDictionary(context, kMailDictionary.data(), kMailDictionary.size())) != 0) {
    throw std::bad_alloc();
  }
}

void FrameWriter::free(ZSTD_CCtx_s* context) { ZSTD_freeCCtx(context); }

MailFrame FrameWriter::write(const MailContent& content) {
  const auto& [bodies, transport, details, trace, data] = content;
  const std::size_t size = bodies.size() + transport.size() + details.size() + 2 * kEnd.size() +
                           trace.size() + data.size();
  ZSTD_CCtx* const context = context_.get();
  ZSTD_CCtx_reset(context, ZSTD_reset_session_only);
  ZSTD_CCtx_setPledgedSrcSize(context, size);
  MailFrame frame{.bytes = {}, .head = 0, .bodies_size = bodies.size()};
  const std::size_t bound = ZSTD_compressBound(size) + kFlushed;
  frame.bytes.resize_and_overwrite(bound, [&](char* space, std::size_t room) {
    ZSTD_outBuffer out{space, room, 0};
    if (size <= kSmall) {
      small_.clear();
      for (const std::string_view piece : {bodies, kEnd, transport, details, kEnd, trace, data}) {
        small_ += piece;
      }
      compress(context, out, small_, ZSTD_e_end);
      frame.head = out.pos;
      return out.pos;
    }
    for (const std::string_view piece : {bodies, kEnd, transport, details}) {
      compress(context, out, piece, ZSTD_e_continue);
    }
    compress(context, out, kEnd, ZSTD_e_flush);
    frame.head = out.pos;
    compress(context, out, trace, ZSTD_e_continue);
    compress(context, out, data, ZSTD_e_end);
    return out.pos;
  });
  if (size > kSmall) frame.bytes.shrink_to_fit();
  frame.size = frame.bytes.size();
  return frame;
}

FrameReader::FrameReader() : context_(ZSTD_createDCtx()), space_(ZSTD_DStreamOutSize()) {
  if (context_ == nullptr) throw std::bad_alloc();
  ZSTD_DCtx_setParameter(context_.get(), ZSTD_d_windowLogMax, kWindowLog);
  if (ZSTD_isError(ZSTD_DCtx_loadDictionary(context_.get(), kMailDictionary.data(),
                                            kMailDictionary.size())) != 0) {
    throw std::bad_alloc();
  }
}

void FrameReader::free(ZSTD_DCtx_s* context) { ZSTD_freeDCtx(context); }

std::optional<std::uint64_t> FrameReader::content_size(std::string_view frame) {
  const unsigned long long size = ZSTD_getFrameContentSize(frame.data(), frame.size());
  if (size == ZSTD_CONTENTSIZE_UNKNOWN || size == ZSTD_CONTENTSIZE_ERROR) return std::nullopt;
  return size;
}

void FrameReader::begin(std::string_view frame) {
  ZSTD_DCtx_reset(context_.get(), ZSTD_reset_session_only);
  part_ = FramePart::kBodies;
  left_ = content_size(frame).value_or(UINT64_MAX);
}

FrameReader::Status FrameReader::read(std::string_view piece, const Sink& sink) {
  ZSTD_inBuffer in{piece.data(), piece.size(), 0};
  for (;;) {
    ZSTD_outBuffer out{space_.data(), space_.size(), 0};
    const std::size_t more = ZSTD_decompressStream(context_.get(), &out, &in);
    if (ZSTD_isError(more) != 0 || out.pos > left_) return Status::kDamaged;
    left_ -= out.pos;
    if (out.pos > 0 && !give({space_.data(), out.pos}, sink)) return Status::kStopped;
    if (more == 0) {
      const bool is_whole = in.pos == in.size && left_ == 0 && part_ == FramePart::kRaw;
      return is_whole ? Status::kComplete : Status::kDamaged;
    }
    if (in.pos == in.size && out.pos < out.size) return Status::kMore;
  }
}

bool FrameReader::give(std::string_view content, const Sink& sink) {
  while (part_ != FramePart::kRaw) {
    const std::size_t end = content.find('\n');
    if (!sink(part_, content.substr(0, end))) return false;
    if (end == content.npos) return true;
    content.remove_prefix(end + 1);
    part_ = part_ == FramePart::kBodies ? FramePart::kDetails : FramePart::kRaw;
  }
  return sink(part_, content);
}

std::optional<MailHead> FrameReader::head(std::string_view frame) {
  MailHead head;
  begin(frame);
  (void)read(frame, [&head](FramePart part, std::string_view content) {
    if (part == FramePart::kRaw) return false;
    (part == FramePart::kBodies ? head.bodies : head.details) += content;
    return true;
  });
  if (part_ != FramePart::kRaw) return std::nullopt;
  return head;
}

}  // namespace restante::store

// SPDX-License-Identifier: ISC
// A mail as it was received, given out as a file (the only file here with zstd).
#include "apid/raw_mail.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/mman.h>
#include <zstd.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "shared/c_ptr.h"
#include "shared/log.h"
#include "shared/worker_context.h"

namespace restante::apid {
namespace {

constexpr std::size_t kTraceHeader = 64 * 1024;  // far more than Return-Path and Received take
constexpr std::size_t kSmall = 64 * 1024;        // smaller content stays in memory
// What decompression may look back on; what smtpd writes needs 2 MiB (2^21).
constexpr int kWindowLog = 23;

}  // namespace

struct RawReader::State {
  enum class Stage : std::uint8_t { kStart, kReading, kComplete, kDamaged, kFull, kNoRoom };

  std::size_t limit;
  Into into;
  DownloadRoom& room;
  CPtr<ZSTD_DCtx, ZSTD_freeDCtx> stream = {};
  Stage stage = Stage::kStart;
  MailId id = {};
  unsigned long long size = 0, got = 0;  // of the content
  std::size_t skip = 0;                  // bytes of it that are left out, from its start
  std::size_t kept = 0;
  std::string text = {};
  UniqueFd file = {};
  std::shared_ptr<void> place = {};  // of the file

  [[nodiscard]] Stage start(const RawMail& mail, std::string_view piece);
  [[nodiscard]] Stage read(std::string_view piece);
  [[nodiscard]] bool keep(std::string_view content);
};

RawReader::State::Stage RawReader::State::start(const RawMail& mail, std::string_view piece) {
  id = mail.id;
  // Unknown sizes and errors are the two greatest numbers.
  size = ZSTD_getFrameContentSize(piece.data(), piece.size());
  if (size > limit) return Stage::kDamaged;
  stream.reset(ZSTD_createDCtx());
  if (stream == nullptr) return Stage::kNoRoom;
  ZSTD_DCtx_setParameter(stream.get(), ZSTD_d_windowLogMax, kWindowLog);
  if (into == Into::kFileWithoutTrace && mail.size) {
    if (*mail.size > size) return Stage::kDamaged;
    skip = size - *mail.size;
  }
  if (into == Into::kMemoryWhileSmall && size < kSmall) return Stage::kReading;
  place = room.take(size);
  if (!place) return Stage::kFull;
  file.reset(memfd_create("raw_mail", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  return file ? Stage::kReading : Stage::kNoRoom;
}

bool RawReader::State::keep(std::string_view content) {
  const std::size_t skipped = std::min(skip, content.size());
  skip -= skipped;
  content.remove_prefix(skipped);
  kept += content.size();
  if (file) return write_all(file.get(), content);
  text += content;
  return true;
}

RawReader::State::Stage RawReader::State::read(std::string_view piece) {
  std::vector<char> space(ZSTD_DStreamOutSize());
  ZSTD_inBuffer in{piece.data(), piece.size(), 0};
  for (;;) {
    ZSTD_outBuffer out{space.data(), space.size(), 0};
    const std::size_t left = ZSTD_decompressStream(stream.get(), &out, &in);
    got += out.pos;
    if (ZSTD_isError(left) != 0 || got > size) return Stage::kDamaged;
    if (!keep({space.data(), out.pos})) return Stage::kNoRoom;
    if (left == 0) return in.pos == in.size && got == size ? Stage::kComplete : Stage::kDamaged;
    if (in.pos == in.size && out.pos < out.size) return Stage::kReading;
  }
}

RawReader::RawReader(std::size_t message_size_limit, Into into, DownloadRoom& room)
    : state_(new State{.limit = message_size_limit + kTraceHeader, .into = into, .room = room}) {}

RawReader::~RawReader() = default;

bool RawReader::take(const RawMail& mail, std::string_view piece) {
  State& state = *state_;
  if (state.stage == State::Stage::kStart) state.stage = state.start(mail, piece);
  if (state.stage == State::Stage::kReading) state.stage = state.read(piece);
  return state.stage == State::Stage::kReading;
}

MailId RawReader::id() const { return state_->id; }

Response RawReader::finish() {
  State& state = *state_;
  if (state.stage == State::Stage::kNoRoom || state.stage == State::Stage::kFull) {
    if (state.stage == State::Stage::kNoRoom) {
      log::error("no_room_for_mail", {{"bytes", state.size}});
    }
    return try_later("there is no room for this message now, try again later");
  }
  if (state.stage != State::Stage::kComplete) {
    return error_response(
        500, "the stored message is damaged, or larger than message_size_limit has it");
  }
  if (!state.file) return {.status = 200, .headers = {}, .body = std::move(state.text)};
  // mimed maps it, and would die of one that shrinks.
  constexpr int kSeals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL;
  fcntl(state.file.get(), F_ADD_SEALS, kSeals);
  return {.status = 200,
          .headers = {},
          .body = {},
          .file = FileBody{.fd = std::make_shared<const UniqueFd>(std::move(state.file)),
                           .offset = 0,
                           .size = state.kept},
          .place = std::move(state.place)};
}

void add_download_headers(Response& response) {
  response.headers.emplace_back("Content-Security-Policy", "default-src 'none'; sandbox");
  response.headers.emplace_back("Cache-Control", "no-store");
  response.headers.emplace_back("X-Content-Type-Options", "nosniff");
}

Response raw_response(RawReader& reader) {
  Response response = reader.finish();
  if (response.status != 200) return response;
  response.headers = {
      {"Content-Type", "message/rfc822"},
      {"Content-Disposition", fmt::format("attachment; filename=\"{}.eml\"", reader.id().text())}};
  add_download_headers(response);
  return response;
}

}  // namespace restante::apid

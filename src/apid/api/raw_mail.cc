// SPDX-License-Identifier: ISC
#include "apid/api/raw_mail.h"

#include <fmt/core.h>
#include <sys/mman.h>

#include <algorithm>
#include <string>
#include <utility>

#include "shared/base/file.h"
#include "shared/base/unique_fd.h"
#include "shared/log/log.h"
#include "shared/store/frame.h"

namespace restante::apid {
namespace {

constexpr std::size_t kTraceHeader = 64 * 1024;  // far more than Return-Path and Received take
constexpr std::size_t kSmall = 64 * 1024;        // smaller content stays in memory

}  // namespace

struct RawReader::State {
  enum class Stage : std::uint8_t { kStart, kReading, kComplete, kDamaged, kFull, kNoRoom };

  std::size_t limit;
  Into into;
  DownloadRoom& room;
  DownloadRoom::Taker taker;
  store::FrameReader frames = {};
  Stage stage = Stage::kStart;
  store::RawMail mail = {};
  std::optional<std::uint64_t> size = {};  // of the raw mail, once the fragments have come
  std::size_t skip = 0;                    // bytes of it that are left out, from its start
  std::size_t kept = 0;
  std::string text = {};
  UniqueFd file = {};
  std::shared_ptr<void> reservation = {};  // of the room for the file

  [[nodiscard]] Stage begin(std::string_view piece);
  [[nodiscard]] Stage read(std::string_view piece);
  [[nodiscard]] Stage append(std::string_view content);
  [[nodiscard]] Stage begin_raw();
  [[nodiscard]] bool keep(std::string_view content);
};

RawReader::State::Stage RawReader::State::begin(std::string_view piece) {
  if (!store::FrameReader::content_size(piece) || (mail.size && *mail.size > limit))
    return Stage::kDamaged;
  frames.begin(piece);
  return Stage::kReading;
}

RawReader::State::Stage RawReader::State::read(std::string_view piece) {
  Stage reached = Stage::kReading;
  const auto status = frames.read(piece, [&](store::FramePart part, std::string_view content) {
    if (part == store::FramePart::kRaw) reached = append(content);
    return reached == Stage::kReading;
  });
  if (status == store::FrameReader::Status::kDamaged) return Stage::kDamaged;
  return status == store::FrameReader::Status::kComplete ? Stage::kComplete : reached;
}

RawReader::State::Stage RawReader::State::append(std::string_view content) {
  if (!size) {
    size = content.size() + frames.left();
    if (const Stage begun = begin_raw(); begun != Stage::kReading) return begun;
  }
  return keep(content) ? Stage::kReading : Stage::kNoRoom;
}

// The raw mail begins here. Its size decides where it goes.
RawReader::State::Stage RawReader::State::begin_raw() {
  if (*size > limit) return Stage::kDamaged;
  if (into == Into::kFileWithoutTrace && mail.size) {
    if (*mail.size > *size) return Stage::kDamaged;
    skip = *size - *mail.size;
  }
  if (into == Into::kMemoryWhileSmall && *size < kSmall) return Stage::kReading;
  reservation = room.acquire(*size, taker);
  if (!reservation) return Stage::kFull;
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

RawReader::RawReader(std::size_t message_size_limit, Into into, DownloadRoom& room,
                     DownloadRoom::Taker taker)
    : state_(new State{.limit = message_size_limit + kTraceHeader,
                       .into = into,
                       .room = room,
                       .taker = std::move(taker)}) {}

RawReader::~RawReader() = default;

bool RawReader::append(const store::RawMail& mail, std::string_view piece) {
  State& state = *state_;
  if (state.stage == State::Stage::kStart) {
    state.mail = mail;
    state.stage = state.begin(piece);
  }
  if (state.stage == State::Stage::kReading) state.stage = state.read(piece);
  return state.stage == State::Stage::kReading;
}

store::MailId RawReader::id() const { return state_->mail.id; }

Response RawReader::finish() {
  State& state = *state_;
  if (state.stage == State::Stage::kNoRoom || state.stage == State::Stage::kFull) {
    if (state.stage == State::Stage::kNoRoom) {
      log::error("no_room_for_mail", {{"bytes", state.size.value_or(0)}});
    }
    return try_later("there is no room for this message now, try again later");
  }
  if (state.stage != State::Stage::kComplete) {
    return error_response(
        500, "the stored message is damaged, or larger than message_size_limit has it");
  }
  if (!state.file) return {.status = 200, .headers = {}, .body = std::move(state.text)};
  // mimed maps the file, and would be killed by SIGBUS if it shrank.
  (void)seal(state.file.get());
  return {.status = 200,
          .headers = {},
          .body = {},
          .file = FileBody{.fd = std::make_shared<const UniqueFd>(std::move(state.file)),
                           .offset = 0,
                           .size = state.kept},
          .place = std::move(state.reservation)};
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

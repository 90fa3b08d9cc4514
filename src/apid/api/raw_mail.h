// SPDX-License-Identifier: ISC
// A mail as it was received, given out as a file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "apid/api/download_room.h"
#include "apid/http/message.h"
#include "shared/store/mail_store.h"

namespace restante::apid {

// Reads the raw mail out of its frame (mail_frame.h), piece by piece. What it takes of memory is
// bounded, since all but a small mail goes into a memfd.
class RawReader {
 public:
  enum class Into : std::uint8_t {
    kMemoryWhileSmall,
    kFileWithoutTrace,  // a file of what mimed parsed: not the trace header that smtpd put on top
  };

  // `message_size_limit` is the setting: what is stored may be larger by the trace header. A file
  // takes its bytes of `room`, which outlives the reader.
  RawReader(std::size_t message_size_limit, Into into, DownloadRoom& room);
  ~RawReader();
  RawReader(const RawReader&) = delete;
  RawReader& operator=(const RawReader&) = delete;

  // Takes the next piece of the frame. False: it wants no other, since the frame is complete or
  // damaged, or the raw mail above the limit; that is known before any memory is taken for it.
  [[nodiscard]] bool take(const RawMail& mail, std::string_view piece);

  // Of the mail whose pieces came.
  [[nodiscard]] MailId id() const;

  // To be called once when all has come: the content, as body or file of a 200 without header
  // fields; or the error to answer instead.
  [[nodiscard]] Response finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// The mail as a download, or the error.
[[nodiscard]] Response raw_response(RawReader& reader);

// What keeps a browser from showing or running what is in a mail as a page of ours, and others from
// keeping it: the header fields of every download.
void add_download_headers(Response& response);

}  // namespace restante::apid

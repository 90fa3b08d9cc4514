// SPDX-License-Identifier: ISC
// Reads a mail as it was received from its frame, and gives it as a download.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "apid/api/download_room.h"
#include "apid/http/response.h"
#include "shared/store/reader.h"

namespace restante::apid {

// Reads the raw mail from its frame (store/frame.h), piece by piece. A mail of 64 KiB or more is
// written to a memfd, so that the worker's memory stays bounded.
class RawReader {
 public:
  enum class Into : std::uint8_t {
    kMemoryWhileSmall,
    kFileWithoutTrace,  // always a memfd, with what mimed parsed: without smtpd's trace header
  };

  // `message_size_limit` in bytes; a stored mail may be 64 KiB larger, for its trace. A memfd
  // reserves its size in `room`, which outlives the reader, for `taker`.
  RawReader(std::size_t message_size_limit, Into into, DownloadRoom& room,
            DownloadRoom::Taker taker);
  ~RawReader();
  RawReader(const RawReader&) = delete;
  RawReader& operator=(const RawReader&) = delete;

  // Appends the next piece of the frame. Returns false if no further piece is wanted: the frame is
  // complete or damaged, or the raw mail exceeds a limit, which is checked before memory is used.
  [[nodiscard]] bool append(const store::RawMail& mail, std::string_view piece);

  // The id that came with the first piece.
  [[nodiscard]] store::MailId id() const;

  // Call once, after the last piece. Returns 200 without header fields, with the content as body or
  // file; 500 if the frame is damaged or too large; 503 if there is no room.
  [[nodiscard]] Response finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Returns finish() with the header fields of a download.
[[nodiscard]] Response raw_response(RawReader& reader);

// Adds the header fields that keep a browser from showing or running the content as a page of this
// server, and caches from storing it.
void add_download_headers(Response& response);

}  // namespace restante::apid

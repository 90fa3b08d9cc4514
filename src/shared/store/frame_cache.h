// SPDX-License-Identifier: ISC
// Keeps the heads of the small mails that were read last, up to 4 MiB. A client that polls a
// mailbox reads the same mails again and again, and decompressing them was a third of the cost of
// a request.
//
// The key is the frame itself, so an entry is never stale. Everything is freed when nothing was
// read for one to two minutes.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shared/net/event_loop.h"
#include "shared/store/frame.h"

namespace restante::store {

class FrameCache {
 public:
  explicit FrameCache(event_base* base);

  // Bodies and details of a frame, which may be cut after MailFrame::head bytes; valid until the
  // next call. A damaged frame gives bodies without text that say `parse_error`, and no details.
  [[nodiscard]] const MailHead& read(std::string_view frame);

 private:
  struct Slot {
    std::string frame;
    MailHead head;
  };

  void forget();

  std::optional<FrameReader> frames_;  // empty until the first read()
  std::vector<Slot> slots_;
  MailHead large_;        // the last head that is too large for a slot
  bool is_used_ = false;  // read() was called since the timer was started
  net::Timer idle_;
};

}  // namespace restante::store

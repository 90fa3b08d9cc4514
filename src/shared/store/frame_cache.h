// SPDX-License-Identifier: ISC
// Heads of the small mails that were read last: who waits for mail by asking again and again gets
// the same ones, and decompressing them was a third of an answer's cost.
//
// A mail is told by the bytes of its frame, so what is kept is never stale, and whether it is still
// there is not asked here. It is forgotten when nobody has read for a minute or two.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shared/net/event_loop.h"
#include "shared/store/frame.h"

namespace restante {

class RecentHeads {
 public:
  explicit RecentHeads(event_base* base);

  // What a frame begins with; valid until the next call. A damaged one has bodies without text that
  // say `parse_error`, and no details.
  [[nodiscard]] const MailHead& read(std::string_view frame);

 private:
  struct Slot {
    std::string frame;
    MailHead head;
  };

  void forget();

  std::optional<FrameReader> frames_;  // nothing before the first mail is read
  std::vector<Slot> slots_;
  MailHead large_;        // of the last one that has no slot
  bool is_used_ = false;  // since the timer was started
  Timer idle_;
};

}  // namespace restante

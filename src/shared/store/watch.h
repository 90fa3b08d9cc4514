// SPDX-License-Identifier: ISC
// Reports changes of mailboxes: what apid needs to hold a request until mail arrives.
#pragma once

#include <functional>
#include <memory>
#include <string_view>

namespace restante::store {

class Watch {
 public:
  virtual ~Watch() = default;

  // Calls `changed` whenever the mailbox may have mail that it did not have before: at each
  // delivery, when a claim is released, once the subscription is active, and when it was made
  // again after an outage. A client that watches first and reads then misses nothing. `changed` is
  // not called before watch() returns. The returned object ends the watch when its last copy is
  // destroyed, which `changed` itself may do; this Watch must outlive it. `mailbox` is a mailbox
  // key (mail/mailbox_name.h).
  [[nodiscard]] virtual std::shared_ptr<void> watch(std::string_view mailbox,
                                                    std::function<void()> changed) = 0;
};

}  // namespace restante::store

// SPDX-License-Identifier: ISC
// Tells when mail comes to a mailbox, without asking: one subscription to Redis, on a connection of
// its own, for all who wait in a worker.
#pragma once

#include <functional>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "shared/net/event_loop.h"
#include "shared/redis/client.h"

namespace restante {

class Watch {
 public:
  virtual ~Watch() = default;

  // Calls `changed` whenever the mailbox may have mail that it had not before: at each delivery,
  // when a claim is given back, once the subscription stands, and when it has been made again after
  // an outage. So who watches first and looks then misses nothing. Ends with what is returned, at
  // any time, from within the call too. `mailbox` is a mailbox key (mailbox_name.h).
  [[nodiscard]] virtual std::shared_ptr<void> watch(std::string_view mailbox,
                                                    std::function<void()> changed) = 0;
};

class MailWatch : public Watch {
 public:
  // Takes a connection of its own: `redis` is used for nothing else, and outlives the object.
  MailWatch(event_base* base, Redis& redis);
  MailWatch(const MailWatch&) = delete;
  MailWatch& operator=(const MailWatch&) = delete;

  [[nodiscard]] std::shared_ptr<void> watch(std::string_view mailbox,
                                            std::function<void()> changed) override;

 private:
  class Watching;
  void tell(const std::string& channel);
  void leave(const std::string& channel);
  void check();

  Redis& redis_;
  std::map<std::string, std::list<std::weak_ptr<Watching>>> channels_;  // those that are watched
  Timer check_;
};

}  // namespace restante

// SPDX-License-Identifier: ISC
// The limit on the memory that large responses of one worker occupy until they are sent.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "apid/http/request.h"

namespace restante::apid {

// Copies share one limit and one count.
//
// However much is wanted, some is left for others: a request is admitted if afterwards its client
// holds no more than three times what is free, and its API key no more than sixteen times that.
// So one client takes three quarters of the room at most, and one key sixteen seventeenths.
class DownloadRoom {
 public:
  // Who takes room.
  struct Taker {
    explicit Taker(const Request& request)
        : client(request.client.rate_key), key(request.api_key) {}
    std::string client, key;
  };

  // `limit` in bytes.
  explicit DownloadRoom(std::uint64_t limit) : limit_(limit) {}

  // Reserves `bytes` until the returned reservation is destroyed, which may be after this object.
  // Returns nullptr if that is too much. The only download is always admitted.
  [[nodiscard]] std::shared_ptr<void> acquire(std::uint64_t bytes, const Taker& taker) {
    if (used_->all != 0 && !fits(bytes, taker)) return nullptr;
    used_->all += bytes;
    used_->by_client[taker.client] += bytes;
    used_->by_key[taker.key] += bytes;
    return {used_.get(), [used = used_, bytes, taker](void*) { used->give_back(bytes, taker); }};
  }

 private:
  using Held = std::map<std::string, std::uint64_t, std::less<>>;
  struct Used {
    std::uint64_t all = 0;
    Held by_client, by_key;

    void give_back(std::uint64_t bytes, const Taker& taker) {
      all -= bytes;
      take_off(by_client, taker.client, bytes);
      take_off(by_key, taker.key, bytes);
    }
    static void take_off(Held& held, std::string_view name, std::uint64_t bytes) {
      const auto found = held.find(name);
      if ((found->second -= bytes) == 0) held.erase(found);
    }
  };

  [[nodiscard]] static std::uint64_t of(const Held& held, std::string_view name) {
    const auto found = held.find(name);
    return found == held.end() ? 0 : found->second;
  }

  [[nodiscard]] bool fits(std::uint64_t bytes, const Taker& taker) const {
    if (used_->all > limit_ || bytes > limit_ - used_->all) return false;
    const std::uint64_t free = limit_ - used_->all - bytes;
    return (of(used_->by_client, taker.client) + bytes) / 3 <= free &&
           (of(used_->by_key, taker.key) + bytes) / 16 <= free;
  }

  std::uint64_t limit_;
  std::shared_ptr<Used> used_ = std::make_shared<Used>();
};

}  // namespace restante::apid

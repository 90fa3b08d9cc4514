// SPDX-License-Identifier: ISC
// The Writer of smtpd.
#pragma once

#include <chrono>
#include <string_view>

#include "shared/redis/client.h"
#include "shared/store/writer.h"

namespace restante::store {

class RedisWriter : public Writer {
 public:
  // `redis` must outlive the object. Mail is removed when its `retention` has passed.
  RedisWriter(redis::Client& redis, std::chrono::milliseconds retention, Quota quota)
      : redis_(redis), retention_(retention), quota_(quota) {}

  void put(const NewMail& mail, Stored done) override;
  void check_room(std::string_view mailbox, std::function<void(Result<bool>)> done) override;
  void put_frame(const MailFrame& frame, std::size_t references,
                 std::function<void(Result<std::string>)> done) override;
  void release_frame(std::string_view token, std::size_t references) override;
  void forget(std::string_view mailbox, std::string_view fingerprint) override;

 private:
  void make_room(std::string_view mailbox, std::uint64_t bytes, bool by_removing,
                 std::function<void(Result<bool>)> done);

  redis::Client& redis_;
  std::chrono::milliseconds retention_;
  Quota quota_;
};

}  // namespace restante::store

// SPDX-License-Identifier: ISC
// The Reader of apid and restantectl.
#pragma once

#include <functional>
#include <optional>
#include <string_view>

#include "shared/store/read_resources.h"
#include "shared/store/reader.h"

namespace restante::store {

class RedisReader : public Reader {
 public:
  explicit RedisReader(ReadResources& resources) : resources_(resources) {}

  void ping(std::function<void(Result<void>)> done) override;
  void list(std::string_view mailbox, const ListQuery& query,
            std::function<void(Result<Page>)> done) override;
  void get(std::string_view mailbox, std::optional<MailId> id,
           std::function<void(Result<std::optional<StoredMail>>)> done) override;
  void get_raw(std::string_view mailbox, std::optional<MailId> id, PieceSink sink,
               std::function<void(Result<bool>)> done) override;
  void clear(std::string_view mailbox, std::function<void(Result<std::uint64_t>)> done) override;
  void remove(std::string_view mailbox, MailId id, std::function<void(Result<bool>)> done) override;

 private:
  struct FoundMail;
  void find(std::string_view mailbox, std::optional<MailId> id,
            std::function<void(Result<std::optional<FoundMail>>)> done);

  ReadResources& resources_;
};

}  // namespace restante::store

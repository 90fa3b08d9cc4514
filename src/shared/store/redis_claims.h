// SPDX-License-Identifier: ISC
// The Claims of apid.
#pragma once

#include <functional>
#include <string_view>

#include "shared/store/claims.h"
#include "shared/store/read_resources.h"

namespace restante::store {

class RedisClaims : public Claims {
 public:
  explicit RedisClaims(ReadResources& resources) : resources_(resources) {}

  void claim(std::string_view mailbox, const ListQuery& query,
             std::function<void(Result<Claim>)> done) override;
  void acknowledge(std::string_view mailbox, const MailId& id, std::string_view lease,
                   std::function<void(Result<bool>)> done) override;
  void release(std::string_view mailbox, const MailId& id, std::string_view lease,
               std::function<void(Result<bool>)> done) override;

 private:
  ReadResources& resources_;
};

}  // namespace restante::store

// SPDX-License-Identifier: ISC
// Asks mimed to parse: picks the least busy parser, tries a second one when the first dies or is
// too slow, and says so when neither could.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shared/message.h"

struct event_base;

namespace restante::smtpd {

class MimeClient {
 public:
  // nullopt: the mail could not be parsed.
  using Done = std::function<void(std::optional<Fragments>)>;

  // Keeps a connection to up to four of the `count` parsers that listen in `runtime_dir`, from
  // number `first` on, so that workers with different numbers begin with different parsers.
  MimeClient(event_base* base, const std::string& runtime_dir, std::uint64_t count,
             std::uint64_t first, std::chrono::milliseconds time_limit);
  ~MimeClient();
  MimeClient(const MimeClient&) = delete;
  MimeClient& operator=(const MimeClient&) = delete;

  // `raw` has to live until `done` is called, which is never before parse() returns.
  void parse(std::string_view raw, Done done);

 private:
  class Lane;
  struct Request;
  using RequestPtr = std::unique_ptr<Request>;

  void dispatch(RequestPtr request);
  void give_back(Lane& from, std::vector<RequestPtr> requests);

  std::chrono::milliseconds time_limit_;
  std::vector<std::unique_ptr<Lane>> lanes_;
};

}  // namespace restante::smtpd

// SPDX-License-Identifier: ISC
// From the final dot to Redis' confirmation: parse, compress, one atomic write per mailbox.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "shared/mail/mailbox_name.h"
#include "shared/mail/message.h"
#include "shared/parser/client.h"
#include "shared/store/frame.h"
#include "shared/store/writer.h"
#include "smtpd/durability_monitor.h"
#include "smtpd/protocol/session.h"

namespace restante::smtpd {

struct DeliveryReport {
  struct Stored {
    std::string to, id;
  };
  Reply reply = Reply::kOk;  // once every mailbox has it; else what to tell the sender
  std::string from;
  std::uint64_t bytes = 0;
  bool parse_error = false;
  std::uint64_t bare_newlines = 0;  // that it came with
  std::vector<Stored> stored;       // where it is now, even if another mailbox could not be written
  std::string reason;               // of a failure, for the log
};

class Delivery {
 public:
  using Done = std::function<void(const DeliveryReport&)>;

  // The former three outlive the delivery.
  Delivery(MimeClient& mime, Writer& store, const RedisGuard& guard, const MailboxNaming& naming);

  // Stores `mail` with `trace` (trace.h) on top and `transport` in its details. Goes on whether or
  // not the client is still there. `done` is called once, never before start() returns.
  void start(Deliver mail, std::string trace, Transport transport, Done done);

  // Deliveries under way, and the bytes of message data that they hold.
  [[nodiscard]] std::size_t under_way() const { return *under_way_; }
  [[nodiscard]] std::size_t bytes_held() const { return *bytes_held_; }

 private:
  struct Job;
  // A part of a sum, for as long as this lives: a mail that memory ran out for is in none.
  using Share = std::shared_ptr<void>;
  using Sum = std::shared_ptr<std::size_t>;
  [[nodiscard]] static Share share(const Sum& sum, std::size_t part);
  void start_waiting();
  void parse(const std::shared_ptr<Job>& job);
  void store(const std::shared_ptr<Job>& job);
  void store_more(const std::shared_ptr<Job>& job);
  void put(const std::shared_ptr<Job>& job, const Address& recipient);
  static void note(Job& job, const std::string& to, const Result<MailId>& id);
  void conclude(Job& job);
  void finish(Job& job);

  MimeClient& mime_;
  Writer& store_;
  const RedisGuard& guard_;
  MailboxNaming naming_;
  FrameWriter frames_;
  Sum under_way_ = std::make_shared<std::size_t>(0);
  Sum bytes_held_ = std::make_shared<std::size_t>(0);
  Sum copies_ = std::make_shared<std::size_t>(0);         // bytes on their way to Redis
  Sum bytes_in_hand_ = std::make_shared<std::size_t>(0);  // of those that do not wait
  std::deque<std::shared_ptr<Job>> waiting_;              // for others to be stored
};

}  // namespace restante::smtpd

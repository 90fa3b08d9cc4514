// SPDX-License-Identifier: ISC
// Delivers a message: parses it, compresses it, and writes it to each mailbox in one atomic step.
#pragma once

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
#include "smtpd/turns.h"

namespace restante::smtpd {

struct DeliveryReport {
  struct Stored {
    std::string to, id;
  };
  Reply reply = Reply::kOk;  // kOk: every mailbox has the mail
  std::string from;
  std::uint64_t bytes = 0;
  std::uint64_t bytes_in_store = 0;  // that this delivery takes there
  bool parse_error = false;
  std::uint64_t bare_newlines = 0;  // CR or LF alone, as it was received
  std::vector<Stored> stored;       // also when another mailbox could not be written
  std::string reason;               // of a failure, for the log
};

class Delivery {
 public:
  using Done = std::function<void(const DeliveryReport&)>;

  // `mime`, `writer` and `durability` must outlive the object.
  Delivery(parser::Client& mime, store::Writer& writer, const DurabilityMonitor& durability,
           const mail::MailboxNaming& naming);

  // Stores `mail` in the mailbox of each recipient, with `trace` (trace.h) on top and `transport`
  // in its details. Deliveries of different clients (ClientAddress::rate_key) take turns, and a
  // small one, of at most parser::kInlineLimit bytes, does not wait for a large one. Continues when
  // the client has disconnected. Calls `done` once, after start() has returned.
  void start(const std::string& client, Deliver mail, std::string trace, mail::Transport transport,
             Done done);

  // Deliveries in progress, and the bytes of message data that they hold.
  [[nodiscard]] std::size_t under_way() const { return *under_way_; }
  [[nodiscard]] std::size_t bytes_held() const { return *bytes_held_; }

 private:
  struct Job;
  // Adds a part to a sum until it is destroyed, also when an exception ends the delivery.
  using Share = std::shared_ptr<void>;
  using Sum = std::shared_ptr<std::size_t>;
  [[nodiscard]] static Share share(const Sum& sum, std::size_t part);
  void start_small();
  void start_large();
  void parse_small(const std::shared_ptr<Job>& job);
  void parse(const std::shared_ptr<Job>& job);
  void store(const std::shared_ptr<Job>& job);
  void store_frame(const std::shared_ptr<Job>& job);
  void store_more(const std::shared_ptr<Job>& job);
  void put(const std::shared_ptr<Job>& job, const mail::Address& recipient);
  static void note(Job& job, const std::string& to, const Result<store::StoredNow>& outcome);
  static void note_failure(Job& job, const Error& error);
  void conclude(Job& job);
  void finish(Job& job);

  parser::Client& mime_;
  store::Writer& writer_;
  const DurabilityMonitor& durability_;
  mail::MailboxNaming naming_;
  store::FrameWriter frames_;
  Sum under_way_ = std::make_shared<std::size_t>(0);
  Sum bytes_held_ = std::make_shared<std::size_t>(0);
  Sum copies_ = std::make_shared<std::size_t>(0);         // bytes being sent to Redis
  Sum parsing_ = std::make_shared<std::size_t>(0);        // small ones that are being parsed
  Sum bytes_in_hand_ = std::make_shared<std::size_t>(0);  // of large ones that have begun
  Turns<std::shared_ptr<Job>> small_, large_;             // that wait for their turn
};

}  // namespace restante::smtpd

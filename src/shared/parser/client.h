// SPDX-License-Identifier: ISC
// Asks mimed to parse a mail or for one attachment of it: picks the least busy parser, tries a
// second one when the first dies or is too slow, and says so when neither could.
#pragma once

#include <chrono>
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "shared/base/unique_fd.h"
#include "shared/mail/message.h"
#include "shared/memory/scoreboard.h"

struct event_base;

namespace restante::parser {

struct ExtractedAttachment {
  std::string name;  // safe to use as a file's
  std::string type;  // "application/pdf", as the mail has it
  std::shared_ptr<const UniqueFd> fd;
  std::uint64_t offset = 0, size = 0;  // of the decoded bytes in it
};

struct NoSuchAttachment {
  std::uint64_t count = 0;  // how many there are
};

enum class Failure : std::uint8_t {
  kFailed,       // two parsers died of this mail or were too slow with it
  kUnavailable,  // no parser was to be had in time
};

// Extracts one attachment of a message.
class Extractor {
 public:
  using Extraction = std::variant<ExtractedAttachment, NoSuchAttachment, Failure>;
  using ExtractDone = std::function<void(Extraction)>;

  virtual ~Extractor() = default;

  // Extracts attachment `number`, counted from 1. The message is the first `size` bytes of `memfd`,
  // which nobody may write to any more. `done` is called once, after extract() has returned.
  virtual void extract(std::shared_ptr<const UniqueFd> memfd, std::uint64_t size,
                       std::uint64_t number, ExtractDone done) = 0;
};

class Client : public Extractor {
 public:
  // kFailed: two parsers died of this mail or were too slow with it, or one was and no other was to
  // be had in time. kUnavailable: no parser has tried it.
  using ParseDone = std::function<void(std::expected<mail::Fragments, Failure>)>;

  // Keeps a connection to up to four of the parsers that listen at the paths `sockets`, from number
  // `first` on, so that workers with different numbers begin with different parsers. Where there
  // are several, the parser at the first path gets no request of more than kInlineLimit bytes
  // (protocol.h), so that a small mail never has to wait for a large one.
  Client(event_base* base, const std::vector<std::string>& sockets, std::uint64_t first,
         std::chrono::milliseconds time_limit, memory::Counters counters = {});
  ~Client() override;
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // What a parser answers is checked (mail/fragment_form.h): a parser whose answer does not have
  // the form counts as one that died of the mail. `raw` has to live until `done` is called, which
  // is never before parse() returns.
  void parse(std::string_view raw, ParseDone done);

  void extract(std::shared_ptr<const UniqueFd> memfd, std::uint64_t size, std::uint64_t number,
               ExtractDone done) override;

  // Past it a request is given up, once the parser that has it in hand is.
  [[nodiscard]] static std::chrono::milliseconds longest_wait(std::chrono::milliseconds time_limit);

 private:
  class Lane;
  struct Request;
  using RequestPtr = std::unique_ptr<Request>;

  [[nodiscard]] Lane& lane_for(const Request& request, const Lane* avoided) const;
  void dispatch(RequestPtr request);
  void reassign(Lane& from, std::vector<RequestPtr> requests);

  std::chrono::milliseconds time_limit_;
  memory::Counters counters_;
  std::vector<std::unique_ptr<Lane>> lanes_;
};

}  // namespace restante::parser

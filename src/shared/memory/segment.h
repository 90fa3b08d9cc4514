// SPDX-License-Identifier: ISC
// The one piece of memory that all processes share: a file in the runtime directory, made by the
// master, mapped by smtpd and apid, and read by restantectl. It holds the rate limits, the
// scoreboard and a few words; nothing in it is ever locked, and whatever a process leaves in it
// when it is killed is valid.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "shared/base/error.h"
#include "shared/base/unique_fd.h"
#include "shared/memory/rate_table.h"
#include "shared/memory/redis_outage.h"
#include "shared/memory/scoreboard.h"

namespace restante::memory {

class Segment {
 public:
  // Makes a new file at `path` (mode 0600, owned by `owner` where that is not -1), all zero but
  // for the header with its magic number, layout version, size and fresh hash key. The segment of
  // an earlier run is left to whoever still maps it. The file stays locked (fcntl(2)) for as long
  // as this process lives and closes no other descriptor of it: so open() knows that it runs.
  [[nodiscard]] static Result<UniqueFd> create(const std::string& path, uid_t owner, gid_t group);

  // Maps what create() made, and refuses a file of another layout. `fd` may be closed afterwards.
  [[nodiscard]] static Result<Segment> map(int fd);
  // The same for a worker: `head` is seal_head() of the master. The header of the file itself is
  // not read, because another worker that was taken over could have written to it.
  [[nodiscard]] static Result<Segment> map(int fd, int head);

  // A sealed memfd with the header, for workers to inherit.
  [[nodiscard]] Result<UniqueFd> seal_head() const;

  // Maps that of a running master for reading alone; nothing but what only reads may be called
  // then. `master` becomes its pid. kUnavailable: none runs; kSystem: it cannot be looked at.
  [[nodiscard]] static Result<Segment> open(const std::string& path, pid_t& master);

  Segment(Segment&&) noexcept = default;
  Segment& operator=(Segment&&) noexcept = default;

  [[nodiscard]] RateTable smtp_rates() const;
  [[nodiscard]] RateTable api_rates() const;
  // What one client takes in a minute, and in an hour.
  [[nodiscard]] RateTable client_minutes() const;
  [[nodiscard]] RateTable client_hours() const;
  // What is stored of one client. `retention` is the same for all who use the table.
  [[nodiscard]] RateTable client_shares(std::chrono::milliseconds retention) const;
  [[nodiscard]] RedisOutage& redis_outage() const;
  [[nodiscard]] Scoreboard scoreboard() const;
  // Of the master. Only characters that a version may have: workers could write to the header of a
  // file that open() maps. Valid as long as this object lives.
  [[nodiscard]] std::string_view program_version() const;

 private:
  struct Layout;
  struct Header {
    std::uint64_t magic;
    std::uint64_t version;
    std::uint64_t size;
    RateTable::HashKey hash_key;
    std::array<char, 32> program_version;  // of the master, with a NUL
  };
  // Reads the header from `head`, or without one from the file.
  [[nodiscard]] static Result<Segment> map_as(int fd, int protection, std::optional<int> head = {});
  struct Unmap {
    void operator()(Layout* layout) const noexcept;
  };
  explicit Segment(Layout* layout);
  std::unique_ptr<Layout, Unmap> layout_;
  Header header_;
};

}  // namespace restante::memory

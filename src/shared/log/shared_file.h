// SPDX-License-Identifier: ISC
// The box in which the log's open file lies, one for all processes.
//
// The master puts a file in; a worker is born with the box, looks into it before each line, and
// takes its own copy of what is new. So one call in the master changes the file of all of them at
// once, a worker that wrote nothing for a year has missed nothing, and none of them needs the right
// to open a file. It is a pair of sockets with one message in it, which is looked at and left
// there.
#pragma once

#include <cstdint>
#include <optional>

#include "shared/base/error.h"
#include "shared/base/unique_fd.h"

namespace restante::log {

class SharedFile {
 public:
  [[nodiscard]] static Result<SharedFile> make();

  // `file` takes the place of the one that was in the box. After an error that one still is.
  [[nodiscard]] Result<void> put(int file);

  // What a worker inherits.
  [[nodiscard]] int for_reading() const { return reader_.get(); }

 private:
  UniqueFd reader_, writer_;
  std::uint64_t last_number_ = 0;
};

struct NumberedFile {
  std::uint64_t number = 0;  // each file has another; 0: none
  UniqueFd file;
};

// What lies in the box; nothing when that is the one that is `known`, or none. Takes no time.
[[nodiscard]] std::optional<NumberedFile> look_for_file(int box, std::uint64_t known);

}  // namespace restante::log

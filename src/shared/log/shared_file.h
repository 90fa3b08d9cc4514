// SPDX-License-Identifier: ISC
// The open file of the log, shared by the master and all workers.
//
// The master opens the file and passes its descriptor through a pair of sockets that holds exactly
// one message. A worker inherits the reading end and peeks at the message before each line, so that
// it sees a new file at once, with no signal and without the right to open files.
#pragma once

#include <cstdint>
#include <optional>

#include "shared/base/error.h"
#include "shared/base/unique_fd.h"

namespace restante::log {

class SharedFile {
 public:
  [[nodiscard]] static Result<SharedFile> make();

  // Makes `file` the file of the log in every process. Does not take ownership: the descriptor is
  // duplicated. After an error (kSystem) the file before it stays.
  [[nodiscard]] Result<void> put(int file);

  // The end that a worker inherits, for look_for_file(). Owned by this object.
  [[nodiscard]] int for_reading() const { return reader_.get(); }

 private:
  UniqueFd reader_, writer_;
  std::uint64_t last_number_ = 0;
};

struct NumberedFile {
  std::uint64_t number = 0;  // grows with each file; 0: there is no file yet
  UniqueFd file;
};

// The present file; nothing when its number is `known`, or there is none. Never waits. `reader` is
// SharedFile::for_reading().
[[nodiscard]] std::optional<NumberedFile> look_for_file(int reader, std::uint64_t known);

}  // namespace restante::log

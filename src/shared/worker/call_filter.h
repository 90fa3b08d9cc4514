// SPDX-License-Identifier: ISC
// A filter of system calls by libseccomp, as rules by name.
#pragma once

#include <seccomp.h>

#include <cstdint>
#include <initializer_list>

#include "shared/base/c_ptr.h"
#include "shared/base/error.h"

namespace restante::worker {

class CallFilter {
 public:
  using Conditions = std::initializer_list<scmp_arg_cmp>;  // all of them have to hold

  // `otherwise` is what becomes of a call without a rule, such as SCMP_ACT_KILL_PROCESS. Calls of
  // another architecture than the program's own always end the process.
  explicit CallFilter(std::uint32_t otherwise);

  // Adds a rule. A name that this machine's kernel or architecture does not have does no harm.
  void allow(const char* name, Conditions all = {}) { add(SCMP_ACT_ALLOW, name, all); }
  void refuse(const char* name, int error_number, Conditions all = {}) {
    add(SCMP_ACT_ERRNO(static_cast<unsigned>(error_number)), name, all);
  }

  // Puts the filter in force for this thread, and what it starts, for good. Needs no_new_privs.
  // Returns kConfig if the system denies it, or a rule could not be added.
  [[nodiscard]] Result<void> load();

 private:
  void add(std::uint32_t action, const char* name, Conditions all);

  CPtr<void, seccomp_release> context_;
  int error_ = 0;  // of the first rule that could not be added
};

}  // namespace restante::worker

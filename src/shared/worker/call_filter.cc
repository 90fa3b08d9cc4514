// SPDX-License-Identifier: ISC
#include "shared/worker/call_filter.h"

#include <cerrno>

namespace restante::worker {

CallFilter::CallFilter(std::uint32_t otherwise) : context_(seccomp_init(otherwise)) {
  if (context_ == nullptr) return;
  seccomp_attr_set(context_.get(), SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
  seccomp_attr_set(context_.get(), SCMP_FLTATR_CTL_OPTIMIZE, 2);  // a tree instead of a list
}

Result<void> CallFilter::load() {
  if (context_ == nullptr) return fail(ErrorKind::kConfig, "the system denies seccomp(2)");
  if (error_ == 0) error_ = seccomp_load(context_.get());
  if (error_ == 0) return {};
  return fail(ErrorKind::kConfig, "seccomp: {}", errno_text(-error_));
}

void CallFilter::add(std::uint32_t action, const char* name, Conditions all) {
  const int number = seccomp_syscall_resolve_name(name);
  if (number == __NR_SCMP_ERROR || context_ == nullptr || error_ != 0) return;
  error_ = seccomp_rule_add_array(context_.get(), action, number, static_cast<unsigned>(all.size()),
                                  all.begin());
  if (error_ == -EDOM) error_ = 0;  // not on this machine
}

}  // namespace restante::worker

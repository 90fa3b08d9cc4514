// SPDX-License-Identifier: ISC
// The memory that a mimed and its client share: both see it, and nobody can cut it off.
#include "shared/parser/progress.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <string>

#include "shared/base/file.h"
#include "shared/base/unique_fd.h"
#include "testing.h"

namespace {

using namespace restante;

TEST(what_one_end_writes_the_other_reads) {
  const UniqueFd fd = *parser::SharedProgress::make();
  const auto near = parser::SharedProgress::map(fd.get());
  const auto far = parser::SharedProgress::map(fd.get());
  assert_true(near && far);
  assert_int_equal((*far)->taken, 0);
  (*near)->taken = 7;
  assert_int_equal((*far)->taken, 7);
}

TEST(its_size_cannot_be_changed) {
  const UniqueFd fd = *parser::SharedProgress::make();
  assert_int_equal(ftruncate(fd.get(), 0), -1);
  assert_int_equal(ftruncate(fd.get(), 4096), -1);
}

TEST(no_other_memfd_is_mapped) {
  const std::string zeros(sizeof(parser::Progress), '\0');
  assert_false(
      parser::SharedProgress::map(make_sealed_memfd("read-only", zeros)->get()).has_value());
  const UniqueFd unsealed(memfd_create("unsealed", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  assert_true(write_all(unsealed.get(), zeros));
  assert_false(parser::SharedProgress::map(unsealed.get()).has_value());
  const UniqueFd longer(memfd_create("longer", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  assert_true(write_all(longer.get(), zeros + zeros));
  assert_int_equal(fcntl(longer.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL), 0);
  assert_false(parser::SharedProgress::map(longer.get()).has_value());
  assert_false(parser::SharedProgress::map(-1).has_value());
}

}  // namespace

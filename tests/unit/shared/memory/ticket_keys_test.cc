// SPDX-License-Identifier: ISC
// Ticket keys: shared, rotated, found by name.
#include "shared/memory/ticket_keys.h"

#include <sys/mman.h>
#include <unistd.h>

#include <set>

#include "testing.h"

namespace {

using namespace restante;

TEST(a_reader_sees_what_the_writer_made) {
  const auto writer = memory::TicketKeys::create();
  assert_true(writer.has_value());
  const auto reader = memory::TicketKeys::map(writer->fd());
  assert_true(writer->current()->name == reader->current()->name);
  assert_true(reader->find(writer->current()->name).has_value());
}

TEST(a_ticket_is_good_for_two_rotations_and_no_longer) {
  auto keys = *memory::TicketKeys::create();
  const memory::TicketKey first = *keys.current();
  for (int rotations = 0; rotations < 2; ++rotations) {
    keys.rotate();
    assert_true(keys.current()->name != first.name);
    assert_true(keys.find(first.name)->encryption == first.encryption);
  }
  keys.rotate();
  assert_false(keys.find(first.name).has_value());
}

TEST(no_two_keys_are_the_same_and_none_is_zero) {
  auto keys = *memory::TicketKeys::create();
  std::set<std::array<unsigned char, 16>> names = {std::array<unsigned char, 16>{}};
  for (int i = 0; i < 100; ++i) {
    assert_true(names.insert(keys.current()->name).second);
    keys.rotate();
  }
  const std::array<unsigned char, 16> zeros{};
  assert_false(memory::TicketKeys::create()->find(zeros).has_value());
}

TEST(who_inherits_the_keys_cannot_change_them) {
  const auto keys = memory::TicketKeys::create();
  const memory::TicketKey before = *keys->current();
  constexpr std::size_t kSize = 16;
  const char zeros[kSize] = {};
  assert_int_equal(pwrite(keys->fd(), zeros, kSize, 0), -1);
  assert_int_equal(ftruncate(keys->fd(), 0), -1);
  assert_ptr_equal(mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_SHARED, keys->fd(), 0),
                   MAP_FAILED);
  void* const readable = mmap(nullptr, kSize, PROT_READ, MAP_SHARED, keys->fd(), 0);
  assert_ptr_not_equal(readable, MAP_FAILED);
  assert_int_equal(mprotect(readable, kSize, PROT_READ | PROT_WRITE), -1);
  munmap(readable, kSize);
  assert_true(keys->current()->name == before.name);
}

}  // namespace

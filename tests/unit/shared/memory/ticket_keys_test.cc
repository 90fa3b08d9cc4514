// SPDX-License-Identifier: ISC
// Ticket keys: shared, rotated, found by name.
#include "shared/memory/ticket_keys.h"

#include <set>

#include "testing.h"

namespace {

using namespace restante;

TEST(a_reader_sees_what_the_writer_made) {
  const auto fd = memory::TicketKeys::create();
  assert_true(fd.has_value());
  const auto writer = memory::TicketKeys::map(fd->get(), true);
  const auto reader = memory::TicketKeys::map(fd->get(), false);
  assert_true(writer->current()->name == reader->current()->name);
  assert_true(reader->find(writer->current()->name).has_value());
}

TEST(a_ticket_is_good_for_two_rotations_and_no_longer) {
  const auto fd = memory::TicketKeys::create();
  auto keys = *memory::TicketKeys::map(fd->get(), true);
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
  const auto fd = memory::TicketKeys::create();
  auto keys = *memory::TicketKeys::map(fd->get(), true);
  std::set<std::array<unsigned char, 16>> names = {std::array<unsigned char, 16>{}};
  for (int i = 0; i < 100; ++i) {
    assert_true(names.insert(keys.current()->name).second);
    keys.rotate();
  }
  const std::array<unsigned char, 16> zeros{};
  const auto fresh_fd = memory::TicketKeys::create();
  assert_false(memory::TicketKeys::map(fresh_fd->get(), false)->find(zeros).has_value());
}

}  // namespace

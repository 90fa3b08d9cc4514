// SPDX-License-Identifier: ISC
// What is read again is the same, whatever else was read meanwhile.
#include "shared/store/frame_cache.h"

#include <event2/event.h>
#include <fmt/format.h>

#include "testing.h"

namespace {

using namespace restante;

std::string bodies(int number, std::size_t size = 0) {
  return fmt::format(R"("body_text":"{}{}")", number, std::string(size, 'x'));
}

std::string frame_of(std::string_view bodies, std::string_view details) {
  return store::FrameWriter().write({.bodies = bodies, .details = details, .data = "\r\n"}).bytes;
}

TEST(each_frame_gives_its_own_head_again_and_again) {
  net::EventLoop loop;
  store::FrameCache heads(loop.base());
  for (int round = 0; round < 3; ++round) {
    for (int number = 0; number < 1000; ++number) {
      const store::MailHead& head = heads.read(frame_of(bodies(number), R"("size":1)"));
      assert_same(head.bodies, bodies(number));
      assert_same(head.details, R"("size":1)");
    }
  }
}

TEST(a_large_head_is_read_and_takes_no_others_place) {
  net::EventLoop loop;
  store::FrameCache heads(loop.base());
  for (int number = 0; number < 10; ++number) {
    const std::string large = bodies(number, 100'000);
    assert_true(heads.read(frame_of(large, "")).bodies == large);
    assert_same(heads.read(frame_of(bodies(number), "")).bodies, bodies(number));
  }
}

TEST(what_is_damaged_says_so) {
  net::EventLoop loop;
  store::FrameCache heads(loop.base());
  const std::string frame = frame_of(bodies(1), R"("size":1)");
  for (const std::string_view damaged : {"", "x", "no frame at all"}) {
    const store::MailHead& head = heads.read(damaged);
    assert_true(head.bodies.ends_with(R"("parse_error":true)"));
    assert_same(head.details, "");
  }
  assert_same(heads.read(frame).bodies, bodies(1));
}

}  // namespace

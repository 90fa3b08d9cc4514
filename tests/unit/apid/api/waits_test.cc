// SPDX-License-Identifier: ISC
// Held requests: when there is an attempt, when they are answered, and how many there may be.
#include "apid/api/waits.h"

#include <event2/event.h>

#include <memory>
#include <string>
#include <vector>

#include "apid/api/fakes.h"
#include "apid/http/event_stream.h"

namespace {

using std::chrono::milliseconds;

// Attempts end as the test says.
struct HeldRequests {
  net::EventLoop loop;
  FakeWatch watch;
  std::vector<std::function<void(Waits::Outcome)>> tries;
  std::string answers;
  Responder::Ended ended;
  Waits waits{loop.base(), watch, {.all = 3, .per_key = 2}};

  void wait(milliseconds time = milliseconds{60'000}, const char* key = "key") {
    waits.start(
        {.mailbox = "bob",
         .api_key = key,
         .time = time,
         .attempt = [this](auto done) { tries.push_back(std::move(done)); },
         .otherwise = [] { return Response{.status = 404}; }},
        Responder(
            [this](const Response& response) { answers += std::to_string(response.status) + " "; },
            [this](milliseconds, Responder::Ended call) { ended = std::move(call); }));
  }
  void give(std::size_t number, Waits::Outcome outcome) { tries.at(number)(std::move(outcome)); }
  void run() { event_base_loop(loop.base(), EVLOOP_ONCE); }  // until a timer calls
};

Waits::Outcome found() { return {.response = Response{.status = 200}}; }
Waits::Outcome failure() { return {.response = Response{.status = 503}, .failed = true}; }

TEST(what_is_there_is_the_answer) {
  HeldRequests setup;
  setup.wait();
  assert_int_equal(setup.tries.size(), 1);
  setup.give(0, found());
  assert_same(setup.answers, "200 ");
}

TEST(a_change_is_a_reason_to_look_again) {
  HeldRequests setup;
  setup.wait();
  setup.give(0, {});
  assert_int_equal(setup.tries.size(), 1);
  setup.watch.changed();
  assert_int_equal(setup.tries.size(), 2);
  setup.give(1, found());
  assert_same(setup.answers, "200 ");
  setup.watch.changed();
  assert_int_equal(setup.tries.size(), 2);
}

TEST(changes_during_a_look_are_one_more_look) {
  HeldRequests setup;
  setup.wait();
  setup.watch.changed();
  setup.watch.changed();
  assert_int_equal(setup.tries.size(), 1);
  setup.give(0, {});
  assert_int_equal(setup.tries.size(), 2);
  setup.give(1, {});
  assert_int_equal(setup.tries.size(), 2);
  setup.ended();
}

TEST(a_first_look_that_fails_is_the_answer) {
  HeldRequests setup;
  setup.wait();
  setup.give(0, failure());
  assert_same(setup.answers, "503 ");
}

TEST(a_later_look_that_fails_is_tried_again) {
  HeldRequests setup;
  setup.wait();
  setup.give(0, {});
  setup.watch.changed();
  setup.give(1, failure());
  assert_same(setup.answers, "");
  setup.run();
  assert_int_equal(setup.tries.size(), 3);
  setup.give(2, found());
  assert_same(setup.answers, "200 ");
}

TEST(a_look_can_ask_for_another_one) {
  HeldRequests setup;
  setup.wait();
  setup.give(0, {.retry_in = milliseconds{1}});
  setup.run();
  assert_int_equal(setup.tries.size(), 2);
  setup.give(1, found());
  assert_same(setup.answers, "200 ");
}

TEST(at_the_end_it_looks_once_more) {
  HeldRequests setup;
  setup.wait(milliseconds{1});
  setup.give(0, {});
  setup.run();
  assert_int_equal(setup.tries.size(), 2);
  setup.give(1, {});
  assert_same(setup.answers, "404 ");
}

TEST(who_has_gone_is_not_looked_for) {
  HeldRequests setup;
  setup.wait();
  setup.give(0, {});
  setup.ended();
  assert_same(setup.answers, "404 ");  // to nobody
  setup.watch.changed();
  assert_int_equal(setup.tries.size(), 1);
}

// What an attempt finds for a client that has gone is thrown away: its receipt says so.
TEST(what_comes_too_late_was_not_sent) {
  HeldRequests setup;
  setup.wait();
  setup.ended();
  std::string told;
  Waits::Outcome late = found();
  late.response->receipt =
      std::make_shared<Receipt>([&told](bool sent) { told = sent ? "sent" : "not sent"; });
  setup.give(0, std::move(late));
  assert_same(told, "not sent");
  assert_same(setup.answers, "404 ");
}

TEST(places_are_counted_by_key_and_in_all) {
  HeldRequests setup;
  setup.wait();
  setup.wait();
  setup.wait();  // the third with this key
  assert_same(setup.answers, "429 ");
  setup.wait(milliseconds{60'000}, "other");
  setup.wait(milliseconds{60'000}, "third");
  assert_same(setup.answers, "429 503 ");
  setup.give(0, found());
  setup.wait(milliseconds{60'000}, "third");
  assert_same(setup.answers, "429 503 200 ");
  for (std::size_t i = 1; i < setup.tries.size(); ++i) setup.give(i, found());
  assert_same(setup.answers, "429 503 200 200 200 200 ");
}

TEST(a_stream_is_read_as_it_was_written) {
  EventStream stream;
  int woken = 0;
  stream.when_written([&woken] { ++woken; });
  assert_true(stream.write("one "));
  assert_true(stream.write("two"));
  char room[5];
  assert_int_equal(stream.read(room), 5);
  assert_same(std::string_view(room, 5), "one t");
  assert_int_equal(stream.read(room), 2);
  assert_int_equal(stream.read(room), 0);
  assert_int_equal(woken, 2);
  stream.end();
  assert_false(stream.write("three"));
  assert_int_equal(woken, 3);
}

TEST(a_stream_says_when_all_of_it_is_read) {
  EventStream stream;
  int drained = 0;
  stream.when_drained([&drained] { ++drained; });
  assert_true(stream.write("text"));
  char room[3];
  assert_int_equal(stream.read(room), 3);
  assert_int_equal(drained, 0);
  assert_int_equal(stream.read(room), 1);
  assert_int_equal(stream.read(room), 0);
  assert_int_equal(drained, 1);
}

TEST(a_stream_that_nobody_reads_ends) {
  EventStream stream;
  int ended = 0;
  stream.when_ended([&ended] { ++ended; });
  const std::string half(EventStream::kLimit / 2, 'x');
  assert_true(stream.write(half) && stream.write(half));
  assert_false(stream.write("x"));
  assert_true(stream.has_ended() && stream.is_empty());
  stream.end();
  assert_int_equal(ended, 1);
}

}  // namespace

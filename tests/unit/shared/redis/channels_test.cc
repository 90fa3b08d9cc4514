// SPDX-License-Identifier: ISC
// What Redis is asked for, and who is told, while connections come and go.
#include "shared/redis/channels.h"

#include <string>

#include "testing.h"

namespace {

using namespace restante;

// A Redis that says nothing by itself.
struct Setup {
  bool up = true;
  std::string asked, told;
  RedisChannels channels{[this](std::string_view command, std::string_view channel) {
    if (!up) return false;
    asked += std::string(command) + ' ' + std::string(channel) + '\n';
    return true;
  }};

  void subscribe(std::string text = "a") {
    channels.subscribe("box", [this, text] { told += text; });
  }
};

void a_channel_is_asked_for_and_heard(void**) {
  Setup setup;
  setup.subscribe();
  setup.channels.receive("subscribe", "box");
  setup.channels.receive("message", "box");
  setup.channels.receive("message", "another");
  assert_same(setup.asked, "SUBSCRIBE box\n");
  assert_same(setup.told, "aa");
}

void a_channel_is_asked_for_once_redis_is_there(void**) {
  Setup setup;
  setup.up = false;
  setup.subscribe();
  assert_same(setup.asked, "");
  setup.up = true;
  setup.channels.connected();
  assert_same(setup.asked, "SUBSCRIBE box\n");
}

void each_connection_is_asked_again(void**) {
  Setup setup;
  setup.subscribe();
  setup.channels.disconnected();
  setup.channels.connected();
  assert_same(setup.asked, "SUBSCRIBE box\nSUBSCRIBE box\n");
}

void who_comes_back_while_a_channel_is_left_is_subscribed_again_afterwards(void**) {
  Setup setup;
  setup.subscribe("old ");
  setup.channels.unsubscribe("box");
  setup.subscribe("new ");
  assert_same(setup.asked, "SUBSCRIBE box\nUNSUBSCRIBE box\n");
  setup.channels.receive("unsubscribe", "box");
  assert_same(setup.asked, "SUBSCRIBE box\nUNSUBSCRIBE box\nSUBSCRIBE box\n");
  setup.channels.receive("subscribe", "box");
  assert_same(setup.told, "new ");
}

void what_was_left_is_not_asked_for_on_the_next_connection(void**) {
  Setup setup;
  setup.subscribe();
  setup.channels.unsubscribe("box");
  setup.channels.disconnected();
  setup.channels.connected();
  setup.channels.receive("message", "box");
  assert_same(setup.asked, "SUBSCRIBE box\nUNSUBSCRIBE box\n");
  assert_same(setup.told, "");
}

void a_callback_may_end_its_subscription(void**) {
  Setup setup;
  setup.channels.subscribe("box", [&setup] {
    setup.told += "once";
    setup.channels.unsubscribe("box");
  });
  setup.channels.receive("message", "box");
  setup.channels.receive("message", "box");
  assert_same(setup.told, "once");
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(a_channel_is_asked_for_and_heard),
      cmocka_unit_test(a_channel_is_asked_for_once_redis_is_there),
      cmocka_unit_test(each_connection_is_asked_again),
      cmocka_unit_test(who_comes_back_while_a_channel_is_left_is_subscribed_again_afterwards),
      cmocka_unit_test(what_was_left_is_not_asked_for_on_the_next_connection),
      cmocka_unit_test(a_callback_may_end_its_subscription),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}

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
  redis::Channels channels{[this](std::string_view command, std::string_view channel) {
    if (!up) return false;
    asked += std::string(command) + ' ' + std::string(channel) + '\n';
    return true;
  }};

  void subscribe(std::string text = "a") {
    channels.subscribe("box", [this, text] { told += text; });
  }
};

TEST(a_channel_is_asked_for_and_heard) {
  Setup setup;
  setup.subscribe();
  setup.channels.receive("subscribe", "box");
  setup.channels.receive("message", "box");
  setup.channels.receive("message", "another");
  assert_same(setup.asked, "SUBSCRIBE box\n");
  assert_same(setup.told, "aa");
}

TEST(a_channel_is_asked_for_once_redis_is_there) {
  Setup setup;
  setup.up = false;
  setup.subscribe();
  assert_same(setup.asked, "");
  setup.up = true;
  setup.channels.connected();
  assert_same(setup.asked, "SUBSCRIBE box\n");
}

TEST(each_connection_is_asked_again) {
  Setup setup;
  setup.subscribe();
  setup.channels.disconnected();
  setup.channels.connected();
  assert_same(setup.asked, "SUBSCRIBE box\nSUBSCRIBE box\n");
}

TEST(who_comes_back_while_a_channel_is_left_is_subscribed_again_afterwards) {
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

TEST(what_was_left_is_not_asked_for_on_the_next_connection) {
  Setup setup;
  setup.subscribe();
  setup.channels.unsubscribe("box");
  setup.channels.disconnected();
  setup.channels.connected();
  setup.channels.receive("message", "box");
  assert_same(setup.asked, "SUBSCRIBE box\nUNSUBSCRIBE box\n");
  assert_same(setup.told, "");
}

TEST(a_callback_may_end_its_subscription) {
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

// SPDX-License-Identifier: ISC
// Which channels of Redis somebody listens to, over all the connections that come and go.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>

namespace restante {

// Knows no connection: it is told what Redis says, and asks Redis through a function.
class RedisChannels {
 public:
  // Sends `command` ("SUBSCRIBE" or "UNSUBSCRIBE") for a channel. False: there is no connection.
  using Ask = std::function<bool(std::string_view command, std::string_view channel)>;

  explicit RedisChannels(Ask ask) : ask_(std::move(ask)) {}

  // See Redis::subscribe.
  void subscribe(std::string_view channel, std::function<void()> changed);
  void unsubscribe(std::string_view channel);

  // A message of Redis: "subscribe", "unsubscribe" or "message". Calls back.
  void hear(std::string_view kind, std::string_view channel);

  // The connection is there (again), or has gone.
  void connected();
  void disconnected();

 private:
  // hiredis forgets a channel when it hears that it was unsubscribed from, even if it has been
  // asked to subscribe again meanwhile. So a channel waits for that, and is subscribed to again
  // then.
  struct Channel {
    std::function<void()> changed;  // empty: it is being left
    bool is_known = false;          // Redis was asked for it on this connection
  };

  void ask_for(std::string_view name, Channel& channel);

  Ask ask_;
  std::map<std::string, Channel, std::less<>> channels_;
};

}  // namespace restante

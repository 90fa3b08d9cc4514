// SPDX-License-Identifier: ISC
// The channels that a client of Redis subscribes to, over all its connections. It does no I/O.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>

namespace restante::redis {

class Channels {
 public:
  // Sends `command` ("SUBSCRIBE" or "UNSUBSCRIBE") for a channel. False: there is no connection.
  using Send = std::function<bool(std::string_view command, std::string_view channel)>;

  explicit Channels(Send send) : send_(std::move(send)) {}

  // See Client::subscribe().
  void subscribe(std::string_view channel, std::function<void()> changed);
  void unsubscribe(std::string_view channel);

  // Handles a message of Redis: "subscribe", "unsubscribe" or "message". May call `changed`.
  void receive(std::string_view kind, std::string_view channel);

  // A connection was made, or has ended.
  void connected();
  void disconnected();

 private:
  // hiredis drops a channel when Redis confirms UNSUBSCRIBE, even if SUBSCRIBE was sent again in
  // between. So a channel that is being left is subscribed to again only after the confirmation.
  struct Channel {
    std::function<void()> changed;  // empty: the channel is being left
    bool is_known = false;          // SUBSCRIBE was sent on this connection
  };

  void request(std::string_view name, Channel& channel);

  Send send_;
  std::map<std::string, Channel, std::less<>> channels_;
};

}  // namespace restante::redis

// SPDX-License-Identifier: ISC
// A queue in which clients take turns.
#pragma once

#include <deque>
#include <map>
#include <string>
#include <utility>

namespace restante::smtpd {

// An item waits for at most one item of each other client, and for the earlier items of its own
// client. The queue holds no memory while it is empty. What it holds is bounded by its user: an
// item is a message, and all messages together have data_memory_limit.
template <class T>
class Turns {
 public:
  void push(const std::string& client, T item) {
    std::deque<T>& own = waiting_[client];
    if (own.empty()) order_.push_back(client);
    own.push_back(std::move(item));
  }

  [[nodiscard]] bool empty() const { return order_.empty(); }

  // The next item. The queue is not empty.
  [[nodiscard]] const T& front() const { return waiting_.at(order_.front()).front(); }

  // Takes the next item; then it is another client's turn.
  T pop() {
    std::string client = std::move(order_.front());
    order_.pop_front();
    const auto own = waiting_.find(client);
    T item = std::move(own->second.front());
    own->second.pop_front();
    if (own->second.empty()) {
      waiting_.erase(own);
    } else {
      order_.push_back(std::move(client));
    }
    return item;
  }

 private:
  std::map<std::string, std::deque<T>> waiting_;  // by client; none is empty
  std::deque<std::string> order_;                 // of the clients that have something waiting
};

}  // namespace restante::smtpd

// SPDX-License-Identifier: ISC
#include "shared/redis/loop_adapter.h"

#include <hiredis/async.h>
#include <hiredis/hiredis.h>

#include <memory>

#include "shared/net/event_loop.h"

namespace restante::redis {
namespace {

constexpr int kReads = 16;  // in a row; then other events are handled

class Events {
 public:
  Events(redisAsyncContext& context, event_base* base)
      : context_(context),
        readable_(event_new(base, context.c.fd, EV_READ | EV_PERSIST, on_readable, this)),
        writable_(event_new(base, context.c.fd, EV_WRITE, on_writable, this)),
        flush_(event_new(base, -1, 0, on_writable, this)) {}
  Events(const Events&) = delete;
  Events& operator=(const Events&) = delete;
  ~Events() {
    if (gone_ != nullptr) *gone_ = true;
  }

  [[nodiscard]] bool complete() const { return readable_ && writable_ && flush_; }

  static void add_read(void* self) {
    event_add(static_cast<Events*>(self)->readable_.get(), nullptr);
  }
  static void del_read(void* self) { event_del(static_cast<Events*>(self)->readable_.get()); }

  static void add_write(void* self) {
    auto& events = *static_cast<Events*>(self);
    const bool must_wait = events.is_writing_ || (events.context_.c.flags & REDIS_CONNECTED) == 0;
    if (must_wait) {
      event_add(events.writable_.get(), nullptr);
    } else {
      event_active(events.flush_.get(), 0, 0);
    }
  }
  static void del_write(void* self) {
    event_del(static_cast<Events*>(self)->writable_.get());
    event_del(static_cast<Events*>(self)->flush_.get());
  }

  static void clean_up(void* self) {
    const std::unique_ptr<Events> owned(static_cast<Events*>(self));
  }

 private:
  // hiredis reads 16 KiB at a time. The rest of a larger reply has usually arrived already.
  static void on_readable(evutil_socket_t, short, void* self) noexcept {
    auto& events = *static_cast<Events*>(self);
    std::size_t unread = 0, before = 0;
    int reads = 0;
    do {
      before = unread;
      if (!events.outlives(redisAsyncHandleRead)) return;
      unread = events.context_.c.reader->len - events.context_.c.reader->pos;  // of a reply in part
    } while (unread > 0 && unread != before && ++reads < kReads);
  }

  // If hiredis wants to write again during this call, the socket is full.
  static void on_writable(evutil_socket_t, short, void* self) noexcept {
    auto& events = *static_cast<Events*>(self);
    events.is_writing_ = true;
    if (events.outlives(redisAsyncHandleWrite)) events.is_writing_ = false;
  }

  // False: the call has freed the context, and this object with it.
  bool outlives(void (*call)(redisAsyncContext*)) {
    bool gone = false;
    gone_ = &gone;
    call(&context_);
    // cppcheck-suppress knownConditionTrueFalse  ; the destructor may have set it
    if (gone) return false;
    gone_ = nullptr;
    return true;
  }

  redisAsyncContext& context_;
  net::EventPtr readable_, writable_;
  net::EventPtr flush_;  // has no descriptor; made active when there is something to send
  bool is_writing_ = false;
  bool* gone_ = nullptr;  // set by the destructor, for outlives()
};

}  // namespace

bool attach_to_loop(redisAsyncContext& context, event_base* base) {
  auto events = std::make_unique<Events>(context, base);
  if (!events->complete()) return false;
  context.ev.addRead = Events::add_read;
  context.ev.delRead = Events::del_read;
  context.ev.addWrite = Events::add_write;
  context.ev.delWrite = Events::del_write;
  context.ev.cleanup = Events::clean_up;
  context.ev.data = events.release();
  return true;
}

}  // namespace restante::redis

// SPDX-License-Identifier: ISC
// The HTTP server's inside: http_server.cc keeps the clients, http_exchange.cc answers a request.
#pragma once

#include <microhttpd.h>

#include <cstdarg>
#include <list>
#include <memory>
#include <string>
#include <vector>

#include "apid/http/connection.h"
#include "apid/http/server.h"
#include "shared/base/c_ptr.h"
#include "shared/net/event_loop.h"

namespace restante::apid {

// The library's daemon and its clients. The library calls back with this object or with a Client,
// always from within run(), start() or the destructor: there are no threads.
class Daemon : public HttpServer {
 public:
  Daemon(event_base* base, HttpServerOptions options, Handler handler, Observer observer)
      : base_(base),
        options_(std::move(options)),
        handler_(std::move(handler)),
        observer_(std::move(observer)),
        run_soon_(base, [this] { run(); }),
        run_later_(base, [this] { run(); }),
        listen_again_(base, [this] { listen(); }),
        sweep_(base, [this] { sweep(); }) {}
  ~Daemon() override;

  [[nodiscard]] Result<void> serve(int listener);
  void drain(std::function<void()> drained) override;

 private:
  [[nodiscard]] std::vector<MHD_OptionItem> library_options();
  void listen();
  void stop_listening(std::chrono::milliseconds until);
  void accept_some();
  void run();
  [[nodiscard]] bool has_work() const;
  void sweep();
  void expire(Client& client, std::chrono::milliseconds now);
  [[nodiscard]] unsigned library_limit() const;
  void make_room();
  void add_client(MHD_Connection* connection, void** context);
  void begin_request(Client& client, const char* target);
  void read_head(Client& client, const char* method, const char* version);
  [[nodiscard]] MHD_Result handle(Client& client, const char* method, const char* version);
  void ask(Client& client);
  void hold(Client& client, std::chrono::milliseconds limit, Responder::Ended ended);
  void answer(Client& client, Response response);
  [[nodiscard]] MHD_Result send(Client& client);
  void begin_stream(Client& client);
  void suspend(Client& client);
  void resume(Client& client);
  void watch_for_hangup(Client& client);
  void hung_up(Client& client);
  static void end_waiting(Client& client);

  static void on_connection(void*, MHD_Connection*, void**,
                            MHD_ConnectionNotificationCode) noexcept;
  static void* on_target(void*, const char*, MHD_Connection*) noexcept;
  static MHD_Result on_request(void*, MHD_Connection*, const char*, const char*, const char*,
                               const char*, std::size_t*, void**) noexcept;
  static void on_completed(void*, MHD_Connection*, void**, MHD_RequestTerminationCode) noexcept;
  static void on_log(void* self, const char* format, va_list arguments) noexcept;

  event_base* base_;
  HttpServerOptions options_;
  Handler handler_;
  Observer observer_;
  std::list<std::shared_ptr<Client>> clients_;
  std::string last_complaint_;  // of the library
  std::size_t cut_ = 0;         // of them
  bool draining_ = false;
  std::function<void()> drained_;
  CPtr<MHD_Daemon, MHD_stop_daemon> daemon_;
  std::unique_ptr<ReadWatch> watch_;
  Soon run_soon_;
  int listener_ = -1;
  std::unique_ptr<ReadWatch> listening_;
  bool has_given_way_ = false;
  Timer run_later_, listen_again_, sweep_;
};

}  // namespace restante::apid

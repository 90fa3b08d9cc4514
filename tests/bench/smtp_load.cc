// SPDX-License-Identifier: ISC
// Sends mail as fast as a server takes it, over so many connections at once, and prints what came
// of it as one line of JSON. The same driver is used on every server, so what it costs itself is
// the same for all.
//
//   smtp_load [-c connections] [-n mails] [-s bytes | -f file] [-r recipients] [-m mailboxes] [-1]
//   [-t [-R]] port
//
//   -1  a connection for each mail       -t  STARTTLS on each connection      -R  resumed sessions
//   -f  the message in this file, as it goes over the line, but for the final dot
//
// In place of the first kNoId of a message each mail has a number of its own: a Message-ID differs.
// A mail's MAIL, RCPT and DATA go in one packet, as RFC 2920 allows. A 4yz or 5yz, or a connection
// that ends, is the end of the run: figures of refused mail would mean nothing.
#include <arpa/inet.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "shared/base/c_ptr.h"

namespace {

using restante::CPtr;
using Clock = std::chrono::steady_clock;

constexpr std::string_view kNoId = "0000000000000000";

struct Options {
  std::size_t connections = 20, mails = 2000, size = 2048, recipients = 1, mailboxes = 100;
  std::string file;
  bool once = false, tls = false, resumes = false;
  std::uint16_t port = 0;
};

[[noreturn]] void give_up(std::string_view why) {
  fmt::print(stderr, "smtp_load: {}\n", why);
  std::exit(EXIT_FAILURE);
}

// What all connections share.
struct Run {
  Options options;
  std::string message;  // with its final dot
  std::size_t id_at = std::string::npos;
  std::uint64_t first_id = 0;
  CPtr<event_base, event_base_free> base;
  CPtr<SSL_CTX, SSL_CTX_free> tls;
  // The last session that a server gave, as bytes, which can be taken up again and again: OpenSSL
  // takes an object of it for used up after one time.
  std::vector<unsigned char> session;
  std::size_t begun = 0, sent = 0, done = 0, handshakes = 0, resumed = 0;
  std::vector<double> milliseconds;  // from the last byte of a mail to its 250

  void set_message(std::string text) {
    message = std::move(text) + ".\r\n";
    id_at = message.find(kNoId);
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    first_id = static_cast<std::uint64_t>(now / std::chrono::microseconds(1));
  }

  std::string_view next_message() {
    if (id_at != std::string::npos) {
      message.replace(id_at, kNoId.size(), fmt::format("{:0{}}", first_id + sent++, kNoId.size()));
    }
    return message;
  }
};

class Client {
 public:
  explicit Client(Run& run) : run_(run) { connect(); }

 private:
  enum class Step : std::uint8_t { kBanner, kHello, kStartTls, kEnvelope, kMessage, kQuit };

  void connect() {
    bev_.reset(bufferevent_socket_new(run_.base.get(), -1, BEV_OPT_CLOSE_ON_FREE));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(run_.options.port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    is_secret_ = false;
    expect(Step::kBanner, 1);
    watch();
    if (bufferevent_socket_connect(bev_.get(), reinterpret_cast<sockaddr*>(&address),
                                   sizeof address) != 0) {
      give_up("cannot connect");
    }
    const int yes = 1;  // else a command waits until what was sent before it is acknowledged
    setsockopt(bufferevent_getfd(bev_.get()), IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  }

  void watch() {
    bufferevent_setcb(bev_.get(), on_read, nullptr, on_event, this);
    bufferevent_enable(bev_.get(), EV_READ | EV_WRITE);
  }

  void expect(Step step, std::size_t replies) {
    step_ = step;
    awaited_ = replies;
  }

  void say(std::string_view text) { bufferevent_write(bev_.get(), text.data(), text.size()); }

  void read() {
    evbuffer* input = bufferevent_get_input(bev_.get());
    std::size_t length = 0;
    while (const CPtr<char, std::free> line{
        evbuffer_readln(input, &length, EVBUFFER_EOL_CRLF_STRICT)}) {
      if (length < 4 || line.get()[3] != ' ') continue;  // more of this reply comes
      if (line.get()[0] != '2' && line.get()[0] != '3') give_up({line.get(), length});
      if (--awaited_ == 0) {
        go_on();
        return;  // the connection may be another one
      }
    }
  }

  void go_on() {
    switch (step_) {
      case Step::kBanner:
        say("EHLO client.example.org\r\n");
        return expect(Step::kHello, 1);
      case Step::kHello:
        if (run_.options.tls && !is_secret_) {
          say("STARTTLS\r\n");
          return expect(Step::kStartTls, 1);
        }
        return next_mail();
      case Step::kStartTls:
        return start_tls();
      case Step::kEnvelope:
        say(run_.next_message());
        sent_ = Clock::now();
        return expect(Step::kMessage, 1);
      case Step::kMessage:
        return mail_done();
      case Step::kQuit:  // without a word of TLS the session could not be resumed
        if (is_secret_) SSL_set_shutdown(ssl_, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
        return run_.begun < run_.options.mails ? connect() : bev_.reset();
    }
  }

  void next_mail() {
    if (run_.begun == run_.options.mails) {
      say("QUIT\r\n");
      return expect(Step::kQuit, 1);
    }
    const std::size_t number = run_.begun++;
    std::string envelope = fmt::format("MAIL FROM:<s{}@example.org>\r\n", number);
    for (std::size_t i = 0; i < run_.options.recipients; ++i) {
      envelope += fmt::format("RCPT TO:<u{}@example.com>\r\n",
                              (number * run_.options.recipients + i) % run_.options.mailboxes);
    }
    say(envelope + "DATA\r\n");
    expect(Step::kEnvelope, run_.options.recipients + 2);
  }

  void mail_done() {
    const std::chrono::duration<double, std::milli> taken = Clock::now() - sent_;
    run_.milliseconds.push_back(taken.count());
    if (++run_.done == run_.options.mails) event_base_loopbreak(run_.base.get());
    if (!run_.options.once) return next_mail();
    say("QUIT\r\n");
    expect(Step::kQuit, 1);
  }

  void start_tls() {
    CPtr<SSL, SSL_free> ssl(SSL_new(run_.tls.get()));
    if (run_.options.resumes && !run_.session.empty()) {
      const unsigned char* bytes = run_.session.data();
      const CPtr<SSL_SESSION, SSL_SESSION_free> session(
          d2i_SSL_SESSION(nullptr, &bytes, static_cast<long>(run_.session.size())));
      SSL_set_session(ssl.get(), session.get());
    }
    const int fd = dup(bufferevent_getfd(bev_.get()));  // the old one closes its own
    ssl_ = ssl.get();
    bev_.reset(bufferevent_openssl_socket_new(run_.base.get(), fd, ssl.release(),
                                              BUFFEREVENT_SSL_CONNECTING, BEV_OPT_CLOSE_ON_FREE));
    bufferevent_openssl_set_allow_dirty_shutdown(bev_.get(), 1);
    watch();
  }

  void happened(short what) {
    if ((what & BEV_EVENT_CONNECTED) != 0) {
      if (step_ != Step::kStartTls) return;
      is_secret_ = true;
      ++run_.handshakes;
      if (SSL_session_reused(ssl_) != 0) ++run_.resumed;
      say("EHLO client.example.org\r\n");
      return expect(Step::kHello, 1);
    }
    if (step_ == Step::kQuit) return;
    give_up("a connection ended");
  }

  static void on_read(bufferevent*, void* self) { static_cast<Client*>(self)->read(); }
  static void on_event(bufferevent*, short what, void* self) {
    static_cast<Client*>(self)->happened(what);
  }

  Run& run_;
  CPtr<bufferevent, bufferevent_free> bev_;
  SSL* ssl_ = nullptr;  // of bev_
  Step step_ = Step::kBanner;
  std::size_t awaited_ = 0;
  bool is_secret_ = false;
  Clock::time_point sent_;
};

Options parse(int argc, char** argv) {
  Options options;
  for (int option = 0; (option = getopt(argc, argv, "c:n:s:f:r:m:1tR")) != -1;) {
    const auto number = [] { return std::strtoul(optarg, nullptr, 10); };
    switch (option) {
      case 'c':
        options.connections = number();
        break;
      case 'n':
        options.mails = number();
        break;
      case 's':
        options.size = number();
        break;
      case 'f':
        options.file = optarg;
        break;
      case 'r':
        options.recipients = number();
        break;
      case 'm':
        options.mailboxes = number();
        break;
      case '1':
        options.once = true;
        break;
      case 't':
        options.tls = true;
        break;
      case 'R':
        options.resumes = true;
        break;
      default:
        give_up("see the head of smtp_load.cc");
    }
  }
  if (optind + 1 != argc) give_up("which port?");
  options.port = static_cast<std::uint16_t>(std::strtoul(argv[optind], nullptr, 10));
  return options;
}

// As applications send it: some fields, and a text in lines. No two lines are the same, so that
// compression has about as much to do as with prose.
std::string make_message(std::size_t size) {
  std::string text =
      "From: Shop <shop@example.org>\r\nTo: Alice <alice@example.com>\r\n"
      "Subject: Your order has been sent\r\nDate: Sat, 28 Nov 2026 12:00:00 +0000\r\n"
      "Message-ID: <0000000000000000@example.org>\r\n"
      "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n";
  std::uint32_t state = 1;
  while (text.size() + 76 < size) {
    for (int i = 0; i < 74; ++i) {
      state = state * 1664525 + 1013904223;
      text += i % 6 == 5 ? ' ' : static_cast<char>('a' + (state >> 24) % 16);
    }
    text += "\r\n";
  }
  return text;
}

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  if (!(text << file.rdbuf())) give_up("cannot read the message");
  return text.str();
}

int keep_session(SSL* ssl, SSL_SESSION* session) {
  auto& kept = static_cast<Run*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)))->session;
  kept.resize(static_cast<std::size_t>(i2d_SSL_SESSION(session, nullptr)));
  unsigned char* bytes = kept.data();
  i2d_SSL_SESSION(session, &bytes);
  return 0;  // it stays OpenSSL's
}

void report(Run& run, double seconds) {
  std::ranges::sort(run.milliseconds);
  const auto at = [&](double share) {
    return run.milliseconds[static_cast<std::size_t>(
        share * static_cast<double>(run.milliseconds.size() - 1))];
  };
  fmt::print(R"({{"mails": {}, "seconds": {:.4f}, "rate": {:.1f}, "p50": {:.3f}, "p99": {:.3f}, )"
             R"("handshakes": {}, "resumed": {}}})"
             "\n",
             run.done, seconds, static_cast<double>(run.done) / seconds, at(0.5), at(0.99),
             run.handshakes, run.resumed);
}

}  // namespace

int main(int argc, char** argv) {
  Run run;
  run.options = parse(argc, argv);
  run.set_message(run.options.file.empty() ? make_message(run.options.size)
                                           : read_file(run.options.file));
  run.base.reset(event_base_new());
  run.tls.reset(SSL_CTX_new(TLS_client_method()));
  SSL_CTX_set_app_data(run.tls.get(), &run);
  SSL_CTX_set_session_cache_mode(run.tls.get(), SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(run.tls.get(), keep_session);
  const auto start = Clock::now();
  std::vector<std::unique_ptr<Client>> clients;
  for (std::size_t i = 0; i < std::min(run.options.connections, run.options.mails); ++i) {
    clients.push_back(std::make_unique<Client>(run));
  }
  event_base_dispatch(run.base.get());
  report(run, std::chrono::duration<double>(Clock::now() - start).count());
  return EXIT_SUCCESS;
}

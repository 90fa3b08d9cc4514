// SPDX-License-Identifier: ISC
// The loop of a mimed, in a process of its own, with clients that do as they like.
#include "mimed/server.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <ctime>
#include <string>
#include <string_view>

#include "shared/base/clock.h"
#include "shared/base/file.h"
#include "shared/base/packet_socket.h"
#include "shared/base/unique_fd.h"
#include "shared/log/log.h"
#include "shared/parser/protocol.h"
#include "testing.h"

namespace {

using namespace restante;
using namespace restante::mimed;
using std::chrono::milliseconds;

constexpr std::string_view kMail = "Subject: s\r\n\r\ntext\r\n";

void require(bool holds) {
  if (!holds) std::abort();
}

milliseconds cpu_time() {
  timespec used{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  return std::chrono::duration_cast<milliseconds>(std::chrono::seconds(used.tv_sec) +
                                                  std::chrono::nanoseconds(used.tv_nsec));
}

// A mimed that lives as long as this.
class Daemon {
 public:
  Daemon() {
    address_.sun_family = AF_UNIX;  // an abstract one: it needs no directory
    const std::string name = "restante-unit-" + std::to_string(getpid());
    name.copy(address_.sun_path + 1, sizeof address_.sun_path - 2);
    const UniqueFd listener(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    require(bind(listener.get(), reinterpret_cast<sockaddr*>(&address_), sizeof address_) == 0);
    require(listen(listener.get(), 8) == 0);
    int life[2];
    require(pipe(life) == 0);
    life_.reset(life[1]);
    const UniqueFd life_end(life[0]);
    pid_ = fork();
    if (pid_ != 0) return;
    life_.reset();
    log::to_syslog();  // where nobody listens
    signal(SIGPIPE, SIG_IGN);
    {
      MimeParser parser({});
      Server(listener.get(), life_end.get(), parser, std::chrono::seconds(10)).run();
    }
    _exit(0);
  }
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;
  ~Daemon() { (void)end(); }

  // Its status at the end, once all clients have gone.
  int end() {
    int status = -1;
    life_.reset();
    if (pid_ > 0) waitpid(pid_, &status, 0);
    pid_ = 0;
    return status;
  }

  [[nodiscard]] UniqueFd connected() const {
    UniqueFd fd(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
    require(connect(fd.get(), reinterpret_cast<const sockaddr*>(&address_), sizeof address_) == 0);
    return fd;
  }

 private:
  sockaddr_un address_{};
  UniqueFd life_;
  pid_t pid_ = 0;
};

bool send(const UniqueFd& to, parser::PacketHeader header, std::string_view body, int passed = -1) {
  iovec parts[] = {{&header, sizeof header}, {const_cast<char*>(body.data()), body.size()}};
  return send_packet(to.get(), parts, passed);
}

bool send_mail(const UniqueFd& to, std::string_view mail) {
  return send(to, {.kind = parser::PacketKind::kRequest, .size = mail.size()}, mail);
}

parser::SharedProgress greet(const UniqueFd& to) {
  const UniqueFd memfd = *parser::SharedProgress::make();
  require(send(to, {.kind = parser::PacketKind::kHello}, "", memfd.get()));
  return *parser::SharedProgress::map(memfd.get());
}

// The subject in the next packet, waited for; "closed" at the end.
std::string next_subject(const UniqueFd& from) {
  pollfd one{from.get(), POLLIN, 0};
  require(poll(&one, 1, 10'000) == 1);
  parser::PacketHeader header{};
  std::string body(parser::kInlineLimit, '\0');
  iovec parts[] = {{&header, sizeof header}, {body.data(), body.size()}};
  if (receive_packet(from.get(), parts).size <= 0) return "closed";
  constexpr std::string_view kBefore = "\"subject\":\"";
  const std::string_view rest = std::string_view(body).substr(kBefore.size());
  return std::string(rest.substr(0, rest.find('"')));
}

TEST(mails_are_answered_and_counted) {
  Daemon daemon;
  {
    const UniqueFd client = daemon.connected();
    const parser::SharedProgress progress = greet(client);
    for (int i = 0; i < 40; ++i) {
      require(send_mail(client, "Subject: " + std::to_string(i) + "\r\n\r\n"));
      progress->sent = static_cast<std::uint64_t>(i) + 1;
    }
    for (int i = 0; i < 40; ++i) assert_same(next_subject(client), std::to_string(i));
    assert_int_equal(progress->taken, 40);
    assert_true(monotonic_now().count() - progress->taken_at < 10'000);
  }
  assert_int_equal(daemon.end(), 0);
}

TEST(who_counts_wrongly_is_answered_too) {
  Daemon daemon;
  const UniqueFd client = daemon.connected();
  const parser::SharedProgress progress = greet(client);
  for (const std::uint64_t sent : {std::uint64_t{0}, ~std::uint64_t{0}}) {
    progress->sent = sent;
    require(send_mail(client, kMail) && send_mail(client, kMail));
    assert_same(next_subject(client), "s");
    assert_same(next_subject(client), "s");
  }
}

TEST(who_breaks_the_protocol_is_closed) {
  Daemon daemon;
  const UniqueFd rude = daemon.connected();
  require(send_mail(rude, kMail));
  assert_same(next_subject(rude), "closed");
  const UniqueFd twice = daemon.connected();
  (void)greet(twice);
  (void)greet(twice);
  assert_same(next_subject(twice), "closed");
  const UniqueFd wrong = daemon.connected();
  const UniqueFd memfd = *make_sealed_memfd("wrong", std::string(sizeof(parser::Progress), '\0'));
  require(send(wrong, {.kind = parser::PacketKind::kHello}, "", memfd.get()));
  assert_same(next_subject(wrong), "closed");
}

// Answers of 60 KB: a few fill a socket.
TEST(who_does_not_read_holds_up_nobody_and_loses_nothing) {
  Daemon daemon;
  const UniqueFd lazy = daemon.connected();
  (void)greet(lazy);
  const UniqueFd other = daemon.connected();
  (void)greet(other);
  const std::string large = "Subject: large\r\n\r\n" + std::string(60'000, 'a') + "\r\n";
  int sent = 0;
  while (sent < 20 && send_mail(lazy, large)) ++sent;
  assert_true(sent > 2);
  for (int i = 0; i < 20; ++i) {
    require(send_mail(other, kMail));
    assert_same(next_subject(other), "s");
    while (sent < 20 && send_mail(lazy, large)) ++sent;
  }
  assert_in_range(sent, 4, 19);  // it has no more room for answers, nor for requests
  for (int i = 0; i < sent; ++i) assert_same(next_subject(lazy), "large");
  require(send_mail(lazy, kMail));
  assert_same(next_subject(lazy), "s");
}

TEST(who_goes_without_reading_is_forgotten) {
  Daemon daemon;
  {
    const UniqueFd lazy = daemon.connected();
    (void)greet(lazy);
    const std::string large = "Subject: large\r\n\r\n" + std::string(60'000, 'a') + "\r\n";
    for (int i = 0; i < 20; ++i) (void)send_mail(lazy, large);
  }
  assert_int_equal(daemon.end(), 0);  // which waits for the last client
}

// How a process ends that does as `work` says.
template <class Work>
int ending_of(Work work) {
  const pid_t pid = fork();
  if (pid == 0) {
    signal(SIGPROF, SIG_DFL);
    work();
    _exit(0);
  }
  int status = 0;
  waitpid(pid, &status, 0);
  return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

// The kernel counts in ticks, of a busy machine roughly: hence half and double.
TEST(a_mail_has_its_time_and_hardly_more) {
  const auto work_for = [](milliseconds time) {
    return ending_of([time] {
      CpuLimit limit(milliseconds(400));
      limit.begin(monotonic_now());
      while (cpu_time() < milliseconds(40)) {
      }
      limit.begin(monotonic_now());  // the timer runs already
      const milliseconds start = cpu_time();
      while (cpu_time() - start < time) {
      }
    });
  };
  assert_int_equal(work_for(milliseconds(200)), 0);
  assert_int_equal(work_for(milliseconds(800)), SIGPROF);
}

TEST(many_mails_have_more_time_together) {
  assert_int_equal(ending_of([] {
                     CpuLimit limit(milliseconds(100));
                     while (cpu_time() < milliseconds(500)) limit.begin(monotonic_now());
                   }),
                   0);
}

}  // namespace

// SPDX-License-Identifier: ISC
// What a client makes of parsers that answer, die or hang; the parser is a socket of the test.
#include "shared/parser/client.h"

#include <event2/event.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <expected>
#include <limits>
#include <string>
#include <string_view>

#include "shared/base/clock.h"
#include "shared/base/packet_socket.h"
#include "shared/base/unique_fd.h"
#include "shared/log/log.h"
#include "shared/net/event_loop.h"
#include "shared/parser/progress.h"
#include "shared/parser/protocol.h"
#include "testing.h"

namespace {

using namespace restante;
using std::chrono::milliseconds;

// One connection of a client, seen from the parser.
struct Connection {
  UniqueFd fd;
  parser::SharedProgress progress;

  // The mail of the next request; "" where there is none.
  [[nodiscard]] std::string request() const {
    parser::PacketHeader header{};
    std::string mail(100, '\0');
    iovec parts[] = {{&header, sizeof header}, {mail.data(), mail.size()}};
    const ReceivedPacket packet = receive_packet(fd.get(), parts);
    mail.resize(packet.size < 0 ? 0 : static_cast<std::size_t>(packet.size) - sizeof header);
    return mail;
  }

  void take() const {
    progress->taken_at = monotonic_now().count();
    ++progress->taken;
  }

  // The fragments of a mail with this subject.
  void answer(std::string_view subject) const {
    const mail::Fragments made = mail::make_fragments({.subject = std::string(subject)});
    send({made.summary, made.bodies, made.details});
    ++progress->answered;
  }

  // Any pieces, in the packet or in `memfd`.
  void send(const std::array<std::string, 3>& pieces, int memfd = -1) const {
    parser::PacketHeader header{.kind = parser::PacketKind::kAnswer};
    std::string all;
    for (std::size_t i = 0; i < pieces.size(); ++i) {
      header.pieces[i] = pieces[i].size();
      all += pieces[i];
    }
    send(header, memfd < 0 ? all : "", memfd);
  }
  void send(parser::PacketHeader header, std::string bytes, int memfd) const {
    iovec parts[] = {{&header, sizeof header}, {bytes.data(), bytes.size()}};
    if (!send_packet(fd.get(), parts, memfd)) std::abort();
  }
};

// A client, and where its only parser listens.
class Bench {
 public:
  explicit Bench(milliseconds time_limit) {
    log::to_syslog();  // where nobody listens
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    (directory_.path() + "/mimed.sock").copy(address.sun_path, sizeof address.sun_path - 1);
    listener_.reset(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
        listen(listener_.get(), 8) != 0) {
      std::abort();
    }
    client_.emplace(loop_.base(), std::vector{directory_.path() + "/mimed.sock"}, 0, time_limit);
  }

  // Outcomes are gathered in `outcomes`: of a mail that was parsed its subject.
  void parse(std::string_view mail) {
    client_->parse(mail, [this](const std::expected<mail::Fragments, parser::Failure>& made) {
      outcomes += made                                       ? subject_of(made->summary)
                  : made.error() == parser::Failure::kFailed ? "failed"
                                                             : "unavailable";
      outcomes += ' ';
    });
  }

  // The next connection, once there is one.
  [[nodiscard]] Connection accept() {
    for (;;) {
      Connection made{UniqueFd(accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK)), {}};
      if (!made.fd) {
        wait();
        continue;
      }
      parser::PacketHeader header{};
      iovec part{&header, sizeof header};
      const ReceivedPacket hello = receive_packet(made.fd.get(), {&part, 1});
      if (header.kind != parser::PacketKind::kHello) std::abort();
      made.progress = *parser::SharedProgress::map(hello.passed.get());
      return made;
    }
  }

  // Lets the client do what there is to do.
  void run() { event_base_loop(loop_.base(), EVLOOP_NONBLOCK); }
  void wait() { event_base_loop(loop_.base(), EVLOOP_ONCE); }

  std::string outcomes;

 private:
  static std::string subject_of(std::string_view summary) {
    const std::size_t start = std::string_view("\"subject\":\"").size();
    return std::string(summary.substr(start, summary.find('"', start) - start));
  }

  net::EventLoop loop_;
  TemporaryDirectory directory_;
  UniqueFd listener_;
  std::optional<parser::Client> client_;
};

TEST(answers_go_to_those_who_asked_in_order) {
  Bench bench(milliseconds(2000));
  const Connection parser = bench.accept();
  for (const std::string_view mail : {"one", "two", "three"}) bench.parse(mail);
  assert_int_equal(parser.progress->sent, 3);
  for (const std::string_view mail : {"one", "two"}) {
    assert_same(parser.request(), mail);
    parser.take();
    parser.answer(mail);
  }
  bench.run();
  assert_same(bench.outcomes, "one two ");
  assert_same(parser.request(), "three");
  parser.take();
  parser.answer("three");
  bench.run();
  assert_same(bench.outcomes, "one two three ");
}

TEST(an_answer_that_is_not_counted_is_read_too) {
  Bench bench(milliseconds(2000));
  const Connection parser = bench.accept();
  bench.parse("one");
  bench.parse("two");
  parser.answer("one");
  parser.answer("two");
  parser.progress->answered = 0;
  bench.run();
  bench.run();
  assert_same(bench.outcomes, "one two ");
}

TEST(counts_without_answers_are_waited_out) {
  Bench bench(milliseconds(2000));
  const Connection parser = bench.accept();
  bench.parse("one");
  parser.progress->answered = ~std::uint64_t{0};
  parser.answer("one");
  bench.run();
  bench.run();
  assert_same(bench.outcomes, "one ");
}

// It dies with a mail unread, so that the client hears of that before it reads the answer.
TEST(only_the_mail_that_was_in_hand_has_had_a_try) {
  Bench bench(milliseconds(2000));
  std::string asked;
  {
    const Connection parser = bench.accept();
    for (const std::string_view mail : {"good", "poison", "other"}) bench.parse(mail);
    asked += parser.request();
    parser.take();
    parser.answer("good");
    asked += parser.request();
    parser.take();
  }
  {
    const Connection parser = bench.accept();
    asked += parser.request();
    parser.take();
  }
  const Connection parser = bench.accept();
  asked += parser.request();
  parser.take();
  parser.answer("other");
  bench.run();
  assert_same(asked, "goodpoisonpoisonother");
  assert_same(bench.outcomes, "good failed other ");
}

TEST(who_takes_nothing_in_hand_spoils_nothing) {
  Bench bench(milliseconds(2000));
  for (int death = 0; death < 3; ++death) {
    const Connection parser = bench.accept();
    if (death == 0) bench.parse("mail");
    assert_same(parser.request(), "mail");
  }
  const Connection parser = bench.accept();
  parser.take();
  parser.answer("mail");
  bench.run();
  assert_same(bench.outcomes, "mail ");
}

TEST(a_parser_that_hangs_is_left_in_time) {
  Bench bench(milliseconds(100));
  const auto start = monotonic_now();
  for (int hang = 0; hang < 2; ++hang) {
    const Connection parser = bench.accept();
    if (hang == 0) bench.parse("mail");
    assert_same(parser.request(), "mail");
    parser.take();
    if (hang > 0) parser.progress->taken_at = std::numeric_limits<std::int64_t>::max();
    while (!net::has_hung_up(parser.fd.get())) bench.wait();
  }
  assert_same(bench.outcomes, "failed ");
  assert_true(monotonic_now() - start >= 2 * milliseconds(600));
}

TEST(a_mail_that_no_parser_has_tried_is_not_a_failed_one) {
  Bench bench(milliseconds(100));
  bench.parse("mail");  // nobody accepts
  while (bench.outcomes.empty()) bench.wait();
  assert_same(bench.outcomes, "unavailable ");
}

// A memfd of `size` bytes, perhaps with seals.
UniqueFd memfd_of(off_t size, int seals) {
  UniqueFd fd(memfd_create("answer", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!fd || ftruncate(fd.get(), size) != 0) std::abort();
  if (seals != 0 && fcntl(fd.get(), F_ADD_SEALS, seals) != 0) std::abort();
  return fd;
}

// Answers that only a parser sends that was taken over.
void answer_badly(const Connection& parser, int how) {
  constexpr int kSeals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
  constexpr off_t kHuge = off_t{1} << 62, kLarge = off_t{1} << 31;
  const mail::Fragments good = mail::make_fragments({.subject = "good"});
  const auto pieces_of = [](off_t size) {
    return parser::PacketHeader{.kind = parser::PacketKind::kAnswer,
                                .pieces = {static_cast<std::uint64_t>(size), 0, 0}};
  };
  switch (how) {
    case 0:
      return parser.send(pieces_of(kHuge), "", memfd_of(kHuge, 0).get());
    case 1:
      return parser.send(pieces_of(kLarge), "", memfd_of(kLarge, kSeals).get());
    case 2: {
      const UniqueFd memfd = memfd_of(0, 0);
      const std::string all = good.summary + good.bodies + good.details;
      if (write(memfd.get(), all.data(), all.size()) < 0) std::abort();
      return parser.send({good.summary, good.bodies, good.details}, memfd.get());
    }
    case 3:
      return parser.send(pieces_of(0), "", UniqueFd(open("/dev/zero", O_RDONLY)).get());
    case 4:
      return parser.send(
          {good.summary + ",\"from\":\"forged@example.org\"", good.bodies, good.details});
    default:
      return parser.send({good.summary, good.bodies + "}", good.details});
  }
}

TEST(a_bad_answer_is_a_failed_try) {
  for (int how = 0; how < 6; ++how) {
    Bench bench(milliseconds(2000));
    for (int tries = 0; tries < 2; ++tries) {
      const Connection parser = bench.accept();
      if (tries == 0) bench.parse("mail");
      assert_same(parser.request(), "mail");
      answer_badly(parser, how);
      while (!net::has_hung_up(parser.fd.get())) bench.wait();
    }
    assert_same(bench.outcomes, "failed ");
  }
}

}  // namespace

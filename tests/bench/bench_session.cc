// SPDX-License-Identifier: ISC
// What the SMTP session alone costs, driven in memory: no socket, no TLS, no store. Numbers only.
//
// A mail is MAIL, RCPT, its bytes in reads of 64 KB, and what the driver answers. How often its
// bytes are copied shows in what a new session allocates for it: its own size when they are copied
// once, more when a read goes through another buffer, or the string that holds them has to grow.
// Beside it, as a measure, a plain copy: memcpy of the same reads into memory of the right size.
// Session and copy take turns, so that whatever slows the machine down slows both. What the session
// takes longer is mostly spent on reading: for the end, for bare newlines.
#include <fmt/format.h>
#include <malloc.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "smtpd/protocol/session_settings.h"

namespace {

std::uint64_t allocated = 0;  // bytes, ever; there is one thread

}  // namespace

// All other forms come through these.
void* operator new(std::size_t size) {
  allocated += size;
  if (void* memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace {

using namespace restante::smtpd;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kRead = 64UL * 1024;
constexpr int kTurns = 9;
constexpr std::chrono::milliseconds kTurn{50};  // at least
constexpr int kGroupsOfSession = 64;            // RSET without mail ends a session after 100

const SessionSettings kSettings = session_settings();

[[noreturn]] void fail(std::string_view what) {
  fmt::print(stderr, "bench_session: {}\n", what);
  std::exit(EXIT_FAILURE);
}

// Answers yes to all, and takes every mail.
class Driver {
 public:
  Driver() : session_(kSettings) {
    pump();
    send("EHLO client.example.org\r\n");
    output_.clear();
  }

  void send(std::string_view bytes) {
    for (; !bytes.empty(); bytes.remove_prefix(std::min(kRead, bytes.size()))) {
      session_.receive(bytes.substr(0, kRead));
      pump();
    }
  }
  // The replies since the last call must end with this one.
  void expect(std::string_view code) {
    const std::size_t before = output_.rfind('\n', output_.size() - 2);
    const std::size_t start = before == std::string::npos ? 0 : before + 1;
    if (!std::string_view(output_).substr(start).starts_with(code)) fail("replied: " + output_);
    output_.clear();
  }
  [[nodiscard]] std::size_t delivered() const { return delivered_; }  // bytes of the last mail

 private:
  void pump() {
    for (;;) {
      Action action = session_.next_action();
      output_ += session_.extract_output();
      if (std::holds_alternative<Idle>(action)) return;
      if (std::holds_alternative<Close>(action)) fail("closed: " + output_);
      if (const auto* mail = std::get_if<Deliver>(&action)) delivered_ = mail->data.size();
      session_.answer(Reply::kOk);
    }
  }

  Session session_;
  std::string output_;
  std::size_t delivered_ = 0;
};

// How a mail is sent.
enum class Way : std::uint8_t { kData, kDataWithSize, kBdat };

struct Mail {
  Way way;
  std::string size_name;
  std::size_t size;  // of the message
  std::string commands, octets;

  [[nodiscard]] std::string name() const {
    constexpr std::array kNames = {"DATA", "DATA, SIZE=", "BDAT"};
    return fmt::format("{:6} by {}", size_name, kNames[static_cast<std::size_t>(way)]);
  }
};

// Lines as of an attachment; every fiftieth begins with a dot.
std::string message_of(std::size_t size) {
  std::string message = "From: bob@example.org\r\nSubject: bench\r\n\r\n";
  for (int line = 0; message.size() + 78 <= size; ++line) {
    message += (line % 50 == 0 ? '.' : 'x') + std::string(75, 'y') + "\r\n";
  }
  return message;
}

std::string stuffed(std::string_view message) {
  std::string out;
  for (std::size_t i = 0; i < message.size(); ++i) {
    if (message[i] == '.' && (i == 0 || message[i - 1] == '\n')) out += '.';
    out += message[i];
  }
  return out;
}

Mail mail_of(Way way, std::string_view size_name, std::size_t size) {
  const std::string message = message_of(size);
  Mail mail{way, std::string(size_name), message.size(), "MAIL FROM:<bob@example.org>", {}};
  if (way == Way::kDataWithSize) mail.commands += fmt::format(" SIZE={}", message.size());
  mail.commands += "\r\nRCPT TO:<alice@example.com>\r\n";
  if (way == Way::kBdat) {
    mail.octets = fmt::format("BDAT {} LAST\r\n", message.size()) + message;
  } else {
    mail.commands += "DATA\r\n";
    mail.octets = stuffed(message) + ".\r\n";
  }
  return mail;
}

void send(Driver& driver, const Mail& mail) {
  driver.send(mail.commands);
  driver.expect(mail.way == Way::kBdat ? "250" : "354");
  driver.send(mail.octets);
  driver.expect("250");
  if (driver.delivered() != mail.size) fail("another message came out");
}

void copy(std::string_view octets) {
  const auto memory = std::make_unique_for_overwrite<char[]>(octets.size());
  for (std::size_t at = 0; at < octets.size(); at += kRead) {
    const std::string_view read = octets.substr(at, kRead);
    std::memcpy(memory.get() + at, read.data(), read.size());
  }
  asm volatile("" : : "r"(memory.get()) : "memory");  // somebody might read it
}

// Nanoseconds that `work` takes, the mean of a turn.
template <typename Work>
double measure(Work work) {
  const auto began = Clock::now();
  std::int64_t times = 0;
  Clock::duration took{};
  do {
    work();
    ++times;
    took = Clock::now() - began;
  } while (took < kTurn);
  return std::chrono::duration<double, std::nano>(took).count() / static_cast<double>(times);
}

double median(std::vector<double>& values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

void report(const Mail& mail) {
  Driver driver;
  std::vector<double> of_session, ratios;
  for (int turn = 0; turn < kTurns; ++turn) {
    of_session.push_back(measure([&] { send(driver, mail); }));
    ratios.push_back(of_session.back() / measure([&] { copy(mail.octets); }));
  }
  Driver first;  // its buffers are empty yet
  const std::uint64_t before = allocated;
  send(first, mail);
  const auto size = static_cast<double>(mail.size);
  const double bytes = static_cast<double>(allocated - before) / size;
  const double took = median(of_session), ratio = median(ratios);
  fmt::print("{:22}{:10.0f}{:10.0f}{:12.0f}{:12.2f}{:12.2f}{:8.2f}{:8.2f}\n", mail.name(),
             1e9 / took, 1e3 * size / took, took, bytes, ratios.front(), ratio, ratios.back());
}

void report_commands() {
  constexpr std::string_view kGroup =
      "MAIL FROM:<bob@example.org>\r\nRCPT TO:<alice@example.com>\r\nRSET\r\n";
  std::vector<double> took;
  for (int turn = 0; turn < kTurns; ++turn) {
    took.push_back(measure([&] {
      Driver driver;
      for (int group = 0; group < kGroupsOfSession; ++group) driver.send(kGroup);
      driver.expect("250");
    }));
  }
  const double of_group = median(took) / kGroupsOfSession;
  fmt::print("{:22}{:10.0f}{:>10}{:12.0f}\n", "MAIL, RCPT, RSET", 1e9 / of_group, "", of_group);
}

}  // namespace

int main() {
  // Memory stays with the process: else what malloc has learnt from the rows before decides how
  // often the kernel has to give new pages, and how much a large mail costs.
  if (mallopt(M_MMAP_THRESHOLD, 32 << 20) == 0 || mallopt(M_TRIM_THRESHOLD, 1 << 30) == 0) {
    fail("mallopt");
  }
  fmt::print("{:22}{:>10}{:>10}{:>12}{:>12}{:>28}\n", "", "", "", "", "allocated",
             "time / time of a copy");
  fmt::print("{:22}{:>10}{:>10}{:>12}{:>12}{:>12}{:>8}{:>8}\n", "", "a second", "MB/s", "ns",
             "/ size", "min", "median", "max");
  for (const auto& [name, size] :
       {std::pair{"2 KB", std::size_t{2} << 10U}, std::pair{"100 KB", std::size_t{100} << 10U},
        std::pair{"10 MB", std::size_t{10} << 20U}}) {
    for (const Way way : {Way::kData, Way::kDataWithSize, Way::kBdat}) {
      report(mail_of(way, name, size));
    }
  }
  report_commands();
}

// SPDX-License-Identifier: ISC
// Any bytes over a connection to the real HTTP server and API: whole answers, JSON that is JSON,
// and never more requests seen in the bytes than a plain reading of them has.
#include <cjson/cJSON.h>
#include <event2/event.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "apid/api/api.h"
#include "apid/http/forwarded.h"
#include "apid/http/server.h"
#include "shared/base/ascii.h"
#include "shared/base/clock.h"
#include "shared/base/unique_fd.h"
#include "shared/log/log.h"
#include "shared/memory/rate_table.h"
#include "shared/net/event_loop.h"
#include "shared/store/frame.h"

namespace {

using namespace restante;
using namespace restante::apid;

constexpr std::string_view kKey = "fuzz";

[[noreturn]] void complain(const char* what, std::string_view about) {
  std::fprintf(stderr, "%s:\n%.*s\n", what, static_cast<int>(about.size()), about.data());
  std::abort();
}
void expect(bool good, const char* what, std::string_view about) {
  if (!good) complain(what, about);
}

constexpr std::string_view kMail = "Subject: s\r\n\r\ntext\r\n";

// Every mailbox has the same mail. Those that begin with s answer later, as a store does that takes
// its time; those with e are empty, n have a next page, and the raw mail of those that end in x is
// damaged.
class Mail : public store::Reader,
             public store::Claims,
             public store::Watch,
             public parser::Extractor {
 public:
  std::vector<std::function<void()>> later;
  std::size_t opened = 0;  // how often a mailbox was asked, several times by some requests

  void ping(std::function<void(Result<void>)> done) override { done({}); }
  void list(std::string_view box, const store::ListQuery& query,
            std::function<void(Result<store::Page>)> done) override {
    store::Page page{.mails = {}, .next = {}, .newest = mail_.id};
    if (!box.starts_with('e')) page.mails.push_back({mail_.id, mail_.summary, mail_.bodies});
    if (box.starts_with('n') && !query.oldest_first) page.next = mail_.id;
    answer(box, std::move(done), Result<store::Page>(std::move(page)));
  }
  void get(std::string_view box, std::optional<store::MailId>,
           std::function<void(Result<std::optional<store::StoredMail>>)> done) override {
    answer(box, std::move(done), Result<std::optional<store::StoredMail>>(mail_));
  }
  void get_raw(std::string_view box, std::optional<store::MailId>, PieceSink take,
               std::function<void(Result<bool>)> done) override {
    const store::RawMail raw{.id = mail_.id, .size = kMail.size()};
    (void)take(raw, box.ends_with('x') ? "no zstd" : std::string_view(frame_));
    answer(box, std::move(done), Result<bool>(true));
  }
  void clear(std::string_view box, std::function<void(Result<std::uint64_t>)> done) override {
    answer(box, std::move(done), Result<std::uint64_t>(1));
  }
  void remove(std::string_view box, store::MailId,
              std::function<void(Result<bool>)> done) override {
    answer(box, std::move(done), Result<bool>(true));
  }
  void claim(std::string_view box, const store::ListQuery&,
             std::function<void(Result<store::Claim>)> done) override {
    answer(box, std::move(done),
           Result<store::Claim>(store::Claim{.claimed = {{mail_, "1"}}, .free_in = {}}));
  }
  void acknowledge(std::string_view, const store::MailId&, std::string_view,
                   std::function<void(Result<bool>)> done) override {
    done(true);
  }
  void release(std::string_view, const store::MailId&, std::string_view,
               std::function<void(Result<bool>)> done) override {
    done(true);
  }
  // Mail comes to some, and others wait until they go.
  std::shared_ptr<void> watch(std::string_view box, std::function<void()> changed) override {
    if (box.starts_with('s')) later.push_back(std::move(changed));
    return std::make_shared<int>(0);
  }
  void extract(std::shared_ptr<const UniqueFd> memfd, std::uint64_t size, std::uint64_t number,
               ExtractDone done) override {
    if (number > 2) return done(parser::NoSuchAttachment{2});
    done(parser::ExtractedAttachment{.name = "n\u00e4me\".txt",
                                     .type = "text/plain",
                                     .fd = std::move(memfd),
                                     .offset = 2,
                                     .size = size - 2});
  }

 private:
  template <class Done, class Value>
  void answer(std::string_view box, Done done, Value value) {
    ++opened;
    if (!box.starts_with('s')) return done(std::move(value));
    later.emplace_back([done = std::move(done), value = std::move(value)] { done(value); });
  }

  const store::StoredMail mail_{
      .id = {1700000000000, 1},
      .summary = "\"from\":\"a\",\"to\":\"b\",\"subject\":\"s\"\n\"size\":1",
      .bodies = "\"body_text\":\"" + std::string(2000, 'x') + "\"",
      .details = "\"codes\":[]"};
  const std::string frame_ = store::FrameWriter().write({.data = kMail}).bytes;
};

// One server for all inputs, on a Unix socket without a path.
class Server {
 public:
  Server()
      : api_(config(),
             {.base = loop_.base(),
              .reader = mail,
              .claims = mail,
              .watch = mail,
              .extractor = mail},
             memory::RateTable(words_, {1, 2})) {
    log::set_level(log::Level::kError);
    address_.sun_family = AF_UNIX;
    const std::string name = "restante-fuzz-" + std::to_string(getpid());
    name.copy(&address_.sun_path[1], sizeof address_.sun_path - 2);
    listener_ = UniqueFd(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (bind(listener_.get(), address(), sizeof address_) != 0 || listen(listener_.get(), 8) != 0) {
      complain("no listener", name);
    }
    HttpServerOptions options{
        .connection_limit = 8, .timeout = std::chrono::seconds{10}, .certificate = {}, .key = {}};
    options.client_of = [](const net::ClientAddress& peer, std::string_view forwarded) {
      return forwarded_client(peer, forwarded, {});
    };
    auto started = HttpServer::start(
        loop_.base(), listener_.get(), std::move(options),
        [this](const Request& request, const Responder& respond) {
          ++asked;
          if (request.api_key == kKey) ++asked_with_key;
          api_.handle(request, monotonic_now(), respond);
        },
        [this](const Request& request, const Response& response, std::chrono::microseconds) {
          answered.emplace_back(request.method, response.status);
        });
    if (!started) complain("no server", started.error().what);
    server_ = *std::move(started);
  }

  // What one connection with these bytes gets.
  std::string talk(std::string_view bytes, std::size_t piece, bool half_close) {
    asked = asked_with_key = mail.opened = 0;
    answered.clear();
    UniqueFd client(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (connect(client.get(), address(), sizeof address_) != 0) complain("no connection", "");
    std::string output;
    bool open = true;
    int full = 0;  // who holds a request or streams reads no further
    while (open && !bytes.empty() && full < 10) {
      const std::string_view now = bytes.substr(0, piece);
      const ssize_t sent = send(client.get(), now.data(), now.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      full = sent > 0 ? 0 : full + 1;
      if (sent > 0) bytes.remove_prefix(static_cast<std::size_t>(sent));
      open = turn(client.get(), output) && (sent > 0 || errno == EAGAIN);
    }
    if (half_close) shutdown(client.get(), SHUT_WR);
    int idle = 0;
    while (open && idle < 4) {
      const std::size_t before = output.size();
      open = turn(client.get(), output);
      idle = output.size() == before && mail.later.empty() ? idle + 1 : 0;
    }
    client.reset();
    for (int i = 0; i < 4; ++i) event_base_loop(loop_.base(), EVLOOP_NONBLOCK);
    return output;
  }

  std::size_t asked = 0;  // by requests that reached the handler
  std::size_t asked_with_key = 0;
  std::vector<std::pair<std::string, unsigned>> answered;
  Mail mail;

 private:
  const sockaddr* address() const { return reinterpret_cast<const sockaddr*>(&address_); }

  // One turn of the loop; false when the server has closed.
  bool turn(int client, std::string& output) {
    event_base_loop(loop_.base(), EVLOOP_NONBLOCK);
    if (!mail.later.empty()) {
      std::exchange(mail.later, {}).front()();
      event_base_loop(loop_.base(), EVLOOP_NONBLOCK);
    }
    std::array<char, 65536> buffer;
    const ssize_t got = recv(client, buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (got > 0) output.append(buffer.data(), static_cast<std::size_t>(got));
    return got > 0 || (got < 0 && errno == EAGAIN);
  }

  static config::Config& config() {
    static config::Config config;
    config.domain = {"example.com"};
    config.api_key = {std::string(kKey)};
    config.api_cors_origin = {"https://app.example.com"};
    config.page_size_limit = 100000;
    config.message_size_limit = 100000;
    config.api_rate_limit = 0;
    config.wait_limit = config.wait_key_limit = 4;
    return config;
  }

  net::EventLoop loop_;
  sockaddr_un address_{};
  UniqueFd listener_;
  std::vector<memory::RateTable::Word> words_ = std::vector<memory::RateTable::Word>(64);
  Api api_;
  std::unique_ptr<HttpServer> server_;
};

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return result;
}

// A plain reading of the input: lines end in LF, a head in an empty line; what is behind a request
// with a body is no request. It takes more for a request than the server may, and never less.
struct Reading {
  std::size_t requests = 0, with_key = 0;
};
Reading read_plainly(std::string_view bytes) {
  Reading reading;
  bool in_head = false, has_body = false, has_key = false;
  while (!bytes.empty()) {
    std::string_view line = bytes.substr(0, bytes.find('\n'));
    bytes.remove_prefix(std::min(bytes.size(), line.size() + 1));
    while (line.ends_with('\r')) line.remove_suffix(1);
    if (!line.empty() && line != ":" &&
        line != std::string_view("\0", 1)) {  // see RequestHead::finish()
      const std::string text = lower(line);
      has_key = has_key || (in_head && text.contains(kKey));
      const std::string_view name = trim_blanks(std::string_view(text).substr(0, text.find(':')));
      const bool is_length = name == "content-length" && text != "content-length: 0";
      has_body = has_body || (in_head && (is_length || name == "transfer-encoding"));
      in_head = true;
    } else if (in_head) {
      ++reading.requests;
      reading.with_key += has_key ? 1 : 0;
      if (has_body) return reading;
      in_head = has_key = false;
    }
  }
  return reading;
}

std::string unpack(std::string_view packed) {
  std::string text(200000, '\0');
  z_stream stream{};
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
  stream.avail_in = static_cast<uInt>(packed.size());
  stream.next_out = reinterpret_cast<Bytef*>(text.data());
  stream.avail_out = static_cast<uInt>(text.size());
  if (inflateInit2(&stream, 15 + 16) != Z_OK) std::abort();
  expect(inflate(&stream, Z_FINISH) == Z_STREAM_END, "no gzip", packed);
  text.resize(stream.total_out);
  inflateEnd(&stream);
  return text;
}

void check_json(std::string_view head, std::string_view body) {
  const std::string text =
      head.contains("content-encoding: gzip") ? unpack(body) : std::string(body);
  cJSON* const json = cJSON_ParseWithLength(text.data(), text.size());
  expect(json != nullptr, "no JSON", text);
  cJSON_Delete(json);
}

// Takes one answer off `output`: to an unknown method, which may be HEAD, when `method` is empty;
// one of the library's own when `status` is 0.
void take_answer(std::string_view& output, std::string_view method, unsigned status) {
  const std::string_view all = output;
  expect(output.starts_with("HTTP/1.1 ") || output.starts_with("HTTP/1.0 "), "no status line", all);
  const std::size_t end = output.find("\r\n\r\n");
  expect(end != std::string_view::npos, "no whole head", all);
  const std::string head = lower(output.substr(0, end + 2));
  output.remove_prefix(end + 4);
  unsigned code = 0;
  std::from_chars(&head[9], &head[12], code);
  expect(status == 0 || code == status, "another status", all);
  if (head.contains("content-type: text/event-stream")) return (void)(output = {});  // to its end
  std::size_t length = 0;
  if (const std::size_t at = head.find("\r\ncontent-length: "); at != std::string::npos) {
    std::from_chars(&head[at + 18], head.data() + head.size(), length);
  }
  const bool nothing_follows = output.empty() || output.starts_with("HTTP/1.1 ");
  if (method == "HEAD" || code == 304 || (method.empty() && nothing_follows)) return;
  expect(output.size() >= length, "a body that is cut off", all);
  const std::string_view body = output.substr(0, length);
  output.remove_prefix(length);
  if (head.contains("content-type: application/json")) check_json(head, body);
}

void skip_interim(std::string_view& output) {
  constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
  while (output.starts_with(kContinue)) output.remove_prefix(kContinue.size());
}

// libmicrohttpd 0.9.75 sends the head of its answer to a bad Content-Length twice, and then closes.
void skip_double_head(std::string_view& output) {
  const std::size_t size = output.find("\r\n\r\n") + 4;
  if (output.substr(size).starts_with(output.substr(0, size))) output.remove_prefix(size);
}

void check(const Server& server, std::string_view bytes, std::string_view output) {
  const Reading plain = read_plainly(bytes);
  expect(server.answered.size() <= plain.requests + 1, "more answers than requests", output);
  expect(server.asked <= plain.requests, "more requests than there are", output);
  expect(server.asked_with_key <= plain.with_key, "more keys than there are", output);
  expect(server.mail.opened == 0 || server.asked_with_key > 0, "a mailbox without a key", output);
  const bool cut_method = bytes.contains(std::string_view("HEAD\0", 5));
  for (const auto& [method, status] : server.answered) {
    skip_interim(output);
    if (output.empty()) return;  // the server closed before it was sent
    // A method that is cut at a NUL is one thing to the library and another to us.
    take_answer(output, cut_method && method == "HEAD" ? "" : method, status);
  }
  skip_interim(output);
  if (!output.empty()) {  // the library's own, of a broken request
    skip_double_head(output);
    take_answer(output, "", 0);
  }
  expect(output.empty(), "more than the last answer", output);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  static Server& server = *new Server;  // never destroyed: the library's log is gone at exit
  if (size < 2) return 0;
  constexpr std::array<std::size_t, 4> kPieces = {SIZE_MAX, 1, 7, 100};
  const bool half_close = (data[0] & 4) != 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::size_t piece = bytes.size() > 400 ? SIZE_MAX : kPieces[data[0] & 3];
  check(server, bytes, server.talk(bytes, piece, half_close));
  return 0;
}

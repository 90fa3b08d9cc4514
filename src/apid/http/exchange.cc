// SPDX-License-Identifier: ISC
// One request of a client, from its head to its answer.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "apid/http/catching.h"
#include "apid/http/body.h"
#include "apid/http/daemon.h"
#include "shared/memory/rate_table.h"
#include "shared/memory/scoreboard.h"

namespace restante::apid {
namespace {

using std::chrono::milliseconds;

constexpr std::uint64_t kSlowestReader = 16 * 1024;  // bytes a second that an answer is waited for
constexpr bool kLosesBytes = MHD_VERSION < 0x00097701;  // see check_gap
constexpr std::size_t kLineEnd = 2;                     // CRLF
// What the kernel takes of a stream before the client does. Else that would be megabytes, and there
// is room again only when a third of them is read: later than a slow client has time.
constexpr int kUnsent = 64 * 1024;
constexpr milliseconds kForever = milliseconds::max();

// To MHD_get_connection_values_n: each header field of a request.
MHD_Result on_field(void* context, MHD_ValueKind, const char* name, std::size_t name_size,
                    const char* value, std::size_t value_size) noexcept {
  auto& client = *static_cast<Client*>(context);
  const std::string_view text(value == nullptr ? "" : value, value_size);
  client.aborted = !catching([&] { read_field(client, {name, name_size}, text); });
  check_gap(client, {name, name_size}, kLineEnd);
  if (value != nullptr) client.read_up_to = value + value_size;
  return client.aborted ? MHD_NO : MHD_YES;
}

}  // namespace

void Daemon::begin_request(Client& client, const char* target) {
  ++client.serial;
  client.asked_at = precise_now();
  client.request.was_held = false;
  client.stage = Stage::kReading;
  client.close = false;
  client.fields = {};
  client.response.reset();
  client.request.host.clear();
  client.request.api_key.clear();
  client.request.fields.clear();
  read_target(client.request, target);
  client.target = target;
}

void Daemon::read_head(Client& client, const char* method, const char* version) {
  client.request.method = method;
  client.read_up_to = method + client.request.method.size();
  check_gap(client, client.target, 1);
  check_gap(client, version, 1);
  MHD_get_connection_values_n(client.connection, MHD_HEADER_KIND, on_field, &client);
  const MHD_ConnectionInfo* head =
      MHD_get_connection_info(client.connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
  client.head_size = head->header_size;
  // NOLINTNEXTLINE(bugprone-string-constructor): of an empty text the place counts too
  check_gap(client, {method + client.head_size, 0}, 2 * kLineEnd);
  client.request.has_body = client.fields.has_body;
  client.fields.malformed |= kLosesBytes && client.fields.bytes_lost;
  if (options_.client_of) {
    client.request.client =
        options_.client_of(client.peer, client.request.field("x-forwarded-for"));
  }
}

MHD_Result Daemon::handle(Client& client, const char* method, const char* version) {
  switch (client.stage) {
    case Stage::kReading: {
      read_head(client, method, version);
      if (client.aborted) return MHD_NO;
      client.stage = Stage::kHead;
      if (std::optional<Response> fault = check_framing(client, version)) {
        client.close = true;
        answer(client, *std::move(fault));
        return send(client);
      }
      // An answer given now ends the connection, since the library has not looked for a body yet.
      // So only a request that has one, which we do not read, is answered at once.
      if (!client.fields.has_body) return MHD_YES;
      client.close = true;
      [[fallthrough]];
    }
    case Stage::kHead:
      ask(client);
      if (client.stage == Stage::kAnswered) return send(client);
      suspend(client);
      return MHD_YES;
    case Stage::kAnswered:
      return send(client);
    default:
      return MHD_YES;
  }
}

void Daemon::ask(Client& client) {
  client.stage = Stage::kAsked;
  client.deadline = monotonic_now() + options_.timeout;
  const auto asker = [weak = std::weak_ptr(*client.self), serial = client.serial] {
    std::shared_ptr<Client> found = weak.lock();
    const bool waits = found && found->serial == serial && found->stage == Stage::kAsked;
    return waits ? std::move(found) : nullptr;
  };
  handler_(client.request, Responder(
                               [this, asker](Response response) {
                                 if (const auto found = asker())
                                   answer(*found, std::move(response));
                               },
                               [this, asker](milliseconds limit, Responder::Ended ended) {
                                 if (const auto found = asker())
                                   hold(*found, limit, std::move(ended));
                               }));
}

void Daemon::hold(Client& client, milliseconds limit, Responder::Ended ended) {
  if (draining_ && ended) return ended();
  client.deadline = std::max(client.deadline, monotonic_now() + limit + options_.timeout);
  if (!ended) return;
  client.request.was_held = true;
  client.ended = std::move(ended);
  watch_for_hangup(client);
}

void Daemon::end_waiting(Client& client) {
  if (client.ended) std::exchange(client.ended, nullptr)();
  if (client.stream) client.stream->end();
}

// The library does not look at a suspended connection.
void Daemon::watch_for_hangup(Client& client) {
  if (!client.hangup) client.hangup.emplace(base_, client.fd, [this, &client] { hung_up(client); });
}

void Daemon::hung_up(Client& client) {
  client.aborted = true;
  catching([&] { end_waiting(client); });
  ::shutdown(client.fd, SHUT_RDWR);
  if (client.suspended) resume(client);
}

void Daemon::suspend(Client& client) {
  MHD_suspend_connection(client.connection);
  client.suspended = true;
}

void Daemon::resume(Client& client) {
  client.suspended = false;
  MHD_resume_connection(client.connection);
  run_soon_.start();
}

void Daemon::answer(Client& client, Response response) {
  client.response = std::move(response);
  client.stage = Stage::kAnswered;
  client.ended = nullptr;
  if (client.suspended) resume(client);
}

MHD_Result Daemon::send(Client& client) {
  if (client.aborted) return MHD_NO;
  Response from = *std::exchange(client.response, std::nullopt);
  // The socket of a client that has gone would still take a short answer as if it had come through.
  if (from.receipt && has_hung_up(client.fd)) return MHD_NO;
  const unsigned status = from.status;
  const std::uint64_t size = from.file ? from.file->size : from.body.size();
  const bool has_body = client.request.method != "HEAD" && status != 204 && status != 304;
  client.stage = Stage::kSending;
  client.receipt = std::move(from.receipt);
  client.place = std::move(from.place);
  client.stream = from.stream;
  const milliseconds now = monotonic_now();
  const milliseconds by_size = options_.timeout + milliseconds{size * 1000 / kSlowestReader};
  client.deadline = now + (from.send_limit.count() > 0 ? from.send_limit : by_size);
  observer_(client.request, status, precise_now() - client.asked_at);
  if (client.stream) begin_stream(client);
  if (!client.stream && !client.receipt) client.hangup.reset();  // it may close its half now
  if (client.transport) client.transport->expect_body(has_body ? size : 0);
  const ResponsePtr response = make_library_response(
      std::move(from), client.transport.has_value(), [this, &client](bool more) {
        // A stream has all its time again with each piece that the client takes.
        client.deadline = more ? monotonic_now() + options_.timeout : kForever;
        if (!more) suspend(client);
      });
  if (!response) return MHD_NO;
  if (client.close || draining_) {
    MHD_add_response_header(response.get(), MHD_HTTP_HEADER_CONNECTION, "close");
  }
  return MHD_queue_response(client.connection, status, response.get());
}

void Daemon::begin_stream(Client& client) {
  watch_for_hangup(client);
  setsockopt(client.fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &kUnsent, sizeof kUnsent);
  client.stream->when_written([this, &client] {
    client.deadline = monotonic_now() + options_.timeout;
    if (client.suspended) resume(client);
  });
  if (draining_) client.stream->end();
}

}  // namespace restante::apid

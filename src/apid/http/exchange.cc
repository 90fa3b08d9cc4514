// SPDX-License-Identifier: ISC
#include "apid/http/exchange.h"

#include <microhttpd.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <utility>

#include "apid/http/body.h"
#include "apid/http/catching.h"
#include "apid/http/connection.h"
#include "shared/base/clock.h"

namespace restante::apid {
namespace {

using std::chrono::milliseconds;

// Whether the library splits a head in place. See RequestHead::finish().
constexpr bool kSplitsInPlace = MHD_VERSION < 0x00097701;
// What the kernel may hold of a stream that the client has not received. By default these are
// megabytes, and a socket is writable again only when a third of them is read: a slow client would
// not be in time.
constexpr int kUnsent = 64 * 1024;
// RFC 6797 section 6.1: two years. What is sent in clear has no such field (section 7.2).
constexpr const char* kHttpsOnly = "max-age=63072000";

struct FieldReader {
  RequestHead& head;
  bool failed = false;
};

// For MHD_get_connection_values_n: one header field of the request.
MHD_Result on_field(void* context, MHD_ValueKind, const char* name, std::size_t name_size,
                    const char* value, std::size_t value_size) noexcept {
  auto& reader = *static_cast<FieldReader*>(context);
  reader.failed =
      !catching([&] { reader.head.read_field({name, name_size}, {value, value_size}); });
  return reader.failed ? MHD_NO : MHD_YES;
}

}  // namespace

Exchange::Exchange(Connection& connection, ServerContext& server, const net::ClientAddress& peer)
    : connection_(connection), server_(server) {
  request_.client = peer;
}

void Exchange::begin(const char* target) noexcept {
  is_aborted_ = !catching([&] {
    ++serial_;
    begun_at_ = precise_now();
    stage_ = Stage::kReading;
    close_after_ = false;
    response_.reset();
    head_.begin(target);
  });
}

bool Exchange::advance(const char* method, const char* version) noexcept {
  bool goes_on = false;
  if (!is_aborted_) catching([&] { goes_on = step(method, version); });
  return goes_on;
}

void Exchange::end(bool sent) noexcept {
  hangup_.reset();
  catching([&] {
    if (stream_) stream_->when_written(nullptr);
    end_waiting();
    if (receipt_) receipt_->settle(sent);
  });
  stream_.reset();
  receipt_.reset();
  place_.reset();
  response_.reset();
  ++serial_;
  stage_ = Stage::kReading;
}

bool Exchange::step(const char* method, const char* version) {
  switch (stage_) {
    case Stage::kReading: {
      if (!read_head(method, version)) return false;
      stage_ = Stage::kHead;
      if (std::optional<Response> fault = head_.find_fault(version)) {
        close_after_ = true;
        answer(*std::move(fault));
        return send();
      }
      // The library closes after a response that it gets now, before it has looked for a body. So
      // only a request with a body, which is not read, is answered at once.
      if (!request_.has_body) return true;
      close_after_ = true;
      [[fallthrough]];
    }
    case Stage::kHead:
      ask();
      if (stage_ == Stage::kAnswered) return send();
      connection_.suspend();
      return true;
    case Stage::kAnswered:
      return send();
    default:
      return true;
  }
}

bool Exchange::read_head(const char* method, const char* version) {
  head_.read_start_line(method, version);
  FieldReader reader{head_};
  MHD_get_connection_values_n(connection_.library(), MHD_HEADER_KIND, on_field, &reader);
  if (reader.failed) {
    is_aborted_ = true;
    return false;
  }
  const MHD_ConnectionInfo* info =
      MHD_get_connection_info(connection_.library(), MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
  head_.finish(info->header_size, kSplitsInPlace);
  if (server_.client_of) {
    request_.client = server_.client_of(connection_.peer(), request_.field("x-forwarded-for"));
  }
  return true;
}

void Exchange::ask() {
  stage_ = Stage::kAsked;
  connection_.wait_until(monotonic_now() + server_.timeout);
  const auto asker = [weak = connection_.weak_exchange(), serial = serial_] {
    std::shared_ptr<Exchange> found = weak.lock();
    const bool waits = found && found->serial_ == serial && found->waits_for_handler();
    return waits ? std::move(found) : nullptr;
  };
  server_.handler(request_, Responder(
                                [asker](Response response) {
                                  if (const auto found = asker())
                                    found->answer(std::move(response));
                                },
                                [asker](milliseconds limit, Responder::Ended ended) {
                                  if (const auto found = asker())
                                    found->hold(limit, std::move(ended));
                                }));
}

void Exchange::hold(milliseconds limit, Responder::Ended ended) {
  if (server_.draining && ended) return ended();
  connection_.wait_until(
      std::max(connection_.deadline(), monotonic_now() + limit + server_.timeout));
  if (!ended) return;
  request_.was_held = true;
  ended_ = std::move(ended);
  watch_for_hangup();
}

void Exchange::answer(Response response) {
  response_ = std::move(response);
  stage_ = Stage::kAnswered;
  ended_ = nullptr;
  connection_.resume();
}

bool Exchange::send() {
  if (is_aborted_) return false;
  Response from = *std::exchange(response_, std::nullopt);
  // The socket of a client that has gone would accept a short response as if it were delivered.
  if (from.receipt && net::has_hung_up(connection_.fd())) return false;
  const unsigned status = from.status;
  const std::uint64_t size = from.file ? from.file->size : from.body.size();
  const bool has_body = request_.method != "HEAD" && status != 204 && status != 304;
  stage_ = Stage::kSending;
  receipt_ = std::move(from.receipt);
  place_ = std::move(from.place);
  stream_ = from.stream;
  const milliseconds now = monotonic_now();
  connection_.begin_sending(now, size, from.send_limit);
  server_.observer(request_, from, precise_now() - begun_at_);
  if (stream_) begin_stream();
  if (!stream_ && !receipt_) hangup_.reset();  // the client may close its half now
  TlsTransport* const tls = connection_.tls();
  if (tls != nullptr) tls->expect_body(has_body ? size : 0);
  const ResponsePtr response =
      make_library_response(std::move(from), tls != nullptr, [this](bool more) {
        // A stream has all its time again with each piece that the client takes.
        connection_.wait_until(more ? monotonic_now() + server_.timeout : milliseconds::max());
        if (!more) connection_.suspend();
      });
  if (!response) return false;
  if (close_after_ || server_.draining) {
    MHD_add_response_header(response.get(), MHD_HTTP_HEADER_CONNECTION, "close");
  }
  if (server_.tls) {
    MHD_add_response_header(response.get(), "Strict-Transport-Security", kHttpsOnly);
  }
  return MHD_queue_response(connection_.library(), status, response.get()) == MHD_YES;
}

void Exchange::begin_stream() {
  watch_for_hangup();
  setsockopt(connection_.fd(), IPPROTO_TCP, TCP_NOTSENT_LOWAT, &kUnsent, sizeof kUnsent);
  stream_->when_written([this] {
    connection_.wait_until(monotonic_now() + server_.timeout);
    connection_.resume();
  });
  if (server_.draining) stream_->end();
}

// The library does not look at a suspended connection.
void Exchange::watch_for_hangup() {
  if (!hangup_) hangup_.emplace(server_.base, connection_.fd(), [this] { hung_up(); });
}

void Exchange::hung_up() {
  is_aborted_ = true;
  catching([&] { end_waiting(); });
  connection_.shut_down();
  connection_.resume();
}

void Exchange::time_out() {
  const Responder::Ended ended = std::exchange(ended_, nullptr);
  answer(try_later("the answer took too long, try again later"));
  if (ended) ended();
}

void Exchange::end_waiting() {
  if (ended_) std::exchange(ended_, nullptr)();
  if (stream_) stream_->end();
}

void Exchange::abort() {
  is_aborted_ = true;
  if (stream_) stream_->end();
}

}  // namespace restante::apid

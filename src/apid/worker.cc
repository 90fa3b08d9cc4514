// SPDX-License-Identifier: ISC
#include "apid/worker.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "apid/api/api.h"
#include "apid/api/metrics.h"
#include "apid/http/forwarded.h"
#include "apid/http/server.h"
#include "apid/public/acme.h"
#include "apid/public/redirect.h"
#include "shared/base/clock.h"
#include "shared/base/program.h"
#include "shared/base/rlimit.h"
#include "shared/base/secrets.h"
#include "shared/log/log.h"
#include "shared/memory/segment.h"
#include "shared/net/address_range.h"
#include "shared/net/event_loop.h"
#include "shared/net/socket_address.h"
#include "shared/parser/client.h"
#include "shared/redis/client.h"
#include "shared/redis/tls.h"
#include "shared/store/redis_claims.h"
#include "shared/store/redis_reader.h"
#include "shared/store/redis_watch.h"
#include "shared/store/watch.h"
#include "shared/worker/client_log.h"
#include "shared/worker/heartbeat.h"
#include "shared/worker/sandbox.h"

namespace restante::apid {
namespace {

constexpr std::uint16_t kHttpsPort = 443;

void log_request(worker::ClientLog& log, const Request& request, const Response& response,
                 std::chrono::microseconds took) {
  log.info(request.client, "api_request",
           {{"method", request.method},
            {"path", request.path},
            {"status", response.status},
            {"ms", std::chrono::duration_cast<std::chrono::milliseconds>(took).count()},
            {"key", response.key_fingerprint},
            {"ip", request.client.text}});
}

void count_request(const memory::Counters& counters, const Request& request, unsigned status,
                   std::chrono::microseconds took) {
  constexpr memory::Count kClasses[] = {memory::Count::kApi2xx, memory::Count::kApi3xx,
                                        memory::Count::kApi4xx, memory::Count::kApi5xx};
  counters.add(kClasses[std::clamp(status / 100, 2U, 5U) - 2]);
  if (!request.was_held) counters.observe(memory::Latency::kApiRequest, took);
}

// Connections that one of `servers` can have: half of the descriptors that there are, the others
// are for what is sent. Where they are fewer than the setting would have it, a full table must be
// what ends first, since at it the slowest are cut.
unsigned connection_limit(std::uint64_t wanted, std::size_t servers) {
  const std::uint64_t possible = descriptor_limit() / 2 / servers;
  return static_cast<unsigned>(
      std::clamp<std::uint64_t>(wanted, 1, std::max<std::uint64_t>(possible, 1)));
}

std::uint16_t local_port(int fd) {
  const auto address = net::SocketAddress::of_socket(fd);
  return address ? address->port() : kHttpsPort;
}

class Worker {
 public:
  Worker(worker::Context& context, config::RedisAddress redis, const memory::Segment& segment)
      : context_(context),
        board_(segment.scoreboard()),
        counters_(board_.counters(context.board_slot)),
        heartbeat_(loop_.base(), counters_),
        redis_(loop_.base(), redis, context.config.redis_timeout, segment.redis_outage(),
               counters_),
        subscriber_(loop_.base(), std::move(redis), context.config.redis_timeout,
                    segment.redis_outage(), counters_),
        resources_{redis_, context.config.retention, store::FrameCache(loop_.base())},
        watch_(loop_.base(), subscriber_),
        mime_(loop_.base(), context.parser_sockets(), context.number, context.config.mime_timeout,
              counters_),
        api_(context.config,
             {.base = loop_.base(),
              .reader = reader_,
              .claims = claims_,
              .watch = watch_,
              .extractor = mime_,
              .counters = counters_,
              .metrics = [&segment] { return metrics_text(segment); }},
             segment.api_rates()),
        minutes_(segment.client_minutes()),
        log_(minutes_, context.config),
        trusted_(net::parse_ranges(context.config.client_trusted)),
        grace_over_(loop_.base(), [this] { loop_.stop(); }) {
    for (std::string& key : context.config.api_key) wipe(key);  // api_ has their hashes
  }

  // Until drained, or until it turns out that nothing can be served.
  [[nodiscard]] Result<void> run() {
    redis_.when_settled([this] { begin(); });
    loop_.run(context_.life.get(), [this] { drain(); });
    return std::move(started_);
  }

 private:
  void begin();
  [[nodiscard]] Result<void> start();
  [[nodiscard]] std::optional<std::uint64_t> connections_of(const net::ClientAddress& client);
  [[nodiscard]] Handler api_handler();
  [[nodiscard]] Handler redirect_handler();
  [[nodiscard]] Result<void> add_server(const worker::NamedFd& listener);
  void drain();

  worker::Context& context_;
  net::EventLoop loop_;
  memory::Scoreboard board_;
  memory::Counters counters_;
  worker::Heartbeat heartbeat_;
  redis::Client redis_, subscriber_;
  store::ReadResources resources_;
  store::RedisReader reader_{resources_};
  store::RedisClaims claims_{resources_};
  store::RedisWatch watch_;
  parser::Client mime_;
  Api api_;
  memory::RateTable minutes_;
  worker::ClientLog log_;
  std::vector<net::AddressRange> trusted_;
  Result<void> started_;
  bool draining_ = false;
  std::size_t undrained_ = 0;
  net::Timer grace_over_;
  std::vector<std::unique_ptr<HttpServer>>
      servers_;  // last: they go first, while what they ask is still there
};

// Until Redis is there the other workers serve the clients.
void Worker::begin() {
  if (draining_) return;
  started_ = start();
  if (!started_) return loop_.stop();
  context_.announce_ready();
}

Result<void> Worker::start() {
  for (const worker::NamedFd& listener : context_.listeners) {
    if (Result<void> added = add_server(listener); !added) return added;
  }
  for (worker::TlsPair& pair : context_.tls_pairs) wipe(pair.key);  // GnuTLS has it
  if (servers_.empty()) {
    return fail(ErrorKind::kSystem, "no listening socket named http or https was handed over");
  }
  return {};
}

Handler Worker::api_handler() {
  return [this](const Request& request, const Responder& respond) {
    api_.handle(request, monotonic_now(), respond);
  };
}

Handler Worker::redirect_handler() {
  const std::uint16_t port = local_port(context_.listener(worker::fd_name::kHttps));
  return [port, &config = context_.config](const Request& request, const Responder& respond) {
    const bool has_key = !request.api_key.empty();  // which is to be told so, whatever it asks for
    auto challenge = has_key ? std::nullopt : answer_challenge(request, config.acme_directory);
    if (challenge) return respond(std::move(*challenge));
    respond(answer_in_clear(request, config.domain.front(), port));
  };
}

// How many connections a client that connects may hold; nothing: not even this one.
std::optional<std::uint64_t> Worker::connections_of(const net::ClientAddress& client) {
  if (net::is_in(trusted_, client.text)) return 0;
  const config::Config& config = context_.config;
  const auto limit = static_cast<std::uint32_t>(config.api_client_connect_limit);
  if (minutes_.admit("api " + client.rate_key, limit, monotonic_now()).admitted)
    return config.api_client_connection_limit;
  log_.info(client, "client_refused",
            {{"ip", client.text}, {"reason", "api_client_connect_limit"}});
  return {};
}

Result<void> Worker::add_server(const worker::NamedFd& listener) {
  const config::Config& config = context_.config;
  HttpServerOptions options{
      .connection_limit = connection_limit(config.api_connection_limit, context_.listeners.size()),
      .timeout = config.api_timeout,
      .minimum_rate = config.api_minimum_rate,
      .certificate = {},
      .key = {},
      .connections_of = {},
      .too_many = {},
      .counters = counters_,
      .others_have_fewer = [this] {
        return board_.others_have_fewer(context_.board_slot, memory::Count::kHttpOpen);
      }};
  if (listener.name != worker::fd_name::kHttpApi) {  // where the client is a proxy
    options.connections_of = [this](const net::ClientAddress& client) {
      return connections_of(client);
    };
    options.too_many = [this](const net::ClientAddress& client) {
      log_.info(client, "client_refused",
                {{"ip", client.text}, {"reason", "api_client_connection_limit"}});
    };
  }
  Handler handler;
  if (listener.name == worker::fd_name::kHttps) {
    if (context_.tls_pairs.empty()) {
      return fail(ErrorKind::kConfig, "cannot serve HTTPS without tls_certificate and tls_key");
    }
    options.certificate = context_.tls_pairs.front().certificate;
    options.key = context_.tls_pairs.front().key;
    handler = api_handler();
  } else if (listener.name == worker::fd_name::kHttpApi) {
    options.client_of = [trusted = net::parse_ranges(config.proxy_allow)](
                            const net::ClientAddress& peer, std::string_view forwarded) {
      return forwarded_client(peer, forwarded, trusted);
    };
    handler = api_handler();
  } else if (listener.name == worker::fd_name::kHttp) {
    handler = redirect_handler();
  } else {
    return {};  // another program's
  }
  Result<std::unique_ptr<HttpServer>> server = HttpServer::start(
      loop_.base(), listener.fd.get(), std::move(options), std::move(handler),
      [this](const Request& request, const Response& response, std::chrono::microseconds took) {
        count_request(counters_, request, response.status, took);
        log_request(log_, request, response, took);
      });
  if (!server) return std::unexpected(std::move(server).error());
  servers_.push_back(*std::move(server));
  return {};
}

void Worker::drain() {
  log::debug("drain");
  grace_over_.start(context_.config.drain_timeout);
  draining_ = true;
  undrained_ = servers_.size();
  if (servers_.empty()) return loop_.stop();
  for (const auto& server : servers_) {
    server->drain([this] {
      if (--undrained_ == 0) api_.when_settled([this] { loop_.stop(); });
    });
  }
}

}  // namespace

Result<void> run_worker(worker::Context context) {
  raise_descriptor_limit();
  Result<config::RedisAddress> redis = redis::address_of(context.config);
  if (!redis) return std::unexpected(std::move(redis).error());
  Result<memory::Segment> segment =
      memory::Segment::map(context.segment.get(), context.segment_head.get());
  if (!segment) return std::unexpected(std::move(segment).error());
  Worker worker(context, *std::move(redis), *segment);
  if (auto entered = worker::enter_sandbox(Program::kApid, context.config); !entered)
    return entered;
  return worker.run();
}

}  // namespace restante::apid

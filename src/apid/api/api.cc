// SPDX-License-Identifier: ISC
// The API: a request in, an answer out; pure but for the mailboxes that it is given.
#include "apid/api/api.h"

#include <fmt/core.h>

#include <algorithm>
#include <expected>
#include <memory>
#include <optional>

#include "apid/api/attachment.h"
#include "apid/api/mail_json.h"
#include "apid/public/mta_sts.h"
#include "apid/api/openapi.h"
#include "apid/http/ranges.h"
#include "apid/http/uri.h"
#include "shared/mail/address.h"
#include "shared/base/ascii.h"
#include "shared/mail/mailbox_name.h"
#include "shared/mail/message.h"

namespace restante::apid {
namespace {

constexpr std::size_t kMaxMailboxName = 64;  // RFC 5321 section 4.5.3.1.1

// The fields of draft-ietf-httpapi-ratelimit-headers-07 section 3: seconds until the window ends.
void add_rate_headers(Response& response, const RateVerdict& verdict, std::uint32_t limit) {
  response.headers.emplace_back("RateLimit-Limit", std::to_string(limit));
  response.headers.emplace_back("RateLimit-Remaining", std::to_string(verdict.remaining));
  response.headers.emplace_back("RateLimit-Reset", whole_seconds(verdict.reset_in));
}

constexpr const char* kStatusOk = "{\"status\":\"ok\"}";
constexpr std::size_t kSmallAnswer = 64 * 1024;
constexpr std::string_view kLatest = "latest";

// A large answer takes room as a download does: its client may read it slowly, as may all others.
void bound(Response& response, DownloadRoom& room) {
  if (response.body.size() <= kSmallAnswer || response.place) return;
  response.place = room.take(response.body.size());
  if (!response.place)
    response = try_later("there is no room for this answer now, try again later");
}

// The mail that an ID of a path names: nothing stands for the latest one.
std::expected<std::optional<MailId>, Response> parse_id(std::string_view text) {
  if (text == kLatest) return std::nullopt;
  const std::optional<MailId> id = MailId::parse(text);
  if (!id) {
    return std::unexpected(error_response(400, "the id of a message is 19 digits, or latest"));
  }
  return id;
}

}  // namespace

Api::Api(const Config& config, Mailboxes mailboxes, RateTable rates, event_base* base,
         Counting counting)
    : config_(config),
      mailboxes_(std::move(mailboxes)),
      rates_(rates),
      counting_(std::move(counting)),
      guard_(config, rates),
      cors_(std::make_shared<Cors>(config.api_cors_origin)),
      gzip_(std::make_shared<Gzip>()),
      base_(base),
      room_(config.download_memory_limit),
      claims_(base, std::move(mailboxes_.claims)),
      waits_(base, mailboxes_.watch, {.all = config.wait_limit, .per_key = config.wait_key_limit},
             counting_.tally) {}

Responder Api::finishing(const Request& request, const Responder& respond) const {
  return respond.with(
      [room = room_, cors = cors_, origin = std::string(request.field("origin")), gzip = gzip_,
       packed = prefers_gzip(request.field("accept-encoding"))](Response& response) mutable {
        bound(response, room);
        cors->admit(response, origin);
        gzip->encode(response, packed);
      });
}

void Api::handle(const Request& request, std::chrono::milliseconds now, const Responder& asker) {
  const Responder respond = finishing(request, asker);
  const Route route = find_route(request.method, request.path);
  const auto* match = std::get_if<RouteMatch>(&route);
  const bool is_counted = match == nullptr || match->access != Access::kAnyoneUncounted;
  if (config_.api_rate_limit == 0 || !is_counted) return dispatch(request, route, now, respond);
  const auto limit = static_cast<std::uint32_t>(
      std::min<std::uint64_t>(config_.api_rate_limit, RateTable::kMaxLimit));
  const RateVerdict verdict = rates_.take(request.client.rate_key, limit, now);
  const Responder respond_with_limit = respond.with(
      [verdict, limit](Response& response) { add_rate_headers(response, verdict, limit); });
  if (verdict.admitted) return dispatch(request, route, now, respond_with_limit);
  counting_.tally.add(Count::kApiRateLimited);
  respond_with_limit(too_many_requests("rate limit exceeded", verdict.reset_in));
}

void Api::dispatch(const Request& request, const Route& route, std::chrono::milliseconds now,
                   const Responder& respond) {
  const auto* match = std::get_if<RouteMatch>(&route);
  const auto* no_method = std::get_if<NoSuchMethod>(&route);
  if (no_method != nullptr && request.method == "OPTIONS") {
    // Browsers ask without the key, and which paths there are is in the manual.
    return respond(cors_->answer_options(request, no_method->allow));
  }
  // Who has no key learns of no path or method but those that are for anyone.
  const Access access = match == nullptr ? Access::kWithKey : match->access;
  if (auto refusal = guard_.refusal(request, access, now)) return respond(std::move(*refusal));
  if (std::holds_alternative<NoSuchPath>(route)) {
    return respond(refuse(404, "not found; there is {}", describe_routes()));
  }
  if (no_method != nullptr) {
    Response response = refuse(405, "method not allowed; there is {}", no_method->allow);
    response.headers.emplace_back("Allow", no_method->allow + ", OPTIONS");
    return respond(std::move(response));
  }
  switch (match->endpoint) {
    case Endpoint::kListMails:
      return list_mails(request, match->user, respond);
    case Endpoint::kClearMailbox:
      return clear_mailbox(request, match->user, respond);
    case Endpoint::kGetMail:
      return get_mail(request, *match, respond);
    case Endpoint::kGetRaw:
      return get_raw(request, *match, respond);
    case Endpoint::kGetAttachment:
      return get_attachment(request, *match, respond);
    case Endpoint::kDeleteMail:
      return delete_mail(request, *match, respond);
    case Endpoint::kClaimMail:
      return claim_mail(request, match->user, respond);
    case Endpoint::kEvents:
      return stream_events(request, match->user, respond);
    case Endpoint::kMtaStsPolicy:
      return respond(mta_sts_response(config_));
    case Endpoint::kOpenApi:
      return respond(json_response(200, std::string(openapi_document())));
    case Endpoint::kMetrics:
      return respond(metrics_response());
    case Endpoint::kHealth:
      return respond(json_response(200, kStatusOk));
    case Endpoint::kReadiness:
      return tell_readiness(respond);
  }
}

std::expected<std::string, Response> Api::mailbox_of(std::string_view user) const {
  const auto decoded = percent_decode(user);
  if (!decoded) {
    return std::unexpected(refuse(400, "bad mailbox name in the path: {}", decoded.error()));
  }
  Address address{.local = *decoded, .domain = config_.domain.front()};
  if (decoded->contains('@')) {
    auto parsed = parse_mailbox(*decoded, /*utf8=*/true);
    if (!parsed) {
      return std::unexpected(
          refuse(400, "{} is not a mail address; give it as name@domain or name alone",
                 json_string(*decoded)));
    }
    address = std::move(*parsed);
    if (!config_.has_domain(address.domain)) {
      return std::unexpected(refuse(404,
                                    "this server keeps no mail for the domain {}; it does for {}",
                                    json_string(address.domain), config_.domain.front()));
    }
  }
  if (address.local.size() > kMaxMailboxName) {
    return std::unexpected(refuse(400, "a mailbox name has at most {} octets, not {}",
                                  kMaxMailboxName, address.local.size()));
  }
  return mailbox_name(address, config_.mailbox_naming());
}

std::expected<Api::OneMail, Response> Api::mail_of(const Request& request,
                                                   const RouteMatch& match) const {
  const auto mailbox = mailbox_of(match.user);
  if (!mailbox) return std::unexpected(mailbox.error());
  const auto id = parse_id(match.id);
  if (!id) return std::unexpected(id.error());
  OneMail one{.mailbox = mailbox_key(*mailbox), .id = *id, .wanted = {}};
  if (request.query.empty()) return one;
  if (one.id) {
    return std::unexpected(error_response(400, "a single message takes no query parameters"));
  }
  auto wanted = parse_list_request(request.query, QueryFor::kOne);
  if (!wanted) return std::unexpected(error_response(400, wanted.error()));
  one.wanted = *std::move(wanted);
  return one;
}

void Api::find_mail(const Request& request, const RouteMatch& match, const Responder& respond,
                    WithMail then) {
  const auto one = mail_of(request, match);
  if (!one) return respond(one.error());
  if (!one->wanted) return then(one->mailbox, one->id, respond);
  const auto list = [this, mailbox = one->mailbox, then = std::move(then),
                     query = std::make_shared<ListQuery>(one->wanted->query)](auto found) {
    mailboxes_.list(mailbox, *query, [=](Result<Page> page) {
      if (!page) return found({.response = store_away(), .failed = true});
      if (page->newest) query->after = page->newest;
      if (page->mails.empty()) return found({});
      then(mailbox, page->mails.front().id,
           [found](Response response) { found({.response = std::move(response)}); });
    });
  };
  look(request, one->mailbox, one->wanted->wait, list, no_such_message, respond);
}

void Api::get_mail(const Request& request, const RouteMatch& match, const Responder& asker) {
  find_mail(request, match, asker,
            [this](const std::string& mailbox, std::optional<MailId> id, const Responder& respond) {
              mailboxes_.get(mailbox, id, [respond](Result<std::optional<StoredMail>> mail) {
                if (!mail) return respond(store_away());
                if (!*mail) return respond(no_such_message());
                respond(json_response(200, mail_json(**mail)));
              });
            });
}

void Api::read_raw(const Request& request, const RouteMatch& match, const Responder& asker,
                   RawReader::Into into, WithRaw then) {
  const auto read = [this, into, then = std::move(then)](const std::string& mailbox,
                                                         std::optional<MailId> id,
                                                         const Responder& respond) {
    const auto reader = std::make_shared<RawReader>(config_.message_size_limit, into, room_);
    const auto take = [reader](const RawMail& mail, std::string_view piece) {
      return reader->take(mail, piece);
    };
    mailboxes_.get_raw(mailbox, id, take, [respond, reader, then](Result<bool> found) {
      if (!found) return respond(store_away());
      if (!*found) return respond(no_such_message());
      then(*reader, respond);
    });
  };
  find_mail(request, match, asker, read);
}

void Api::get_raw(const Request& request, const RouteMatch& match, const Responder& asker) {
  read_raw(request, match, asker, RawReader::Into::kMemoryWhileSmall,
           [wanted = Conditions(request)](RawReader& reader, const Responder& respond) {
             const std::string etag = fmt::format("\"{}\"", reader.id().text());
             respond(serve(raw_response(reader), etag, wanted));
           });
}

void Api::get_attachment(const Request& request, const RouteMatch& match, const Responder& asker) {
  const auto number = parse_attachment_number(match.number);
  if (!number) return asker(number.error());
  asker.hold(MimeClient::longest_wait(config_.mime_timeout), nullptr);
  const auto extract = [this, number = *number, wanted = Conditions(request)](
                           RawReader& reader, const Responder& respond) {
    Response mail = reader.finish();
    if (!mail.file) return respond(std::move(mail));
    mailboxes_.extract(*mail.file, number,
                       [respond, wanted, place = std::move(mail.place),
                        etag = fmt::format("\"{}-{}\"", reader.id().text(), number)](
                           MimeClient::Extraction found) {
                         Response response = attachment_response(std::move(found));
                         response.place = place;  // an attachment is smaller than its mail
                         respond(serve(std::move(response), etag, wanted));
                       });
  };
  read_raw(request, match, asker, RawReader::Into::kFileWithoutTrace, extract);
}

void Api::delete_mail(const Request& request, const RouteMatch& match, const Responder& respond) {
  const auto wanted = mail_of(request, match);
  if (!wanted) return respond(wanted.error());
  if (!wanted->id) {
    return respond(error_response(400,
                                  "DELETE takes the id of a message, not latest: which one that "
                                  "is may change meanwhile"));
  }
  mailboxes_.remove(wanted->mailbox, *wanted->id,
                    [respond, id = wanted->id->text()](Result<bool> removed) {
                      if (!removed) return respond(store_away());
                      if (!*removed) return respond(no_such_message());
                      respond(message_response(fmt::format("Message {} has been deleted", id)));
                    });
}

Response Api::metrics_response() const {
  Response response;
  response.headers.emplace_back("Content-Type", "text/plain; version=0.0.4; charset=utf-8");
  response.headers.emplace_back("Cache-Control", "no-store");
  response.headers.emplace_back("X-Content-Type-Options", "nosniff");
  response.body = counting_.metrics ? counting_.metrics() : std::string();
  return response;
}

void Api::tell_readiness(const Responder& respond) {
  mailboxes_.ping([respond](Result<void> pinged) {
    respond(pinged ? json_response(200, kStatusOk) : store_away());
  });
}

}  // namespace restante::apid

// SPDX-License-Identifier: ISC
// The API: a request in, an answer out; pure but for the mailboxes that it is given.
#include "apid/handlers.h"

#include <fmt/core.h>

#include <algorithm>
#include <expected>
#include <optional>

#include "apid/list_query.h"
#include "apid/mta_sts.h"
#include "apid/raw_mail.h"
#include "apid/uri.h"
#include "shared/address.h"
#include "shared/mailbox_name.h"
#include "shared/message.h"

namespace restante::apid {
namespace {

constexpr std::size_t kMaxMailboxName = 64;  // RFC 5321 section 4.5.3.1.1
constexpr const char* kStoreRetry = "5";     // seconds; Redis is tried again more often than that

template <class... Args>
Response refuse(unsigned status, fmt::format_string<Args...> format, Args&&... args) {
  return error_response(status, fmt::format(format, std::forward<Args>(args)...));
}

Response store_error(const Error&) {
  // The details are in the log, once per outage; they are none of a client's business.
  Response response = error_response(503, "mail store is not available, try again later");
  response.headers.emplace_back("Retry-After", kStoreRetry);
  return response;
}

std::string whole_seconds(std::chrono::milliseconds time) {
  return std::to_string(std::chrono::ceil<std::chrono::seconds>(time).count());
}

// The fields of draft-ietf-httpapi-ratelimit-headers-07 section 3: seconds until the window ends.
void add_rate_headers(Response& response, const RateVerdict& verdict, std::uint32_t limit) {
  response.headers.emplace_back("RateLimit-Limit", std::to_string(limit));
  response.headers.emplace_back("RateLimit-Remaining", std::to_string(verdict.remaining));
  response.headers.emplace_back("RateLimit-Reset", whole_seconds(verdict.reset_in));
}

std::string page_json(const Page& page, bool with_bodies) {
  std::size_t size = 2;
  for (const ListedMail& mail : page.mails) size += mail.summary.size() + mail.bodies.size() + 80;
  std::string json;
  json.reserve(size);
  json.push_back('[');
  for (const ListedMail& mail : page.mails) {
    if (json.size() > 1) json.push_back(',');
    std::string_view rest = mail.bodies;
    if (!with_bodies) {  // the half of the summary that the other list leaves out (message.h)
      rest = mail.summary;
      rest.remove_prefix(std::min(rest.size(), rest.find('\n')));
      if (!rest.empty()) rest.remove_prefix(1);
    }
    append_listed_message(json, mail.id.text(), mail.id.received_at(), mail.summary, rest);
  }
  json.push_back(']');
  return json;
}

constexpr const char* kStatusOk = "{\"status\":\"ok\"}";
constexpr std::string_view kLatest = "latest";

// The mail that an ID of a path names: nothing stands for the latest one.
std::expected<std::optional<MailId>, Response> parse_id(std::string_view text) {
  if (text == kLatest) return std::nullopt;
  const std::optional<MailId> id = MailId::parse(text);
  if (!id) {
    return std::unexpected(error_response(400, "the id of a message is 19 digits, or latest"));
  }
  return id;
}

Response message_response(std::string_view text) {
  return json_response(200, "{\"message\":" + json_string(text) + "}");
}

Response no_such_message() { return error_response(404, "no such message"); }

std::string mail_json(const StoredMail& mail) {
  std::string rest = mail.bodies;
  if (!mail.details.empty()) rest += "," + mail.details;
  std::string json;
  append_listed_message(json, mail.id.text(), mail.id.received_at(), mail.summary, rest);
  return json;
}

}  // namespace

ApiKeys::ApiKeys(std::span<const std::string> keys) : slot_size_(64) {
  for (const std::string& key : keys) slot_size_ = std::max(slot_size_, key.size() + 2);
  for (const std::string& key : keys) slots_.push_back(make_slot(key));
}

ApiKeys::Slot ApiKeys::make_slot(std::string_view key) const {
  Slot slot(slot_size_, 0);
  const std::size_t kept = std::min(key.size(), slot_size_ - 2);
  std::copy_n(key.begin(), kept, slot.begin());
  slot[slot_size_ - 2] = static_cast<std::uint8_t>(key.size() >> 8);
  slot[slot_size_ - 1] = static_cast<std::uint8_t>(key.size());
  return slot;
}

bool ApiKeys::contains(std::string_view offered) const {
  if (offered.empty() || offered.size() > 0xffff) return false;
  const Slot slot = make_slot(offered);
  unsigned found = 0;
  for (const Slot& key : slots_) {
    unsigned difference = 0;
    for (std::size_t i = 0; i < slot_size_; ++i) {
      difference |= static_cast<unsigned>(slot[i] ^ key[i]);
    }
    // Hides the value from the optimizer, which could else leave as soon as the answer is known.
    __asm__ volatile("" : "+r"(difference));
    found |= (difference - 1U) >> 31;  // 1 where the difference is 0
  }
  return found != 0;
}

Api::Api(const Config& config, Mailboxes mailboxes, RateTable rates)
    : config_(config),
      mailboxes_(std::move(mailboxes)),
      rates_(rates),
      keys_(config.api_key),
      cors_(std::make_shared<Cors>(config.api_cors_origin)),
      gzip_(std::make_shared<Gzip>()) {}

Responder Api::finishing(const Request& request, const Responder& respond) const {
  return respond.with(
      [cors = cors_, origin = std::string(request.field("origin")), gzip = gzip_,
       packed = prefers_gzip(request.field("accept-encoding"))](Response& response) {
        cors->admit(response, origin);
        gzip->encode(response, packed);
      });
}

void Api::handle(const Request& request, std::chrono::milliseconds now, const Responder& asker) {
  const Responder respond = finishing(request, asker);
  const Route route = find_route(request.method, request.path);
  const auto* match = std::get_if<RouteMatch>(&route);
  const bool is_counted = match == nullptr || match->access != Access::kAnyoneUncounted;
  if (config_.api_rate_limit == 0 || !is_counted) return dispatch(request, route, respond);
  const auto limit = static_cast<std::uint32_t>(
      std::min<std::uint64_t>(config_.api_rate_limit, RateTable::kMaxLimit));
  const RateVerdict verdict = rates_.take(request.client.rate_key, limit, now);
  const Responder respond_with_limit = respond.with(
      [verdict, limit](Response& response) { add_rate_headers(response, verdict, limit); });
  if (verdict.admitted) return dispatch(request, route, respond_with_limit);
  Response response = error_response(429, "rate limit exceeded");  // RFC 6585 section 4
  response.headers.emplace_back("Retry-After", whole_seconds(verdict.reset_in));
  respond_with_limit(std::move(response));
}

void Api::dispatch(const Request& request, const Route& route, const Responder& respond) {
  const auto* match = std::get_if<RouteMatch>(&route);
  const auto* no_method = std::get_if<NoSuchMethod>(&route);
  if (no_method != nullptr && request.method == "OPTIONS") {
    // Browsers ask without the key, and which paths there are is in the manual.
    return respond(cors_->answer_options(request, no_method->allow));
  }
  // Who has no key learns of no path or method but those that are for anyone.
  const bool for_anyone = match != nullptr && match->access != Access::kWithKey;
  if (!for_anyone && !keys_.contains(request.api_key)) {
    Response response = error_response(401, "invalid API key");
    // RFC 9110 section 15.5.2 demands the field; there is no registered scheme for a key.
    response.headers.emplace_back("WWW-Authenticate", "ApiKey header=\"X-API-KEY\"");
    return respond(std::move(response));
  }
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
    case Endpoint::kDeleteMail:
      return delete_mail(request, *match, respond);
    case Endpoint::kMtaStsPolicy:
      return respond(mta_sts_response(config_));
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

void Api::list_mails(const Request& request, std::string_view user, const Responder& respond) {
  const auto mailbox = mailbox_of(user);
  if (!mailbox) return respond(mailbox.error());
  auto wanted = parse_list_request(request.query);
  if (!wanted) return respond(error_response(400, wanted.error()));
  wanted->query.page_bytes = config_.page_size_limit;
  mailboxes_.list(mailbox_key(*mailbox), wanted->query,
                  [respond, wanted = *wanted, path = request.path](Result<Page> page) {
                    if (!page) return respond(store_error(page.error()));
                    Response response =
                        json_response(200, page_json(*page, wanted.query.with_bodies));
                    if (page->next) {
                      response.headers.emplace_back("Link", next_link(path, wanted, *page->next));
                    }
                    respond(std::move(response));
                  });
}

void Api::clear_mailbox(const Request& request, std::string_view user, const Responder& respond) {
  const auto mailbox = mailbox_of(user);
  if (!mailbox) return respond(mailbox.error());
  if (!request.query.empty()) {
    // Whoever writes ?before=… here expects less to be deleted than would be.
    return respond(error_response(400, "DELETE takes no query parameters"));
  }
  mailboxes_.clear(mailbox_key(*mailbox), [respond, name = *mailbox](Result<void> cleared) {
    if (!cleared) return respond(store_error(cleared.error()));
    respond(message_response(fmt::format("All messages for {} have been cleared", name)));
  });
}

std::expected<Api::OneMail, Response> Api::mail_of(const Request& request,
                                                   const RouteMatch& match) const {
  const auto mailbox = mailbox_of(match.user);
  if (!mailbox) return std::unexpected(mailbox.error());
  const auto id = parse_id(match.id);
  if (!id) return std::unexpected(id.error());
  OneMail wanted{.mailbox = mailbox_key(*mailbox), .id = *id, .filter = {}};
  if (request.query.empty()) return wanted;
  if (wanted.id) {
    return std::unexpected(error_response(400, "a single message takes no query parameters"));
  }
  auto filter = parse_latest_query(request.query);
  if (!filter) return std::unexpected(error_response(400, filter.error()));
  wanted.filter = *std::move(filter);
  return wanted;
}

void Api::find_mail(const Request& request, const RouteMatch& match, const Responder& respond,
                    WithMail then) {
  const auto wanted = mail_of(request, match);
  if (!wanted) return respond(wanted.error());
  if (!wanted->filter) return then(wanted->mailbox, wanted->id);
  mailboxes_.list(wanted->mailbox, *wanted->filter,
                  [respond, then = std::move(then), mailbox = wanted->mailbox](Result<Page> page) {
                    if (!page) return respond(store_error(page.error()));
                    if (page->mails.empty()) return respond(no_such_message());
                    then(mailbox, page->mails.front().id);
                  });
}

void Api::get_mail(const Request& request, const RouteMatch& match, const Responder& respond) {
  find_mail(request, match, respond,
            [this, respond](const std::string& mailbox, std::optional<MailId> id) {
              mailboxes_.get(mailbox, id, [respond](Result<std::optional<StoredMail>> mail) {
                if (!mail) return respond(store_error(mail.error()));
                if (!*mail) return respond(no_such_message());
                respond(json_response(200, mail_json(**mail)));
              });
            });
}

void Api::get_raw(const Request& request, const RouteMatch& match, const Responder& respond) {
  const auto answer = [respond,
                       limit = config_.message_size_limit](Result<std::optional<RawMail>> mail) {
    if (!mail) return respond(store_error(mail.error()));
    if (!*mail) return respond(no_such_message());
    respond(raw_response(**mail, limit));
  };
  find_mail(request, match, respond,
            [this, answer](const std::string& mailbox, std::optional<MailId> id) {
              mailboxes_.get_raw(mailbox, id, answer);
            });
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
                      if (!removed) return respond(store_error(removed.error()));
                      if (!*removed) return respond(no_such_message());
                      respond(message_response(fmt::format("Message {} has been deleted", id)));
                    });
}

void Api::tell_readiness(const Responder& respond) {
  mailboxes_.ping([respond](Result<void> pinged) {
    respond(pinged ? json_response(200, kStatusOk) : store_error(pinged.error()));
  });
}

}  // namespace restante::apid

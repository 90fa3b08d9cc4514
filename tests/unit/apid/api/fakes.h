// SPDX-License-Identifier: ISC
// An Api whose store and parser live in the test: one fake of each abstract class, and what asks
// it.
#pragma once

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "apid/api/api.h"
#include "apid/http/connection.h"
#include "shared/net/event_loop.h"
#include "shared/worker/context.h"
#include "testing.h"

struct StoredRaw {
  restante::MailId id;
  std::string compressed;
  std::uint64_t size = 0;
};

// Gives what it is told to give, at once, and notes the last call: "list KEY LIMIT BEFORE", "ping",
// "clear KEY", or "get", "raw" or "remove", "KEY ID".
struct FakeReader : restante::Reader {
  bool redis_away = false;
  restante::Page page;
  std::optional<restante::StoredMail> mail;
  std::optional<StoredRaw> raw;
  std::string asked;
  std::function<bool(std::string_view)> fits;  // of the last list

  template <class Value>
  using Done = std::function<void(restante::Result<Value>)>;

  void ping(Done<void> done) override {
    asked = "ping";
    give<void>(done, {});
  }
  void list(std::string_view key, const restante::ListQuery& query,
            Done<restante::Page> done) override {
    note("list", key, std::to_string(query.limit));
    if (query.before) asked += " " + query.before->text();
    if (query.after) asked += " after " + query.after->text();
    if (query.since) asked += " since " + std::to_string(query.since->count());
    if (!query.with_bodies) asked += " without bodies";
    fits = query.fits;
    give<restante::Page>(done, page);
  }
  void get(std::string_view key, std::optional<restante::MailId> id,
           Done<std::optional<restante::StoredMail>> done) override {
    note("get", key, id ? id->text() : "latest");
    give<std::optional<restante::StoredMail>>(done, mail);
  }
  void get_raw(std::string_view key, std::optional<restante::MailId> id, TakePiece take,
               Done<bool> done) override {
    note("raw", key, id ? id->text() : "latest");
    std::string_view rest = raw && !redis_away ? raw->compressed : std::string_view();
    while (!rest.empty() && take({raw->id, raw->size}, rest.substr(0, 20))) {
      rest.remove_prefix(std::min<std::size_t>(rest.size(), 20));
    }
    give<bool>(done, raw.has_value());
  }
  void clear(std::string_view key, Done<void> done) override {
    asked = "clear " + std::string(key);
    give<void>(done, {});
  }
  void remove(std::string_view key, restante::MailId id, Done<bool> done) override {
    note("remove", key, id.text());
    give<bool>(done, mail.has_value());
  }

 private:
  void note(const char* call, std::string_view key, const std::string& rest) {
    asked = std::string(call) + " " + std::string(key) + " " + rest;
  }
  template <class Value>
  void give(const Done<Value>& done, restante::Result<Value> value) const {
    if (redis_away) value = restante::fail(restante::ErrorKind::kUnavailable, "away");
    done(std::move(value));
  }
};

// Never has a mail to claim.
struct FakeClaims : restante::Claims {
  using Done = std::function<void(restante::Result<bool>)>;
  void claim(std::string_view, const restante::ListQuery&,
             std::function<void(restante::Result<restante::Claim>)> done) override {
    done(restante::Claim{});
  }
  void acknowledge(std::string_view, const restante::MailId&, std::string_view,
                   Done done) override {
    done(false);
  }
  void release(std::string_view, const restante::MailId&, std::string_view, Done done) override {
    done(false);
  }
};

// The test calls `changed` of the last watch.
struct FakeWatch : restante::Watch {
  std::function<void()> changed;
  std::shared_ptr<void> watch(std::string_view, std::function<void()> call) override {
    changed = std::move(call);
    return std::make_shared<int>(0);
  }
};

struct FakeExtractor : restante::Extractor {
  Extraction extraction;
  std::string extracted;  // "NUMBER MAIL", as the parser was asked
  void extract(std::shared_ptr<const restante::UniqueFd> memfd, std::uint64_t, std::uint64_t number,
               ExtractDone done) override {
    extracted = std::to_string(number) + " " + restante::read_all(memfd->get()).value_or("-");
    done(extraction);
  }
};

struct Setup : FakeReader, FakeExtractor {
  restante::Config config;
  std::vector<restante::RateTable::Word> words = std::vector<restante::RateTable::Word>(64);
  FakeClaims claims;
  FakeWatch watch;

  Setup() {
    config.domain = {"example.com", "example.org"};
    config.api_key = {"first-key", "second-key-that-is-longer"};
    config.page_size_limit = 4096;
  }
};

inline restante::apid::Request make_request(std::string method, std::string target,
                                            std::string key = "first-key") {
  restante::apid::Request request;
  request.method = std::move(method);
  restante::apid::read_target(request, target);
  request.api_key = std::move(key);
  request.client = {"192.0.2.1", "192.0.2.1"};
  return request;
}

inline restante::apid::Response answer_of(Setup& setup, const restante::apid::Request& request) {
  const restante::EventLoop loop;
  restante::apid::Api api(setup.config,
                          {.base = loop.base(),
                           .reader = setup,
                           .claims = setup.claims,
                           .watch = setup.watch,
                           .extractor = setup,
                           .metrics = [] { return std::string("counted 1\n"); }},
                          restante::RateTable(setup.words, {1, 2}));
  restante::apid::Response answer{.status = 0, .headers = {}, .body = {}};
  api.handle(request, std::chrono::milliseconds{1000},
             [&](restante::apid::Response given) { answer = std::move(given); });
  return answer;
}

// "STATUS BODY".
inline std::string ask(Setup& setup, const restante::apid::Request& request) {
  const restante::apid::Response answer = answer_of(setup, request);
  return std::to_string(answer.status) + " " + answer.body;
}

inline std::string header(const restante::apid::Response& response, std::string_view name) {
  std::string all;
  for (const auto& [key, value] : response.headers) {
    if (key == name) all += value + ";";
  }
  return all;
}

inline void same(const std::string& got, const char* wanted) {
  assert_string_equal(got.c_str(), wanted);
}

// SPDX-License-Identifier: ISC
// One fake of each abstract class that the API calls, and functions that ask such an API.
#pragma once

#include <optional>
#include <vector>

#include "apid/api/api.h"
#include "apid/http/connection.h"
#include "shared/base/file.h"
#include "shared/base/unique_fd.h"
#include "shared/net/event_loop.h"
#include "testing.h"

using namespace restante;
using namespace restante::apid;

template <class Value>
using DoneWith = std::function<void(Result<Value>)>;

struct StoredRaw {
  store::MailId id;
  std::string compressed;
  std::uint64_t size = 0;
};

// Gives what it is told to give, at once, and notes the last call: "list KEY LIMIT BEFORE", "ping",
// "clear KEY", or "get", "raw" or "remove", "KEY ID".
struct FakeReader : store::Reader {
  bool redis_away = false;
  store::Page page;
  std::optional<store::StoredMail> mail;
  std::optional<StoredRaw> raw;
  std::string asked;
  std::function<bool(std::string_view)> fits;  // of the last list

  void ping(DoneWith<void> done) override {
    asked = "ping";
    give<void>(done, {});
  }
  void list(std::string_view key, const store::ListQuery& query,
            DoneWith<store::Page> done) override {
    note("list", key, std::to_string(query.limit));
    if (query.before) asked += " " + query.before->text();
    if (query.after) asked += " after " + query.after->text();
    if (query.since) asked += " since " + std::to_string(query.since->count());
    if (!query.with_bodies) asked += " without bodies";
    fits = query.fits;
    give<store::Page>(done, page);
  }
  void get(std::string_view key, std::optional<store::MailId> id,
           DoneWith<std::optional<store::StoredMail>> done) override {
    note("get", key, id ? id->text() : "latest");
    give<std::optional<store::StoredMail>>(done, mail);
  }
  void get_raw(std::string_view key, std::optional<store::MailId> id, PieceSink take,
               DoneWith<bool> done) override {
    note("raw", key, id ? id->text() : "latest");
    std::string_view rest = raw && !redis_away ? raw->compressed : std::string_view();
    while (!rest.empty() && take({raw->id, raw->size}, rest.substr(0, 20))) {
      rest.remove_prefix(std::min<std::size_t>(rest.size(), 20));
    }
    give<bool>(done, raw.has_value());
  }
  void clear(std::string_view key, DoneWith<std::uint64_t> done) override {
    asked = "clear " + std::string(key);
    give<std::uint64_t>(done, 1);
  }
  void remove(std::string_view key, store::MailId id, DoneWith<bool> done) override {
    note("remove", key, id.text());
    give<bool>(done, mail.has_value());
  }

 private:
  void note(const char* call, std::string_view key, const std::string& rest) {
    asked = std::string(call) + " " + std::string(key) + " " + rest;
  }
  template <class Value>
  void give(const DoneWith<Value>& done, Result<Value> value) const {
    if (redis_away) value = fail(ErrorKind::kUnavailable, "away");
    done(std::move(value));
  }
};

// Never has a mail to claim.
struct FakeClaims : store::Claims {
  void claim(std::string_view, const store::ListQuery&, DoneWith<store::Claim> done) override {
    done(store::Claim{});
  }
  void acknowledge(std::string_view, const store::MailId&, std::string_view,
                   DoneWith<bool> done) override {
    done(false);
  }
  void release(std::string_view, const store::MailId&, std::string_view,
               DoneWith<bool> done) override {
    done(false);
  }
};

// The test calls `changed` of the last watch.
struct FakeWatch : store::Watch {
  std::function<void()> changed;
  std::shared_ptr<void> watch(std::string_view, std::function<void()> call) override {
    changed = std::move(call);
    return std::make_shared<int>(0);
  }
};

struct FakeExtractor : parser::Extractor {
  Extraction extraction;
  std::string extracted;  // "NUMBER MAIL", as the parser was asked
  void extract(std::shared_ptr<const UniqueFd> memfd, std::uint64_t, std::uint64_t number,
               ExtractDone done) override {
    extracted = std::to_string(number) + " " + read_all(memfd->get()).value_or("-");
    done(extraction);
  }
};

struct Setup : FakeReader, FakeExtractor {
  config::Config config;
  std::vector<memory::RateTable::Word> words = std::vector<memory::RateTable::Word>(64);
  FakeClaims claims;
  FakeWatch watch;

  Setup() {
    config.domain = {"example.com", "example.org"};
    config.api_key = {"first-key", "second-key-that-is-longer"};
    config.page_size_limit = 4096;
  }
};

inline Request make_request(std::string method, std::string target, std::string key = "first-key") {
  Request request;
  request.method = std::move(method);
  read_target(request, target);
  request.api_key = std::move(key);
  request.client = {"192.0.2.1", "192.0.2.1"};
  return request;
}

inline Response answer_of(Setup& setup, const Request& request) {
  const net::EventLoop loop;
  Api api(setup.config,
          {.base = loop.base(),
           .reader = setup,
           .claims = setup.claims,
           .watch = setup.watch,
           .extractor = setup,
           .metrics = [] { return std::string("counted 1\n"); }},
          memory::RateTable(setup.words, {1, 2}));
  Response answer{.status = 0, .headers = {}, .body = {}};
  api.handle(request, std::chrono::milliseconds{1000},
             [&](Response given) { answer = std::move(given); });
  return answer;
}

template <class... Args>  // of make_request()
Response answer_of(Setup& setup, const char* method, Args&&... args) {
  return answer_of(setup, make_request(method, std::forward<Args>(args)...));
}

template <class... Args>
unsigned status_of(Setup& setup, Args&&... args) {
  return answer_of(setup, std::forward<Args>(args)...).status;
}

template <class... Args>  // "STATUS BODY"
std::string ask(Setup& setup, Args&&... args) {
  const Response answer = answer_of(setup, std::forward<Args>(args)...);
  return std::to_string(answer.status) + " " + answer.body;
}

inline std::string header(const Response& response, std::string_view name) {
  std::string all;
  for (const auto& [key, value] : response.headers) {
    if (key == name) all += value + ";";
  }
  return all;
}

inline void same(const std::string& got, const char* wanted) {
  assert_string_equal(got.c_str(), wanted);
}

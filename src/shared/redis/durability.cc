// SPDX-License-Identifier: ISC
#include "shared/redis/durability.h"

#include <fmt/format.h>

#include <array>
#include <memory>
#include <optional>
#include <utility>

#include "shared/base/number.h"
#include "shared/base/table.h"

namespace restante::redis {
namespace {

constexpr std::array<std::pair<Risk, std::string_view>, kRisks> kNames = {{
    {Risk::kUnknown, "unknown"},
    {Risk::kReplica, "replica"},
    {Risk::kEviction, "eviction"},
    {Risk::kEvicting, "evicting"},
    {Risk::kNoLog, "no_log"},
    {Risk::kLogLate, "log_late"},
    {Risk::kLogFails, "log_fails"},
    {Risk::kNoReplica, "no_replica"},
    {Risk::kNoLimit, "no_limit"},
}};

static_assert(rows_in_order(kNames, [](const auto& row) { return row.first; }));

// The settings that INFO does not have. Redis 6 accepts only one in a command.
constexpr std::array<std::string_view, 3> kSettings = {"appendfsync", "save",
                                                       "min-replicas-to-write"};

void add_info(Facts& facts, std::string_view text) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find("\r\n"), text.size());
    const std::string_view line = text.substr(0, end);
    if (const std::size_t colon = line.find(':'); colon != std::string_view::npos) {
      facts.emplace(line.substr(0, colon), line.substr(colon + 1));
    }
    text.remove_prefix(std::min(end + 2, text.size()));
  }
}

// The user has no permission, or this Redis has no such command.
bool is_refusal(const Error& error) {
  return error.what.starts_with("Redis: NOPERM") || error.what.starts_with("Redis: ERR unknown");
}

struct Question {
  Facts facts;
  std::optional<Error> error;
  std::size_t open = 1 + kSettings.size();
  std::function<void(Result<Facts>)> done;

  void finish_one(const Result<Reply>& reply) {
    if (!reply && !is_refusal(reply.error())) error = reply.error();
    if (--open != 0) return;
    if (error) return done(std::unexpected(*error));
    done(std::move(facts));
  }
};

std::string_view fact(const Facts& facts, std::string_view name) {
  const auto found = facts.find(name);
  return found == facts.end() ? std::string_view() : std::string_view(found->second);
}

std::uint64_t number(const Facts& facts, std::string_view name) {
  return parse_number<std::uint64_t>(fact(facts, name)).value_or(0);
}

void judge_eviction(const Facts& facts, Judgement& out) {
  const std::string_view policy = fact(facts, "maxmemory_policy");
  if (policy == "noeviction") {
    return out.good.push_back("maxmemory-policy is noeviction: a full Redis defers mail");
  }
  const std::string advice = "set maxmemory-policy noeviction, and mail is deferred instead";
  const std::uint64_t limit = number(facts, "maxmemory"), lost = number(facts, "evicted_keys");
  if (limit == 0) {
    return out.findings.push_back(
        {Risk::kEviction, false,
         fmt::format("maxmemory-policy is {}: with a maxmemory, mail would be thrown away when it "
                     "is reached",
                     policy),
         advice});
  }
  out.findings.push_back(
      {Risk::kEviction, true,
       fmt::format("maxmemory-policy is {}: mail is thrown away when {} bytes are full", policy,
                   limit),
       advice});
  if (lost == 0) return;
  out.findings.push_back(
      {Risk::kEvicting, true,
       fmt::format("{} keys were thrown away since this Redis was started", lost), advice});
}

// Without a limit the kernel ends Redis or another program when the machine's memory is full.
void judge_limit(const Facts& facts, Judgement& out) {
  const std::string_view limit = fact(facts, "maxmemory");
  if (limit.empty()) return;
  if (limit != "0") return out.good.push_back(fmt::format("maxmemory is {} bytes", limit));
  out.findings.push_back(
      {Risk::kNoLimit, false,
       "maxmemory is 0: mail can take all memory of the machine, and the kernel then kills Redis "
       "or another program",
       "set maxmemory to half of the memory at most, and a full Redis defers mail"});
}

void judge_sync(const Facts& facts, Judgement& out) {
  const std::string_view sync = fact(facts, "appendfsync");
  if (sync == "always") {
    return out.good.push_back(
        "appendonly is yes and appendfsync always: what was answered 250 is on disk");
  }
  if (sync.empty()) {
    return out.findings.push_back({Risk::kUnknown, false,
                                   "how it keeps data cannot be seen, since CONFIG GET is refused",
                                   "allow it to this user: ACL SETUSER NAME +config|get +info"});
  }
  const bool daily = sync == "everysec";
  out.findings.push_back(
      {Risk::kLogLate, !daily,
       fmt::format("appendfsync is {}: when the machine dies, {} is lost, which was answered 250",
                   sync,
                   daily ? "up to a second or two of mail" : "the mail of up to half a minute"),
       "set appendfsync always"});
}

void judge_log(const Facts& facts, Judgement& out) {
  if (fact(facts, "aof_enabled") == "1") {
    if (fact(facts, "aof_last_write_status") == "err") {
      out.findings.push_back(
          {Risk::kLogFails, true,
           "aof_last_write_status is err: the append-only file cannot be written",
           "see to Redis' disk and its log"});
    }
    return judge_sync(facts, out);
  }
  const std::string advice = "set appendonly yes and appendfsync always";
  const auto save = facts.find("save");
  if (save == facts.end() || save->second.empty()) {
    return out.findings.push_back(
        {Risk::kNoLog, true,
         fmt::format("appendonly is no{}: all mail is lost when Redis ends",
                     save == facts.end() ? "" : " and save is empty"),
         advice});
  }
  out.findings.push_back(
      {Risk::kNoLog, true,
       fmt::format("appendonly is no and save is \"{}\": when Redis dies, the mail since its last "
                   "snapshot is lost, which was answered 250",
                   save->second),
       advice});
}

// A master confirms writes before replicas receive them. If Redis requires a replica that keeps up,
// only the last moments can be lost.
void judge_replicas(const Facts& facts, Judgement& out) {
  const auto least = facts.find("min-replicas-to-write");
  if (least == facts.end() || least->second != "0") return;
  out.findings.push_back({Risk::kNoReplica, false,
                          "min-replicas-to-write is 0: mail is taken while no replica gets it, and "
                          "lost when the master dies then",
                          "set min-replicas-to-write 1 and min-replicas-max-lag 10"});
}

}  // namespace

std::string_view risk_name(Risk risk) { return kNames[static_cast<std::size_t>(risk)].second; }

std::string risk_names(Risks risks) {
  std::string text;
  for (const auto& [risk, name] : kNames) {
    if ((risks & bit_of(risk)) != 0) text += fmt::format("{}{}", text.empty() ? "" : ", ", name);
  }
  return text;
}

void ask_facts(Client& redis, std::function<void(Result<Facts>)> done) {
  const auto question = std::make_shared<Question>();
  question->done = std::move(done);
  redis.probe({"INFO"}, [question](const Result<Reply>& reply) {
    if (reply) add_info(question->facts, reply->text());
    question->finish_one(reply);
  });
  for (const std::string_view name : kSettings) {
    redis.probe({"CONFIG", "GET", name}, [question, name](const Result<Reply>& reply) {
      if (reply && reply->size() == 2) question->facts.emplace(name, reply->at(1).text());
      question->finish_one(reply);
    });
  }
}

Risks Judgement::risks() const {
  Risks all = 0;
  for (const Finding& finding : findings) all |= bit_of(finding.risk);
  return all;
}

Judgement judge(const Facts& facts, bool behind_sentinel) {
  Judgement out;
  if (!facts.contains("role")) {
    out.findings.push_back({Risk::kUnknown, false,
                            "how it keeps data cannot be seen, since INFO is refused",
                            "allow it to this user: ACL SETUSER NAME +config|get +info"});
    return out;
  }
  if (fact(facts, "role") != "master") {
    out.findings.push_back({Risk::kReplica, true,
                            fmt::format("it is a replica of {}:{}: it takes no mail",
                                        fact(facts, "master_host"), fact(facts, "master_port")),
                            "give the address of its master, or those of the Sentinels"});
  }
  judge_eviction(facts, out);
  judge_limit(facts, out);
  judge_log(facts, out);
  if (behind_sentinel) judge_replicas(facts, out);
  const std::uint64_t limit = number(facts, "maxmemory");
  out.memory_limit = limit;
  out.nearly_full = limit != 0 && number(facts, "used_memory") > limit - limit / 10;
  return out;
}

}  // namespace restante::redis

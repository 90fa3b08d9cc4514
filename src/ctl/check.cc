// SPDX-License-Identifier: ISC
// The command check: is all there that restante needs, and what could lose mail.
#include <fmt/format.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <filesystem>

#include "ctl/certificate.h"
#include "ctl/commands.h"
#include "ctl/findings.h"
#include "ctl/resolver.h"
#include "ctl/store.h"
#include "ctl/text.h"
#include "shared/base/file.h"
#include "shared/base/unique_fd.h"
#include "shared/mail/message.h"
#include "shared/redis/tls.h"

namespace restante::ctl {
namespace {

// Beside this program, be it a build or installed.
std::string find_restante() {
  std::error_code error;
  const auto here = std::filesystem::read_symlink("/proc/self/exe", error).parent_path();
  return here / "restante";
}

// What a program writes, both outputs together, and its exit status.
Result<std::string> output_of(const std::vector<std::string>& command, int& status) {
  const UniqueFd output(memfd_create("output", MFD_CLOEXEC));
  std::vector<char*> words;
  words.reserve(command.size() + 1);
  for (const std::string& word : command) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, output.get(), STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, output.get(), STDERR_FILENO);
  pid_t pid = 0;
  const int error = posix_spawn(&pid, words.front(), &actions, nullptr, words.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) {
    return fail(ErrorKind::kSystem, "cannot start {}: {}", command.front(), errno_text(error));
  }
  waitpid(pid, &status, 0);
  return read_all(output.get());
}

// The master itself knows best what it takes, certificate and key included.
Finding check_configuration(const Options& options) {
  std::vector<std::string> command = {find_restante(), "-t"};
  if (options.file) command.insert(command.end(), {"-c", *options.file});
  if (options.runtime_dir)
    command.insert(command.end(), {"-o", "runtime_dir=" + *options.runtime_dir});
  for (const std::string& setting : options.settings) {
    command.insert(command.end(), {"-o", setting});
  }
  int status = 0;
  auto said = output_of(command, status);
  if (!said) return {Grade::kBad, "configuration", said.error().what};
  while (said->ends_with('\n')) said->pop_back();
  if (status == 0) {
    return {Grade::kGood, "configuration", "good; each certificate and its key belong together"};
  }
  return {Grade::kBad, "configuration", *said};
}

void check_certificates(const config::Config& config, Findings& findings) {
  for (const std::string& path : config.tls_certificate) {
    const auto expiry = certificate_expiry(path);
    findings.push_back(expiry ? judge_expiry(path, *expiry, std::time(nullptr))
                              : Finding{Grade::kBad, "certificate", expiry.error().what});
  }
}

void check_redis(const config::Config& config, Findings& findings) {
  auto address = redis::address_of(config);
  if (!address) return findings.push_back({Grade::kBad, "redis", address.error().what});
  Store store(config, *std::move(address));
  const auto pinged =
      store.answer_of<Result<void>>([&](auto done) { store.reader().ping(std::move(done)); });
  if (!pinged) return findings.push_back({Grade::kBad, "redis", pinged.error().what});
  findings.push_back({Grade::kGood, "redis", "it answers"});
  const auto facts = store.answer_of<Result<redis::Facts>>(
      [&](auto done) { redis::ask_facts(store.redis(), done); });
  if (!facts) return findings.push_back({Grade::kBad, "redis", facts.error().what});
  const redis::Judgement judgement = redis::judge(*facts, store.redis().behind_sentinel());
  for (Finding& finding : redis_findings(judgement)) findings.push_back(std::move(finding));
}

// The domain's mail comes here: an MX that names this host, or none and an address (RFC 5321
// section 5.1).
Finding check_domain(const config::Config& config, const std::string& domain) {
  const std::string subject = "dns " + domain;
  const auto servers = resolve(domain, RecordType::kMailServer);
  if (!servers) return {Grade::kWarning, subject, servers.error().what};
  const std::string& host = config.hostname;
  if (servers->empty()) {
    return {Grade::kBad, subject, fmt::format("no MX; restantectl dns prints the one to set")};
  }
  if (std::ranges::find(*servers, host) == servers->end()) {
    return {Grade::kBad, subject,
            fmt::format("its MX is {}, not this host, {}", servers->front(), host)};
  }
  const auto addresses = resolve(host, RecordType::kAddress);
  if (!addresses) return {Grade::kWarning, subject, addresses.error().what};
  if (addresses->empty()) {
    return {Grade::kBad, subject, fmt::format("{} has no address: set an A or AAAA", host)};
  }
  return {Grade::kGood, subject,
          fmt::format("its MX is {}, which has {}", host, fmt::join(*addresses, ", "))};
}

void print(const Findings& findings, bool json) {
  std::string text;
  for (const Finding& finding : findings) {
    text += json
                ? fmt::format(R"({}{{"grade":{},"subject":{},"text":{}}})", text.empty() ? "" : ",",
                              mail::json_string(grade_name(finding.grade)),
                              mail::json_string(finding.subject), mail::json_string(finding.text))
                : fmt::format("{:8} {}: {}\n", grade_name(finding.grade), finding.subject,
                              finding.text);
  }
  fmt::print("{}", json ? terminal_json("[" + text + "]") : text);
}

}  // namespace

Result<int> run_check(const Options& options, const config::Config& config) {
  Findings findings = {check_configuration(options)};
  check_certificates(config, findings);
  check_redis(config, findings);
  for (const std::string& domain : config.domain) {
    findings.push_back(check_domain(config, domain));
  }
  print(findings, options.json);
  const bool bad = std::ranges::find(findings, Grade::kBad, &Finding::grade) != findings.end();
  return bad ? kProblem : kFine;
}

}  // namespace restante::ctl

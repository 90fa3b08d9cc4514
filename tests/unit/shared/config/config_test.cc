// SPDX-License-Identifier: ISC
// The configuration: sources, precedence, errors that name their place.
#include "shared/config/config.h"

#include <fmt/format.h>

#include <cstring>

#include "shared/base/program.h"
#include "testing.h"

namespace restante {
namespace {

std::string error_of(const Result<void>& result) {
  return result ? std::string("no error") : result.error().what;
}

// The error that reading one line gives.
std::string fault_in(std::string_view line) {
  config::Loader reader;
  return error_of(reader.read_file(line, "r.conf"));
}

struct FaultCase {
  const char* line;
  const char* error;
};

TEST(a_bad_line_is_an_error_with_file_line_name_and_what_is_allowed) {
  const FaultCase cases[] = {
      {"domian = example.com",
       "r.conf:1: domian is no setting of restante; restante -T lists them"},
      {"just words", "r.conf:1: no '=' in \"just words\"; write name = value"},
      {"recipient_limit = many", "r.conf:1: recipient_limit: many is not a number from 1 to 10000"},
      {"recipient_limit = 0", "r.conf:1: recipient_limit: 0 is not a number from 1 to 10000"},
      {"recipient_limit = -1", "r.conf:1: recipient_limit: -1 is not a number from 1 to 10000"},
      {"recipient_limit = 99999999999999999999",
       "r.conf:1: recipient_limit: 99999999999999999999 is not a number from 1 to 10000"},
      {"retention = soon", "r.conf:1: retention: soon is not a duration from 1s to 8760h"},
      {"message_size_limit = 1T", "r.conf:1: message_size_limit: 1T is not a size from 1K to 64M"},
      {"smtp_tls = maybe", "r.conf:1: smtp_tls: maybe is not one of required, optional"},
      {"domain = exa mple..com",
       "r.conf:1: domain: \"exa mple..com\" is no domain name; write example.com, several "
       "separated by spaces"},
      {"proxy_allow = ::1 balancer.example.com",
       "r.conf:1: proxy_allow: \"::1 balancer.example.com\" is no address or "
       "network; write 192.0.2.1, 10.0.0.0/8, ::1 or 2001:db8::/32"},
      {"smtp_listen = localhost:25",
       "r.conf:1: smtp_listen: localhost:25 is no address:port with a numeric address; write *:25, "
       "192.0.2.1:25 or "
       "[::1]:25"},
      {"api_cors_origin = app.example.com",
       "r.conf:1: api_cors_origin: app.example.com is no origin; write https://app.example.com or "
       "*, several separated by spaces"},
      {"api_cors_origin = https://",
       "r.conf:1: api_cors_origin: https:// is no origin; write https://app.example.com or *, "
       "several separated by spaces"},
      {"api_cors_origin = https://app.example.com/",
       "r.conf:1: api_cors_origin: https://app.example.com/ has a path; an origin ends before it: "
       "https://app.example.com"},
      {"api_cors_origin = https://App.example.com",
       "r.conf:1: api_cors_origin: https://App.example.com has a character that no browser sends; "
       "write it in lower case, and xn-- for other letters"},
      {"api_cors_origin = https://app.example.com:443",
       "r.conf:1: api_cors_origin: https://app.example.com:443 has a port that browsers leave out"},
      {"api_cors_origin = null",
       "r.conf:1: api_cors_origin: null would be any page without an origin of its own; write * "
       "for all"},
      {"http_api_listen = 127.0.0.1:80 10.0.0.1:80",
       "r.conf:1: http_api_listen: \"127.0.0.1:80 10.0.0.1:80\" is no loopback address: API keys "
       "and "
       "mail would go over the wire in clear; write 127.0.0.1:8080, [::1]:8080 or unix:/path, and "
       "have a reverse proxy speak TLS"},
      {"http_api_listen = unix:api.sock",
       "r.conf:1: http_api_listen: unix:api.sock is no absolute path of at most 107 bytes behind "
       "unix:"},
      {"redis = host:99999",
       "r.conf:1: redis: its value is no address of a Redis: use "
       "host:port, unix:/path, "
       "redis://[[user]:password@]host[:port][/database] or "
       "sentinel://[[user]:password@]host[:port],host[:port]/master[/database]"},
      {"api_key = k sha256:abc",
       "r.conf:1: api_key: its value has no 64 hexadecimal digits behind sha256: "
       "(restantectl key makes such a hash)"},
      {"user = a\x1b[2J", R"(r.conf:1: user: "a\x1b[2J" has a control character)"},
      {"api_key = k\x01", "r.conf:1: api_key: its value has a control character"},
      {"api_key = k\xc3\xbc",
       "r.conf:1: api_key: its value has a character that cannot stand in an "
       "HTTP header"},
      {"runtime_dir = run", "r.conf:1: runtime_dir: run is no absolute path"},
      {"tls_key = privkey.pem",
       "r.conf:1: tls_key: privkey.pem is no absolute path; several are separated by spaces"},
      {"tls_certificate = /a.pem b.pem",
       "r.conf:1: tls_certificate: \"/a.pem b.pem\" is no absolute path; several are separated by "
       "spaces"},
      {"tls_key =", "r.conf:1: tls_key: \"\" must not be empty"},
  };
  for (const FaultCase& row : cases) assert_same(fault_in(row.line), row.error);
}

TEST(the_line_number_counts_comments_and_empty_lines) {
  assert_same(fault_in("# a comment\n\n  \nnonsense = 1\n"),
              "r.conf:4: nonsense is no setting of restante; restante -T lists them");
}

TEST(a_setting_given_twice_in_a_file_is_an_error) {
  assert_same(fault_in("retention = 1h\nretention = 2h\n"),
              "r.conf:2: retention is set already, in line 1");
}

TEST(the_command_line_goes_above_the_environment_above_the_file) {
  config::Loader reader;
  const char* const environment[] = {"RESTANTE_RETENTION=2h", "RESTANTE_HOSTNAME=b.test",
                                     "PATH=/bin", "DOMAIN=one.test two.test"};
  assert_true(reader.read_file("retention = 1h\nhostname = a.test\nrecipient_limit = 7\n", "f")
                  .has_value());
  assert_true(reader.read_environment(environment).has_value());
  assert_true(reader.set("retention=3h", "-o").has_value());
  const config::Config& config = reader.config();
  assert_int_equal(config.retention.count(), 3 * 3600 * 1000);
  assert_same(config.hostname, "b.test");
  assert_int_equal(config.recipient_limit, 7);
  assert_int_equal(config.domain.size(), 2);
}

TEST(the_names_of_the_original_environment_work) {
  config::Loader reader;
  const char* const environment[] = {"DOMAIN=Example.COM", "API_KEY=k1 k2",
                                     "REDIS_ADDR=redis.test:6380", "GIN_MODE=release"};
  assert_true(reader.read_environment(environment).has_value());
  const auto config = reader.finish();
  assert_true(config.has_value());
  assert_same(config->domain.front(), "example.com");
  assert_int_equal(config->api_key.size(), 2);
  assert_same(config->redis, "redis.test:6380");
  assert_int_equal(static_cast<int>(config->log_level), static_cast<int>(log::Level::kInfo));
}

TEST(gin_mode_debug_means_log_level_debug_and_any_other_word_is_refused) {
  config::Loader reader;
  const char* const debug[] = {"GIN_MODE=debug"};
  assert_true(reader.read_environment(debug).has_value());
  assert_int_equal(static_cast<int>(reader.config().log_level),
                   static_cast<int>(log::Level::kDebug));
  const char* const loud[] = {"GIN_MODE=loud"};
  assert_same(error_of(reader.read_environment(loud)),
              "environment GIN_MODE: loud is not one of debug, release");
}

TEST(a_misspelt_variable_of_ours_is_an_error) {
  config::Loader reader;
  const char* const environment[] = {"RESTANTE_RETENTOIN=1h"};
  assert_same(error_of(reader.read_environment(environment)),
              "environment RESTANTE_RETENTOIN: retentoin is no setting of restante; restante "
              "-T lists them");
}

TEST(domain_and_api_key_are_required) {
  config::Loader nothing;
  assert_false(nothing.finish().has_value());
  assert_non_null(std::strstr(nothing.finish().error().what.c_str(), "domain is not set"));
  config::Loader no_key;
  assert_true(no_key.set("domain=example.com", "-o").has_value());
  assert_non_null(std::strstr(no_key.finish().error().what.c_str(), "api_key is not set"));
  assert_true(no_key.set("api_key_file=/k", "-o").has_value());
  assert_true(no_key.finish().has_value());
}

// What is wrong with these two settings once all is read.
std::string fault_of_pairs(const char* certificates, const char* keys) {
  config::Loader reader;
  const std::string text =
      fmt::format("domain = a.test\napi_key = k\n{}\n{}\n", certificates, keys);
  if (auto read = reader.read_file(text, "f"); !read) return read.error().what;
  const auto config = reader.finish();
  return config ? std::string("no error") : config.error().what;
}

TEST(each_certificate_needs_a_key) {
  assert_same(fault_of_pairs("tls_certificate = /a.pem", ""), "no error");
  assert_same(fault_of_pairs("tls_certificate = /a.pem /b.pem", "tls_key = /c.pem  /d.pem"),
              "no error");
  assert_same(
      fault_of_pairs("tls_certificate = /a.pem /b.pem", ""),
      "tls_certificate and tls_key name 2 and 1 files; each certificate needs its key, in the "
      "same order");
  assert_same(
      fault_of_pairs("tls_certificate = /a.pem", "tls_key = /c.pem /d.pem /e.pem"),
      "tls_certificate and tls_key name 1 and 3 files; each certificate needs its key, in the "
      "same order");
}

TEST(a_value_brings_no_second_line_for_the_workers) {
  config::Loader reader;
  const char* const environment[] = {"RESTANTE_LOG_TO=/log\nsmtp_tls = optional"};
  assert_same(error_of(reader.read_environment(environment)),
              R"(environment RESTANTE_LOG_TO: log_to: "/log\x0asmtp_tls = optional" has a control )"
              "character");
}

TEST(an_empty_variable_counts_as_unset) {
  config::Loader reader;
  const char* const environment[] = {"DOMAIN=", "API_KEY=x"};
  assert_true(reader.read_environment(environment).has_value());
  assert_non_null(std::strstr(reader.finish().error().what.c_str(), "domain is not set"));
}

TEST(every_default_passes_its_own_check_and_is_what_is_written_back) {
  const config::Loader reader;
  const std::string text = config::format_config(reader.config(), Program::kMaster);
  for (const config::SettingInfo& info : config::all_settings()) {
    const std::string line =
        std::string(info.name) + " = " + std::string(info.default_value) + "\n";
    if (text.find(line) == std::string::npos) fail_test(line);
  }
}

TEST(what_is_written_is_read_back_the_same) {
  config::Loader reader;
  assert_true(reader
                  .read_file("domain = a.test b.test\napi_key = k\nretention = 90m\n"
                             "message_size_limit = 1000000\nsmtp_listen = [::1]:2525 *:25\n"
                             "smtp_tls = optional\nlog_level = debug\nredis_timeout = 250ms\n",
                             "f")
                  .has_value());
  const std::string once = config::format_config(*reader.finish(), Program::kMaster);
  config::Loader again;
  assert_true(again.read_file(once, "f").has_value());
  assert_same(config::format_config(again.config(), Program::kMaster), once);
}

TEST(a_worker_is_told_only_what_is_its_own) {
  config::Loader reader;
  assert_true(reader
                  .read_file("domain = a.test\napi_key = topsecret\n"
                             "redis = redis://:hush@localhost\n",
                             "f")
                  .has_value());
  const config::Config config = *reader.finish();
  const auto has = [&](Program audience, const char* what) {
    return config::format_config(config, audience).find(what) != std::string::npos;
  };
  assert_true(has(Program::kApid, "topsecret"));
  assert_false(has(Program::kSmtpd, "topsecret"));
  assert_false(has(Program::kMimed, "topsecret"));
  assert_true(has(Program::kSmtpd, "hush"));
  assert_false(has(Program::kMimed, "hush"));
  assert_false(has(Program::kSmtpd, "privkey.pem"));
  const std::string shown = config::describe_config(config);
  assert_true(shown.find("topsecret") == std::string::npos);
  assert_true(shown.find("hush") == std::string::npos);
}

TEST(listen_addresses_are_read_in_all_their_forms) {
  struct Case {
    const char* text;
    const char* host;  // nullptr: refused
    int port;
  };
  const Case cases[] = {{"25", "", 25},
                        {":25", "", 25},
                        {"*:25", "", 25},
                        {"127.0.0.1:0", "127.0.0.1", 0},
                        {"[::1]:25", "::1", 25},
                        {"::1:25", nullptr, 0},
                        {"[127.0.0.1]:25", nullptr, 0},
                        {"*:65536", nullptr, 0},
                        {"*:", nullptr, 0},
                        {"*:25x", nullptr, 0}};
  for (const Case& row : cases) {
    const auto address = config::parse_listen(row.text);
    assert_int_equal(address.has_value(), row.host != nullptr);
    if (!address) continue;
    assert_same(address->host, row.host);
    assert_int_equal(address->port, row.port);
  }
}

TEST(a_domain_may_be_given_in_letters_of_its_own) {
  config::Loader reader;
  assert_true(
      reader.read_file("domain = B\u00FCCHER.test b.test\nhostname = mx.b\u00FCcher.test\n", "f")
          .has_value());
  assert_true(reader.set("api_key=k", "-o").has_value());
  const config::Config config = *reader.finish();
  assert_same(config.domain.front(), "xn--bcher-kva.test");
  assert_same(config.hostname, "mx.xn--bcher-kva.test");
  assert_true(config.has_domain("b\u00FCcher.test"));
  assert_true(config.has_domain("XN--bcher-kva.TEST"));
  assert_false(config.has_domain("\u2764.test"));
  assert_true(fault_in("domain = \u2764.test").contains(" is no domain name;"));
}

TEST(names_of_mailboxes_are_a_matter_of_settings) {
  config::Loader reader;
  assert_true(reader.config().mailbox_naming().letters == mail::MailboxCase::kFold);
  assert_true(reader
                  .read_file("mailbox_case = keep\nmailbox_tag = cut\n"
                             "mailbox_domains = separate\n",
                             "f")
                  .has_value());
  const mail::MailboxNaming naming = reader.config().mailbox_naming();
  assert_true(naming.letters == mail::MailboxCase::kKeep);
  assert_true(naming.tag == mail::MailboxTag::kCut);
  assert_true(naming.domains == mail::MailboxDomains::kSeparate);
  assert_same(fault_in("mailbox_tag = fold"),
              "r.conf:1: mailbox_tag: fold is not one of keep, cut");
}

TEST(a_policy_is_published_when_asked_for) {
  config::Loader reader;
  assert_true(reader.config().mta_sts == config::MtaSts::kNone);
  for (const auto& [name, mode] : {std::pair{"testing", config::MtaSts::kTesting},
                                   std::pair{"enforce", config::MtaSts::kEnforce}}) {
    assert_true(reader.set(std::string("mta_sts=") + name, "-o").has_value());
    assert_true(reader.config().mta_sts == mode);
    const std::string line = std::string("mta_sts = ") + name + "\n";
    assert_true(config::format_config(reader.config(), Program::kApid).contains(line));
    assert_false(config::format_config(reader.config(), Program::kSmtpd).contains(line));
  }
  assert_same(fault_in("mta_sts = on"),
              "r.conf:1: mta_sts: on is not one of none, testing, enforce");
}

TEST(domains_are_compared_without_case) {
  config::Loader reader;
  assert_true(reader.set("domain=example.com", "-o").has_value());
  assert_true(reader.config().has_domain("EXAMPLE.com"));
  assert_false(reader.config().has_domain("xexample.com"));
  assert_false(reader.config().has_domain(""));
}

}  // namespace
}  // namespace restante

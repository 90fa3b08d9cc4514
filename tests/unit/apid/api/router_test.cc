// SPDX-License-Identifier: ISC
// The route table and the URI parsers: what a client can write into a request line.
#include "apid/api/router.h"

#include <algorithm>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>

#include "apid/api/claim_handlers.h"
#include "apid/api/event_handlers.h"
#include "apid/api/mail_handlers.h"
#include "apid/api/mailbox_handlers.h"
#include "apid/api/routes.h"
#include "apid/api/service_handlers.h"
#include "apid/http/uri.h"
#include "testing.h"

namespace {

using namespace restante::apid;

constexpr std::pair<RouteHandler, const char*> kNames[] = {
    {list_mails, "list "},           {clear_mailbox, "clear "}, {claim_mail, "claim "},
    {stream_events, "events "},      {get_mail, "get "},        {get_raw, "raw "},
    {get_attachment, "attachment "}, {delete_mail, "delete "},  {get_mta_sts_policy, "policy "},
    {get_openapi, "openapi "},       {get_metrics, "metrics "}, {get_health, "health "},
    {get_readiness, "readiness "},
};

// "list USER", "get USER ID", "attachment USER ID NUMBER", …, "404" or "405 METHODS"; with a "!"
// behind USER: no key needed, or not as X-API-KEY alone; with two: not counted either.
std::string route(std::string_view method, std::string_view path) {
  const Exact exact(path);
  const Route found = find_route(all_routes(), method, exact.view());
  if (std::holds_alternative<NoSuchPath>(found)) return "404";
  if (const auto* other = std::get_if<NoSuchMethod>(&found)) return "405 " + other->allow;
  const auto& match = std::get<RouteMatch>(found);
  const auto* named =
      std::ranges::find(kNames, match.row->handler, &std::pair<RouteHandler, const char*>::first);
  if (named == std::end(kNames)) fail_test("no name for " + std::string(match.row->pattern));
  std::string text = named->second;
  text += match.user;
  if (match.row->access != Access::kWithKey) text += '!';
  if (match.row->access == Access::kAnyoneUncounted) text += '!';
  for (const std::string_view more : {match.id, match.number}) {
    if (!more.empty()) text.append(" ").append(more);
  }
  return text;
}

std::string decoded(std::string_view text) {
  const auto result = percent_decode(Exact(text).view());
  return result ? *result : "error";
}

// name=value|name=value, or the error.
std::string parsed_query(std::string_view text) {
  const Exact exact(text);
  const auto result = parse_query(exact.view());
  if (!result) return result.error();
  std::string out;
  for (const QueryParameter& parameter : *result) {
    if (!out.empty()) out += '|';
    out.append(parameter.name).append("=").append(parameter.value);
  }
  return out;
}

std::string host(std::string_view field) {
  const Exact exact(field);
  return std::string(parse_host(exact.view()).value_or("none"));
}

TEST(an_inbox_is_listed_by_get_and_head) {
  assert_same(route("GET", "/emails/bob"), "list bob");
  assert_same(route("HEAD", "/emails/bob"), "list bob");
  assert_same(route("GET", "/emails/USER"), "list USER");
}

TEST(an_inbox_is_cleared_by_delete) { assert_same(route("DELETE", "/emails/bob"), "clear bob"); }

TEST(a_mail_is_read_by_get_and_head) {
  assert_same(route("GET", "/emails/bob/1700000001000000007"), "get bob 1700000001000000007");
  assert_same(route("HEAD", "/emails/bob/latest"), "get bob latest");
  assert_same(route("GET", "/emails/a%2Fb/%41"), "get a%2Fb %41");
  assert_same(route("POST", "/emails/bob/latest"), "405 GET, HEAD, DELETE");
  assert_same(route("POST", "/emails/bob/claim"), "claim bob");
  assert_same(route("GET", "/emails/bob/claim"), "405 POST");
  assert_same(route("GET", "/emails/bob/events"), "events bob");
  assert_same(route("DELETE", "/emails/bob/events"), "405 GET, HEAD");
  assert_same(route("GET", "/emails/bob/latest/raw"), "raw bob latest");
  assert_same(route("HEAD", "/emails/bob/1/raw"), "raw bob 1");
  assert_same(route("DELETE", "/emails/bob/1/raw"), "405 GET, HEAD");
  assert_same(route("GET", "/emails/bob/1/Raw"), "404");
  assert_same(route("GET", "/emails/bob/1/raw/"), "404");
}

TEST(an_attachment_is_read_by_get_and_head) {
  assert_same(route("GET", "/emails/bob/1/attachments/2"), "attachment bob 1 2");
  assert_same(route("HEAD", "/emails/bob/latest/attachments/%31"), "attachment bob latest %31");
  assert_same(route("DELETE", "/emails/bob/1/attachments/2"), "405 GET, HEAD");
  for (const char* path : {"/emails/bob/1/attachments", "/emails/bob/1/attachments/",
                           "/emails/bob/1/attachments/2/", "/emails/bob/1/Attachments/2"}) {
    assert_same(route("GET", path), "404");
  }
}

TEST(a_mail_is_deleted_by_delete) {
  assert_same(route("DELETE", "/emails/bob/1700000001000000007"), "delete bob 1700000001000000007");
}

TEST(health_and_readiness_need_no_key_and_are_not_counted) {
  assert_same(route("GET", "/healthz"), "health !!");
  assert_same(route("GET", "/metrics"), "metrics !");
  assert_same(route("POST", "/metrics"), "405 GET, HEAD");
  assert_same(route("HEAD", "/readyz"), "readiness !!");
  assert_same(route("POST", "/healthz"), "405 GET, HEAD");
  for (const char* path : {"/healthz/", "/healthz/a", "/Readyz", "/ready%7a"}) {
    assert_same(route("GET", path), "404");
  }
}

TEST(the_policy_needs_no_key) {
  assert_same(route("GET", "/.well-known/mta-sts.txt"), "policy !");
  assert_same(route("HEAD", "/.well-known/mta-sts.txt"), "policy !");
  assert_same(route("POST", "/.well-known/mta-sts.txt"), "405 GET, HEAD");
  for (const char* path :
       {"/.well-known", "/.well-known/", "/.well-known/mta-sts.txt/", "/.well-known/x",
        "/.well-known/MTA-STS.txt", "/.well-known/mta%2Dsts.txt", "/.well-known/mta-sts.txt/a"}) {
    assert_same(route("GET", path), "404");
  }
}

TEST(the_description_needs_no_key) {
  assert_same(route("GET", "/openapi.json"), "openapi !");
  assert_same(route("HEAD", "/openapi.json"), "openapi !");
  assert_same(route("POST", "/openapi.json"), "405 GET, HEAD");
}

TEST(a_user_stays_encoded_and_one_segment) {
  assert_same(route("GET", "/emails/a%2Fb"), "list a%2Fb");
  assert_same(route("GET", "/emails/.."), "list ..");
}

TEST(other_paths_do_not_exist) {
  for (const char* path : {"", "/", "/emails", "/emails/", "/emails/a/", "/emails/a/b/",
                           "/emails/a//b", "//emails/a", "/emails//a", "/Emails/a", "/%65mails/a",
                           "/emailsx/a", "emails/a", "*", "http://evil/emails/a"}) {
    assert_same(route("GET", path), "404");
  }
}

TEST(other_methods_are_told_what_there_is) {
  assert_same(route("POST", "/emails/bob"), "405 GET, HEAD, DELETE");
  assert_same(route("get", "/emails/bob"), "405 GET, HEAD, DELETE");
  assert_same(route("", "/emails/bob"), "405 GET, HEAD, DELETE");
  assert_same(route("POST", "/nothing"), "404");
}

TEST(the_table_describes_itself) {
  assert_same(
      describe_routes(all_routes()),
      "GET /emails/USER, DELETE /emails/USER, POST /emails/USER/claim, GET /emails/USER/events, "
      "GET /emails/USER/ID, GET /emails/USER/ID/raw, GET /emails/USER/ID/attachments/NUMBER, "
      "DELETE /emails/USER/ID, GET /.well-known/mta-sts.txt, "
      "GET /openapi.json, GET /metrics, GET /healthz, GET /readyz");
}

TEST(escapes_are_decoded) {
  assert_same(decoded(""), "");
  assert_same(decoded("bob"), "bob");
  assert_same(decoded("a%2fb%2Fc"), "a/b/c");
  assert_same(decoded("a+b"), "a+b");
  assert_same(decoded("%C3%A9"), "\xC3\xA9");
  assert_same(decoded("%2500"), "%00");
}

TEST(broken_escapes_are_refused) {
  for (const char* text : {"%", "%4", "%zz", "%4g", "a%", "a%2", "%%41", "% 41", "%-1", "%+1"}) {
    assert_same(decoded(text), "error");
  }
}

TEST(control_characters_and_bad_utf8_are_refused) {
  for (const char* text :
       {"%00", "a%0d%0a", "%1f", "%7f", "a\tb", "%ff", "%C3", "%C0%80", "\xFF"}) {
    assert_same(decoded(text), "error");
  }
}

TEST(a_path_is_escaped_once) {
  assert_same(escape_path("/emails/a%2Fb@x"), "/emails/a%2Fb@x");
  assert_same(escape_path("/a<b>\"c\" \r\n"), "/a%3Cb%3E%22c%22%20%0D%0A");
  assert_same(escape_path("/50%"), "/50%25");
  assert_same(escape_path("/a?b#c"), "/a%3Fb%23c");
}

TEST(a_query_is_taken_apart) {
  assert_same(parsed_query(""), "");
  assert_same(parsed_query("limit=5&before=1"), "limit=5|before=1");
  assert_same(parsed_query("&a=1&&b&"), "a=1|b=");
  assert_same(parsed_query("a=b=c+d%26"), "a=b=c d&");
}

TEST(a_query_parameter_given_twice_is_refused) {
  assert_same(parsed_query("limit=1&limit=2"), "query parameter \"limit\" is given twice");
}

TEST(a_query_with_a_broken_escape_is_refused) {
  assert_same(parsed_query("a=%0"),
              "bad query parameter \"a\": a % must be followed by two hexadecimal digits");
}

TEST(a_host_loses_its_port) {
  assert_same(host("localhost"), "localhost");
  assert_same(host("Mail.Example.com:8443"), "Mail.Example.com");
  assert_same(host("example.com."), "example.com.");
  assert_same(host("192.0.2.1:80"), "192.0.2.1");
  assert_same(host("[::1]:8080"), "[::1]");
  assert_same(host("[2001:db8::1]"), "[2001:db8::1]");
  assert_same(host("a:"), "a");
}

TEST(what_is_no_host_is_not_taken_for_one) {
  for (const char* field : {"",    ".",         "a..b",  "-a.com",   "a-.com",  "a b",  "a/b",
                            "a@b", "a\r\nb",    "a:80x", "a:123456", "a:80:80", "[::1", "[::1]x",
                            "[]",  "[1.2.3.4]", "a%41",  "<script>", "::1",     ":80"}) {
    assert_same(host(field), "none");
  }
  assert_same(host(std::string(64, 'a') + ".com"), "none");
  assert_same(host(std::string(63, 'a') + ".com"), (std::string(63, 'a') + ".com").c_str());
}

}  // namespace

// SPDX-License-Identifier: ISC
// The trace header: what it says, and that a client cannot write it.
#include "smtpd/trace.h"

#include "testing.h"

namespace {

using namespace restante;
using namespace restante::smtpd;

Envelope envelope() {
  return {.reverse_path = {"s", "x.test"},
          .recipients = {{"alice", "example.com"}},
          .helo = "client.test",
          .esmtp = true};
}

std::string trace_of(const Envelope& envelope, const TlsInfo& tls, std::string_view address) {
  return trace_header({.envelope = envelope,
                       .client_address = address,
                       .hostname = "mx.test",
                       .id = "1f.2",
                       .tls = tls,
                       .time = std::chrono::system_clock::from_time_t(1795400434)});
}

const TlsInfo kTls{"TLSv1.3", "TLS_AES_256_GCM_SHA384"};

TEST(it_says_who_came_from_where_how_and_when) {
  assert_same(trace_of(envelope(), kTls, "192.0.2.1"),
              "Return-Path: <s@x.test>\r\n"
              "Received: from client.test ([192.0.2.1])\r\n"
              "\tby mx.test (restante) with ESMTPS id 1f.2\r\n"
              "\t(TLSv1.3 TLS_AES_256_GCM_SHA384)\r\n"
              "\tfor <alice@example.com>;\r\n"
              "\tMon, 23 Nov 2026 02:20:34 +0000\r\n");
}

TEST(the_null_sender_and_ipv6_have_their_forms) {
  Envelope null = envelope();
  null.reverse_path = {};
  const std::string trace = trace_of(null, {}, "2001:db8::1");
  assert_true(trace.starts_with("Return-Path: <>\r\n"));
  assert_true(trace.find("([IPv6:2001:db8::1])") != std::string::npos);
}

TEST(the_details_say_the_same_with_the_name_as_it_was_given) {
  Envelope odd = envelope();
  const mail::Transport plain =
      transport_of({.envelope = odd, .client_address = "::1", .tls = kTls});
  assert_same(plain.client_ip + " " + plain.helo + " " + plain.protocol + " " + plain.tls_version +
                  " " + plain.tls_cipher,
              "::1 client.test ESMTPS TLSv1.3 TLS_AES_256_GCM_SHA384");
  odd.helo = "(b\xC3\xBC\")";
  assert_same(transport_of({.envelope = odd}).helo, "(b\xC3\xBC\")");
  odd.helo = std::string("b\xFC\0x", 4);
  assert_same(transport_of({.envelope = odd}).helo, "b??x");
  assert_same(transport_of({.envelope = odd}).protocol, "ESMTP");
}

TEST(the_protocol_is_named_as_it_was) {
  struct Case {
    bool esmtp, utf8, tls;
    const char* name;
  };
  for (const Case& row :
       {Case{false, false, false, " with SMTP id"}, Case{true, false, false, " with ESMTP id"},
        Case{true, false, true, " with ESMTPS id"}, Case{true, true, false, " with UTF8SMTP id"},
        Case{true, true, true, " with UTF8SMTPS id"}}) {
    Envelope made = envelope();
    made.esmtp = row.esmtp;
    made.smtputf8 = row.utf8;
    assert_true(trace_of(made, row.tls ? kTls : TlsInfo{}, "::1").find(row.name) !=
                std::string::npos);
  }
}

TEST(one_of_several_recipients_is_not_told_of_the_others) {
  Envelope two = envelope();
  two.recipients.push_back({"bob", "example.com"});
  assert_true(trace_of(two, kTls, "::1").find("for <") == std::string::npos);
}

TEST(a_client_cannot_write_into_it) {
  Envelope evil = envelope();
  evil.helo = "x) with forged\r\nReceived: from\x01\xff" + std::string(5000, 'y');
  const std::string trace = trace_of(evil, kTls, "192.0.2.1");
  assert_true(trace.find("from x??with?forged??Received:?from??yyy") != std::string::npos);
  assert_true(trace.size() < 1000);
}

TEST(only_return_paths_of_the_header_go) {
  assert_same(without_return_path("Return-Path: <a@b>\r\nreturn-path:\r\n <c@d>\r\nSubject: x\r\n"
                                  "RETURN-PATH: <>\r\n\r\nReturn-Path: <in the body>\r\n"),
              "Subject: x\r\n\r\nReturn-Path: <in the body>\r\n");
  assert_same(without_return_path("A: 1\r\nReturn-Path: x\r\nB: 2\r\n 3\r\nReturn-Path: y\r\n z\r\n"
                                  "C: 4\r\n\r\nbody"),
              "A: 1\r\nB: 2\r\n 3\r\nC: 4\r\n\r\nbody");
  assert_same(without_return_path("Return-Path: x"), "");
  for (const std::string_view kept :
       {"", "\r\n", "Subject: x", "Return-Pat", "a\n\nReturn-Path: b"}) {
    assert_same(without_return_path(std::string(kept)), kept);
  }
}

}  // namespace

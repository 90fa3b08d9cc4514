// SPDX-License-Identifier: ISC
#include "ctl/resolver.h"

#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <netdb.h>
#include <resolv.h>

#include <array>
#include <span>

namespace restante::ctl {
namespace {

using Packet = std::array<unsigned char, 16384>;

std::string record_text(const ns_msg& message, const ns_rr& record) {
  const std::span<const unsigned char> data(ns_rr_rdata(record), ns_rr_rdlen(record));
  char text[NS_MAXDNAME] = "";
  switch (ns_rr_type(record)) {
    case ns_t_a:
      if (data.size() == 4) inet_ntop(AF_INET, data.data(), text, sizeof text);
      return text;
    case ns_t_aaaa:
      if (data.size() == 16) inet_ntop(AF_INET6, data.data(), text, sizeof text);
      return text;
    case ns_t_mx:
      if (data.size() > 2) {
        dn_expand(ns_msg_base(message), ns_msg_end(message), data.data() + 2, text, sizeof text);
      }
      return text;
    default:
      break;
  }
  std::string joined;  // of its strings, each with its length before it (RFC 1035 section 3.3.14)
  for (std::size_t at = 0; at < data.size(); at += 1U + data[at]) {
    const std::size_t length = std::min<std::size_t>(data[at], data.size() - at - 1);
    joined.append(reinterpret_cast<const char*>(data.data()) + at + 1, length);
  }
  return joined;
}

Result<void> ask(const std::string& name, ns_type type, std::vector<std::string>& found) {
  static_assert(sizeof(Packet) >= NS_PACKETSZ);
  Packet packet;
  const int size = res_query(name.c_str(), ns_c_in, type, packet.data(), sizeof packet);
  if (size < 0) {
    if (h_errno == HOST_NOT_FOUND || h_errno == NO_DATA) return {};
    return fail(ErrorKind::kUnavailable, "the DNS does not answer: {}", hstrerror(h_errno));
  }
  ns_msg message{};
  if (ns_initparse(packet.data(), size, &message) != 0) {
    return fail(ErrorKind::kUnavailable, "the DNS answers nonsense");
  }
  for (int i = 0; i < ns_msg_count(message, ns_s_an); ++i) {
    ns_rr record{};
    if (ns_parserr(&message, ns_s_an, i, &record) != 0 || ns_rr_type(record) != type) continue;
    found.push_back(record_text(message, record));
  }
  return {};
}

}  // namespace

Result<std::vector<std::string>> resolve(const std::string& name, RecordType type) {
  _res.retrans = 2;  // seconds; a tool is waited for
  _res.retry = 2;
  std::vector<std::string> found;
  const auto first = type == RecordType::kAddress      ? ns_t_a
                     : type == RecordType::kMailServer ? ns_t_mx
                                                       : ns_t_txt;
  if (auto asked = ask(name, first, found); !asked) return std::unexpected(asked.error());
  if (type == RecordType::kAddress) {
    if (auto asked = ask(name, ns_t_aaaa, found); !asked) return std::unexpected(asked.error());
  }
  return found;
}

}  // namespace restante::ctl

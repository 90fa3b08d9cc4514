// SPDX-License-Identifier: ISC
// The command dns: the records to set, as a zone file has them.
#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netinet/in.h>

#include <cstdio>
#include <ctime>

#include "ctl/commands.h"
#include "shared/base/c_ptr.h"

namespace restante::ctl {
namespace {

using Interfaces = CPtr<ifaddrs, freeifaddrs>;

bool is_public(const in_addr& address) {
  const std::uint32_t bits = ntohl(address.s_addr);
  return bits >> 24 != 127 && bits >> 24 != 10 && bits >> 20 != 0xac1 && bits >> 16 != 0xc0a8 &&
         bits >> 16 != 0xa9fe && bits >> 22 != (0x64400000U >> 22) && bits >> 28 < 0xe;
}

bool is_public(const in6_addr& address) { return address.s6_addr[0] >> 5 == 1; }  // 2000::/3

// "A 192.0.2.1", "AAAA 2001:db8::1": the public addresses of this machine.
std::vector<std::string> address_records() {
  std::vector<std::string> records;
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) return records;
  const Interfaces owner(list);
  for (const ifaddrs* entry = list; entry != nullptr; entry = entry->ifa_next) {
    char text[INET6_ADDRSTRLEN] = "";
    if (entry->ifa_addr == nullptr) continue;
    if (entry->ifa_addr->sa_family == AF_INET) {
      const auto& address = reinterpret_cast<const sockaddr_in*>(entry->ifa_addr)->sin_addr;
      if (!is_public(address)) continue;
      records.push_back(fmt::format("A {}", inet_ntop(AF_INET, &address, text, sizeof text)));
    } else if (entry->ifa_addr->sa_family == AF_INET6) {
      const auto& address = reinterpret_cast<const sockaddr_in6*>(entry->ifa_addr)->sin6_addr;
      if (!is_public(address)) continue;
      records.push_back(fmt::format("AAAA {}", inet_ntop(AF_INET6, &address, text, sizeof text)));
    }
  }
  return records;
}

void print_addresses(const std::string& name, const std::vector<std::string>& records) {
  for (const std::string& record : records) fmt::print("{}. IN {}\n", name, record);
  if (!records.empty()) return;
  fmt::print(
      "; this machine has no public address of its own: put in the one it is reached at\n"
      "{}. IN A 192.0.2.1\n",
      name);
}

void print_domain(const config::Config& config, const std::string& domain,
                  const std::vector<std::string>& addresses) {
  fmt::print("\n; mail for {} comes to this host, and none is sent from it\n", domain);
  fmt::print("{}. IN MX 10 {}.\n", domain, config.hostname);
  fmt::print("{}. IN TXT \"v=spf1 -all\"\n", domain);
  fmt::print("_dmarc.{}. IN TXT \"v=DMARC1; p=reject\"\n", domain);
  if (config.mta_sts == config::MtaSts::kNone) return;
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  char id[16] = "";
  (void)std::strftime(id, sizeof id, "%Y%m%d%H%M%S", &parts);
  fmt::print("; senders insist on TLS; a new id whenever the policy has changed\n");
  fmt::print("_mta-sts.{}. IN TXT \"v=STSv1; id={}\"\n", domain, id);
  print_addresses("mta-sts." + domain, addresses);
}

}  // namespace

Result<int> run_dns(const Options&, const config::Config& config) {
  if (config.domain.empty()) {
    return fail(ErrorKind::kConfig, "the setting domain is not set: give -c file, or -o domain=…");
  }
  if (config.hostname.empty()) {
    return fail(ErrorKind::kConfig, "the setting hostname is not set: give -o hostname=…");
  }
  const auto addresses = address_records();
  fmt::print("; the host itself\n");
  print_addresses(config.hostname, addresses);
  for (const std::string& domain : config.domain) print_domain(config, domain, addresses);
  return kFine;
}

}  // namespace restante::ctl

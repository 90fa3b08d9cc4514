// SPDX-License-Identifier: ISC
#include "apid/api/keys.h"

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>

#include <algorithm>
#include <optional>

#include "shared/base/hex.h"

namespace restante::apid {
namespace {

std::optional<config::KeyHash> hash_of(std::string_view key) {
  config::KeyHash hash{};
  if (gnutls_hash_fast(GNUTLS_DIG_SHA256, key.data(), key.size(), hash.data()) != 0) return {};
  return hash;
}

}  // namespace

ApiKeys::ApiKeys(std::span<const std::string> configured) {
  for (const std::string& key : configured) {
    const auto hash = config::is_key_hash(key) ? config::parse_key_hash(key) : hash_of(key);
    if (hash) hashes_.push_back(*hash);
  }
}

std::optional<KnownKey> ApiKeys::find(std::string_view offered) const {
  const auto hash = hash_of(offered);
  if (!hash || offered.empty()) return {};
  unsigned found = 0;
  for (const config::KeyHash& key : hashes_) {
    found |= static_cast<unsigned>(gnutls_memcmp(hash->data(), key.data(), key.size()) == 0);
  }
  if (found == 0) return {};
  return KnownKey{.fingerprint = to_hex(std::span(*hash).first(4)),
                  .is_strong = offered.size() >= config::kStrongKey};
}

}  // namespace restante::apid

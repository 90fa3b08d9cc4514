// SPDX-License-Identifier: ISC
// A new API key.
#include <openssl/rand.h>
#include <openssl/sha.h>

#include <array>
#include <span>

#include "ctl/commands.h"
#include "shared/base/hex.h"
#include "shared/config/api_key.h"

namespace restante::ctl {
namespace {

constexpr std::size_t kKeyBytes = 24;  // more than can be guessed, by far

}  // namespace

Result<int> run_key(const Options&, const config::Config&) {
  std::array<unsigned char, kKeyBytes> bytes{};
  if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1) {
    return fail(ErrorKind::kSystem, "the system gives no random bytes");
  }
  const std::string key = to_hex(bytes);
  config::KeyHash hash{};
  SHA256(reinterpret_cast<const unsigned char*>(key.data()), key.size(), hash.data());
  fmt::print("key      {}\napi_key  {}{}\n", key, config::kHashPrefix, to_hex(hash));
  return kFine;
}

}  // namespace restante::ctl

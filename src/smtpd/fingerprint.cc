// SPDX-License-Identifier: ISC
#include "smtpd/fingerprint.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <span>
#include <stdexcept>

#include "shared/base/ascii.h"
#include "shared/base/c_ptr.h"
#include "shared/base/hex.h"

namespace restante::smtpd {
namespace {

constexpr std::size_t kBytes = 16;

bool has_message_id(std::string_view data) {
  constexpr std::string_view kName = "Message-ID:";
  while (!data.empty()) {
    const std::string_view line = data.substr(0, std::min(data.find('\n'), data.size()));
    if (line.empty() || line == "\r") return false;  // the header has ended
    if (equal_ignoring_case(line.substr(0, kName.size()), kName)) return true;
    data.remove_prefix(std::min(line.size() + 1, data.size()));
  }
  return false;
}

}  // namespace

std::string fingerprint(std::string_view reverse_path, std::string_view data) {
  if (!has_message_id(data)) return {};
  const CPtr<EVP_MD_CTX, EVP_MD_CTX_free> context(EVP_MD_CTX_new());
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  // A line end cannot stand in an address, so the two texts cannot run into each other.
  if (EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr) != 1 ||
      EVP_DigestUpdate(context.get(), reverse_path.data(), reverse_path.size()) != 1 ||
      EVP_DigestUpdate(context.get(), "\n", 1) != 1 ||
      EVP_DigestUpdate(context.get(), data.data(), data.size()) != 1 ||
      EVP_DigestFinal_ex(context.get(), digest.data(), nullptr) != 1) {
    throw std::runtime_error("SHA-256 is not to be had");
  }
  return to_hex(std::span(digest).first(kBytes));
}

}  // namespace restante::smtpd

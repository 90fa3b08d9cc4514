// SPDX-License-Identifier: ISC
#include "shared/mail/domain.h"

#include <idn2.h>
#include <uninorm.h>

#include <algorithm>
#include <cstdlib>
#include <new>

#include "shared/base/ascii.h"
#include "shared/base/c_ptr.h"
#include "shared/base/utf8.h"

namespace restante::mail {
namespace {

// RFC 5321 section 4.5.3.1.2, RFC 1035 section 2.3.4.
constexpr std::size_t kMaxDomain = 255;
constexpr std::size_t kMaxLabel = 63;

bool is_label(std::string_view label) {
  return !label.empty() && label.size() <= kMaxLabel && label.front() != '-' &&
         label.back() != '-' && std::ranges::all_of(label, [](char c) {
           const char l = ascii_lower(c);
           return (l >= 'a' && l <= 'z') || is_digit(c) || c == '-' || c == '_';
         });
}

void free_name(char* name) { idn2_free(name); }
void free_text(std::uint8_t* text) { std::free(text); }  // malloc'ed by libunistring

const std::uint8_t* bytes_of(const char* text) {
  return reinterpret_cast<const std::uint8_t*>(text);
}

}  // namespace

bool is_domain(std::string_view text) {
  if (text.size() > kMaxDomain) return false;
  while (true) {
    const std::size_t dot = text.find('.');
    const std::string_view label = text.substr(0, dot);
    if (!is_label(label)) return false;
    if (dot == std::string_view::npos) return !std::ranges::all_of(label, is_digit);
    text.remove_prefix(dot + 1);
  }
}

std::optional<std::string> domain_to_ascii(std::string_view text) {
  std::string name(text);
  if (is_ascii(text)) {
    std::ranges::transform(name, name.begin(), ascii_lower);
    return name;
  }
  if (name.contains('\0') || !is_valid_utf8(text)) return std::nullopt;  // libidn2 reads C strings
  std::uint8_t* ascii = nullptr;
  const int done =
      idn2_lookup_u8(bytes_of(name.c_str()), &ascii, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
  const CPtr<char, free_name> owner(reinterpret_cast<char*>(ascii));
  if (done == IDN2_MALLOC) throw std::bad_alloc();
  // The mapping makes "/" and "." out of letters that stand for more than one.
  if (done != IDN2_OK || !is_domain(owner.get())) return std::nullopt;
  return std::string(owner.get());
}

std::string to_nfc(std::string_view text) {
  if (is_ascii(text) || !is_valid_utf8(text)) return std::string(text);
  std::size_t length = 0;
  const CPtr<std::uint8_t, free_text> composed(
      u8_normalize(UNINORM_NFC, bytes_of(text.data()), text.size(), nullptr, &length));
  if (composed == nullptr) throw std::bad_alloc();
  return {reinterpret_cast<const char*>(composed.get()), length};
}

}  // namespace restante::mail

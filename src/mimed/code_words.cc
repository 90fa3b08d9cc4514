// SPDX-License-Identifier: ISC
// Lists of words in English, German, French and Spanish, lower case.
#include "mimed/code_words.h"

#include <algorithm>
#include <array>

#include "shared/ascii.h"

namespace restante::mimed {
namespace {

constexpr std::size_t kLongestWord = 40;  // bytes

constexpr std::string_view kStrongWords[] = {
    "code",  "codes",  "kode",     "passcode",   "otp",      "pin",       "mtan",
    "tan",   "token",  "password", "passwords",  "passwort", "kennwort",  "passe",
    "clave", "código", "codigo",   "contraseña", "códigos",  "contrasena"};
constexpr std::string_view kStrongEnds[] = {"code", "passwort", "kennwort", "kode", "password"};
constexpr std::string_view kMediumStarts[] = {
    "verif",  "vérif",  "authent", "bestätig", "confirm", "activ",   "aktiv",     "anmeld",
    "signin", "signup", "einmal",  "security", "sicherh", "sécur",   "segurid",   "connexion",
    "acceso", "zugang", "2fa",     "mfa",      "login",   "onetime", "zweifaktor"};
constexpr std::string_view kAgainstWords[] = {
    "order",     "invoice",   "commande",  "facture",    "pedido", "factura",  "ticket",
    "tracking",  "booking",   "ref",       "phone",      "tel",    "telefon",  "fax",
    "call",      "zip",       "postal",    "plz",        "vat",    "hrb",      "suite",
    "postfach",  "flight",    "vol",       "vuelo",      "flug",   "room",     "version",
    "build",     "issue",     "bug",       "port",       "error",  "amount",   "total",
    "betrag",    "montant",   "importe",   "case",       "sku",    "customer", "teléfono",
    "téléphone", "reference", "référence", "referencia", "number", "no",       "nr",
    "numéro",    "número",    "since",     "seit",       "depuis", "desde",    "usd",
    "eur",       "gbp",       "chf"};
constexpr std::string_view kAgainstStarts[] = {"bestell", "rechnung", "sendung", "buchung",
                                               "kunden",  "artikel",  "postleit"};
constexpr std::string_view kLinkWords[] = {"is", "ist", "lautet", "est",
                                           "es", "are", "le",     "below"};
constexpr std::string_view kUnitStarts[] = {
    "minut", "second", "sekund", "segund", "hour", "stunde", "heure",  "hora",   "days",  "tage",
    "jours", "días",   "dollar", "euro",   "user", "nutzer", "people", "member", "point", "punkte",
    "eur",   "usd",    "chf",    "gbp",    "km",   "mb",     "gb",     "kb",     "byte"};
constexpr std::string_view kSpoilers[] = {
    "zip",     "postal",  "promo",     "promotional", "discount",  "coupon",  "voucher", "gift",
    "error",   "status",  "qr",        "bar",         "area",      "country", "dress",   "source",
    "sort",    "booking", "exit",      "http",        "promotion", "swift",   "rabatt",  "cadeau",
    "postale", "barras",  "descuento", "referral",    "réduction", "fuente",  "fehler"};
constexpr std::string_view kNoCodes[] = {"barcode",    "gutscheincode", "rabattcode", "promocode",
                                         "zipcode",    "vscode",        "encode",     "decode",
                                         "unicode",    "aktionscode",   "qrcode",     "quellcode",
                                         "fehlercode", "errorcode",     "geocode",    "opcode"};

// Lower case in ASCII and in the Latin-1 letters of UTF-8.
class Lowered {
 public:
  explicit Lowered(std::string_view word) {
    if (word.size() > kLongestWord) return;  // no word of ours: as the empty one
    for (const char c : word) {
      const auto byte = static_cast<unsigned char>(c);
      const bool capital = size_ > 0 && bytes_[size_ - 1] == '\xC3' && byte >= 0x80 && byte <= 0x9E;
      bytes_[size_++] = capital ? static_cast<char>(byte + 0x20) : ascii_lower(c);
    }
  }
  [[nodiscard]] std::string_view text() const { return {bytes_.data(), size_}; }

 private:
  std::array<char, kLongestWord> bytes_{};
  std::size_t size_ = 0;
};

template <std::size_t N>
bool is_one_of(std::string_view word, const std::string_view (&words)[N]) {
  return std::ranges::find(words, word) != std::end(words);
}

template <std::size_t N>
bool starts_with_one_of(std::string_view word, const std::string_view (&starts)[N]) {
  return std::ranges::any_of(starts,
                             [word](std::string_view start) { return word.starts_with(start); });
}

}  // namespace

CodeWord classify_code_word(std::string_view word) {
  const Lowered lowered(word);
  const std::string_view text = lowered.text();
  if (text.size() < 2) return CodeWord::kOther;
  if (is_one_of(text, kNoCodes)) return CodeWord::kAgainst;
  const auto ends = [text](std::string_view end) { return text.ends_with(end); };
  if (is_one_of(text, kStrongWords) || std::ranges::any_of(kStrongEnds, ends)) {
    return CodeWord::kStrong;
  }
  if (is_one_of(text, kLinkWords)) return CodeWord::kLink;
  if (is_one_of(text, kAgainstWords) || starts_with_one_of(text, kAgainstStarts) ||
      text.ends_with("nummer")) {
    return CodeWord::kAgainst;
  }
  if (starts_with_one_of(text, kMediumStarts)) return CodeWord::kMedium;
  return starts_with_one_of(text, kUnitStarts) ? CodeWord::kUnit : CodeWord::kOther;
}

bool spoils_code(std::string_view neighbour) {
  return is_one_of(Lowered(neighbour).text(), kSpoilers);
}

}  // namespace restante::mimed

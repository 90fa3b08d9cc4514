// SPDX-License-Identifier: ISC
#include "mimed/findings/code_words.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <utility>

#include "shared/base/ascii.h"

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

static_assert(std::ranges::all_of(kNoCodes, [](auto word) { return word.ends_with("code"); }));

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

// A word of ours, or the beginning of some.
struct Row {
  std::string_view text;
  bool is_whole;
  CodeWord kind;
  std::size_t rank;  // of several that fit the first counts
};

unsigned char constexpr first_byte(std::string_view text) {
  return static_cast<unsigned char>(text.front());
}

// All of them by their first byte.
constexpr auto kRows = [] {
  constexpr std::size_t kCount = std::size(kStrongWords) + std::size(kLinkWords) +
                                 std::size(kAgainstWords) + std::size(kAgainstStarts) +
                                 std::size(kMediumStarts) + std::size(kUnitStarts);
  std::array<Row, kCount> rows{};
  std::size_t size = 0;
  const auto add = [&](const auto& words, bool are_whole, CodeWord kind) {
    for (const std::string_view word : words) {
      rows[size] = {word, are_whole, kind, size};
      ++size;
    }
  };
  add(kStrongWords, true, CodeWord::kStrong);
  add(kLinkWords, true, CodeWord::kLink);
  add(kAgainstWords, true, CodeWord::kAgainst);
  add(kAgainstStarts, false, CodeWord::kAgainst);
  add(kMediumStarts, false, CodeWord::kMedium);
  add(kUnitStarts, false, CodeWord::kUnit);
  std::ranges::sort(rows, {},
                    [](const Row& row) { return std::pair(first_byte(row.text), row.rank); });
  return rows;
}();

// Where those begin that begin with a byte; those of the next byte are their end.
constexpr auto kPlaces = [] {
  std::array<std::uint8_t, 257> places{};
  static_assert(kRows.size() < 256);
  for (const Row& row : kRows) ++places[first_byte(row.text) + 1U];
  std::partial_sum(places.begin(), places.end(), places.begin());
  return places;
}();

CodeWord find_row(std::string_view word) {
  const unsigned char first = first_byte(word);
  for (std::size_t i = kPlaces[first]; i < kPlaces[first + 1U]; ++i) {
    const Row& row = kRows[i];
    if (word.starts_with(row.text) && (!row.is_whole || word.size() == row.text.size())) {
      return row.kind;
    }
  }
  return CodeWord::kOther;
}

}  // namespace

CodeWord classify_code_word(std::string_view word) {
  const Lowered lowered(word);
  const std::string_view text = lowered.text();
  if (text.size() < 2) return CodeWord::kOther;
  const auto ends = [text](std::string_view end) { return text.ends_with(end); };
  if (std::ranges::any_of(kStrongEnds, ends)) {
    const bool is_none = std::ranges::find(kNoCodes, text) != std::end(kNoCodes);
    return is_none ? CodeWord::kAgainst : CodeWord::kStrong;
  }
  return ends("nummer") ? CodeWord::kAgainst : find_row(text);
}

bool spoils_code(std::string_view neighbour) {
  return std::ranges::find(kSpoilers, Lowered(neighbour).text()) != std::end(kSpoilers);
}

}  // namespace restante::mimed

// SPDX-License-Identifier: ISC
// Which code a person would type in, and where there is none.
#include "mimed/findings/codes.h"

#include <string>

#include "testing.h"

namespace {

using namespace restante::mimed;

struct Row {
  const char *subject, *text;
  const char* best;  // "": none at all
};

const Row kRows[] = {
    {"", "Your verification code is 482913.", "482913"},
    {"482913 is your Example code", "Enter it to log in.", "482913"},
    {"Sign in to Example",
     "Hi Bob,\n\nUse this code to sign in:\n\n    482913\n\nIt expires in 10 minutes.", "482913"},
    {"", "G-123456 is your Google verification code.", "123456"},
    {"", "FB-12345 is your Facebook confirmation code", "12345"},
    {"", "Your code: 123-456", "123456"},
    {"", "Your login code is 123 456\n", "123456"},
    {"Your code", "1234 5678", "12345678"},
    {"", "PIN: 1984", "1984"},
    {"", "Your one-time password (OTP) is 2024", "2024"},
    {"", "2023 is your code", "2023"},
    {"", "Ihr Best\xC3\xA4tigungscode lautet: 739201", "739201"},
    {"Dein Anmeldecode", "739201 ist dein Code f\xC3\xBCr Beispiel. Er gilt 10 Minuten.", "739201"},
    {"", "Ihre TAN lautet 55012 f\xC3\xBCr den Auftrag 99817234.", "55012"},
    {"", "Sicherheitscode:\n\n**904411**\n", "904411"},
    {"", "Votre code de v\xC3\xA9rification est 305172", "305172"},
    {"", "Voici votre mot de passe \xC3\xA0 usage unique : 8812 4410", "88124410"},
    {"",
     "Tu c\xC3\xB3"
     "digo de verificaci\xC3\xB3n es 662 119.",
     "662119"},
    {"", "Su clave de acceso es: 4471", "4471"},
    {"",
     "C\xC3\x93"
     "DIGO 771203",
     "771203"},
    {"", "Your access code is A1B2C3 today", "A1B2C3"},
    {"Confirm your e-mail", "Copy this code:\n\nXK7P9Q\n\nThanks", "XK7P9Q"},
    {"", "482913\n", "482913"},
    {"", "Order 99812345 was paid. Your code is 482913, for 1999 points.", "482913"},
    {"", "Call +1 555 123 4567 or enter code 4321", "4321"},
    {"", "Copyright 2024 Example Inc, 94105 San Francisco. Your token: 77120934", "77120934"},
    {"", "The code #482913 is valid for 1440 minutes", "482913"},
    {"", "code=482913", "482913"},
    {"",
     "Enter verification code\xC2\xA0"
     "482913.",
     "482913"},
    {"", "Your confirmation code is FZP-4HM", "FZP-4HM"},
    {"", "Enter this code on your device:\n\nWDJB-MJHT\n", "WDJB-MJHT"},
    {"", "Your code is 8F43-6FCF.", "8F43-6FCF"},
    {"", "The ISO-8859 and UTF-8 formats, MP3-ABC and COVID-19", ""},
    {"", "Product code ABC-DEF-GHI", ""},
    {"", "Your verification code:\n4\n9\n3\n8\n1\n7\n\nIt is good for 10 minutes.", "493817"},
    {"", "Your code: 4 9 3 8 1 7", "493817"},
    {"Newsletter", "Pages: 1 2 3 4 5 6\n", ""},
    {"", "1\n2\n3\n4\n", ""},
    {"", "https://x.test/verify?code=111111\nor type the code 222222", "222222"},
    {"Your verification code", "Please type 482913 to go on.", "482913"},
    {"", "Use 482913 as your password reset code.", "482913"},
    // None.
    {"", "Founded in 2019, rebuilt in 2024.", ""},
    {"Newsletter 2024", "What is new in 2024", ""},
    {"", "The price is $1234 or 1299 \xE2\x82\xAC, 1500 EUR, \xE2\x82\xAC 4999.", ""},
    {"", "Total: 1,234.56 and 1.234,56", ""},
    {"", "Your order 123456 has shipped", ""},
    {"Order confirmation", "Thank you! Yours is 482913 now.", ""},
    {"Appointment confirmed", "We wait for you in 94105 Berlin.", ""},
    {"Order #123456", "Order number: 123456", ""},
    {"", "Please confirm your order 482913 today", ""},
    {"", "Log in: login, ticket 48291377", ""},
    {"", "Bestellnummer: 48291377", ""},
    {"", "Rechnungsnummer 482913", ""},
    {"", "Call 555-123-4567 or +49 30 1234567", ""},
    {"", "On 2024-01-31 at 12:30, 31/01/2024, 31.01.2024, 20240131", ""},
    {"", "https://x.test/123456 and https://x.test/?code=123456 and www.x.test/482913", ""},
    {"", "Write to 123456@x.test", ""},
    {"", "color: #123456; background: #FF00AA", ""},
    {"", "Zip code 94105", ""},
    {"", "Use promo code 20240 at once", ""},
    {"", "Use discount code SAVE20", ""},
    {"", "Your code expires in 1440 minutes", ""},
    {"", "In the year 2019\n2024\n", ""},
    {"", "550E8400-E29B-41D4-A716-446655440000", ""},
    {"", "Card 4111 1111 1111 1111", ""},
    {"", "There were 123456 people, in 4821 places.", ""},
    {"", "", ""},
};

TEST_EACH(the_best_code_is_found, kRows, text) {
  const auto codes = find_codes(Exact(row.subject).view(), Exact(row.text).view());
  assert_same(codes.empty() ? "" : codes.front(), row.best);
}

TEST(the_others_come_behind_and_each_once) {
  const auto codes =
      find_codes("Your code 111111", "123456\nYour code is 111111. The PIN is 2222.\n");
  assert_int_equal(codes.size(), 3);
  assert_same(codes[0], "111111");
  assert_same(codes[1], "2222");
  assert_same(codes[2], "123456");
}

TEST(there_are_ten_at_most) {
  std::string text;
  for (int i = 1000; i < 1100; ++i) text += "code " + std::to_string(i) + "\n";
  assert_int_equal(find_codes("", text).size(), 10);
}

TEST(a_long_row_of_digits_holds_no_code) {
  assert_int_equal(find_codes("", "Your code is\n4 9 3 8 1 7\n").size(), 1);
  assert_int_equal(find_codes("", "Your code is\n1 2 3 4 5 6 7 8 9 4 9 3 8 1 7\n").size(), 0);
}

TEST(hostile_texts_are_read_in_linear_time) {
  for (const std::string_view piece :
       {"1",        "1 ",    "123 ",   "123-",    "123456 ",  "code ",          "code: ",
        "123456\n", "A1B2C", "A1B2C ", "1\r\n",   "1\t",      "is 1234 ",       "-",
        "\xC3\xA9", "\xC3",  "order ", "a-1234 ", "code is ", "code 123456 is "}) {
    std::string text;
    while (text.size() < std::size_t{256} * 1024) text += piece;
    const auto [count, seconds] = timed([&text] { return find_codes(text, text).size(); });
    if (seconds > 0.5 || count > kCodeLimit) fail_test(piece);
  }
  std::string many;
  for (int i = 0; i < 20'000; ++i) many += "code " + std::to_string(10'000'000 + i * 4391) + "\n";
  const auto [count, seconds] = timed([&many] { return find_codes("", many).size(); });
  assert_int_equal(count, kCodeLimit);
  assert_true(seconds < 0.5);
}

}  // namespace

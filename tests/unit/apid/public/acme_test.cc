// SPDX-License-Identifier: ISC
// What an ACME challenge's path gives out, and all that it does not.
#include "apid/public/acme.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "testing.h"

namespace restante::apid {
namespace {

constexpr const char* kPrefix = "/.well-known/acme-challenge/";

// A directory of challenges in a place of its own, with a file beside it that is nobody's business.
struct Place {
  TemporaryDirectory base;
  std::string directory = base.path() + "/acme";
  Place() {
    mkdir(directory.c_str(), 0700);
    std::ofstream(base.path() + "/secret") << "secret";
  }
  void write(const std::string& name, std::string_view content) const {
    std::ofstream(directory + "/" + name) << content;
  }
};

// Status and body; 0 for what is left to others.
struct Given {
  unsigned status = 0;
  std::string body = {}, type = {};
};

Given ask(const Place& place, const std::string& path, const char* method = "GET") {
  const Request request{.method = method, .path = path};
  const auto response = answer_challenge(request, place.directory);
  if (!response) return {};
  Given given{response->status, response->body};
  for (const auto& [name, value] : response->headers) {
    if (std::string_view(name) == "Content-Type") given.type = value;
  }
  return given;
}

TEST(a_token_is_given_out_as_text) {
  Given plain, certbot, head, empty;
  {
    const Place place;
    place.write("Token-_09", "Token-_09.print");
    place.write("empty", "");
    std::filesystem::create_directories(place.directory + "/.well-known/acme-challenge");
    place.write(".well-known/acme-challenge/webroot", "by certbot");
    plain = ask(place, std::string(kPrefix) + "Token-_09");
    certbot = ask(place, std::string(kPrefix) + "webroot");
    head = ask(place, std::string(kPrefix) + "Token-_09", "HEAD");
    empty = ask(place, std::string(kPrefix) + "empty");
  }
  assert_int_equal(plain.status, 200);
  assert_same(plain.body, "Token-_09.print");
  assert_same(plain.type, "text/plain");
  assert_same(certbot.body, "by certbot");
  assert_int_equal(head.status, 200);
  assert_int_equal(empty.status, 200);
  assert_same(empty.body, "");
}

TEST(nothing_but_a_small_file_of_that_name_is_given_out) {
  std::string wrong;
  {
    const Place place;
    place.write("largest", std::string(16 * 1024, 'x'));
    place.write("large", std::string(16 * 1024 + 1, 'x'));
    place.write("dot.txt", "x");
    mkdir((place.directory + "/folder").c_str(), 0700);
    mkfifo((place.directory + "/pipe").c_str(), 0600);
    std::filesystem::create_symlink("../secret", place.directory + "/link");
    std::filesystem::create_symlink(place.base.path() + "/secret", place.directory + "/absolute");
    // A webroot that leads elsewhere.
    mkdir((place.base.path() + "/else").c_str(), 0700);
    std::ofstream(place.base.path() + "/else/elsewhere") << "secret";
    mkdir((place.directory + "/.well-known").c_str(), 0700);
    std::filesystem::create_symlink("../../else", place.directory + "/.well-known/acme-challenge");
    for (const char* name : {"large", "missing", "dot.txt", "folder", "pipe", "link", "absolute",
                             "elsewhere", "", ".", "..", "../secret", "%2e%2e%2fsecret",
                             "folder/..", "largest/", "//secret", "largest%00", "largest="}) {
      if (ask(place, std::string(kPrefix) + name).status != 404) wrong += std::string(name) + " ";
    }
    if (ask(place, std::string(kPrefix) + std::string(300, 'a')).status != 404) wrong += "long ";
    if (ask(place, std::string(kPrefix) + "largest").body.size() != 16 * 1024) wrong += "largest ";
  }
  assert_same(wrong, "");
}

TEST(other_requests_are_left_to_others) {
  std::string wrong;
  {
    const Place place;
    place.write("token", "print");
    for (const char* path :
         {"/", "/token", "/.well-known/acme-challenge", "/.well-known/token",
          "/.WELL-KNOWN/acme-challenge/token", "/x/.well-known/acme-challenge/t"}) {
      if (ask(place, path).status != 0) wrong += std::string(path) + " ";
    }
    if (ask(place, std::string(kPrefix) + "token", "POST").status != 0) wrong += "POST ";
    const Request request{.method = "GET", .path = std::string(kPrefix) + "token"};
    if (answer_challenge(request, "")) wrong += "switched off ";
    const auto nowhere = answer_challenge(request, "/nonexistent");
    if (!nowhere || nowhere->status != 404) wrong += "nowhere ";
  }
  assert_same(wrong, "");
}

}  // namespace
}  // namespace restante::apid

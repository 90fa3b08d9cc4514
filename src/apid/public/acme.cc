// SPDX-License-Identifier: ISC
#include "apid/public/acme.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "shared/base/ascii.h"
#include "shared/base/unique_fd.h"

namespace restante::apid {
namespace {

constexpr std::string_view kPrefix = "/.well-known/acme-challenge/";
constexpr off_t kLargest = 16 * 1024;
constexpr std::size_t kLongestToken = 255;  // a file's name cannot be longer

// base64url without padding (section 8.3), which has neither dot nor slash.
bool is_token(std::string_view text) {
  return !text.empty() && text.size() <= kLongestToken && std::ranges::all_of(text, [](char c) {
    return is_alphanumeric(c) || c == '-' || c == '_';
  });
}

UniqueFd open_directory(int above, const char* name) {
  return UniqueFd(openat(above, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
}

// Step by step, because O_NOFOLLOW concerns only the last component.
UniqueFd open_webroot(int directory) {
  const UniqueFd well_known = open_directory(directory, ".well-known");
  return well_known ? open_directory(well_known.get(), "acme-challenge") : UniqueFd();
}

std::optional<std::string> read_token(const UniqueFd& directory, const std::string& token) {
  if (!directory) return {};
  // Not blocking: it may be a pipe.
  const UniqueFd fd(
      openat(directory.get(), token.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  struct stat status{};
  if (!fd || fstat(fd.get(), &status) != 0) return {};
  if (!S_ISREG(status.st_mode) || status.st_size > kLargest) return {};
  std::string content(static_cast<std::size_t>(status.st_size), '\0');
  const ssize_t got = pread(fd.get(), content.data(), content.size(), 0);
  if (got < 0) return {};
  content.resize(static_cast<std::size_t>(got));
  return content;
}

}  // namespace

std::optional<Response> answer_challenge(const Request& request, const std::string& directory) {
  if (directory.empty() || !request.path.starts_with(kPrefix)) return {};
  if (request.method != "GET" && request.method != "HEAD") return {};
  const std::string token = request.path.substr(kPrefix.size());
  std::optional<std::string> content;
  if (is_token(token)) {
    // The operator has set the directory itself, so it may be a symbolic link.
    const UniqueFd top(open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    content = read_token(top, token);
    if (!content && top) content = read_token(open_webroot(top.get()), token);
  }
  if (!content) return error_response(404, "there is no such challenge");
  return Response{.status = 200,
                  .headers = {{"Content-Type", "text/plain"},
                              {"Cache-Control", "no-store"},
                              {"X-Content-Type-Options", "nosniff"}},
                  .body = std::move(*content)};
}

}  // namespace restante::apid

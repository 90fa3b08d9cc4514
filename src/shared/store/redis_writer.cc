// SPDX-License-Identifier: ISC
#include "shared/store/redis_writer.h"

#include <fmt/core.h>
#include <sys/random.h>

#include <array>
#include <cstdlib>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "shared/base/hex.h"
#include "shared/store/entry.h"
#include "shared/store/keys.h"
#include "shared/store/removal.h"
#include "shared/store/scripts.h"

namespace restante::store {
namespace {

// A shared frame is written before the entries that refer to it, and must not expire before them.
constexpr std::chrono::minutes kFrameMargin{5};

std::string new_token() {
  std::array<unsigned char, 16> bytes;
  if (getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) std::abort();
  return to_hex(bytes);
}

void append_pieces(std::vector<std::string_view>& arguments, const MailFrame& frame) {
  const std::string_view bytes = frame.bytes;
  arguments.push_back(bytes.substr(0, frame.head));
  for (std::size_t at = frame.head; at < bytes.size(); at += kFramePiece) {
    arguments.push_back(bytes.substr(at, kFramePiece));
  }
}

}  // namespace

void RedisWriter::put(const NewMail& mail, Stored done) {
  const std::string inbox = inbox_key(mail.mailbox);
  const std::string seen = seen_key(mail.mailbox, mail.fingerprint);
  const std::string prefix = mail_prefix(mail.mailbox);
  const std::string retention = fmt::format("{}", retention_.count());
  const std::string size = size_key(mail.mailbox);
  const std::array<std::string_view, 3> keys = {inbox, size, seen};
  const std::string bytes =
      quota_.bytes == 0 ? "" : fmt::format("{}", mail.frame.size + mail.summary.size());
  const std::string bodies_size = fmt::format("{}", mail.frame.bodies_size);
  std::vector<std::string_view> arguments = {retention, bytes, mail.summary};
  if (!mail.token.empty()) {
    arguments.insert(arguments.end(), {bodies_size, mail.token});
  } else if (!mail.frame.is_large()) {
    arguments.push_back(mail.frame.bytes);
  } else {
    arguments.insert(arguments.end(), {bodies_size, {}, prefix});
    append_pieces(arguments, mail.frame);
  }
  if (quota_.drops_oldest && (quota_.mails != 0 || quota_.bytes != 0)) {
    make_room(mail.mailbox, mail.frame.size + mail.summary.size(), true, [](Result<bool>) {});
  }
  redis_.run_script(put_script(), std::span(keys).first(mail.fingerprint.empty() ? 2 : 3),
                    arguments, [this, done = std::move(done)](Result<redis::Reply> reply) {
                      if (!reply) return done(std::unexpected(reply.error()));
                      const bool is_repeated = reply->size() == 1;
                      const auto id =
                          MailId::from_stream(is_repeated ? reply->at(0).text() : reply->text());
                      if (!id)
                        return done(fail(ErrorKind::kUnavailable, "Redis gave no id for a mail"));
                      redis_.note_works();
                      done(StoredNow{*id, is_repeated});
                    });
}

void RedisWriter::check_room(std::string_view mailbox, std::function<void(Result<bool>)> done) {
  make_room(mailbox, 1, false, std::move(done));
}

void RedisWriter::make_room(std::string_view mailbox, std::uint64_t bytes, bool by_removing,
                            std::function<void(Result<bool>)> done) {
  redis_.run_script(
      room_script(), {inbox_key(mailbox), size_key(mailbox)},
      {mail_prefix(mailbox), fmt::format("{}", retention_.count()), fmt::format("{}", quota_.mails),
       fmt::format("{}", quota_.bytes), fmt::format("{}", bytes), by_removing ? "1" : ""},
      [this, done = std::move(done)](Result<redis::Reply> reply) {
        if (!reply) return done(std::unexpected(reply.error()));
        for (std::size_t i = 1; i < reply->size(); ++i) release_frame(reply->at(i).text(), 1);
        done(reply->size() > 0 && reply->at(0).integer() == 1);
      });
}

void RedisWriter::put_frame(const MailFrame& frame, std::size_t references,
                            std::function<void(Result<std::string>)> done) {
  std::string token = new_token();
  const std::string key = frame_key(token);
  const std::string life = fmt::format("{}", (retention_ + kFrameMargin).count());
  const std::string refs = fmt::format("{}", references);
  const std::array<std::string_view, 1> keys = {key};
  std::vector<std::string_view> arguments = {life, refs};
  append_pieces(arguments, frame);
  redis_.run_script(put_frame_script(), keys, arguments,
                    [token = std::move(token), done = std::move(done)](Result<redis::Reply> reply) {
                      if (!reply) return done(std::unexpected(reply.error()));
                      done(token);
                    });
}

void RedisWriter::release_frame(std::string_view token, std::size_t references) {
  store::release_frame(redis_, token, references);
}

void RedisWriter::forget(std::string_view mailbox, std::string_view fingerprint) {
  redis_.command({"UNLINK", seen_key(mailbox, fingerprint)}, [](Result<redis::Reply>) {});
}

}  // namespace restante::store

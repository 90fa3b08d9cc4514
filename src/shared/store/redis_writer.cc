// SPDX-License-Identifier: ISC
#include "shared/store/redis_writer.h"

#include <fmt/core.h>

#include <array>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "shared/store/entry.h"
#include "shared/store/keys.h"
#include "shared/store/scripts.h"

namespace restante::store {

void RedisWriter::put(const NewMail& mail, Stored done) {
  const std::string inbox = inbox_key(mail.mailbox);
  const std::string seen = seen_key(mail.mailbox, mail.fingerprint);
  const std::string prefix = mail_prefix(mail.mailbox);
  const std::string retention = fmt::format("{}", retention_.count());
  const std::array<std::string_view, 2> keys = {inbox, seen};
  const auto& [frame, head, bodies] = mail.frame;
  const std::string bodies_size = fmt::format("{}", bodies);
  std::vector<std::string_view> arguments = {retention, mail.summary};
  if (bodies <= kSmallBodies && frame.size() <= kSmallFrame) {
    arguments.push_back(frame);
  } else {
    arguments.insert(arguments.end(),
                     {prefix, bodies_size, std::string_view(frame).substr(0, head)});
    for (std::size_t at = head; at < frame.size(); at += kFramePiece) {
      arguments.push_back(std::string_view(frame).substr(at, kFramePiece));
    }
  }
  redis_.run_script(put_script(), std::span(keys).first(mail.fingerprint.empty() ? 1 : 2),
                    arguments, [this, done = std::move(done)](Result<redis::Reply> reply) {
                      if (!reply) return done(std::unexpected(reply.error()));
                      const auto id = MailId::from_stream(reply->text());
                      if (!id)
                        return done(fail(ErrorKind::kUnavailable, "Redis gave no id for a mail"));
                      redis_.note_works();
                      done(*id);
                    });
}

void RedisWriter::forget(std::string_view mailbox, std::string_view fingerprint) {
  redis_.command({"UNLINK", seen_key(mailbox, fingerprint)}, [](Result<redis::Reply>) {});
}

}  // namespace restante::store

// SPDX-License-Identifier: ISC
#include "apid/api/mail_handlers.h"

#include <fmt/core.h>

#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "apid/api/attachment.h"
#include "apid/api/list_query.h"
#include "apid/api/mail_json.h"
#include "apid/api/path_arguments.h"
#include "apid/api/raw_mail.h"
#include "apid/api/services.h"
#include "apid/http/ranges.h"
#include "shared/mail/mailbox_name.h"

namespace restante::apid {
namespace {

// The mail that a request is about: that with the id, or the newest one that fits `wanted`, or
// without both the newest one.
struct OneMail {
  std::string mailbox;  // its key
  std::optional<store::MailId> id;
  std::optional<ListRequest> wanted;
};

std::expected<OneMail, Response> mail_of(const config::Config& config, const Request& request,
                                         const RouteMatch& match) {
  const auto mailbox = parse_user(config, match.user);
  if (!mailbox) return std::unexpected(mailbox.error());
  const auto id = parse_id(match.id);
  if (!id) return std::unexpected(id.error());
  OneMail one{.mailbox = mail::mailbox_key(*mailbox), .id = *id, .wanted = {}};
  if (request.query.empty()) return one;
  if (one.id) {
    return std::unexpected(error_response(400, "a single message takes no query parameters"));
  }
  auto wanted = parse_list_request(request.query, QueryFor::kOne);
  if (!wanted) return std::unexpected(error_response(400, wanted.error()));
  one.wanted = *std::move(wanted);
  return one;
}

// Calls `then` with the id of the mail, or with nothing for the newest one of all; or responds.
using WithMail = std::function<void(const std::string& mailbox, std::optional<store::MailId>,
                                    const Responder& respond)>;
void find_mail(Services& services, const Request& request, const RouteMatch& match,
               const Responder& respond, WithMail then) {
  const auto one = mail_of(services.config, request, match);
  if (!one) return respond(one.error());
  if (!one->wanted) return then(one->mailbox, one->id, respond);
  auto attempt = [&reader = services.reader, mailbox = one->mailbox, then = std::move(then),
                  query = std::make_shared<store::ListQuery>(one->wanted->query)](auto done) {
    reader.list(mailbox, *query, [=](Result<store::Page> page) {
      if (!page) return done({.response = store_away(), .failed = true});
      if (page->newest) query->after = page->newest;
      if (page->mails.empty()) return done({});
      then(mailbox, page->mails.front().id,
           [done](Response response) { done({.response = std::move(response)}); });
    });
  };
  services.waits.start({.mailbox = one->mailbox,
                        .api_key = request.api_key,
                        .time = one->wanted->wait,
                        .attempt = std::move(attempt),
                        .otherwise = no_such_message},
                       respond);
}

// Calls `then` when all pieces of the raw mail have been read, whether it is sound or not; or
// responds.
using WithRaw = std::function<void(RawReader&, const Responder& respond)>;
void read_raw(Services& services, const Request& request, const RouteMatch& match,
              const Responder& asker, RawReader::Into into, WithRaw then) {
  const auto read = [&services, into, then = std::move(then), taker = DownloadRoom::Taker(request)](
                        const std::string& mailbox, std::optional<store::MailId> id,
                        const Responder& respond) {
    const auto reader = std::make_shared<RawReader>(services.config.message_size_limit, into,
                                                    services.downloads, taker);
    const auto append = [reader](const store::RawMail& mail, std::string_view piece) {
      return reader->append(mail, piece);
    };
    services.reader.get_raw(mailbox, id, append, [respond, reader, then](Result<bool> found) {
      if (!found) return respond(store_away());
      if (!*found) return respond(no_such_message());
      then(*reader, respond);
    });
  };
  find_mail(services, request, match, asker, read);
}

}  // namespace

void get_mail(Services& services, const Request& request, const RouteMatch& match,
              const Responder& asker) {
  find_mail(services, request, match, asker,
            [&reader = services.reader](const std::string& mailbox, std::optional<store::MailId> id,
                                        const Responder& respond) {
              reader.get(mailbox, id, [respond](Result<std::optional<store::StoredMail>> mail) {
                if (!mail) return respond(store_away());
                if (!*mail) return respond(no_such_message());
                respond(json_response(200, mail_json(**mail)));
              });
            });
}

void get_raw(Services& services, const Request& request, const RouteMatch& match,
             const Responder& asker) {
  read_raw(services, request, match, asker, RawReader::Into::kMemoryWhileSmall,
           [wanted = Conditions(request)](RawReader& reader, const Responder& respond) {
             const std::string etag = fmt::format("\"{}\"", reader.id().text());
             respond(serve(raw_response(reader), etag, wanted));
           });
}

void get_attachment(Services& services, const Request& request, const RouteMatch& match,
                    const Responder& asker) {
  const auto number = parse_attachment_number(match.number);
  if (!number) return asker(number.error());
  asker.hold(parser::Client::longest_wait(services.config.mime_timeout), nullptr);
  const auto extract = [&extractor = services.extractor, number = *number,
                        wanted = Conditions(request)](RawReader& reader, const Responder& respond) {
    Response mail = reader.finish();
    if (!mail.file) return respond(std::move(mail));
    extractor.extract(mail.file->fd, mail.file->size, number,
                      [respond, wanted, reservation = std::move(mail.place),
                       etag = fmt::format("\"{}-{}\"", reader.id().text(), number)](
                          parser::Extractor::Extraction found) {
                        Response response = attachment_response(std::move(found));
                        response.place = reservation;  // an attachment is smaller than its mail
                        respond(serve(std::move(response), etag, wanted));
                      });
  };
  read_raw(services, request, match, asker, RawReader::Into::kFileWithoutTrace, extract);
}

void delete_mail(Services& services, const Request& request, const RouteMatch& match,
                 const Responder& respond) {
  const auto wanted = mail_of(services.config, request, match);
  if (!wanted) return respond(wanted.error());
  if (!wanted->id) {
    return respond(error_response(400,
                                  "DELETE takes the id of a message, not latest: which one that "
                                  "is may change meanwhile"));
  }
  services.reader.remove(
      wanted->mailbox, *wanted->id, [respond, id = wanted->id->text()](Result<bool> removed) {
        if (!removed) return respond(store_away());
        if (!*removed) return respond(no_such_message());
        respond(message_response(fmt::format("Message {} has been deleted", id)));
      });
}

}  // namespace restante::apid

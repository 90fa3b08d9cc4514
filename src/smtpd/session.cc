// SPDX-License-Identifier: ISC
// The order of things in an SMTP conversation: whose turn it is, what may come now, what ends it.
#include "smtpd/session.h"

#include <utility>

namespace restante::smtpd {
namespace {

// Commands such as NOOP that are answered per message stored.
constexpr std::uint64_t kMaxIdleTalk = 100;

}  // namespace

Session::Session(const SessionSettings& settings) : settings_(settings) {
  reply(Reply::kGreeting, settings_.hostname);
}

void Session::receive(std::string_view bytes) {
  if (bytes.empty() || state_ == State::kClosed) return;
  if (!greeting_taken_) return reply_and_close(Reply::kEarlyTalk);
  // Between 220 and the handshake: no plain text is taken any more, and none is answered.
  if (asked_ == Ask::kTls) return close();
  if (state_ == State::kData && asked_ == Ask::kNothing) {
    read_data(bytes);
    if (state_ == State::kClosed) return;
  }
  lines_.append(bytes);
}

Action Session::next_action() {
  while (state_ != State::kClosed && asked_ == Ask::kNothing && run_next_line()) {
  }
  if (state_ == State::kClosed) return Close{};
  if (asked_ == Ask::kNothing || std::exchange(told_, true)) return Idle{};
  switch (asked_) {
    case Ask::kNothing:
      break;
    case Ask::kSender:
      return AdmitSender{};
    case Ask::kTls:
      return StartTls{};
    case Ask::kMessage:
      return AdmitMessage{envelope_};
    case Ask::kDelivery:
      return Deliver{std::exchange(envelope_, {}), data_.take()};
  }
  return Idle{};
}

void Session::answer(Reply reply_row, std::string_view argument) {
  if (asked_ == Ask::kNothing || asked_ == Ask::kTls) return;
  told_ = false;
  switch (std::exchange(asked_, Ask::kNothing)) {
    case Ask::kSender:
      if (reply_row == Reply::kOk) {
        state_ = State::kMail;
        return reply(Reply::kSenderOk);
      }
      ++counts_.refused;
      reset_transaction();
      return reply(reply_row, argument);
    case Ask::kMessage:
      return answer_message(reply_row, argument);
    case Ask::kDelivery:
      return answer_delivery(reply_row, argument);
    case Ask::kNothing:
    case Ask::kTls:
      return;
  }
}

void Session::tls_started(TlsInfo info) {
  if (asked_ != Ask::kTls) return;
  asked_ = Ask::kNothing;
  told_ = false;
  reset_transaction();
  state_ = State::kFresh;
  helo_.clear();
  esmtp_ = false;
  tls_ = std::move(info);
}

void Session::end(Reply reply, std::string_view argument) {
  if (state_ == State::kClosed) return;
  if (asked_ == Ask::kTls) return close();
  reply_and_close(reply, argument);
}

std::string Session::take_output() {
  greeting_taken_ = true;
  return std::exchange(output_, {});
}

bool Session::at_rest() const {
  const bool transaction =
      state_ == State::kMail || state_ == State::kRcpt || state_ == State::kData;
  return !transaction && asked_ == Ask::kNothing;
}

// Only what cannot succeed when it is repeated is an error: a client that is put off (4yz) has
// done nothing wrong.
void Session::reply(Reply reply, std::string_view argument) {
  if (smtpd::reply_row(reply).code >= 500) {
    ++counts_.errors;
    ++errors_;
  }
  append_reply(output_, reply, argument);
}

void Session::reply_and_close(Reply last, std::string_view argument) {
  if (!greeting_taken_) output_.clear();  // then it takes the place of the 220
  reply(last, argument);
  close();
}

// The only way out of a transaction, so that nothing of it is ever found in the next one.
void Session::reset_transaction() {
  envelope_ = {};
  data_.clear();
  if (state_ != State::kFresh) state_ = State::kGreeted;
}

void Session::close() {
  reset_transaction();
  lines_.clear();
  asked_ = Ask::kNothing;
  state_ = State::kClosed;
}

// False: no whole line is there.
bool Session::run_next_line() {
  if (state_ == State::kData) return false;
  const Line line = lines_.next();
  if (line.kind == Line::Kind::kNone) return false;
  ++counts_.commands;
  if (const auto last = patience_ended()) {
    reply_and_close(*last);
    return true;
  }
  switch (line.kind) {
    case Line::Kind::kNone:
      break;
    case Line::Kind::kCommand:
      run_command(line.text);
      break;
    case Line::Kind::kBad:
      reply(Reply::kBadLine);
      break;
    case Line::Kind::kTooLong:
      reply(Reply::kLineTooLong);
      break;
    case Line::Kind::kBareLf:
      reply_and_close(Reply::kBareLf);
      break;
    case Line::Kind::kEndless:
      reply_and_close(Reply::kLineEndless);
      break;
  }
  return true;
}

std::optional<Reply> Session::patience_ended() const {
  if (errors_ >= settings_.error_limit) return Reply::kTooManyErrors;
  if (idle_talk_ >= kMaxIdleTalk) return Reply::kTooManyCommands;
  return std::nullopt;
}

void Session::run_command(std::string_view line) {
  if (state_ == State::kFresh && looks_like_http(line)) return reply_and_close(Reply::kNotSmtp);
  // Section 4.1.1: trailing white space is tolerated.
  line = line.substr(0, line.find_last_not_of(' ') + 1);
  const std::string_view verb = line.substr(0, line.find(' '));
  std::string_view arguments = line.substr(verb.size());
  if (!arguments.empty()) arguments.remove_prefix(1);

  const CommandRow* row = find_command(verb);
  if (row == nullptr) return reply(Reply::kUnknownCommand);
  if (row->has(kLastInGroup) && !lines_.empty()) return reply_and_close(Reply::kPipelining);
  if (row->has(kIdleTalk)) ++idle_talk_;
  if (const auto refusal = objection(*row, arguments)) return reply(*refusal, row->syntax);
  row->run(*this, *row, arguments);
}

// Why a command is not run, if so.
std::optional<Reply> Session::objection(const CommandRow& row, std::string_view arguments) const {
  if (settings_.tls_required && !tls_ && !row.has(kBeforeTls)) return Reply::kNeedTls;
  if ((row.states & in(state_)) == 0) {
    return state_ == State::kFresh ? Reply::kNeedHello : row.out_of_order;
  }
  if (arguments.empty() ? row.has(kNeedsArgument) : row.has(kNoArgument)) {
    return Reply::kBadArguments;
  }
  return std::nullopt;
}

void Session::read_data(std::string_view& bytes) {
  switch (data_.consume(bytes)) {
    case DataReader::Status::kMore:
      return;
    case DataReader::Status::kTooMuch:
      ++counts_.refused;
      return reply_and_close(Reply::kMessageTooBig);
    case DataReader::Status::kDone:
      break;
  }
  if (!data_.over_limit()) return ask(Ask::kDelivery);
  ++counts_.refused;
  reset_transaction();
  reply(Reply::kMessageTooBig);
}

// A client that sends anything before it has seen the reply to DATA counts on a 354. Should it be
// refused instead, its message would be read as commands; so that is the end in either case.
void Session::answer_message(Reply verdict, std::string_view argument) {
  if (!lines_.empty()) return reply_and_close(Reply::kPipelining);
  if (verdict != Reply::kOk) {
    ++counts_.refused;
    return reply(verdict, argument);
  }
  data_.start(settings_.message_size_limit, envelope_.declared_size);
  state_ = State::kData;
  reply(Reply::kStartMail);
}

void Session::answer_delivery(Reply verdict, std::string_view argument) {
  reset_transaction();
  if (verdict != Reply::kOk) {
    ++counts_.refused;
    return reply(verdict, argument);
  }
  ++counts_.messages;
  errors_ = 0;
  idle_talk_ = 0;
  reply(Reply::kStored);
}

}  // namespace restante::smtpd

// SPDX-License-Identifier: ISC
#include "smtpd/protocol/session.h"

#include <algorithm>

#include "smtpd/protocol/release_memory.h"

namespace restante::smtpd {
namespace {

// Commands such as NOOP that are answered per message stored.
constexpr std::uint64_t kMaxIdleTalk = 100;
// Refusals of one client that are told one by one: past that it is a flood, and counted.
constexpr std::uint32_t kMaxNoted = 100;

}  // namespace

Session::Session(const SessionSettings& settings) : settings_(settings) {
  reply(Reply::kGreeting, settings_.hostname);
}

void Session::receive(std::string_view bytes) {
  if (bytes.empty() || state_ == State::kClosed) return;
  if (!greeting_taken_) return reply_and_close(Reply::kEarlyTalk);
  // Between 220 and the handshake: no plain text is taken any more, and none is answered.
  if (asked_ == Ask::kTls) return close();
  if (asked_ == Ask::kNothing) {
    if (state_ == State::kData) read_data(bytes);
    if (chunk_) read_chunk(bytes);
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
    case Ask::kRecipient:
      return AdmitRecipient{envelope_.recipients.back()};
    case Ask::kMessage:
      return AdmitMessage{envelope_};
    case Ask::kDelivery:
      return Deliver{std::exchange(envelope_, {}), std::exchange(message_, {})};
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
      reply(reply_row, argument);
      return reset_transaction();
    case Ask::kRecipient:
      return answer_recipient(reply_row, argument);
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
  row_ = nullptr;
  reply_and_close(reply, argument);
}

std::string Session::extract_output() {
  greeting_taken_ = true;
  return std::exchange(output_, {});
}

bool Session::at_rest() const {
  const bool transaction = state_ == State::kMail || state_ == State::kRcpt ||
                           state_ == State::kChunks || state_ == State::kData;
  return !transaction && asked_ == Ask::kNothing;
}

// Only what cannot succeed when it is repeated is an error: a client that is put off (4yz) has
// done nothing wrong.
void Session::reply(Reply reply, std::string_view argument) {
  if (smtpd::reply_row(reply).code >= 500) {
    ++counts_.errors;
    ++errors_;
  }
  const std::size_t start = output_.size();
  append_reply(output_, reply, argument);
  if (smtpd::reply_row(reply).code >= 400 && row_ != nullptr && row_->has(kMovesMail)) {
    note_refusal(reply, std::string_view(output_).substr(start));
  }
}

void Session::count_refusal(Reply reply) {
  ++counts_.refused;
  const auto code = smtpd::reply_row(reply).code;
  ++(code < 500 ? refusal_counts_.for_now : refusal_counts_.for_good);
  if (code == 451 || code == 452) ++refusal_counts_.deferred;
  if (code == 450) ++refusal_counts_.rate_limited;
}

void Session::note_refusal(Reply reply, std::string_view told) {
  count_refusal(reply);
  if (noted_ == kMaxNoted) return;
  ++noted_;
  told.remove_suffix(2);  // CRLF
  refusals_.push_back({reply, std::string(told), command_, sender_});
}

void Session::reply_and_close(Reply last, std::string_view argument) {
  if (!greeting_taken_) output_.clear();  // then it takes the place of the 220
  reply(last, argument);
  ended_with_ = last;
  close();
}

// The only way out of a transaction, so that nothing of it is ever found in the next one.
void Session::reset_transaction() {
  envelope_ = {};
  recipient_names_ = {};
  data_.clear();
  chunks_.clear();
  release_memory(message_);
  if (state_ != State::kFresh) state_ = State::kGreeted;
}

void Session::close() {
  reset_transaction();
  lines_.clear();
  chunk_.reset();
  asked_ = Ask::kNothing;
  state_ = State::kClosed;
}

// False: no whole line is there.
bool Session::run_next_line() {
  if (state_ == State::kData || chunk_) return false;
  const Line line = lines_.next();
  if (line.kind == Line::Kind::kNone) return false;
  ++counts_.commands;
  row_ = nullptr;
  if (const auto last = wait_limit_reached()) {
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

std::optional<Reply> Session::wait_limit_reached() const {
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
  row_ = row;
  if (row->has(kMovesMail)) {
    command_ = line;
    sender_ = envelope_.reverse_path.text();
  }
  if (row->has(kLastInGroup) && !lines_.empty()) return reply_and_close(Reply::kPipelining);
  if (row->has(kIdleTalk)) ++idle_talk_;
  if (!row->has(kBringsOctets)) {
    if (const auto refusal = objection(*row, arguments)) return reply(*refusal, row->syntax);
  }
  row->run(*this, *row, arguments);
}

// Why a command is not run, if so.
std::optional<Reply> Session::objection(const CommandRow& row, std::string_view arguments) const {
  if (settings_.tls_required && !tls_ && !row.has(kBeforeTls)) return Reply::kNeedTls;
  if ((row.states & in(state_)) == 0) {
    if (state_ == State::kFresh) return Reply::kNeedHello;
    return state_ == State::kChunks ? Reply::kInChunks : row.out_of_order;
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
      return reply_and_close(Reply::kMessageTooBig);
    case DataReader::Status::kDone:
      break;
  }
  if (!data_.over_limit()) return end_message(data_.extract());
  refuse_message(Reply::kMessageTooBig);
}

// All of it is there. What is looked at here is seen only now.
void Session::end_message(std::string data) {
  const BareNewlines bare = count_bare_newlines(data);
  if (!bare.none() && settings_.bare_newline == config::BareNewline::kReject) {
    return refuse_message(Reply::kBareNewlines);
  }
  if (!bare.none() && settings_.bare_newline == config::BareNewline::kNormalize) {
    if (data.size() + bare.lf > settings_.message_size_limit) {
      return refuse_message(Reply::kMessageTooBig);
    }
    data = normalize_newlines(data, bare);
  }
  if (!fits(data.size(), envelope_.recipients.size())) {
    return refuse_message(Reply::kTooManyRecipients);
  }
  if (const auto refusal = check_header(data, settings_.header_limits)) {
    return refuse_message(*refusal);
  }
  envelope_.bare_newlines = bare;
  message_ = std::move(data);
  ask(Ask::kDelivery);
}

bool Session::fits(std::uint64_t size, std::size_t recipients) const {
  return recipients <= 1 || size <= settings_.recipient_size_limit / recipients;
}

void Session::refuse_message(Reply refusal) {
  reply(refusal);
  reset_transaction();
}

// What came too much is read to its end too, so that what follows is understood: up to as much as
// is read of a message that is too big. Past that the only way out is the end.
void Session::begin_chunk(Chunk chunk, std::optional<Reply> objection) {
  const Reply verdict = objection.value_or(judge(chunk));
  const std::uint64_t limit = settings_.message_size_limit;
  if (verdict != Reply::kOk && chunk.octets > limit + limit / 2) return reply_and_close(verdict);
  if (verdict == Reply::kMessageTooBig) reset_transaction();
  chunk_ = OpenChunk{chunk, verdict, {}};
  if (verdict == Reply::kOk && state_ == State::kRcpt) return ask(Ask::kMessage);
  open_chunk(verdict, {});
}

// Whether a chunk that came in its place may be part of the message.
Reply Session::judge(Chunk chunk) const {
  if (state_ == State::kMail) return Reply::kNoRecipients;
  const bool fits = state_ == State::kChunks ? chunks_.has_room_for(chunk.octets)
                                             : chunk.octets <= settings_.message_size_limit;
  return fits ? Reply::kOk : Reply::kMessageTooBig;
}

void Session::open_chunk(Reply verdict, std::string_view argument) {
  chunk_->verdict = verdict;
  chunk_->argument = argument;
  if (verdict == Reply::kOk) {
    chunks_.keep(chunk_->chunk.octets);
  } else {
    chunks_.drop(chunk_->chunk.octets);
  }
  // What came in one piece with the command; then receive() has the rest.
  const std::string_view waiting = lines_.waiting();
  std::string_view bytes = waiting;
  read_chunk(bytes);
  lines_.skip(waiting.size() - bytes.size());
}

void Session::read_chunk(std::string_view& bytes) {
  if (chunks_.consume(bytes)) close_chunk();
}

void Session::close_chunk() {
  const OpenChunk done = *std::exchange(chunk_, std::nullopt);
  if (done.verdict != Reply::kOk) return reply(done.verdict, done.argument);
  if (done.chunk.last) return end_message(chunks_.extract());
  reply(Reply::kChunkOk, std::to_string(done.chunk.octets));
}

void Session::answer_recipient(Reply verdict, std::string_view argument) {
  if (verdict == Reply::kOk) {
    state_ = State::kRcpt;
    return reply(Reply::kRecipientOk);
  }
  recipient_names_.erase(mail::recipient_name(envelope_.recipients.back(), settings_.mailbox_case));
  envelope_.recipients.pop_back();
  --counts_.recipients;
  reply(verdict, argument);
}

// A client that sends anything before it has seen the reply to DATA counts on a 354. Should it be
// refused instead, its message would be read as commands; so that is the end in either case.
void Session::answer_message(Reply verdict, std::string_view argument) {
  if (chunk_) return answer_first_chunk(verdict, argument);
  if (!lines_.empty()) return reply_and_close(Reply::kPipelining);
  if (verdict != Reply::kOk) return reply(verdict, argument);
  data_.start(settings_.message_size_limit, envelope_.declared_size);
  state_ = State::kData;
  reply(Reply::kStartMail);
}

// More chunks may be on their way already. With the transaction gone each of them is read and
// refused (RFC 3030 section 2).
void Session::answer_first_chunk(Reply verdict, std::string_view argument) {
  if (verdict == Reply::kOk) {
    const std::uint64_t octets = chunk_->chunk.octets;
    chunks_.start(settings_.message_size_limit, std::max(envelope_.declared_size, octets));
    state_ = State::kChunks;
  } else {
    reset_transaction();
  }
  open_chunk(verdict, argument);
}

void Session::answer_delivery(Reply verdict, std::string_view argument) {
  reset_transaction();
  row_ = nullptr;  // whoever delivers knows more of it to tell
  if (verdict != Reply::kOk) {
    count_refusal(verdict);
    return reply(verdict, argument);
  }
  ++counts_.messages;
  errors_ = 0;
  idle_talk_ = 0;
  reply(Reply::kStored);
}

}  // namespace restante::smtpd

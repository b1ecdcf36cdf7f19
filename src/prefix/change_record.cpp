#include "prefix/change_record.hpp"

#include <charconv>
#include <optional>

#include "base/fs.hpp"
#include "base/hash.hpp"
#include "base/text.hpp"

namespace hpcenv::prefix {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view magic = "hpcenv-record";
constexpr std::uint64_t newest_format = 1;
/// Of the first line: magic, two numbers, a digest.
constexpr std::size_t longest_header = 160;

std::optional<std::uint64_t> number_of(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

bool is_kind(char letter) {
  return std::string_view("txekylcnr").find(letter) != std::string::npos;
}

class Writer {
 public:
  void add(std::string_view field) {
    text_ += field;
    text_ += '\0';
  }
  void add(std::uint64_t number) { add(std::string_view(fmt::format("{}", number))); }
  void add(const Step& step) {
    add(std::string_view(fmt::format("{}{}", static_cast<char>(step.kind), step.number)));
    add(std::string_view(step.path));
  }
  std::string take() { return std::move(text_); }

 private:
  std::string text_;
};

/// Reads fields; after the first that is missing or wrong all are empty and `ok` is false.
class Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text) {}

  std::string text() {
    const std::size_t end = rest_.find('\0');
    if (end == std::string_view::npos) {
      ok_ = false;
      return {};
    }
    std::string field(rest_.substr(0, end));
    rest_.remove_prefix(end + 1);
    return field;
  }

  std::uint64_t number() {
    const std::optional<std::uint64_t> value = number_of(text());
    if (!value.has_value()) ok_ = false;
    return value.value_or(0);
  }

  Step step() {
    const std::string head = text();
    Step step;
    step.path = text();
    const auto number = head.empty() ? std::nullopt : number_of(std::string_view(head).substr(1));
    if (!number.has_value() || !is_kind(head.front()) || step.path.empty()) {
      ok_ = false;
      return step;
    }
    step.kind = static_cast<Step::Kind>(head.front());
    step.number = static_cast<std::uint32_t>(*number);
    return step;
  }

  bool ok() const { return ok_; }
  bool at_end() const { return rest_.empty(); }

 private:
  std::string_view rest_;
  bool ok_ = true;
};

std::string body_of(const ChangeRecord& record) {
  Writer writer;
  writer.add(record.date);
  writer.add(record.meta_before);
  writer.add(record.meta_after);
  writer.add(record.scripts.size());
  for (const std::string& script : record.scripts) writer.add(script);
  for (const std::vector<Step>& steps : record.phases) {
    writer.add(steps.size());
    for (const Step& step : steps) writer.add(step);
  }
  return writer.take();
}

std::optional<ChangeRecord> parse_body(std::string_view body) {
  Reader reader(body);
  ChangeRecord record;
  record.date = reader.text();
  record.meta_before = reader.text();
  record.meta_after = reader.text();
  const std::uint64_t scripts = reader.number();
  for (std::uint64_t i = 0; i < scripts && reader.ok(); ++i) {
    record.scripts.push_back(reader.text());
  }
  for (std::vector<Step>& steps : record.phases) {
    const std::uint64_t count = reader.number();
    for (std::uint64_t i = 0; i < count && reader.ok(); ++i) steps.push_back(reader.step());
  }
  if (!reader.ok() || !reader.at_end()) return std::nullopt;
  return record;
}

Failure damaged(const fs::path& file) {
  return fail_hint(
      ErrorKind::refused,
      fmt::format(
          "the commit record {} is damaged, so the change it stands for cannot be completed",
          file.native()),
      "make the environment anew; its list of packages is in conda-meta");
}

}  // namespace

std::string record_text(const ChangeRecord& record) {
  const std::string body = body_of(record);
  return fmt::format("{} {} {} {}\n{}", magic, newest_format, body.size(),
                     base::hash_text(base::HashKind::sha256, body), body);
}

Result<ChangeRecord> parse_record(std::string_view text, const fs::path& file) {
  const std::size_t end = text.substr(0, longest_header).find('\n');
  if (end == std::string_view::npos) return damaged(file);
  const std::vector<std::string_view> words = base::split(text.substr(0, end), ' ');
  if (words.size() < 2 || words[0] != magic) return damaged(file);
  const std::optional<std::uint64_t> format = number_of(words[1]);
  if (!format.has_value()) return damaged(file);
  if (*format > newest_format) {
    return fail_hint(ErrorKind::refused,
                     fmt::format("{} was written by a newer hpcenv (format {}, this one knows {})",
                                 file.native(), *format, newest_format),
                     "complete the change with that hpcenv");
  }
  const std::string_view body = text.substr(end + 1);
  if (*format != newest_format || words.size() != 4 || number_of(words[2]) != body.size() ||
      words[3] != base::hash_text(base::HashKind::sha256, body)) {
    return damaged(file);
  }
  std::optional<ChangeRecord> record = parse_body(body);
  if (!record.has_value()) return damaged(file);
  return std::move(*record);
}

Result<> write_record(const ChangeRecord& record, const Workplace& work) {
  return base::write_file(work.record(), record_text(record), 0666, base::Durable::yes);
}

Result<ChangeRecord> read_record(const Workplace& work) {
  HPCENV_ASSIGN(const std::string text, base::read_file(work.record()));
  return parse_record(text, work.record());
}

}  // namespace hpcenv::prefix

#include "index/record_reader.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "base/json.hpp"
#include "base/text.hpp"
#include "index/json_cursor.hpp"

namespace hpcenv::index {

namespace {

using conda::PackageRecord;

struct TextField {
  std::string_view key;
  std::string PackageRecord::* field;
};
constexpr std::array<TextField, 9> text_fields = {{
    {"name", &PackageRecord::name},
    {"version", &PackageRecord::version},
    {"build", &PackageRecord::build},
    {"subdir", &PackageRecord::subdir},
    {"license", &PackageRecord::license},
    {"license_family", &PackageRecord::license_family},
    {"md5", &PackageRecord::md5},
    {"sha256", &PackageRecord::sha256},
    {"python_site_packages_path", &PackageRecord::python_site_packages_path},
}};

struct ListField {
  std::string_view key;
  std::vector<std::string> PackageRecord::* field;
};
constexpr std::array<ListField, 2> list_fields = {{
    {"depends", &PackageRecord::depends},
    {"constrains", &PackageRecord::constrains},
}};

/// Times above the year 9999 in seconds are in milliseconds (facts: conda compares so).
constexpr std::int64_t largest_seconds = 253'402'300'799;

bool has_upper(std::string_view text) {
  return std::ranges::any_of(text, [](char letter) { return letter >= 'A' && letter <= 'Z'; });
}

/// One record; every function says false where the shape is not the usual one.
class PlainReader {
 public:
  explicit PlainReader(std::string_view object) : cursor_(object) {}

  bool read() {
    const Scan scan = cursor_.object([this](std::string_view key) {
      usual_ = usual_ && member(key);
      return usual_ ? Scan::ok : Scan::bad;
    });
    return scan == Scan::ok && !record_.name.empty() && !record_.version.empty() &&
           !record_.build.empty() && !record_.subdir.empty() && !has_upper(record_.md5) &&
           !has_upper(record_.sha256);
  }
  PackageRecord take() { return std::move(record_); }

 private:
  bool member(std::string_view key) {
    for (const TextField& known : text_fields) {
      if (key == known.key) return text(record_.*known.field);
    }
    for (const ListField& known : list_fields) {
      if (key == known.key) return list(record_.*known.field);
    }
    if (key == "build_number") return number(record_.build_number);
    if (key == "size") return size();
    if (key == "timestamp") return timestamp();
    if (key == "noarch") return noarch();
    if (key == "track_features" || key == "features") return empty_text();
    return cursor_.value() == Scan::ok;
  }

  bool raw_text(std::string_view& raw) {
    if (cursor_.peek() != '"' || cursor_.string(raw) != Scan::ok) return false;
    return std::ranges::all_of(
        raw, [](char letter) { return letter >= ' ' && letter <= '~' && letter != '\\'; });
  }

  bool text(std::string& target) {
    std::string_view raw;
    if (!raw_text(raw)) return false;
    target = raw;
    return true;
  }

  /// Words need sorting out where there are any.
  bool empty_text() {
    std::string_view raw;
    return raw_text(raw) && raw.empty();
  }

  bool list(std::vector<std::string>& target) {
    target.clear();
    return cursor_.array([&] {
      std::string_view raw;
      if (!raw_text(raw)) return Scan::bad;
      target.emplace_back(raw);
      return Scan::ok;
    }) == Scan::ok;
  }

  bool number(std::int64_t& target) {
    std::string_view digits;
    if (cursor_.value(digits) != Scan::ok) return false;
    const char* end = digits.data() + digits.size();
    const auto read = std::from_chars(digits.data(), end, target);
    const bool leading_zero = digits.size() > 1 && digits[0] == '0';
    return read.ec == std::errc() && read.ptr == end && target >= 0 && !leading_zero;
  }

  bool size() {
    std::int64_t bytes = 0;
    if (!number(bytes)) return false;
    record_.size = static_cast<std::uint64_t>(bytes);
    return true;
  }

  bool timestamp() {
    std::int64_t time = 0;
    if (!number(time) || time == 0) return false;
    record_.timestamp = time > largest_seconds ? time : time * 1000;
    return true;
  }

  bool noarch() {
    std::string_view raw;
    if (!raw_text(raw)) return false;
    record_.noarch = raw == "python" ? conda::Noarch::python : conda::Noarch::generic;
    return true;
  }

  JsonCursor cursor_;
  PackageRecord record_;
  bool usual_ = true;
};

enum class Wanted { text, whole_number, list_of_texts, words };

/// Fields that decide what is installed: of another type they make the record unreadable. The rest
/// is for show; what is odd there is as if it were not said.
struct CheckedField {
  const char* key;
  Wanted wanted;
  const char* words;
};
constexpr std::array<CheckedField, 9> checked_fields = {{
    {"build_number", Wanted::whole_number, "a whole number"},
    {"size", Wanted::whole_number, "a whole number"},
    {"subdir", Wanted::text, "a text"},
    {"md5", Wanted::text, "a text"},
    {"sha256", Wanted::text, "a text"},
    {"depends", Wanted::list_of_texts, "a list of texts"},
    {"constrains", Wanted::list_of_texts, "a list of texts"},
    {"track_features", Wanted::words, "a text or a list of texts"},
    {"python_site_packages_path", Wanted::text, "a text"},
}};

bool is_list_of_texts(const base::Json& value) {
  return value.is_array() &&
         std::ranges::all_of(value, [](const base::Json& item) { return item.is_string(); });
}

bool has_type(const base::Json& value, Wanted wanted) {
  switch (wanted) {
    case Wanted::text:
      return value.is_string();
    case Wanted::whole_number:
      return value.is_number_unsigned() || (value.is_number_integer() && value >= 0);
    case Wanted::list_of_texts:
      return is_list_of_texts(value);
    case Wanted::words:
      return value.is_string() || is_list_of_texts(value);
  }
  return false;
}

Result<> check_types(const base::Json& json, const std::string& file_name) {
  for (const CheckedField& field : checked_fields) {
    const auto found = json.find(field.key);
    if (found == json.end() || found->is_null() || has_type(*found, field.wanted)) continue;
    return fail(ErrorKind::refused, "{}: '{}' is not {}", file_name, field.key, field.words);
  }
  return {};
}

bool is_hex(std::string_view text) {
  return std::ranges::all_of(text, [](char letter) {
    return (letter >= '0' && letter <= '9') || (letter >= 'a' && letter <= 'f');
  });
}

/// What becomes part of file names and commands must be plain words, a checksum a checksum.
Result<> check_values(const PackageRecord& record) {
  const auto plain = [](const std::string& text) {
    return !text.empty() && !text.starts_with('.') && std::ranges::all_of(text, [](char letter) {
      return letter > ' ' && letter <= '~' && letter != '/' && letter != '\\';
    });
  };
  for (const auto& [key, field] : std::span(text_fields).first(3)) {
    if (!plain(record.*field)) {
      return fail(ErrorKind::refused, "{}: '{}' is no {}", record.file_name, record.*field, key);
    }
  }
  constexpr std::size_t md5_letters = 32;
  constexpr std::size_t sha256_letters = 64;
  if (!record.md5.empty() && (record.md5.size() != md5_letters || !is_hex(record.md5))) {
    return fail(ErrorKind::refused, "{}: its md5 is no checksum", record.file_name);
  }
  if (!record.sha256.empty() &&
      (record.sha256.size() != sha256_letters || !is_hex(record.sha256))) {
    return fail(ErrorKind::refused, "{}: its sha256 is no checksum", record.file_name);
  }
  return {};
}

}  // namespace

Result<PackageRecord> read_record(std::string_view object, const std::string& file_name,
                                  const std::string& channel, const std::string& base_url) {
  PlainReader reader(object);
  if (!reader.read() || file_name.empty() || base_url.empty()) {
    HPCENV_ASSIGN(const base::Json json, base::parse_json(object, file_name));
    if (json.is_object()) HPCENV_TRY(check_types(json, file_name));
    HPCENV_ASSIGN(PackageRecord odd, conda::record_from_json(json, file_name, channel, base_url));
    HPCENV_TRY(check_values(odd));
    return odd;
  }
  PackageRecord record = reader.take();
  record.file_name = file_name;
  record.channel = channel;
  record.url.reserve(base_url.size() + 1 + file_name.size());
  record.url = base_url;
  record.url += '/';
  record.url += file_name;
  HPCENV_TRY(check_values(record));
  return record;
}

std::optional<std::int64_t> indexed_timestamp(std::string_view object) {
  constexpr std::string_view key = "indexed_timestamp";
  if (!object.contains(key)) return std::nullopt;
  std::optional<std::int64_t> time;
  JsonCursor cursor(object);
  cursor.object([&](std::string_view member) {
    std::string_view text;
    const Scan scan = cursor.value(text);
    std::int64_t value = 0;
    const char* end = text.data() + text.size();
    if (scan == Scan::ok && member == key && std::from_chars(text.data(), end, value).ptr == end &&
        value > 0) {
      time = value > largest_seconds ? value : value * 1000;
    }
    return scan;
  });
  return time;
}

}  // namespace hpcenv::index

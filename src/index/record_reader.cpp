#include "index/record_reader.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
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

}  // namespace

Result<PackageRecord> read_record(std::string_view object, const std::string& file_name,
                                  const std::string& channel, const std::string& base_url) {
  PlainReader reader(object);
  if (!reader.read() || file_name.empty() || base_url.empty()) {
    HPCENV_ASSIGN(const base::Json json, base::parse_json(object, file_name));
    return conda::record_from_json(json, file_name, channel, base_url);
  }
  PackageRecord record = reader.take();
  record.file_name = file_name;
  record.channel = channel;
  record.url.reserve(base_url.size() + 1 + file_name.size());
  record.url = base_url;
  record.url += '/';
  record.url += file_name;
  return record;
}

}  // namespace hpcenv::index

// conda_answers: what our versions and match specs say, for whoever compares them with another
// implementation. Reads lines of fields with tabs between, writes one line for each question:
//   G                                        forgets the records
//   R name version build build_number subdir adds a record
//   S spec       -> a digit a record, 1 where it matches; "!" and why where it cannot be read
//   V version... -> for each version a word: its order beside each of them ('<', '=', '>'), or "!"
#include <iostream>
#include <string>
#include <vector>

#include "base/text.hpp"
#include "conda/match_spec.hpp"

namespace {

using hpcenv::conda::MatchSpec;
using hpcenv::conda::PackageRecord;
using hpcenv::conda::Version;
using Fields = std::vector<std::string_view>;

PackageRecord record_of(const Fields& fields) {
  PackageRecord record;
  record.name = fields.at(1);
  record.version = fields.at(2);
  record.build = fields.at(3);
  record.build_number = std::stoll(std::string(fields.at(4)));
  record.subdir = fields.at(5);
  return record;
}

std::string matches(std::string_view text, const std::vector<PackageRecord>& records) {
  const auto spec = MatchSpec::parse(text);
  if (!spec.has_value()) return "! " + spec.error().message;
  std::string answer;
  for (const auto& record : records) answer += spec->matches(record) ? '1' : '0';
  return answer;
}

std::string orders(const Fields& texts) {
  std::vector<hpcenv::Result<Version>> versions;
  for (const std::string_view text : texts) versions.push_back(Version::parse(text));
  std::string answer;
  for (const auto& one : versions) {
    if (!answer.empty()) answer += ' ';
    if (!one.has_value()) {
      answer += '!';
      continue;
    }
    for (const auto& other : versions) {
      answer += !other.has_value() ? '!' : *one < *other ? '<' : *one == *other ? '=' : '>';
    }
  }
  return answer;
}

}  // namespace

int main() {
  std::ios::sync_with_stdio(false);
  std::vector<PackageRecord> records;
  for (std::string line; std::getline(std::cin, line);) {
    Fields fields = hpcenv::base::split(line, '\t');
    const std::string_view kind = fields.front();
    if (kind == "G") {
      records.clear();
    } else if (kind == "R") {
      records.push_back(record_of(fields));
    } else if (kind == "S") {
      std::cout << matches(fields.at(1), records) << '\n';
    } else if (kind == "V") {
      fields.erase(fields.begin());
      std::cout << orders(fields) << '\n';
    } else {
      std::cerr << "conda_answers: '" << kind << "' is no question\n";
      return 2;
    }
  }
  return 0;
}

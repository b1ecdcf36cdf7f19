// What tests of load_index have in common: a channel in a directory, a clock that stands, repodata
// written by hand.
#pragma once

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/fs.hpp"
#include "base/text.hpp"
#include "index/channel_index.hpp"
#include "net/http.hpp"
#include "net/url.hpp"
#include "unit/support/temporary_directory.hpp"

namespace hpcenv::index {

using Names = std::vector<std::string>;

/// A clock that stands where it is put.
class FixedClock final : public base::Clock {
 public:
  std::int64_t now() const override { return seconds; }
  std::chrono::steady_clock::time_point steady() const override {
    return std::chrono::steady_clock::now();
  }
  void sleep(std::chrono::milliseconds) const override {}
  std::int64_t seconds = 1'800'000'000;
};

class WarningList final : public base::Reporter {
 public:
  void step(std::string_view) override {}
  void progress(std::uint64_t, std::uint64_t, base::Unit) override {}
  void warning(std::string_view text) override { warnings.emplace_back(text); }
  void detail(std::string_view) override {}
  std::vector<std::string> warnings;
};

inline std::string record(std::string_view name, std::string_view depends = "") {
  return fmt::format(
      R"("{0}-1.0-0.conda":{{"name":"{0}","version":"1.0","build":"0",)"
      R"("build_number":0,"depends":[{1}],"md5":"0123456789abcdef0123456789abcdef","size":12,"subdir":"linux-64"}})",
      name, depends);
}

inline std::string repodata(const std::vector<std::string>& conda_entries,
                            const std::vector<std::string>& bz2_entries = {},
                            std::string_view rest = R"("removed":[],"repodata_version":1)",
                            std::string_view info = R"({"subdir":"linux-64"})") {
  return fmt::format(R"({{"info":{},"packages":{{{}}},"packages.conda":{{{}}},{}}})", info,
                     base::join(bz2_entries, ","), base::join(conda_entries, ","), rest);
}

inline net::HttpOptions quick_options() {
  net::HttpOptions options;
  options.retry_delay = std::chrono::milliseconds(5);
  return options;
}

/// A channel in a directory, and all that load_index asks for.
struct Bench {
  Bench() {
    request.channels = {{"test", net::file_url((directory.path() / "ch").string())}};
    request.subdirs = {"linux-64", "noarch"};
    request.cache_directory = directory.path() / "cache" / "index";
  }
  void put(std::string_view name, std::string_view text) const {
    directory.write("ch/" + std::string(name), text);
  }
  Result<ChannelIndex> load(std::vector<std::string> roots) {
    request.root_names = std::move(roots);
    return load_index(request, *client, clock, reporter);
  }
  /// Of a load that has to succeed.
  std::vector<std::string> files(std::vector<std::string> roots) {
    const auto index = load(std::move(roots));
    INFO((index.has_value() ? "" : index.error().message));
    REQUIRE(index.has_value());
    std::vector<std::string> names;
    for (const IndexedRecord& indexed : index->records) names.push_back(indexed.record.file_name);
    std::ranges::sort(names);
    return names;
  }
  std::vector<std::string> cache_files() const {
    const auto names = base::list_directory(request.cache_directory);
    return names.has_value() ? *names : std::vector<std::string>();
  }

  test::TemporaryDirectory directory;
  IndexRequest request;
  std::unique_ptr<net::HttpClient> client = *net::make_http_client(quick_options());
  FixedClock clock;
  WarningList reporter;
};

}  // namespace hpcenv::index

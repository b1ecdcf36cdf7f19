// A registry that answers what it is told to, one answer after the other, and remembers what it was
// asked.
#pragma once

#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/fs.hpp"
#include "image/registry.hpp"
#include "net/exchange.hpp"
#include "unit/support/temporary_directory.hpp"

namespace hpcenv::image {

using Headers = std::vector<std::pair<std::string, std::string>>;

inline net::ExchangeAnswer reply(int status, Headers headers = {}, std::string body = {}) {
  net::ExchangeAnswer answer;
  answer.status = status;
  answer.headers = std::move(headers);
  answer.body = std::move(body);
  return answer;
}

/// The connection breaks; a body may have come before.
inline net::ExchangeAnswer broken(int status = 0, Headers headers = {}, std::string body = {}) {
  net::ExchangeAnswer answer = reply(status, std::move(headers), std::move(body));
  answer.broken = Error{ErrorKind::network, "the connection was cut", {}, {}};
  return answer;
}

class ScriptedRegistry final : public net::ExchangeClient {
 public:
  Result<net::ExchangeAnswer> exchange(const net::ExchangeRequest& request) override {
    asked.push_back(line_of(request));
    authorizations.push_back(header_of(request, "Authorization"));
    bodies.push_back(body_of(request));
    if (answers.empty()) return fail(ErrorKind::bug, "not in the script: {}", asked.back());
    net::ExchangeAnswer answer = std::move(answers.front());
    answers.pop_front();
    const bool wanted = request.on_body && (answer.status == 200 || answer.status == 206);
    if (!wanted) return answer;
    const std::string body = std::exchange(answer.body, {});
    const std::size_t half = body.size() / 2;
    for (const auto& piece : {body.substr(0, half), body.substr(half)}) {
      HPCENV_TRY(request.on_body(answer, std::as_bytes(std::span(piece))));
    }
    return answer;
  }

  std::deque<net::ExchangeAnswer> answers;
  std::vector<std::string> asked;  ///< "PATCH URL 0-3": Content-Range or Range where there is one
  std::vector<std::string> authorizations;
  std::vector<std::string> bodies;

 private:
  static std::string header_of(const net::ExchangeRequest& request, std::string_view wanted) {
    for (const auto& [name, value] : request.headers) {
      if (name == wanted) return value;
    }
    return {};
  }
  static std::string line_of(const net::ExchangeRequest& request) {
    std::string line = fmt::format("{} {}", name_of(request.method), request.url);
    for (const char* name : {"Content-Range", "Range"}) {
      const std::string range = header_of(request, name);
      if (!range.empty()) line += " " + range;
    }
    return line;
  }
  static std::string body_of(const net::ExchangeRequest& request) {
    if (const auto* text = std::get_if<std::string>(&request.body)) return *text;
    const auto* part = std::get_if<net::FilePart>(&request.body);
    if (part == nullptr) return {};
    return base::read_file(part->file)->substr(part->offset, part->size);
  }
};

/// Nobody waits; how long is kept.
class PatientClock final : public base::Clock {
 public:
  std::int64_t now() const override { return 0; }
  std::chrono::steady_clock::time_point steady() const override { return {}; }
  void sleep(std::chrono::milliseconds duration) const override { slept += duration; }
  mutable std::chrono::milliseconds slept{0};
};

/// A client of the repository `team/app` at `reg.example`, whose registry is a script.
struct RegistryCase {
  RegistryCase() {
    environment.set("HOME", directory.path().string());
    environment.set("XDG_RUNTIME_DIR", (directory.path() / "run").string());
    options.chunk = 4;
  }
  Repository repository(Access access = Access::push,
                        std::optional<Reference> mount_from = std::nullopt) {
    return {*parse_reference("reg.example/team/app:1"),
            access,
            {registry, *runner, clock, environment, reporter},
            options,
            std::move(mount_from)};
  }
  /// A file with these bytes between others, and their descriptor.
  std::pair<Descriptor, BlobPlace> blob(const std::string& bytes) const {
    directory.write("blob", "##" + bytes + "##");
    return {describe(bytes, media_type::layer), {directory.path() / "blob", 2, bytes.size()}};
  }
  Result<Arrival> send(const std::string& bytes, std::optional<Reference> from = std::nullopt) {
    const auto [descriptor, place] = blob(bytes);
    return repository(Access::push, std::move(from))
        .send_blob(descriptor, place, [](std::uint64_t) -> Result<> { return {}; });
  }
  Result<std::string> read(const Descriptor& descriptor) {
    std::string bytes;
    HPCENV_TRY(repository(Access::pull)
                   .read_blob(descriptor, [&](std::span<const std::byte> piece) -> Result<> {
                     for (const std::byte byte : piece) bytes += static_cast<char>(byte);
                     return {};
                   }));
    return bytes;
  }

  ScriptedRegistry registry;
  PatientClock clock;
  base::NullReporter reporter;
  test::TemporaryDirectory directory;
  base::Environment environment;
  std::unique_ptr<base::ProcessRunner> runner = base::make_process_runner();
  RegistryOptions options;
};

}  // namespace hpcenv::image

#include "image/credentials.hpp"

#include <unistd.h>

#include <chrono>
#include <utility>

#include "base/base64.hpp"
#include "base/fs.hpp"
#include "base/json.hpp"
#include "base/text.hpp"

namespace hpcenv::image {

namespace {

using base::Json;

constexpr std::chrono::seconds helper_deadline{30};
constexpr std::string_view docker_hub = "docker.io";
/// Under this name docker keeps what is docker.io's.
constexpr const char* docker_hub_server = "https://index.docker.io/v1/";
/// A helper's user name for a secret that is no password.
constexpr const char* token_user = "<token>";

/// "https://index.docker.io/v1/" -> "docker.io", "https://HOST/v2/" -> "HOST"; a key without a
/// scheme keeps its path.
std::string key_of(std::string_view written) {
  const std::size_t scheme = written.find("://");
  if (scheme != std::string_view::npos) {
    written.remove_prefix(scheme + 3);
    written = written.substr(0, written.find('/'));
  }
  while (written.ends_with('/')) written.remove_suffix(1);
  const std::size_t slash = std::min(written.find('/'), written.size());
  const std::string host = base::to_lower(written.substr(0, slash));
  const bool hub = host == "index.docker.io" || host == "registry-1.docker.io";
  const std::string_view path = written.substr(slash);
  return (hub ? std::string(docker_hub) : host) + std::string(path == "/v1" ? "" : path);
}

Failure bad_file(const std::string& name, const std::string& why) {
  return fail_hint(ErrorKind::refused, fmt::format("{}: {}", name, why),
                   "write it anew: `podman login`, `skopeo login` or `docker login`");
}

Result<Credential> credential_of(const Json& entry, const std::string& key,
                                 const std::string& name) {
  Credential credential{base::string_or(entry, "username"), base::string_or(entry, "password"),
                        base::string_or(entry, "identitytoken")};
  const std::string coded = base::string_or(entry, "auth");
  if (coded.empty()) return credential;
  std::optional<std::string> pair = base::bytes_of_base64(base::trim(coded));
  const std::size_t colon = pair.has_value() ? pair->find(':') : std::string::npos;
  if (colon == std::string::npos) {
    return bad_file(name, fmt::format("\"auth\" of {} is no base64 of USER:PASSWORD", key));
  }
  credential.user = pair->substr(0, colon);
  credential.password = pair->substr(colon + 1);
  // Some writers end the text with NUL bytes.
  while (credential.password.ends_with('\0')) credential.password.pop_back();
  return credential;
}

/// Of a helper's answer; nothing where it has none for the registry.
Result<std::optional<Credential>> answer_of(const base::ProcessResult& result) {
  using End = base::ProcessResult::End;
  const bool knows_none = result.output.contains("credentials not found") ||
                          result.output.contains("no credentials server URL");
  if (result.end == End::exited && result.code != 0 && knows_none) return std::nullopt;
  if (result.end == End::timed_out) {
    return fail(ErrorKind::refused, "did not answer within {} s", helper_deadline.count());
  }
  if (!result.succeeded()) return fail(ErrorKind::refused, "failed with code {}", result.code);
  const Result<Json> answer = base::parse_json(result.output, "answer");
  if (!answer.has_value() || !answer->is_object()) {
    return fail(ErrorKind::refused, "gave no JSON");
  }
  Credential credential{
      base::string_or(*answer, "Username"), base::string_or(*answer, "Secret"), {}};
  if (credential.user == token_user) {
    credential.identity_token = std::exchange(credential.password, {});
    credential.user.clear();
  }
  if (credential.empty()) return std::nullopt;
  return credential;
}

/// Looks through one file, and through the helpers that it names.
class Search {
 public:
  Search(std::string_view registry, std::string_view repository,
         const base::Environment& environment, base::ProcessRunner& runner)
      : registry_(registry), repository_(repository), environment_(environment), runner_(runner) {}

  Result<bool> look_into(const AuthFile& file, const std::string& name) {
    const auto helper = file.helpers.find(registry_);
    if (helper != file.helpers.end()) {
      HPCENV_ASSIGN(const bool found, ask(helper->second, name));
      if (found) return true;
    }
    for (const std::string& key : auth_keys(registry_, repository_)) {
      const auto entry = file.entries.find(key);
      if (entry == file.entries.end() || entry->second.empty()) continue;
      found_.credential = entry->second;
      found_.source = name;
      return true;
    }
    if (file.store.empty() || helper != file.helpers.end()) return false;
    return ask(file.store, name);
  }

  FoundCredential take() { return std::move(found_); }

 private:
  Result<bool> ask(const std::string& helper, const std::string& named_by) {
    const std::string program = "docker-credential-" + helper;
    base::ProcessRequest request;
    request.argv = {program, "get"};
    request.environment = environment_;
    request.input = registry_ == docker_hub ? docker_hub_server : registry_;
    request.deadline = helper_deadline;
    const Result<base::ProcessResult> result = runner_.run(request);
    HPCENV_TRY(interrupt_of(result));
    Result<std::optional<Credential>> answer =
        result.has_value() ? answer_of(*result)
                           : fail(ErrorKind::not_found, "is not installed or cannot be started");
    if (!answer.has_value()) {
      found_.problem =
          fmt::format("{}, which {} names, {}", program, named_by, answer.error().message);
      return false;
    }
    if (!answer->has_value()) return false;
    found_.credential = std::move(**answer);
    found_.source = program;
    return true;
  }

  static Result<> interrupt_of(const Result<base::ProcessResult>& result) {
    if (result.has_value()) return {};
    const ErrorKind kind = result.error().kind;
    const bool interrupted = kind == ErrorKind::interrupted || kind == ErrorKind::terminated;
    return interrupted ? Result<>(Failure(result.error())) : Result<>();
  }

  std::string registry_;
  std::string repository_;
  const base::Environment& environment_;
  base::ProcessRunner& runner_;
  FoundCredential found_;
};

}  // namespace

Result<AuthFile> parse_auth_file(std::string_view text, const std::string& name) {
  AuthFile file;
  if (base::trim(text).empty()) return file;
  const Result<Json> json = base::parse_json(text, name);
  if (!json.has_value() || !json->is_object()) return bad_file(name, "this is no JSON object");
  if (const auto entries = json->find("auths"); entries != json->end() && entries->is_object()) {
    for (const auto& [key, entry] : entries->items()) {
      HPCENV_ASSIGN(Credential credential, credential_of(entry, key, name));
      file.entries[key_of(key)] = std::move(credential);
    }
  }
  const auto helpers = json->find("credHelpers");
  if (helpers != json->end() && helpers->is_object()) {
    for (const auto& [key, helper] : helpers->items()) {
      if (helper.is_string()) file.helpers[key_of(key)] = helper.get<std::string>();
    }
  }
  file.store = base::string_or(*json, "credsStore");
  for (const auto& [key, helper] : file.helpers) {
    if (helper.contains('/')) return bad_file(name, fmt::format("{} is no helper's name", helper));
  }
  if (file.store.contains('/')) return bad_file(name, "credsStore is no helper's name");
  return file;
}

std::vector<AuthPlace> auth_places(const base::Environment& environment, uid_t user) {
  if (const std::string named = environment.get_or("REGISTRY_AUTH_FILE", ""); !named.empty()) {
    return {{named, "REGISTRY_AUTH_FILE"}};
  }
  const std::filesystem::path home = environment.get_or("HOME", "");
  const auto folder = [&](const char* variable, const char* below_home) {
    const std::string named = environment.get_or(variable, "");
    return named.empty() && !home.empty() ? home / below_home : std::filesystem::path(named);
  };
  const std::filesystem::path runtime =
      environment.get_or("XDG_RUNTIME_DIR", fmt::format("/run/containers/{}", user));
  const bool own_runtime = environment.has("XDG_RUNTIME_DIR");
  std::vector<AuthPlace> places;
  places.push_back({own_runtime ? runtime / "containers/auth.json" : runtime / "auth.json", ""});
  const std::filesystem::path config = folder("XDG_CONFIG_HOME", ".config");
  if (!config.empty()) places.push_back({config / "containers/auth.json", ""});
  const std::filesystem::path docker = folder("DOCKER_CONFIG", ".docker");
  if (!docker.empty()) places.push_back({docker / "config.json", ""});
  return places;
}

std::vector<std::string> auth_keys(std::string_view registry, std::string_view repository) {
  std::vector<std::string> keys;
  std::string key = fmt::format("{}/{}", registry, repository);
  while (key.size() > registry.size()) {
    keys.push_back(key);
    key.resize(key.rfind('/'));
  }
  keys.emplace_back(registry);
  return keys;
}

Result<FoundCredential> find_credential(std::string_view registry, std::string_view repository,
                                        const base::Environment& environment,
                                        base::ProcessRunner& runner) {
  Search search(registry, repository, environment, runner);
  for (const AuthPlace& place : auth_places(environment, geteuid())) {
    const std::string name = place.file.native();
    const Result<std::string> text = base::read_file(place.file);
    const bool missing = !text.has_value() && text.error().kind == ErrorKind::not_found;
    if (missing && place.variable.empty()) continue;
    if (missing) {
      return fail_hint(ErrorKind::refused,
                       fmt::format("{} names {}, which is not there", place.variable, name),
                       fmt::format("correct or unset {}", place.variable));
    }
    if (!text.has_value()) return Failure(text.error());
    HPCENV_ASSIGN(const AuthFile file, parse_auth_file(*text, name));
    HPCENV_ASSIGN(const bool found, search.look_into(file, name));
    if (found) break;
  }
  return search.take();
}

}  // namespace hpcenv::image

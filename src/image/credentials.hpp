// Who we are to a registry: the files and helpers in which docker and podman keep it. Read, never
// written.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/environment.hpp"
#include "base/process.hpp"
#include "base/result.hpp"

namespace hpcenv::image {

struct Credential {
  std::string user;
  std::string password;
  std::string identity_token;  ///< in place of a password: to be changed for an access token
  bool empty() const { return user.empty() && password.empty() && identity_token.empty(); }
};

/// One file, as `docker login` or `podman login` writes it.
struct AuthFile {
  std::map<std::string, Credential> entries;   ///< by registry, or registry and path
  std::map<std::string, std::string> helpers;  ///< by registry: which helper is asked
  std::string store;                           ///< the helper for all others; may be empty
};

/// Kind refused: no JSON, or an entry whose text is no base64 of USER:PASSWORD. Never repeats a
/// secret. `name` stands in messages.
Result<AuthFile> parse_auth_file(std::string_view text, const std::string& name);

struct AuthPlace {
  std::filesystem::path file;
  std::string variable;  ///< that names this very file: it has to be there
};
/// Where credentials are looked for: $REGISTRY_AUTH_FILE alone; else podman's places, then
/// docker's.
std::vector<AuthPlace> auth_places(const base::Environment& environment, uid_t user);

/// The keys under which a repository's credential may stand, the most special first: "quay.io/a/b",
/// "quay.io/a", "quay.io".
std::vector<std::string> auth_keys(std::string_view registry, std::string_view repository);

struct FoundCredential {
  Credential credential;  ///< empty: there is none
  std::string source;     ///< the file, or the helper
  /// A helper that should have been asked and could not be: one sentence for who is refused later.
  std::string problem;
};

/// The first that a place has. Helpers get the registry's name on their input, and half a minute.
/// Kind refused: a file that cannot be read as such, or one that the variable names and that is
/// missing.
Result<FoundCredential> find_credential(std::string_view registry, std::string_view repository,
                                        const base::Environment& environment,
                                        base::ProcessRunner& runner);

}  // namespace hpcenv::image

#include "image/registry.hpp"

#include <algorithm>
#include <utility>

#include "base/hash.hpp"
#include "base/json.hpp"
#include "base/text.hpp"
#include "image/blob_download.hpp"
#include "image/upload.hpp"

namespace hpcenv::image {

namespace {

using base::Json;
using net::ExchangeAnswer;
using net::ExchangeRequest;
using net::Method;

constexpr std::size_t manifest_limit = std::size_t{4} << 20U;

std::vector<std::string> scopes_of(const Reference& reference, Access access,
                                   const std::optional<Reference>& mount_from) {
  std::vector<std::string> scopes{fmt::format("repository:{}:{}", reference.repository,
                                              access == Access::push ? "pull,push" : "pull")};
  if (mount_from.has_value()) {
    scopes.push_back(fmt::format("repository:{}:pull", mount_from->repository));
  }
  return scopes;
}

std::string accepted_types() {
  return base::join(
      {std::string(media_type::manifest), std::string(media_type::index),
       std::string(media_type::docker_manifest), std::string(media_type::docker_index)},
      ", ");
}

/// The header's where it says one, else what the document says.
std::string type_of(std::string_view header, const std::string& text) {
  std::string said(base::trim(header.substr(0, header.find(';'))));
  if (is_manifest(said) || is_index(said)) return said;
  const Result<Json> document = base::parse_json(text, "manifest");
  std::string own = document.has_value() && document->is_object()
                        ? base::string_or(*document, "mediaType")
                        : std::string();
  if (!own.empty()) return own;
  const bool lists =
      document.has_value() && document->is_object() && document->contains("manifests");
  return std::string(lists ? media_type::index : media_type::manifest);
}

std::string fallback_tag(const std::string& digest) {
  return "sha256-" + std::string(hex_of_digest(digest));
}

Failure other_digest(const std::string& name, std::string_view wanted, std::string_view got) {
  return fail_hint(
      ErrorKind::refused,
      fmt::format("{}: the registry sent {} where {} was asked for", name, got, wanted),
      "something on the way changes what is sent: check proxies and mirrors");
}

}  // namespace

Repository::Repository(const Reference& reference, Access access, const RegistrySeams& seams,
                       const RegistryOptions& options, std::optional<Reference> mount_from)
    : reference_(reference),
      mount_from_(std::move(mount_from)),
      connection_(reference, scopes_of(reference, access, mount_from_), seams, options) {}

std::string Repository::path(std::string_view rest) const {
  return fmt::format("/v2/{}/{}", reference_.repository, rest);
}

std::string Repository::name_of(const std::string& key) const {
  return fmt::format("{}{}{}", repository_text(reference_), is_digest(key) ? "@" : ":", key);
}

Result<FoundManifest> Repository::manifest(const std::string& key) {
  const std::string name = name_of(key);
  ExchangeRequest request;
  request.url = connection_.url(path("manifests/" + key));
  request.headers = {{"Accept", accepted_types()}};
  request.answer_limit = manifest_limit;
  HPCENV_ASSIGN(ExchangeAnswer answer, connection_.ask_patiently(request));
  if (answer.status != 200) return Failure(connection_.error_of("get " + name, answer));
  FoundManifest found;
  found.text = std::move(answer.body);
  found.descriptor = describe(found.text, type_of(answer.header("content-type"), found.text));
  const std::string_view said = answer.header("docker-content-digest");
  const std::string& got = found.descriptor.digest;
  if (is_digest(key) && key != got) return other_digest(name, key, got);
  if (is_digest(said) && said != got) return other_digest(name, said, got);
  return found;
}

Result<ExchangeAnswer> Repository::put(const std::string& key, const std::string& text,
                                       const std::string& media_type) {
  ExchangeRequest request;
  request.method = Method::put;
  request.url = connection_.url(path("manifests/" + key));
  request.headers = {{"Content-Type", media_type}};
  request.body = text;
  const std::string act = "push the manifest to " + name_of(key);
  HPCENV_ASSIGN(ExchangeAnswer answer, connection_.ask_patiently(request));
  if (answer.status != 200 && answer.status != 201 && answer.status != 202) {
    return Failure(connection_.error_of(act, answer));
  }
  const std::string own = describe(text, media_type).digest;
  const std::string_view stored = answer.header("docker-content-digest");
  if (!is_digest(stored) || stored == own) return answer;
  return fail_hint(
      ErrorKind::refused,
      fmt::format("cannot {}: the registry has stored {} in place of {}", act, stored, own),
      "tell those who run the registry");
}

Result<Descriptor> Repository::put_manifest(const std::string& key, const std::string& text,
                                            const std::string& media_type) {
  HPCENV_TRY(put(key, text, media_type));
  return describe(text, media_type);
}

Result<Arrival> Repository::send_blob(const Descriptor& blob, const BlobBytes& source,
                                      const BlobProgress& progress) {
  return Upload(connection_, reference_,
                mount_from_.has_value() ? mount_from_->repository : std::string(), blob, source,
                progress)
      .run();
}

Result<> Repository::read_blob(const Descriptor& blob, const ByteSink& sink) {
  return BlobDownload(connection_, connection_.url(path("blobs/" + blob.digest)), blob, sink).run();
}

Result<Repository::AttachedBy> Repository::attach(const Descriptor& subject,
                                                  const std::string& text) {
  const std::string type(media_type::manifest);
  HPCENV_ASSIGN(const ExchangeAnswer answer, put(describe(text, type).digest, text, type));
  if (answer.header("oci-subject") == subject.digest) return AttachedBy::referrers;
  HPCENV_TRY(list_under_tag(subject, text));
  return AttachedBy::tag;
}

/// What others have listed there is kept.
Result<> Repository::list_under_tag(const Descriptor& subject, const std::string& text) {
  const std::string tag = fallback_tag(subject.digest);
  Json index = {{"schemaVersion", 2},
                {"mediaType", std::string(media_type::index)},
                {"manifests", Json::array()}};
  const Result<FoundManifest> found = manifest(tag);
  if (!found.has_value() && found.error().kind != ErrorKind::not_found) {
    return Failure(found.error());
  }
  if (found.has_value()) {
    HPCENV_TRY(parse_index(found->text, name_of(tag)));
    HPCENV_ASSIGN(index, base::parse_json(found->text, name_of(tag)));
  }
  HPCENV_ASSIGN(const Manifest attached, parse_manifest(text, "attached"));
  const Descriptor own = describe(text, media_type::manifest);
  const bool listed = std::ranges::any_of(index["manifests"], [&](const Json& entry) {
    return base::string_or(entry, "digest") == own.digest;
  });
  if (listed) return {};
  Json entry = {{"mediaType", own.media_type}, {"digest", own.digest}, {"size", own.size}};
  entry["artifactType"] = attached.artifact_type;
  if (!attached.annotations.empty()) entry["annotations"] = attached.annotations;
  index["manifests"].push_back(std::move(entry));
  HPCENV_TRY(put(tag, base::dump_json_line(index), std::string(media_type::index)));
  return {};
}

Result<std::vector<Descriptor>> Repository::referrers(const std::string& digest) {
  ExchangeRequest request;
  request.url = connection_.url(path("referrers/" + digest));
  request.headers = {{"Accept", std::string(media_type::index)}};
  request.answer_limit = manifest_limit;
  HPCENV_ASSIGN(const ExchangeAnswer answer, connection_.ask_patiently(request));
  std::string text = answer.body;
  if (answer.status != 200) {
    const Result<FoundManifest> found = manifest(fallback_tag(digest));
    if (!found.has_value() && found.error().kind == ErrorKind::not_found) {
      return std::vector<Descriptor>();
    }
    if (!found.has_value()) return Failure(found.error());
    text = found->text;
  }
  HPCENV_ASSIGN(const Index index, parse_index(text, "the list of what is attached to " + digest));
  std::vector<Descriptor> descriptors;
  descriptors.reserve(index.manifests.size());
  for (const IndexEntry& entry : index.manifests) descriptors.push_back(entry.descriptor);
  return descriptors;
}

}  // namespace hpcenv::image

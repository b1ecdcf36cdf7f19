#include "image/sbom.hpp"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <set>

#include "base/json.hpp"

using namespace hpcenv;
using base::Json;
using conda::PackageRecord;
using image::SbomInput;

namespace {

PackageRecord record(const std::string& name, const std::string& version,
                     std::vector<std::string> depends = {}) {
  PackageRecord made;
  made.name = name;
  made.version = version;
  made.build = "py312_0";
  made.subdir = "linux-64";
  made.depends = std::move(depends);
  made.license = "MIT";
  made.sha256 = std::string(64, 'a');
  made.file_name = name + "-" + version + "-py312_0.conda";
  made.channel = "https://conda.anaconda.org/conda-forge";
  made.url = made.channel + "/linux-64/" + made.file_name;
  return made;
}

SbomInput sample() {
  SbomInput input;
  input.name = "docker.io/library/torch";
  input.version = "1";
  input.created = "2026-01-31T00:00:00Z";
  input.tool_version = "0.1.0";
  input.packages = {
      record("python", "3.12.1", {"libzlib >=1.3", "__glibc >=2.17", "libc"}),
      record("numpy", "2.0", {"python>=3.12,<3.13.0a0", "python_abi 3.12.*", "libzlib"}),
      record("libzlib", "1.3")};
  return input;
}

/// The purls or ids that `from` needs, in the document's order.
std::vector<std::string> cyclonedx_needs(const Json& document, const std::string& from) {
  for (const Json& entry : document["dependencies"]) {
    if (entry["ref"] == from) return entry["dependsOn"];
  }
  return {"(no entry)"};
}

Json parsed(const std::string& text) { return *base::parse_json(text, "the document"); }

}  // namespace

TEST_CASE("a package url names build, channel, subdir and type") {
  CHECK(image::package_url_of(record("numpy", "2.0")) ==
        "pkg:conda/numpy@2.0?build=py312_0&channel=conda-forge&subdir=linux-64&type=conda");
  PackageRecord odd = record("x", "1!2.0+cu12");
  odd.file_name = "x-1!2.0+cu12-0.tar.bz2";
  odd.channel = "https://user:secret@mirror.example/a b";
  CHECK(image::package_url_of(odd) ==
        "pkg:conda/x@1%212.0%2Bcu12?build=py312_0&channel=https:%2F%2Fmirror.example%2Fa%20b"
        "&subdir=linux-64&type=tar.bz2");
}

TEST_CASE("CycloneDX has one component a record, by name, and what each needs") {
  const Json document = parsed(image::cyclonedx_text(sample()));
  CHECK(document["specVersion"] == "1.6");
  REQUIRE(document["components"].size() == 3);
  CHECK(document["components"][0]["name"] == "libzlib");
  CHECK(document["components"][2]["name"] == "python");
  CHECK(document["components"][1]["hashes"][0]["content"] == std::string(64, 'a'));
  CHECK(document["components"][1]["licenses"][0]["license"]["id"] == "MIT");
  CHECK(document["metadata"]["component"]["name"] == "docker.io/library/torch");
  CHECK(document["metadata"]["timestamp"] == "2026-01-31T00:00:00Z");
  const std::string zlib = image::package_url_of(record("libzlib", "1.3"));
  const std::string python = image::package_url_of(record("python", "3.12.1"));
  const std::string numpy = image::package_url_of(record("numpy", "2.0"));
  CHECK(cyclonedx_needs(document, numpy) == std::vector<std::string>{zlib, python});
  CHECK(cyclonedx_needs(document, python) == std::vector<std::string>{zlib});
  CHECK(cyclonedx_needs(document, "image") == std::vector<std::string>{zlib, numpy, python});
}

TEST_CASE("SPDX contains each record and says what depends on what") {
  const Json document = parsed(image::spdx_text(sample()));
  REQUIRE(document["packages"].size() == 4);
  CHECK(document["packages"][0]["SPDXID"] == "SPDXRef-image");
  const Json& numpy = document["packages"][2];
  CHECK(numpy["name"] == "numpy");
  CHECK(numpy["licenseDeclared"] == "MIT");
  CHECK(numpy["downloadLocation"] ==
        "https://conda.anaconda.org/conda-forge/linux-64/numpy-2.0-py312_0.conda");
  CHECK(numpy["externalRefs"][0]["referenceLocator"] ==
        image::package_url_of(record("numpy", "2.0")));
  std::set<std::string> kinds;
  for (const Json& relation : document["relationships"]) {
    kinds.insert(relation["relationshipType"].get<std::string>());
  }
  CHECK(kinds == std::set<std::string>{"CONTAINS", "DEPENDS_ON", "DESCRIBES"});
  CHECK(document["relationships"].size() == 1 + 3 + 3);
  CHECK_FALSE(document.contains("hasExtractedLicensingInfos"));
}

TEST_CASE("documents depend on the input alone, and differ where it does") {
  SbomInput shuffled = sample();
  std::ranges::reverse(shuffled.packages);
  CHECK(image::cyclonedx_text(shuffled) == image::cyclonedx_text(sample()));
  CHECK(image::spdx_text(shuffled) == image::spdx_text(sample()));
  SbomInput other = sample();
  other.packages[0].build = "py312_1";
  const Json one = parsed(image::cyclonedx_text(sample()));
  const Json two = parsed(image::cyclonedx_text(other));
  CHECK(one["serialNumber"] != two["serialNumber"]);
  CHECK(parsed(image::spdx_text(sample()))["documentNamespace"] !=
        parsed(image::spdx_text(other))["documentNamespace"]);
}

TEST_CASE("credentials of a channel stand in no document") {
  SbomInput input = sample();
  input.packages[0].channel = "https://user:secret@host.example/t/tokentoken/conda-forge";
  input.packages[0].url = input.packages[0].channel + "/linux-64/x.conda";
  for (const std::string& text : {image::cyclonedx_text(input), image::spdx_text(input)}) {
    CHECK(text.find("secret") == std::string::npos);
    CHECK(text.find("tokentoken") == std::string::npos);
    CHECK(text.find("https://host.example/conda-forge/linux-64/x.conda") != std::string::npos);
  }
}

TEST_CASE("a channel whose url is none by the letter is written as one") {
  SbomInput input = sample();
  input.packages[0].url = "http://host/a b/\xc3\xa9%20/x.conda";
  const std::string url = "http://host/a%20b/%C3%A9%20/x.conda";
  CHECK(parsed(image::cyclonedx_text(input))["components"][2]["externalReferences"][0]["url"] ==
        url);
  CHECK(parsed(image::spdx_text(input))["packages"][3]["downloadLocation"] == url);
}

TEST_CASE("what a record lacks is left out or said to be unknown") {
  SbomInput input = sample();
  input.name.clear();
  input.version.clear();
  input.tool_version.clear();
  PackageRecord& bare = input.packages[0];
  bare.sha256.clear();
  bare.md5 = std::string(32, 'b');
  bare.license.clear();
  bare.url = "file:///srv/channel/linux-64/python.conda";
  input.packages[1].license = "BSD";
  input.packages[1].sha256.clear();
  const Json cyclonedx = parsed(image::cyclonedx_text(input));
  CHECK(cyclonedx["metadata"]["component"]["name"] == "image");
  CHECK_FALSE(cyclonedx["metadata"]["component"].contains("version"));
  CHECK(cyclonedx["components"][2]["hashes"][0]["alg"] == "MD5");
  CHECK_FALSE(cyclonedx["components"][2].contains("licenses"));
  CHECK(cyclonedx["components"][1]["licenses"][0]["license"]["name"] == "BSD");
  CHECK_FALSE(cyclonedx["components"][1].contains("hashes"));
  const Json spdx = parsed(image::spdx_text(input));
  CHECK(spdx["packages"][3]["licenseDeclared"] == "NOASSERTION");
  CHECK(spdx["packages"][3]["downloadLocation"] == "NOASSERTION");
  CHECK(spdx["packages"][3]["checksums"][0]["algorithm"] == "MD5");
  CHECK_FALSE(spdx["packages"][2].contains("checksums"));
  REQUIRE(spdx["hasExtractedLicensingInfos"].size() == 1);
  CHECK(spdx["hasExtractedLicensingInfos"][0]["name"] == "BSD");
  CHECK(spdx["creationInfo"]["creators"][0] == "Tool: hpcenv");
}

#include "image/spdx_license.hpp"

#include <catch2/catch_test_macros.hpp>

using hpcenv::image::spdx_license;
using hpcenv::image::SpdxLicense;

TEST_CASE("expressions of known ids come in SPDX's spelling") {
  CHECK(spdx_license("MIT").expression == "MIT");
  CHECK(spdx_license("MIT").is_listed_id);
  CHECK(spdx_license(" apache-2.0 ").expression == "Apache-2.0");
  CHECK(spdx_license("GPL-2.0-only or MIT and ZLIB").expression == "GPL-2.0-only OR MIT AND Zlib");
  CHECK(spdx_license("(MIT OR (ISC AND 0BSD)) AND PSF-2.0").expression ==
        "(MIT OR (ISC AND 0BSD)) AND PSF-2.0");
  CHECK(spdx_license("GPL-3.0-only WITH GCC-exception-3.1").expression ==
        "GPL-3.0-only WITH GCC-exception-3.1");
  for (const char* text : {"MIT AND ISC", "(MIT)", "GPL-3.0-only WITH GCC-exception-3.1"}) {
    CAPTURE(text);
    CHECK_FALSE(spdx_license(text).is_free_text);
    CHECK_FALSE(spdx_license(text).is_listed_id);
    CHECK(spdx_license(text).references.empty());
  }
}

TEST_CASE("references are kept and named once") {
  const SpdxLicense license = spdx_license(
      "LicenseRef-NVIDIA-EULA AND MIT AND (LicenseRef-Other OR LicenseRef-NVIDIA-EULA)");
  CHECK(license.expression ==
        "LicenseRef-NVIDIA-EULA AND MIT AND (LicenseRef-Other OR LicenseRef-NVIDIA-EULA)");
  REQUIRE(license.references.size() == 2);
  CHECK(license.references[0].id == "LicenseRef-NVIDIA-EULA");
  CHECK(license.references[0].name == "NVIDIA-EULA");
  CHECK(license.references[1].id == "LicenseRef-Other");
  CHECK_FALSE(license.is_free_text);
  CHECK_FALSE(spdx_license("LicenseRef-Other").is_listed_id);
}

TEST_CASE("what is no expression becomes one reference that keeps its text") {
  for (const char* text : {"BSD", "GPL (>= 2)", "Perl_5", "MIT AND", "AND", "(MIT", "MIT)",
                           "MIT ISC", "LicenseRef-", "MIT WITH Nothing", "MIT/X11 Derivative",
                           "Lizenz \xc3\xbc", "MIT AND Custom", "LicenseRef-a_b"}) {
    CAPTURE(text);
    const SpdxLicense license = spdx_license(text);
    CHECK(license.is_free_text);
    CHECK_FALSE(license.is_listed_id);
    REQUIRE(license.references.size() == 1);
    CHECK(license.references[0].id == license.expression);
    CHECK(license.references[0].name == text);
    CHECK(license.expression.starts_with("LicenseRef-"));
  }
  CHECK(spdx_license("BSD").expression == "LicenseRef-BSD-49d9777d");
  CHECK(spdx_license("GPL 3").expression != spdx_license("GPL-3").expression);
  CHECK(spdx_license("").expression.empty());
  CHECK(spdx_license(" \n").expression.empty());
  CHECK_FALSE(spdx_license("").is_free_text);
}

TEST_CASE("a licence nested without end is text, not a deep stack") {
  const std::string deep = std::string(100000, '(') + "MIT" + std::string(100000, ')');
  CHECK(spdx_license(deep).is_free_text);
}

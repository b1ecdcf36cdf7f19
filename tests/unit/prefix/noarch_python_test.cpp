#include "prefix/noarch_python.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace hpcenv;
using namespace hpcenv::prefix;

namespace {

conda::PackageRecord python(const std::string& version, const std::string& build = "h1_0_cpython",
                            const std::string& site_packages = "") {
  conda::PackageRecord record;
  record.name = "python";
  record.version = version;
  record.build = build;
  record.python_site_packages_path = site_packages;
  return record;
}

PythonFacts facts_of(const conda::PackageRecord& record) {
  return python_facts(std::vector{record}).value().value();
}

}  // namespace

TEST_CASE("python: site-packages from the record, else from the version") {
  CHECK(facts_of(python("3.11.2")).site_packages == "lib/python3.11/site-packages");
  CHECK(facts_of(python("3.11.2")).program == "bin/python3.11");
  CHECK(facts_of(python("3.13.0", "h1_0_cp313t")).site_packages == "lib/python3.13t/site-packages");
  CHECK(facts_of(python("3.13.0", "h1_0_cp313")).site_packages == "lib/python3.13/site-packages");
  CHECK(facts_of(python("3.13.0", "h1_0_cp313t", "lib/python3.13t/site-packages")).site_packages ==
        "lib/python3.13t/site-packages");
}

TEST_CASE("python: none is no error, a bad record is") {
  CHECK_FALSE(python_facts({}).value().has_value());
  const auto no_minor = python_facts(std::vector{python("3")});
  REQUIRE_FALSE(no_minor.has_value());
  CHECK(no_minor.error().kind == ErrorKind::refused);
  CHECK(no_minor.error().message == "python 3 names no minor version");
  const auto outside = python_facts(std::vector{python("3.11.2", "0", "../../etc")});
  REQUIRE_FALSE(outside.has_value());
  CHECK(outside.error().kind == ErrorKind::refused);
  CHECK(outside.error().message ==
        "the site-packages path '../../etc' of python-3.11.2-0 leads out of the prefix");
}

TEST_CASE("python: noarch paths move, others stay") {
  const PythonFacts facts = facts_of(python("3.12.1"));
  CHECK(noarch_target("site-packages/a/b.py", facts) == "lib/python3.12/site-packages/a/b.py");
  CHECK(noarch_target("python-scripts/tool", facts) == "bin/tool");
  CHECK(noarch_target("share/site-packages/x", facts) == "share/site-packages/x");
  CHECK(noarch_target("site-packages-x/y", facts) == "site-packages-x/y");
}

TEST_CASE("python: an entry point imports the first name and calls the whole") {
  const conda::EntryPoint point{"tool", "pkg.cli", "Main.run"};
  const std::string script = entry_point_script(point, facts_of(python("3.11.2")), "/p");
  CHECK(script.starts_with("#!/p/bin/python3.11\n"));
  CHECK(script.find("\nfrom pkg.cli import Main\n") != std::string::npos);
  CHECK(script.ends_with("    sys.exit(Main.run())\n"));
  CHECK(
      entry_point_script(point, facts_of(python("3.11.2")), "/with blank")
          .starts_with("#!/bin/sh\n'''exec' \"/with blank/bin/python3.11\" \"$0\" \"$@\" #'''\n"));
}

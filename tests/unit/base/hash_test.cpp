#include "base/hash.hpp"

#include <catch2/catch_test_macros.hpp>

#include "unit/support/temporary_directory.hpp"

using namespace hpcenv;
using namespace hpcenv::base;

TEST_CASE("digests of RFC 1321 and FIPS 180") {
  CHECK(hash_text(HashKind::md5, "abc") == "900150983cd24fb0d6963f7d28e17f72");
  CHECK(hash_text(HashKind::md5, "") == "d41d8cd98f00b204e9800998ecf8427e");
  CHECK(hash_text(HashKind::sha256, "abc") ==
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST_CASE("a digest does not depend on the pieces, nor on being moved") {
  Hasher first(HashKind::sha256);
  first.update("a");
  Hasher second = std::move(first);
  second.update("");
  second.update("bc");
  CHECK(second.finish() == hash_text(HashKind::sha256, "abc"));
}

TEST_CASE("a file larger than one buffer, and a missing one") {
  const test::TemporaryDirectory directory;
  const std::string text(1'000'000, 'x');
  test::put_file(directory / "file", text);
  CHECK(hash_file(HashKind::sha256, directory / "file").value() ==
        hash_text(HashKind::sha256, text));
  CHECK(hash_file(HashKind::md5, directory / "none").error().kind == ErrorKind::not_found);
}

#include "base/zlib_block.hpp"

#include <catch2/catch_test_macros.hpp>

#include "base/process.hpp"
#include "unit/support/message_of.hpp"
#include "unit/support/temporary_directory.hpp"

using namespace hpcenv;

namespace {

std::string sample() {
  std::string text;
  for (int i = 0; i < 20000; ++i) text += std::to_string(i * 7919);
  return text;
}

}  // namespace

TEST_CASE("a zlib block comes back, and zlib itself reads it") {
  base::ZlibPacker packer(4);
  const std::string packed = packer.pack(sample());
  CHECK(packed.size() < sample().size());
  CHECK(packer.pack(sample()) == packed);
  CHECK(base::zlib_decompress(packed, sample().size()) == sample());
  CHECK(base::zlib_decompress(packer.pack(""), 0) == "");

  const test::TemporaryDirectory directory;
  directory.write("packed", packed);
  base::ProcessRequest request;
  request.argv = {"/usr/bin/python3", "-c",
                  "import zlib; open('out', 'wb').write(zlib.decompress(open('packed', "
                  "'rb').read()))"};
  request.directory = directory.path();
  const auto done = base::make_process_runner()->run(request);
  REQUIRE((done.has_value() && done->succeeded()));
  CHECK(test::text_of(directory / "out") == sample());
}

TEST_CASE("zlib data that are damaged, cut or too large are refused") {
  const std::string packed = base::ZlibPacker(4).pack(sample());
  CHECK(test::message_of(base::zlib_decompress(packed, 100)) ==
        "zlib data are larger than they should be");
  CHECK(test::message_of(base::zlib_decompress(packed.substr(0, 1000), 1U << 20U)) ==
        "zlib data are damaged");
  std::string changed = packed;
  changed.back() = static_cast<char>(changed.back() + 1);
  CHECK(test::message_of(base::zlib_decompress(changed, 1U << 20U)) == "zlib data are damaged");
  CHECK_FALSE(base::zlib_decompress("", 10).has_value());
}

#include "image/layer_writer.hpp"

#include <catch2/catch_test_macros.hpp>
#include <string>

#include "base/fs.hpp"
#include "base/hash.hpp"
#include "base/process.hpp"
#include "image/blob_source.hpp"
#include "image/layout_writer.hpp"
#include "prefix/relocate.hpp"
#include "unit/support/temporary_directory.hpp"

namespace hpcenv::image {
namespace {

namespace fs = std::filesystem;

LayerEntry file_entry(const fs::path& source, const std::string& path) {
  LayerEntry entry;
  entry.source = source;
  entry.path = path;
  entry.size = fs::file_size(source);
  return entry;
}

std::string command_output(const std::vector<std::string>& argv) {
  base::ProcessRequest request;
  request.argv = argv;
  request.environment.set("PATH", "/usr/bin:/bin");
  request.output_limit = std::size_t{64} << 20U;
  const auto ran = base::make_process_runner()->run(request);
  REQUIRE(ran);
  INFO(ran->errors);
  REQUIRE(ran->succeeded());
  return ran->output;
}

struct Made {
  test::TemporaryDirectory directory;
  LayoutWriter layout;
  Made() : layout(*LayoutWriter::open(directory.path() / "image", ImageFormat::oci_dir)) {}
  fs::path blob(const KnownLayer& layer) const { return layout.find(layer.blob)->file; }
};

}  // namespace

TEST_CASE("a layer is the same for any number of threads, and what its digests say") {
  Made made;
  std::string bytes;
  for (unsigned i = 0; i < 700'000; ++i) bytes += fmt::format("{} ", i * 7919U % 10007U);
  made.directory.write("in/big", bytes);
  made.directory.write("in/empty", "");
  for (const auto compression :
       {LayerCompression::none, LayerCompression::gzip, LayerCompression::zstd}) {
    std::vector<LayerEntry> entries = {file_entry(made.directory.path() / "in/big", "opt/e/big"),
                                       file_entry(made.directory.path() / "in/empty", "opt/empty")};
    complete(entries);
    const auto one = write_layer(entries, {compression, 1, {}}, made.layout);
    const auto many = write_layer(entries, {compression, 5, {}}, made.layout);
    REQUIRE(one);
    REQUIRE(many);
    CHECK(one->blob == many->blob);
    CHECK(one->diff_id == many->diff_id);
    const char* tool = compression == LayerCompression::gzip   ? "gzip -dc"
                       : compression == LayerCompression::zstd ? "zstd -dc"
                                                               : "cat";
    const std::string tar =
        command_output({"/bin/sh", "-c", fmt::format("{} < '{}'", tool, made.blob(*one).native())});
    CHECK(digest_of_hex(base::hash_text(base::HashKind::sha256, tar)) == one->diff_id);
    CHECK(tar.size() == one->unpacked_size);
    CHECK(tar.size() == tar_size(entries));
    CHECK(tar.find(bytes) != std::string::npos);
  }
}

TEST_CASE("placeholders become the prefix, in binaries across any piece") {
  Made made;
  const std::string placeholder = "/build/" + std::string(240, 'p');
  std::string binary;
  for (int i = 0; binary.size() < 700'000; ++i) {
    binary += fmt::format("x{0}{1}{2}/lib:{2}{1}{1}tail", i, '\0', placeholder);
    binary.append(static_cast<std::size_t>(i % 50), '\1');
  }
  made.directory.write("in/binary", binary);
  made.directory.write("in/script", "#!" + placeholder + "/bin/python\nprint()\n");
  std::vector<LayerEntry> entries = {file_entry(made.directory.path() / "in/binary", "opt/binary"),
                                     file_entry(made.directory.path() / "in/script", "opt/script")};
  entries[0].patch = Patch{conda::FileMode::binary, placeholder, "/opt/envs/e"};
  entries[1].patch = Patch{conda::FileMode::text, placeholder, "/opt/envs/e"};
  for (LayerEntry& entry : entries) entry.is_noted = true;
  complete(entries);
  const auto layer = write_layer(entries, {LayerCompression::none, 1, {}}, made.layout);
  REQUIRE(layer);
  const fs::path tar = made.blob(*layer);
  const std::string patched = command_output({"/bin/tar", "-xOf", tar.native(), "opt/binary"});
  CHECK(patched.size() == binary.size());
  CHECK(patched.find(placeholder) == std::string::npos);
  CHECK(patched.find(std::string("/opt/envs/e/lib:/opt/envs/e\0", 28)) != std::string::npos);
  CHECK(command_output({"/bin/tar", "-xOf", tar.native(), "opt/script"}) ==
        "#!/opt/envs/e/bin/python\nprint()\n");
  CHECK(layer->noted.at("opt/binary") == base::hash_text(base::HashKind::sha256, patched));
}

TEST_CASE("a binary is patched alike in pieces and whole, however long it has no NUL") {
  Made made;
  const std::string placeholder = "/build/" + std::string(240, 'p');
  constexpr std::size_t piece = std::size_t{256} << 10U;
  std::string binary;
  // One that lies across the border of two pieces, ended a piece later; one never ended.
  for (const std::size_t before : {piece - 100, std::size_t{3}, piece + 7, 2 * piece - 246}) {
    binary += std::string(before, 'x') + placeholder + "/lib" + std::string(piece, 'y') + '\0';
  }
  binary += std::string(3 * piece + 5, 'z') + placeholder + std::string(piece, 'z');
  made.directory.write("in/binary", binary);
  std::vector<LayerEntry> entries = {file_entry(made.directory.path() / "in/binary", "binary")};
  entries[0].patch = Patch{conda::FileMode::binary, placeholder, "/opt/envs/e"};
  complete(entries);
  const auto layer = write_layer(entries, {LayerCompression::none, 1, {}}, made.layout);
  REQUIRE(layer);
  std::string whole;
  REQUIRE(prefix::relocate_binary(binary, {placeholder, "/opt/envs/e"},
                                  [&](std::string_view bytes) -> Result<> {
                                    whole += bytes;
                                    return {};
                                  }));
  const fs::path tar = made.blob(*layer);
  CHECK(command_output({"/bin/tar", "-xOf", tar.native(), "binary"}) == whole);
  CHECK(whole.find("/opt/envs/e/libyyy") != std::string::npos);
  CHECK(whole.find(placeholder) > 8 * piece);
}

TEST_CASE("a file that is not what it was is refused, and leaves no blob") {
  Made made;
  made.directory.write("in/f", "1234");
  std::vector<LayerEntry> entries = {file_entry(made.directory.path() / "in/f", "f")};
  made.directory.write("in/f", "12345");
  const auto layer = write_layer(entries, {LayerCompression::none, 1, {}}, made.layout);
  REQUIRE_FALSE(layer.has_value());
  CHECK(layer.error().kind == ErrorKind::refused);
  CHECK(layer.error().message.find("changed while it was read") != std::string::npos);
  entries[0].source = made.directory.path() / "in/gone";
  CHECK_FALSE(write_layer(entries, {LayerCompression::none, 1, {}}, made.layout).has_value());
  std::size_t left = 0;
  const std::vector<std::string> names = *base::list_directory(made.layout.workplace());
  for (const std::string& name : names) {
    left += name.starts_with("new-") ? 1U : 0U;
  }
  CHECK(left == 0);
}

}  // namespace hpcenv::image

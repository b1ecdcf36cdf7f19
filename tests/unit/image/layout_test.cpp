#include <catch2/catch_test_macros.hpp>
#include <string>

#include "base/fs.hpp"
#include "image/image_file.hpp"
#include "image/layout_writer.hpp"
#include "unit/support/temporary_directory.hpp"

namespace hpcenv::image {
namespace {

namespace fs = std::filesystem;

const Platform amd64{"amd64", "linux", ""};

/// An image with one layer of these bytes, in any form.
Result<Descriptor> write_image(const fs::path& out, ImageFormat format, const std::string& layer,
                               const std::string& reference = "example.org/a/b:1.2") {
  HPCENV_ASSIGN(LayoutWriter writer, LayoutWriter::open(out, format));
  Manifest manifest;
  manifest.media_type = media_type::manifest;
  HPCENV_ASSIGN(Descriptor blob, writer.put(layer, layer_media_type(LayerCompression::none)));
  ImageConfig config;
  config.platform = amd64;
  config.diff_ids = {blob.digest};
  manifest.layers = {blob};
  HPCENV_ASSIGN(manifest.config, writer.put(config_text(config), media_type::config));
  return writer.commit(manifest_text(manifest), reference);
}

std::string bytes_of(const ImageFile& image, const Descriptor& blob) {
  std::string text;
  const auto read = image.read_blob(blob, [&](std::span<const std::byte> bytes) -> Result<> {
    text.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    return {};
  });
  REQUIRE(read);
  return text;
}

void change_byte(const fs::path& file, const std::string& what) {
  std::string text = *base::read_file(file);
  const auto at = text.find(what);
  REQUIRE(at != std::string::npos);
  text[at] = static_cast<char>(text[at] + 1);
  REQUIRE(base::write_file(file, text));
}

}  // namespace

TEST_CASE("an image is read from its archive and its directory as it was written") {
  const test::TemporaryDirectory directory;
  for (const ImageFormat format : {ImageFormat::oci_archive, ImageFormat::oci_dir}) {
    const fs::path out = directory.path() / (format == ImageFormat::oci_dir ? "dir" : "file.tar");
    const auto written = write_image(out, format, "LAYER");
    REQUIRE(written);
    CHECK_FALSE(base::path_exists(out.native() + ".partial"));
    const auto image = ImageFile::open(out, amd64);
    REQUIRE(image);
    CHECK(image->descriptor().digest == written->digest);
    CHECK(image->reference() == "example.org/a/b:1.2");
    CHECK(image->config().platform == amd64);
    CHECK(bytes_of(*image, image->manifest().layers.front()) == "LAYER");
    const auto other = ImageFile::open(out, {"arm64", "linux", ""});
    REQUIRE_FALSE(other.has_value());
    CHECK(other.error().message.ends_with("is for linux/amd64, not for linux/arm64"));
  }
}

TEST_CASE("the same image gives the same archive") {
  const test::TemporaryDirectory directory;
  REQUIRE(write_image(directory.path() / "a", ImageFormat::oci_archive, "L"));
  REQUIRE(write_image(directory.path() / "b", ImageFormat::oci_archive, "L"));
  CHECK(*base::read_file(directory.path() / "a") == *base::read_file(directory.path() / "b"));
}

TEST_CASE("a docker archive is read by its own index") {
  const test::TemporaryDirectory directory;
  const fs::path out = directory.path() / "x.tar";
  REQUIRE(write_image(out, ImageFormat::oci_archive, "LAYER"));
  std::string text = *base::read_file(out);
  // The OCI index under another name: what is left is docker's form.
  for (std::size_t at = text.find("index.json"); at != std::string::npos;
       at = text.find("index.json", at)) {
    text.replace(at, 10, "other.json");
    unsigned sum = 0;
    for (std::size_t i = 0; i < 512; ++i) {
      sum += i >= 148 && i < 156 ? ' ' : static_cast<unsigned char>(text[at + i]);
    }
    text.replace(at + 148, 6, fmt::format("{:06o}", sum));
  }
  REQUIRE(base::write_file(out, text));
  const auto image = ImageFile::open(out, amd64);
  REQUIRE(image);
  CHECK(image->reference() == "example.org/a/b:1.2");
  CHECK(bytes_of(*image, image->manifest().layers.front()) == "LAYER");
}

TEST_CASE("a changed byte is found where it is read") {
  const test::TemporaryDirectory directory;
  const fs::path out = directory.path() / "x.tar";
  REQUIRE(write_image(out, ImageFormat::oci_archive, "LAYER"));
  change_byte(out, "LAYER");
  const auto image = ImageFile::open(out, amd64);
  REQUIRE(image);
  const auto read = image->read_blob(image->manifest().layers.front(),
                                     [](std::span<const std::byte>) -> Result<> { return {}; });
  REQUIRE_FALSE(read.has_value());
  CHECK(read.error().message.find("a blob is damaged") != std::string::npos);
  REQUIRE(write_image(out, ImageFormat::oci_archive, "LAYER"));
  change_byte(out, "rootfs");
  CHECK_FALSE(ImageFile::open(out, amd64).has_value());
}

TEST_CASE("what is no image is refused") {
  const test::TemporaryDirectory directory;
  const fs::path& path = directory.path();
  const auto kind_of = [](const fs::path& file) {
    const auto image = ImageFile::open(file, amd64);
    REQUIRE_FALSE(image.has_value());
    return image.error().kind;
  };
  CHECK(kind_of(path / "missing") == ErrorKind::not_found);
  CHECK(kind_of(path) == ErrorKind::refused);
  REQUIRE(base::write_file(path / "text", std::string(2000, 'x')));
  CHECK(kind_of(path / "text") == ErrorKind::refused);
  CHECK(kind_of("/dev/null") == ErrorKind::refused);
  REQUIRE(write_image(path / "dir", ImageFormat::oci_dir, "L"));
  REQUIRE(base::remove_tree(path / "dir/blobs"));
  CHECK(kind_of(path / "dir") == ErrorKind::not_found);
}

TEST_CASE("a layout is added to, and loses what no image needs") {
  const test::TemporaryDirectory directory;
  const fs::path out = directory.path() / "dir";
  REQUIRE(write_image(out, ImageFormat::oci_dir, "ONE"));
  const auto first = ImageFile::open(out, amd64);
  REQUIRE(first);
  REQUIRE(write_image(out, ImageFormat::oci_dir, "TWO"));
  const auto second = ImageFile::open(out, amd64);
  REQUIRE(second);
  CHECK(bytes_of(*second, second->manifest().layers.front()) == "TWO");
  CHECK_FALSE(first->place(first->manifest().layers.front()).has_value());
  CHECK(base::list_directory(out / "blobs/sha256")->size() == 3);
}

TEST_CASE("what is noted of a layer goes with its blob") {
  const test::TemporaryDirectory directory;
  const fs::path out = directory.path() / "dir";
  REQUIRE(write_image(out, ImageFormat::oci_dir, "ONE"));
  const std::string key = digest_of_hex(std::string(64, '2'));
  const auto note = out / "hpcenv-layers" / std::string(64, '2');
  {
    const auto writer = LayoutWriter::open(out, ImageFormat::oci_dir);
    REQUIRE(writer);
    const auto layer = writer->put("ONE", layer_media_type(LayerCompression::none));
    REQUIRE(writer->remember(key, {*layer, layer->digest, 3, {}}));
  }
  REQUIRE(write_image(out, ImageFormat::oci_dir, "ONE"));
  CHECK(base::path_exists(note));
  REQUIRE(write_image(out, ImageFormat::oci_dir, "TWO"));
  CHECK_FALSE(base::path_exists(note));
}

TEST_CASE("places of other things are left alone") {
  const test::TemporaryDirectory directory;
  REQUIRE(base::make_directories(directory.path() / "full"));
  REQUIRE(base::write_file(directory.path() / "full/f", "x"));
  REQUIRE(base::write_file(directory.path() / "file", "x"));
  CHECK_FALSE(LayoutWriter::open(directory.path() / "full", ImageFormat::oci_dir).has_value());
  CHECK_FALSE(LayoutWriter::open(directory.path() / "full", ImageFormat::oci_archive).has_value());
  CHECK_FALSE(LayoutWriter::open(directory.path() / "file", ImageFormat::oci_dir).has_value());
  CHECK(*base::read_file(directory.path() / "full/f") == "x");
}

TEST_CASE("two processes do not make one image") {
  const test::TemporaryDirectory directory;
  const auto first = LayoutWriter::open(directory.path() / "x", ImageFormat::oci_archive);
  REQUIRE(first);
  const auto second = LayoutWriter::open(directory.path() / "x", ImageFormat::oci_archive);
  REQUIRE_FALSE(second.has_value());
  CHECK(second.error().message.starts_with("another process is making"));
}

TEST_CASE("what a killed run had finished is there for the next") {
  const test::TemporaryDirectory directory;
  const fs::path out = directory.path() / "x.tar";
  const std::string key = digest_of_hex(std::string(64, '1'));
  Descriptor blob;
  {
    const auto writer = LayoutWriter::open(out, ImageFormat::oci_archive);
    REQUIRE(writer);
    blob = *writer->put("LAYER", layer_media_type(LayerCompression::none));
    REQUIRE(writer->remember(key, {blob, blob.digest, 5, {{"opt/f", "aa"}}}));
    auto half = writer->begin_blob();
    REQUIRE(half);
    REQUIRE(base::write_file(writer->workplace() / "new-99", "half"));
  }
  CHECK_FALSE(base::path_exists(out));
  const auto writer = LayoutWriter::open(out, ImageFormat::oci_archive);
  REQUIRE(writer);
  CHECK(writer->find(blob).has_value());
  REQUIRE(writer->known_layer(key).has_value());
  CHECK(writer->known_layer(key)->blob.digest == blob.digest);
  CHECK(writer->known_layer(key)->noted.at("opt/f") == "aa");
  CHECK_FALSE(base::path_exists(writer->workplace() / "new-99"));
  REQUIRE(base::write_file(writer->find(blob)->file, "LAYE"));
  CHECK_FALSE(writer->known_layer(key).has_value());
}

TEST_CASE("the tag is what follows the last colon after the last slash") {
  CHECK(tag_of("a:1") == "1");
  CHECK(tag_of("host:5000/a").empty());
  CHECK(tag_of("host:5000/a:b") == "b");
  CHECK(tag_of("a:1@sha256:00") == "1");
}

}  // namespace hpcenv::image

#include "base/compress.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace hpcenv;
using namespace hpcenv::base;

namespace {

std::string sample() {
  std::string text;
  for (int i = 0; i < 200000; ++i) text += std::to_string(i * 7919);
  return text;
}

Result<std::string> decode_in_pieces(std::string_view packed, std::size_t piece) {
  std::string text;
  ZstdDecoder decoder([&](std::span<const std::byte> bytes) -> Result<> {
    text.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    return {};
  });
  while (!packed.empty()) {
    const std::string_view now = packed.substr(0, piece);
    HPCENV_TRY(decoder.push(std::as_bytes(std::span(now))));
    packed.remove_prefix(now.size());
  }
  HPCENV_TRY(decoder.finish());
  return text;
}

}  // namespace

TEST_CASE("zstd there and back, in pieces and in one") {
  const std::string text = sample();
  const std::string packed = zstd_compress(text, 3);
  CHECK(packed.size() < text.size());
  CHECK(zstd_decompress(packed, text.size()).value() == text);
  for (const std::size_t piece : {1U, 1000U, 1U << 20U}) {
    CHECK(decode_in_pieces(packed, piece).value() == text);
  }
  CHECK(zstd_decompress(zstd_compress("", 3), 0).value().empty());
}

TEST_CASE("a packer makes one whole frame of each piece") {
  ZstdPacker packer(1);
  for (const std::string& text : {std::string("short"), std::string(200'000, 'x'), std::string()}) {
    CHECK(*zstd_decompress(*packer.pack(text), 1U << 20U) == text);
  }
}

TEST_CASE("frames one after the other are one stream") {
  CHECK(zstd_decompress(zstd_compress("a", 3) + zstd_compress("b", 3), 2).value() == "ab");
}

TEST_CASE("damage, truncation and excess are refused") {
  const std::string packed = zstd_compress(sample(), 3);
  const auto message = [](std::string_view bytes, std::size_t limit) {
    const Error error = zstd_decompress(bytes, limit).error();
    CHECK(error.kind == ErrorKind::refused);
    return error.message;
  };
  CHECK(message("not zstd at all", 100).starts_with("damaged zstd data"));
  for (int part = 0; part < 20; ++part) {
    const std::size_t size = packed.size() * static_cast<std::size_t>(part) / 20;
    CHECK(message(std::string_view(packed).substr(0, size), 1U << 30U) == "truncated zstd data");
  }
  CHECK(message(packed, 1000) == "zstd data larger than 1000 bytes when decompressed");
}

TEST_CASE("a failing sink ends the stream with its own failure") {
  ZstdDecoder decoder(
      [](std::span<const std::byte>) -> Result<> { return fail(ErrorKind::no_space, "full"); });
  const std::string packed = zstd_compress("abc", 3);
  CHECK(decoder.push(std::as_bytes(std::span(packed))).error().kind == ErrorKind::no_space);
}

// image_squashfs IMAGE OUT JOBS COMPRESSION TIME: writes an image as a squashfs file. TIME:
// seconds, or
// "-" for the image's own.
#include <cstdlib>
#include <iostream>
#include <string>

#include "base/interrupt.hpp"
#include "base/text.hpp"
#include "image/squashfs.hpp"

namespace {

hpcenv::Result<> write(const std::vector<std::string>& words) {
  HPCENV_ASSIGN(const auto image, hpcenv::image::ImageFile::open(words[0], {"amd64", "linux", ""}));
  hpcenv::image::SquashfsOptions options;
  options.jobs = hpcenv::base::parse_unsigned(words[2]).value_or(1);
  options.compression = words[3] == "zstd" ? hpcenv::image::SquashfsCompression::zstd
                                           : hpcenv::image::SquashfsCompression::gzip;
  if (words[4] != "-") options.created = std::stoll(words[4]);
  class Warnings final : public hpcenv::base::Reporter {
    void step(std::string_view /*what*/) override {}
    void progress(std::uint64_t, std::uint64_t, hpcenv::base::Unit) override {}
    void warning(std::string_view text) override { std::cerr << "warning: " << text << '\n'; }
    void detail(std::string_view /*text*/) override {}
  } reporter;
  return hpcenv::image::write_squashfs(image, words[1], options, reporter);
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  if (words.size() != 5) return 2;
  hpcenv::base::watch_interrupts();
  const auto written = write(words);
  if (written.has_value()) return 0;
  std::cerr << "error: " << written.error().message << '\n';
  for (const std::string& hint : written.error().hints) std::cerr << "hint: " << hint << '\n';
  return 1;
}

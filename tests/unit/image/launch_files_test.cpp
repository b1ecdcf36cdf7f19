#include "image/launch_files.hpp"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>

#include "base/fs.hpp"
#include "base/json.hpp"
#include "base/process.hpp"
#include "unit/support/temporary_directory.hpp"

using namespace hpcenv;
using image::ImageConfig;
using image::LaunchFile;

namespace {

ImageConfig sample() {
  ImageConfig config;
  config.environment = {"PATH=/opt/envs/app/bin:/usr/bin", "TITLE=it's \"two\" words $HOME"};
  config.command = {"/bin/sh", "-c", "echo the image\\'s own"};
  config.working_directory = "/opt/work place";
  config.labels = {{"org.hpcenv.prefix", "/opt/envs/app"}};
  return config;
}

std::string contents_of(const std::vector<LaunchFile>& files, const std::string& path) {
  for (const LaunchFile& file : files) {
    if (file.entry.path == path) return file.contents;
  }
  FAIL("no file " << path);
  return "";
}

bool is_there(const std::vector<LaunchFile>& files, const std::string& path) {
  return std::ranges::any_of(files, [&](const LaunchFile& f) { return f.entry.path == path; });
}

/// What `sh SCRIPT WORDS...` prints.
std::string run(const std::string& script, const std::vector<std::string>& words = {}) {
  const test::TemporaryDirectory directory;
  directory.write("script", script);
  base::ProcessRequest request;
  request.argv = {"/bin/sh", (directory / "script").native()};
  request.argv.insert(request.argv.end(), words.begin(), words.end());
  request.directory = directory.path();
  const auto done = base::make_process_runner()->run(request);
  REQUIRE(done.has_value());
  CHECK(done->succeeded());
  return done->output;
}

}  // namespace

TEST_CASE("the start scripts run the image's command, or the words in its place") {
  const test::TemporaryDirectory place;
  ImageConfig config = sample();
  config.working_directory = place / "not there yet";
  for (const char* path : {"etc/rc", ".singularity.d/runscript"}) {
    CAPTURE(path);
    std::filesystem::create_directories(config.working_directory);
    config.command = {"/bin/sh", "-c", "pwd; echo it\\'s $1", "sh", "two words"};
    config.entrypoint = {};
    std::string script = contents_of(image::launch_files(config, 0).files, path);
    CHECK(run(script) == config.working_directory + "\nit's two words\n");
    CHECK(run(script, {"/bin/echo", "a  b", "$c"}) == "a  b $c\n");
    config.entrypoint = {"/bin/echo", "entry point:"};
    config.command = {"of the image"};
    script = contents_of(image::launch_files(config, 0).files, path);
    CHECK(run(script) == "entry point: of the image\n");
    CHECK(run(script, {"mine"}) == "entry point: mine\n");
  }
}

TEST_CASE("on a cluster, words of the user run where the user is") {
  ImageConfig config = sample();
  config.working_directory = "/";
  const std::string script =
      contents_of(image::launch_files(config, 0).files, ".singularity.d/runscript");
  CHECK(run(script, {"/bin/pwd"}) != "/\n");
  config.command = {"/bin/pwd"};
  CHECK(run(contents_of(image::launch_files(config, 0).files, ".singularity.d/runscript")) ==
        "/\n");
}

TEST_CASE("an image without a command starts a shell") {
  const auto made = image::launch_files({}, 0);
  CHECK(contents_of(made.files, "etc/rc").ends_with("\nexec /bin/sh\n"));
}

TEST_CASE("Apptainer's variables are those of the image, whatever they hold") {
  ImageConfig config = sample();
  config.environment.emplace_back("LINES=1\n2");
  config.environment.emplace_back("not a name=x");
  config.environment.emplace_back("1ST=x");
  config.environment.emplace_back("EMPTY=");
  const auto made = image::launch_files(config, 0);
  const std::string script =
      contents_of(made.files, ".singularity.d/env/10-docker2singularity.sh") +
      "\nprintf '%s|' \"$PATH\" \"$TITLE\" \"$LINES\" \"$EMPTY\"";
  CHECK(run(script) == "/opt/envs/app/bin:/usr/bin|it's \"two\" words $HOME|1\n2||");
  CHECK(script.find("1ST") == std::string::npos);
}

TEST_CASE("libraries that --nv brings are found after those of LD_LIBRARY_PATH") {
  const std::string script =
      contents_of(image::launch_files({}, 0).files, ".singularity.d/env/99-base.sh") +
      "\nprintf %s \"$LD_LIBRARY_PATH\"";
  CHECK(run("unset LD_LIBRARY_PATH\n" + script) == "/.singularity.d/libs");
  CHECK(run("LD_LIBRARY_PATH=/x\n" + script) == "/x:/.singularity.d/libs");
}

TEST_CASE("enroot's variables leave out what it would change") {
  ImageConfig config = sample();
  config.environment.emplace_back("LINES=1\n2");
  config.environment.emplace_back("FROM_HOST=a ${HOME} b");
  config.environment.emplace_back("PLAIN=$HOME ${} ${1} ${x-1} ${");
  config.environment.emplace_back("LATER=${} ${x}");
  const auto made = image::launch_files(config, 0);
  CHECK(contents_of(made.files, "etc/environment") ==
        "PATH=/opt/envs/app/bin:/usr/bin\nTITLE=it's \"two\" words $HOME\n"
        "PLAIN=$HOME ${} ${1} ${x-1} ${\n");
  CHECK(made.not_for_enroot == std::vector<std::string>{"LINES", "FROM_HOST", "LATER"});
  CHECK(image::launch_files(sample(), 0).not_for_enroot.empty());
}

TEST_CASE("labels, places to mount and the working directory are there") {
  const auto made = image::launch_files(sample(), 1'700'000'000);
  const auto labels = base::parse_json(contents_of(made.files, ".singularity.d/labels.json"), "l");
  REQUIRE(labels.has_value());
  CHECK((*labels)["org.hpcenv.prefix"] == "/opt/envs/app");
  for (const char* path : {"dev", "proc", "sys", "tmp", "etc/resolv.conf", "opt/work place"}) {
    CAPTURE(path);
    CHECK(is_there(made.mount_points, path));
    CHECK_FALSE(is_there(made.files, path));
  }
  for (const LaunchFile& file : made.files) CHECK(file.entry.modified == 1'700'000'000);
  for (const char* odd : {"relative", "/a/../../b", "", "/"}) {
    ImageConfig config = sample();
    config.working_directory = odd;
    CHECK(image::launch_files(config, 0).mount_points.size() + 1 == made.mount_points.size());
  }
}

#include "ops/site_layer.hpp"

#include <catch2/catch_test_macros.hpp>

#include "base/fs.hpp"

namespace hpcenv::ops {
namespace {

namespace fs = std::filesystem;
using slurm::ReachField;

class Folders {
 public:
  Folders() : root_(*base::make_private_directory("/tmp", "hpcenv-layer-")) {
    REQUIRE(base::make_directories(root_ / "site"));
    REQUIRE(base::make_directories(root_ / "user/hpcenv"));
  }
  Folders(const Folders&) = delete;
  Folders& operator=(const Folders&) = delete;
  ~Folders() { (void)base::remove_tree(root_); }
  void site(const std::string& text) { write(root_ / "site/slurm.yml", text); }
  void user(const std::string& text) { write(root_ / "user/hpcenv/slurm.yml", text); }
  fs::path root() const { return root_; }
  base::Environment environment() const {
    return base::Environment({{"HPCENV_SITE", (root_ / "site").string()},
                              {"XDG_CONFIG_HOME", (root_ / "user").string()},
                              {"HOME", root_.string()}});
  }

 private:
  static void write(const fs::path& file, const std::string& text) {
    REQUIRE(base::write_file(file, text));
  }
  fs::path root_;
};

TEST_CASE("a site's defaults, head and message are read") {
  Folders folders;
  folders.site(
      "defaults:\n  account: phys\n  time: 1:00:00\n  gpu_option: gpus\n"
      "head: |\n  module purge\n  ulimit -s unlimited\nmessage: No conda in your home, please.\n");
  const auto layer = site_layer(folders.environment());
  REQUIRE(layer);
  CHECK(layer->defaults.text(ReachField::account) == "phys");
  CHECK(layer->defaults.text(ReachField::time) == "1:00:00");
  CHECK(layer->defaults.find(ReachField::account)->source == slurm::ReachSource::site_file);
  CHECK(layer->head == std::vector<std::string>{"module purge", "ulimit -s unlimited"});
  REQUIRE(layer->messages.size() == 1);
  CHECK(layer->messages[0].text == "No conda in your home, please.");
  CHECK(layer->messages[0].file == folders.root() / "site/slurm.yml");
}

TEST_CASE("the user's word comes before the site's, and the head's lines after them") {
  Folders folders;
  folders.site("defaults: {account: phys, qos: normal}\nhead: |\n  echo site\n");
  folders.user("defaults: {account: mine}\nhead: |\n  echo user\n");
  const auto layer = site_layer(folders.environment());
  REQUIRE(layer);
  CHECK(layer->defaults.text(ReachField::account) == "mine");
  CHECK(layer->defaults.text(ReachField::qos) == "normal");
  CHECK(layer->head == std::vector<std::string>{"echo site", "echo user"});
}

TEST_CASE("no file, and an empty one, want nothing") {
  Folders folders;
  CHECK(site_layer(folders.environment())->defaults.facts().empty());
  folders.site("");
  const auto layer = site_layer(folders.environment());
  REQUIRE(layer);
  CHECK(layer->head.empty());
}

TEST_CASE("what cannot be meant is refused with the file's name") {
  Folders folders;
  const auto message = [&](const std::string& text) {
    folders.site(text);
    const auto layer = site_layer(folders.environment());
    REQUIRE_FALSE(layer);
    CHECK(layer.error().kind == ErrorKind::refused);
    CHECK(layer.error().message.starts_with((folders.root() / "site/slurm.yml").string()));
    return layer.error().message;
  };
  CHECK(message("default: {}\n").ends_with("there is no key 'default'"));
  CHECK(message("defaults: {accuont: x}\n").ends_with("there is no field 'accuont'"));
  CHECK(message("defaults: {gpu_option: G}\n").ends_with("gpu_option cannot be 'G'"));
  CHECK(message("defaults: {head: x}\n").ends_with("head stands beside defaults, not in it"));
  CHECK(message("head: [a]\n").ends_with("head is no text"));
  CHECK(message("- a\n").ends_with("it holds no keys"));
  CHECK(message("a: [\n").find("slurm.yml:") != std::string::npos);
}

TEST_CASE("a message is said once, a new one again") {
  Folders folders;
  folders.site("message: One.\n");
  const fs::path state = folders.root() / "state";
  const auto first = site_layer(folders.environment());
  REQUIRE(first);
  CHECK(not_yet_said(*first, state).size() == 1);
  CHECK(not_yet_said(*first, state).empty());
  folders.site("message: Two.\n");
  CHECK(not_yet_said(*site_layer(folders.environment()), state).size() == 1);
}

}  // namespace
}  // namespace hpcenv::ops

#include "host/masking.hpp"

#include <catch2/catch_test_macros.hpp>
#include <map>
#include <string>

#include "base/json.hpp"

namespace hpcenv::host {
namespace {

using Variables = std::map<std::string, std::string, std::less<>>;

Masking masking() {
  Masking made(base::Environment(Variables{
      {"HOME", "/lustre/home/phys/ada"}, {"SCRATCH", "/scratch/project_7/ada/"}, {"USER", "ada"}}));
  made.add_host("gpu017.cluster.example.org");
  made.add_host("gpu018");
  made.add_path("/opt/ours/hpcenv-root", "/hpcenv");
  return made;
}

TEST_CASE("folders stay below what they are mounted below", "[masking]") {
  const base::Environment environment(Variables{
      {"HOME", "/home/ada"}, {"SCRATCH", "/lustre/p77/ada"}, {"WORK", "/data/workdir/ada"}});
  const Masking masking(environment,
                        "/dev/a / ext4 rw 0 0\nmds@tcp:/x /lustre lustre rw 0 0\n"
                        "server:/y /data/workdir nfs rw 0 0\n");
  CHECK(masking.text("/home/ada/.config") == "/home/user/.config");
  CHECK(masking.text("/lustre/p77/ada") == "/lustre/scratch/user");
  CHECK(masking.text("/data/workdir/ada/x") == "/data/workdir/user/x");
}

TEST_CASE("user, host, home and other folders become the same words everywhere") {
  const Masking mask = masking();
  CHECK(mask.text("/lustre/home/phys/ada/.local on gpu017") == "/home/user/.local on node");
  CHECK(mask.text("/lustre/home/phys/ada") == "/home/user");
  CHECK(mask.text("'/lustre/home/phys/ada'") == "'/home/user'");
  CHECK(mask.text("/scratch/project_7/ada/x:/data/ada/y") == "/scratch/user/x:/data/user/y");
  CHECK(mask.text("/tmp/ada_4711 and ada@login") == "/tmp/user_4711 and user@login");
  CHECK(mask.text("gpu017.cluster.example.org, gpu018") == "node, node2");
  CHECK(mask.text("/opt/ours/hpcenv-root/envs/a") == "/hpcenv/envs/a");
}

TEST_CASE("what only looks like them stays") {
  const Masking mask = masking();
  for (const char* text :
       {"adapter", "Canada", "gpu0170", "/lustre/home/phys/adam", "12 GiB", ""}) {
    CHECK(mask.text(text) == text);
  }
}

TEST_CASE("masking what is masked changes nothing") {
  const Masking mask = masking();
  for (const char* text : {"/lustre/home/phys/ada on gpu018", "https://u:p@h/t/abc/x"}) {
    CHECK(mask.text(mask.text(text)) == mask.text(text));
  }
}

TEST_CASE("names that stand for something else are no names") {
  Masking mask(
      base::Environment(Variables{{"HOME", "/root"}, {"USER", "root"}, {"LOGNAME", "lib"}}));
  mask.add_host("localhost");
  mask.add_host("gpu");
  mask.add_host("");
  mask.add_host("42");
  const std::string text = "/root/lib/gpu on localhost with 42";
  CHECK(mask.text(text) == text);
}

TEST_CASE("the home names the user where no variable does") {
  const Masking mask(base::Environment(Variables{{"HOME", "/users/eve"}}));
  CHECK(mask.text("/data/eve, /users/eve") == "/data/user, /home/user");
}

TEST_CASE("passwords and tokens go") {
  CHECK(without_secrets("http://ada:secret@proxy:3128") == "http://proxy:3128");
  CHECK(without_secrets("a https://u@h/x b http://h2/y@z") == "a https://h/x b http://h2/y@z");
  CHECK(without_secrets("https://h/t/tk-123/main") == "https://h/main");
  CHECK(without_secrets("https://h/t/tk-123") == "https://h");
  CHECK(without_secrets("/t/abc/lib and ://") == "/t/abc/lib and ://");
  CHECK(masking().text("http://me:pw@gpu018/") == "http://node2/");
}

TEST_CASE("a file that is no text keeps its length") {
  const std::string bytes("\0/home/ada\0lib", 14);
  CHECK(masking().text(bytes) == std::string("\0/home/xxx\0lib", 14));
}

TEST_CASE("JSON is masked with its keys, numbers stay") {
  const base::Json value = {{"/data/ada/x", {1, "gpu017", {{"ada", nullptr}}}}};
  CHECK(base::dump_json_line(masking().json(value)) ==
        R"({"/data/user/x":[1,"node",{"user":null}]})");
}

}  // namespace
}  // namespace hpcenv::host

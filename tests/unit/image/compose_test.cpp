#include "image/compose.hpp"

#include <catch2/catch_test_macros.hpp>

#include "base/json.hpp"
#include "base/yaml.hpp"
#include "unit/support/message_of.hpp"

using namespace hpcenv;
using image::ComposeRequest;
using image::ComposeService;
using test::message_of;

namespace {

const std::string digest = "sha256:" + std::string(64, 'a');

ComposeRequest sample() {
  ComposeRequest request;
  request.project = "torch";
  request.image = "registry.example/lab/torch@" + digest;
  request.title = "registry.example/lab/torch:1";
  request.python = "/opt/envs/torch/bin/python";
  request.services = {{"api", "uvicorn app:main --port 8000", 8080, 8000, "/health"},
                      {"worker", "python -m worker", 0, 0, ""}};
  return request;
}

base::Json parsed(const ComposeRequest& request) {
  const auto text = image::compose_text(request);
  REQUIRE(message_of(text) == test::no_failure);
  const auto document = base::parse_yaml(*text, "compose.yaml");
  REQUIRE(message_of(document) == test::no_failure);
  return *document;
}

std::string refusal_of(const ComposeRequest& request) {
  const auto text = image::compose_text(request);
  if (text.has_value()) return "(written)";
  CHECK(text.error().kind == ErrorKind::usage);
  return text.error().message;
}

}  // namespace

TEST_CASE("without a GPU the file is what a person would write") {
  CHECK(*image::compose_text(sample()) ==
        "# Services of registry.example/lab/torch:1\n"
        "# docker compose up -d\n"
        "name: torch\n"
        "\n"
        "x-service: &every-service\n"
        "  image: registry.example/lab/torch@" +
            digest +
            "\n"
            "  init: true\n"
            "  restart: unless-stopped\n"
            "  shm_size: \"8gb\"\n"
            "\n"
            "services:\n"
            "  api:\n"
            "    <<: *every-service\n"
            "    command: \"uvicorn app:main --port 8000\"\n"
            "    ports:\n"
            "      - \"127.0.0.1:8080:8000\"\n"
            "    healthcheck:\n"
            "      test:\n"
            "        - CMD\n"
            "        - /opt/envs/torch/bin/python\n"
            "        - -c\n"
            "        - \"import urllib.request; "
            "urllib.request.urlopen(\\\"http://127.0.0.1:8000/health\\\", timeout=5)\"\n"
            "      interval: 30s\n"
            "      timeout: 10s\n"
            "      start_period: 60s\n"
            "  worker:\n"
            "    <<: *every-service\n"
            "    command: \"python -m worker\"\n");
}

TEST_CASE("with a GPU each service is there for each profile, and asks for devices in one only") {
  ComposeRequest request = sample();
  request.has_gpu = true;
  request.gpus = "2";
  const std::string text = *image::compose_text(request);
  CHECK(text.find("# On GPUs:       docker compose --profile gpu up -d\n") != std::string::npos);
  CHECK(text.find("            count: 2\n") != std::string::npos);
  CHECK(text.find("device_ids") == std::string::npos);
  CHECK(text.find("  api: &service-api\n    <<: *every-service\n    profiles: [cpu]\n") !=
        std::string::npos);
  CHECK(text.find("  api-gpu:\n    <<: [*service-api, *on-gpus]\n    profiles: [gpu]\n"
                  "    networks:\n      default:\n        aliases: [api]\n") != std::string::npos);
}

TEST_CASE("volumes and secrets are every service's; named volumes are defined") {
  ComposeRequest request = sample();
  request.volumes = {{"data", "/data", false}, {"./config", "/etc/app", true}};
  request.secrets = {{"token", "./token.txt"}};
  const base::Json document = parsed(request);
  CHECK(document["x-service"]["volumes"] == base::Json{"data:/data", "./config:/etc/app:ro"});
  CHECK(document["x-service"]["secrets"] == base::Json{"token"});
  CHECK(document["volumes"].size() == 1);
  CHECK(document["volumes"].contains("data"));
  CHECK(document["secrets"]["token"]["file"] == "./token.txt");
}

TEST_CASE("what compose would replace or YAML misread is written so that it comes through") {
  ComposeRequest request = sample();
  request.services[0].command = "sh -c 'echo $HOME: \"x\"'";
  request.services[1].name = "on";
  request.shm_size = "1024";
  request.has_gpu = true;
  const base::Json document = parsed(request);
  CHECK(document["services"]["api"]["command"] == "sh -c 'echo $$HOME: \"x\"'");
  CHECK(document["services"].contains("on"));
  CHECK(document["services"]["on-gpu"]["networks"]["default"]["aliases"] == base::Json{"on"});
  CHECK(image::compose_text(request)->find("  \"on\": &service-on\n") != std::string::npos);
  CHECK(image::compose_text(request)->find("shm_size: \"1024\"") != std::string::npos);
}

TEST_CASE("a service without a path is connected to; without python nothing is asked") {
  ComposeRequest request = sample();
  request.services[0].health_path.clear();
  CHECK(parsed(request)["services"]["api"]["healthcheck"]["test"][3] ==
        "import socket; socket.create_connection((\"127.0.0.1\", 8000), 5)");
  CHECK_FALSE(parsed(request)["services"]["worker"].contains("healthcheck"));
  request.python.clear();
  CHECK_FALSE(parsed(request)["services"]["api"].contains("healthcheck"));
}

TEST_CASE("services that cannot stand beside each other are refused") {
  ComposeRequest request = sample();
  request.services.clear();
  CHECK(refusal_of(request) == "no service is named");
  request = sample();
  request.services[1].name = "api";
  CHECK(refusal_of(request) == "two services are called 'api'");
  request = sample();
  request.services[1].host_port = 8080;
  request.services[1].port = 9000;
  CHECK(refusal_of(request) == "two services want port 8080 of this machine");
  request = sample();
  request.services[1].name = "api-gpu";
  CHECK(refusal_of(request) == "(written)");
  request.has_gpu = true;
  CHECK(refusal_of(request) ==
        "the service 'api' would have 'api-gpu' beside it, which is another's name");
  request = sample();
  request.services[0].name = "a b";
  CHECK(refusal_of(request) == "'a b' cannot be the name of a service");
  request = sample();
  request.has_gpu = true;
  request.gpus = "some";
  CHECK(refusal_of(request) == "--gpus 'some' is no number");
  request = sample();
  request.secrets = {{"a", "x"}, {"a", "y"}};
  CHECK(refusal_of(request) == "two secrets are called 'a'");
  request.secrets = {{"-", "x"}};
  CHECK(refusal_of(request) == "'-' cannot be the name of a secret");
  request = sample();
  request.volumes = {{"a/b", "/x", false}};
  CHECK(refusal_of(request) == "'a/b' cannot be the name of a volume");
}

TEST_CASE("services and ports are read as people write them") {
  const auto service = image::parse_compose_service("api=uvicorn app:main --reload=yes");
  REQUIRE(service.has_value());
  CHECK(service->name == "api");
  CHECK(service->command == "uvicorn app:main --reload=yes");
  CHECK(image::parse_compose_service("api")->command.empty());
  CHECK(message_of(image::parse_compose_service("=x")) == "'' cannot be the name of a service");

  std::vector<ComposeService> services{*service, *image::parse_compose_service("b")};
  CHECK(image::add_compose_port("api=8080:8000", services).has_value());
  CHECK(image::add_compose_port("b=9000", services).has_value());
  CHECK(services[0].host_port == 8080);
  CHECK(services[0].port == 8000);
  CHECK(services[1].host_port == 9000);
  CHECK(services[1].port == 9000);
  CHECK(message_of(image::add_compose_port("b=1", services)) ==
        "the service 'b' has two ports; one is checked and published");
  const auto unknown = image::add_compose_port("c=1", services);
  CHECK(message_of(unknown) == "--port names no service: 'c'");
  CHECK(unknown.error().hints.front() == "services: api, b");
  for (const char* text : {"b=", "b=0", "b=65536", "b=x", "b=1:", "b=1:2:3", "b", "b=1:x"}) {
    CAPTURE(text);
    services[1].port = 0;
    const auto added = image::add_compose_port(text, services);
    CHECK((message_of(added).ends_with("is no port of a service") || text == std::string("b=1:")));
  }
}

TEST_CASE("health checks, volumes and secrets are read as people write them") {
  std::vector<ComposeService> services{{"api", "", 80, 80, ""}, {"worker", "", 0, 0, ""}};
  CHECK(image::add_compose_health("api=/v1/health?x=1", services).has_value());
  CHECK(services[0].health_path == "/v1/health?x=1");
  CHECK(message_of(image::add_compose_health("worker=/", services)) ==
        "--health 'worker=/' is for a service without a port");
  for (const char* text : {"api=health", "api=", "api=/a b", "api=/\"", "api"}) {
    CAPTURE(text);
    CHECK(
        message_of(image::add_compose_health(text, services)).ends_with("is no path of a service"));
  }

  CHECK(image::parse_compose_volume("data:/data:ro")->is_read_only);
  CHECK_FALSE(image::parse_compose_volume("./x:/data:rw")->is_read_only);
  CHECK(image::parse_compose_volume("/srv/x:/data")->source == "/srv/x");
  for (const char* text : {"data", "data:rel", ":/x", "data:/x:z", "a:/b:ro:x"}) {
    CAPTURE(text);
    CHECK(message_of(image::parse_compose_volume(text)).ends_with("cannot be read"));
  }

  CHECK(image::parse_compose_secret("token=/run/x.txt")->file == "/run/x.txt");
  CHECK(image::parse_compose_secret("./keys/hf-token.txt")->name == "hf-token");
  CHECK(image::parse_compose_secret("./keys/hf-token.txt")->file == "./keys/hf-token.txt");
  CHECK_FALSE(image::parse_compose_secret("a b").has_value());
}

TEST_CASE("a project is called as the image is") {
  CHECK(image::compose_project("registry.example:5000/lab/Torch_2.x:1@" + digest) == "torch_2-x");
  CHECK(image::compose_project("localhost/app:latest") == "app");
  CHECK(image::compose_project("--:1") == "app");
  CHECK(image::compose_project("") == "app");
}

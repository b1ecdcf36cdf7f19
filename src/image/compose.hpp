// A compose file for services that share one image: what docker compose and podman-compose both
// understand. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace hpcenv::image {

struct ComposeService {
  std::string name;
  std::string command;  ///< as a shell has it, without its variables; empty: the image's own
  std::uint16_t host_port = 0;  ///< on loopback; 0: the service has no port
  std::uint16_t port = 0;       ///< in the container
  std::string health_path;      ///< "/health": asked by HTTP; empty: the port is connected to
};

struct ComposeVolume {
  std::string source;  ///< the name of a volume, or a path ("./data", "/srv/data")
  std::string target;
  bool is_read_only = false;
};

struct ComposeSecret {
  std::string name;
  std::string file;
};

struct ComposeRequest {
  std::string project;
  std::string image;     ///< by digest
  std::string title;     ///< what the image is called, for the comment
  std::string python;    ///< in the image; empty: it has none, and there are no health checks
  bool has_gpu = false;  ///< each service twice, in the profiles cpu and gpu
  std::string gpus = "all";
  std::string shm_size = "8gb";
  std::vector<ComposeService> services;
  std::vector<ComposeVolume> volumes;  ///< of every service
  std::vector<ComposeSecret> secrets;  ///< of every service, as files in /run/secrets
};

/// The same request gives the same text. Kind usage: no service, two of one name or port, names
/// that compose does not take.
Result<std::string> compose_text(const ComposeRequest& request);

// What people write; kind usage where it cannot be read.

/// "NAME=COMMAND" or "NAME".
Result<ComposeService> parse_compose_service(std::string_view text);
/// "NAME=PORT" or "NAME=HOST_PORT:PORT", into the service of that name.
Result<> add_compose_port(std::string_view text, std::vector<ComposeService>& services);
/// "NAME=/path", for a service with a port.
Result<> add_compose_health(std::string_view text, std::vector<ComposeService>& services);
/// "SOURCE:TARGET[:ro]"
Result<ComposeVolume> parse_compose_volume(std::string_view text);
/// "NAME=FILE" or "FILE", named for the file.
Result<ComposeSecret> parse_compose_secret(std::string_view text);
/// A project name that compose takes, from the name of an image.
std::string compose_project(std::string_view image);

}  // namespace hpcenv::image

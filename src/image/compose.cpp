#include "image/compose.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/text.hpp"
#include "base/yaml.hpp"

namespace hpcenv::image {

namespace {

bool is_lower(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }
bool is_letter_or_digit(char c) { return is_lower(c) || (c >= 'A' && c <= 'Z'); }

/// As docker has names of services, volumes and secrets.
bool is_name(std::string_view text) {
  return !text.empty() && is_letter_or_digit(text[0]) && std::ranges::all_of(text, [](char c) {
    return is_letter_or_digit(c) || c == '.' || c == '_' || c == '-';
  });
}

Result<> check_name(std::string_view what, std::string_view name) {
  if (is_name(name)) return {};
  return fail_hint(ErrorKind::usage, fmt::format("'{}' cannot be the name of a {}", name, what),
                   "letters and digits, and after the first '.', '_' and '-'");
}

bool is_path(std::string_view text) { return text.starts_with('/') || text.starts_with('.'); }

/// A value as compose reads it: it would put variables in the place of `$NAME`.
std::string value(std::string_view text) {
  return base::yaml_scalar(base::replace_all(std::string(text), "$", "$$"));
}

std::optional<std::uint16_t> port_of(std::string_view text) {
  const auto number = base::parse_unsigned(text);
  if (!number || *number == 0 || *number > 65535) return std::nullopt;
  return static_cast<std::uint16_t>(*number);
}

struct Pair {
  std::string_view name;
  std::string_view rest;
};

Pair split_once(std::string_view text, char separator) {
  const std::size_t at = text.find(separator);
  if (at == std::string_view::npos) return {text, {}};
  return {text.substr(0, at), text.substr(at + 1)};
}

Result<ComposeService*> service_of(std::string_view option, std::string_view name,
                                   std::vector<ComposeService>& services) {
  const auto found = std::ranges::find(services, name, &ComposeService::name);
  if (found != services.end()) return &*found;
  std::vector<std::string> names;
  names.reserve(services.size());
  for (const ComposeService& service : services) names.push_back(service.name);
  return fail_hint(ErrorKind::usage, fmt::format("{} names no service: '{}'", option, name),
                   names.empty() ? "name it with --service NAME=COMMAND"
                                 : "services: " + base::join(names, ", "));
}

Result<> check_services(const ComposeRequest& request) {
  if (request.services.empty()) {
    return fail_hint(ErrorKind::usage, "no service is named", "--service NAME=COMMAND");
  }
  std::set<std::string_view> names;
  std::set<std::uint16_t> ports;
  for (const ComposeService& service : request.services) {
    HPCENV_TRY(check_name("service", service.name));
    if (!names.insert(service.name).second) {
      return fail(ErrorKind::usage, "two services are called '{}'", service.name);
    }
    if (service.port != 0 && !ports.insert(service.host_port).second) {
      return fail_hint(ErrorKind::usage,
                       fmt::format("two services want port {} of this machine", service.host_port),
                       fmt::format("--port {}=OTHER:{}", service.name, service.port));
    }
  }
  if (!request.has_gpu) return {};
  for (const ComposeService& service : request.services) {
    if (names.contains(service.name + "-gpu")) {
      return fail_hint(ErrorKind::usage,
                       fmt::format("the service '{0}' would have '{0}-gpu' beside it, which is "
                                   "another's name",
                                   service.name),
                       "choose another name");
    }
  }
  return {};
}

Result<> check(const ComposeRequest& request) {
  HPCENV_TRY(check_services(request));
  const bool is_number = port_of(request.gpus).has_value();
  if (request.has_gpu && request.gpus != "all" && !is_number) {
    return fail_hint(ErrorKind::usage, fmt::format("--gpus '{}' is no number", request.gpus),
                     "all, or how many GPUs each service needs");
  }
  for (const ComposeVolume& volume : request.volumes) {
    if (!is_path(volume.source)) HPCENV_TRY(check_name("volume", volume.source));
  }
  std::set<std::string_view> names;
  for (const ComposeSecret& secret : request.secrets) {
    HPCENV_TRY(check_name("secret", secret.name));
    if (!names.insert(secret.name).second) {
      return fail(ErrorKind::usage, "two secrets are called '{}'", secret.name);
    }
  }
  return {};
}

std::string head(const ComposeRequest& request) {
  std::string text = fmt::format("# Services of {}\n",
                                 request.title.substr(0, request.title.find_first_of("\r\n")));
  if (request.has_gpu) {
    text +=
        "# On processors: docker compose --profile cpu up -d\n"
        "# On GPUs:       docker compose --profile gpu up -d\n";
  } else {
    text += "# docker compose up -d\n";
  }
  return text + fmt::format("name: {}\n", request.project);
}

/// What all services have.
std::string common_part(const ComposeRequest& request) {
  std::string text = fmt::format(
      "\nx-service: &every-service\n"
      "  image: {}\n"
      "  init: true\n"
      "  restart: unless-stopped\n"
      "  shm_size: {}\n",
      value(request.image), value(request.shm_size));
  if (!request.volumes.empty()) text += "  volumes:\n";
  for (const ComposeVolume& volume : request.volumes) {
    text += fmt::format("    - {}\n", value(fmt::format("{}:{}{}", volume.source, volume.target,
                                                        volume.is_read_only ? ":ro" : "")));
  }
  if (!request.secrets.empty()) text += "  secrets:\n";
  for (const ComposeSecret& secret : request.secrets) {
    text += fmt::format("    - {}\n", value(secret.name));
  }
  return text;
}

/// The form that docker and podman-compose have in common.
std::string gpu_part(const ComposeRequest& request) {
  return fmt::format(
      "\nx-gpu: &on-gpus\n"
      "  deploy:\n"
      "    resources:\n"
      "      reservations:\n"
      "        devices:\n"
      "          - driver: nvidia\n"
      "            count: {}\n"
      "            capabilities: [gpu]\n",
      request.gpus);
}

/// The image need not have curl: its python asks.
std::string health_part(const ComposeService& service, const std::string& python) {
  const std::string question =
      service.health_path.empty()
          ? fmt::format("import socket; socket.create_connection((\"127.0.0.1\", {}), 5)",
                        service.port)
          : fmt::format(
                "import urllib.request; urllib.request.urlopen(\"http://127.0.0.1:{}{}\", "
                "timeout=5)",
                service.port, service.health_path);
  return fmt::format(
      "    healthcheck:\n"
      "      test:\n"
      "        - CMD\n"
      "        - {}\n"
      "        - -c\n"
      "        - {}\n"
      "      interval: 30s\n"
      "      timeout: 10s\n"
      "      start_period: 60s\n",
      value(python), value(question));
}

/// PyYAML takes letters, digits, '-' and '_' only.
std::string anchor(const ComposeService& service) {
  return "service-" + base::replace_all(service.name, ".", "_");
}

std::string service_part(const ComposeRequest& request, const ComposeService& service) {
  std::string text = fmt::format("  {}:{}\n    <<: *every-service\n", value(service.name),
                                 request.has_gpu ? " &" + anchor(service) : "");
  if (request.has_gpu) text += "    profiles: [cpu]\n";
  if (!service.command.empty()) text += fmt::format("    command: {}\n", value(service.command));
  if (service.port != 0) {
    text +=
        fmt::format("    ports:\n      - \"127.0.0.1:{}:{}\"\n", service.host_port, service.port);
    if (!request.python.empty()) text += health_part(service, request.python);
  }
  if (!request.has_gpu) return text;
  // Under either profile, other services find it by one name.
  return text + fmt::format(
                    "  {}:\n"
                    "    <<: [*{}, *on-gpus]\n"
                    "    profiles: [gpu]\n"
                    "    networks:\n"
                    "      default:\n"
                    "        aliases: [{}]\n",
                    value(service.name + "-gpu"), anchor(service), value(service.name));
}

std::string definitions(const ComposeRequest& request) {
  std::string text;
  std::set<std::string_view> volumes;
  for (const ComposeVolume& volume : request.volumes) {
    if (!is_path(volume.source)) volumes.insert(volume.source);
  }
  if (!volumes.empty()) text += "\nvolumes:\n";
  for (const std::string_view name : volumes) text += fmt::format("  {}:\n", value(name));
  if (!request.secrets.empty()) text += "\nsecrets:\n";
  for (const ComposeSecret& secret : request.secrets) {
    text += fmt::format("  {}:\n    file: {}\n", value(secret.name), value(secret.file));
  }
  return text;
}

}  // namespace

Result<std::string> compose_text(const ComposeRequest& request) {
  HPCENV_TRY(check(request));
  std::string text = head(request) + common_part(request);
  if (request.has_gpu) text += gpu_part(request);
  text += "\nservices:\n";
  for (const ComposeService& service : request.services) text += service_part(request, service);
  return text + definitions(request);
}

Result<ComposeService> parse_compose_service(std::string_view text) {
  const auto [name, command] = split_once(text, '=');
  HPCENV_TRY(check_name("service", name));
  ComposeService service;
  service.name = name;
  service.command = base::trim(command);
  return service;
}

Result<> add_compose_port(std::string_view text, std::vector<ComposeService>& services) {
  const auto [name, ports] = split_once(text, '=');
  const auto [first, second] = split_once(ports, ':');
  const auto outer = port_of(first);
  const auto inner = second.empty() ? outer : port_of(second);
  if (!outer || !inner) {
    return fail_hint(ErrorKind::usage, fmt::format("--port '{}' is no port of a service", text),
                     "--port NAME=8000, or --port NAME=8080:8000 for another one outside");
  }
  HPCENV_ASSIGN(ComposeService * service, service_of("--port", name, services));
  if (service->port != 0) {
    return fail(ErrorKind::usage, "the service '{}' has two ports; one is checked and published",
                service->name);
  }
  service->host_port = *outer;
  service->port = *inner;
  return {};
}

Result<> add_compose_health(std::string_view text, std::vector<ComposeService>& services) {
  const auto [name, path] = split_once(text, '=');
  const bool is_good = path.starts_with('/') && std::ranges::none_of(path, [](char c) {
                         return c <= ' ' || c == '"' || c == '\\' || c == '\x7f';
                       });
  if (!is_good) {
    return fail_hint(ErrorKind::usage, fmt::format("--health '{}' is no path of a service", text),
                     "--health NAME=/health");
  }
  HPCENV_ASSIGN(ComposeService * service, service_of("--health", name, services));
  if (service->port == 0) {
    return fail_hint(ErrorKind::usage,
                     fmt::format("--health '{}' is for a service without a port", text),
                     fmt::format("--port {}=PORT too", name));
  }
  service->health_path = path;
  return {};
}

Result<ComposeVolume> parse_compose_volume(std::string_view text) {
  const std::vector<std::string_view> parts = base::split(text, ':');
  const bool has_mode = parts.size() == 3 && (parts[2] == "ro" || parts[2] == "rw");
  if ((parts.size() != 2 && !has_mode) || parts[0].empty() || !parts[1].starts_with('/')) {
    return fail_hint(ErrorKind::usage, fmt::format("--volume '{}' cannot be read", text),
                     "NAME:/path/in/the/container or ./folder:/path/in/the/container, and :ro");
  }
  ComposeVolume volume{std::string(parts[0]), std::string(parts[1]), has_mode && parts[2] == "ro"};
  if (!is_path(volume.source)) HPCENV_TRY(check_name("volume", volume.source));
  return volume;
}

Result<ComposeSecret> parse_compose_secret(std::string_view text) {
  const auto [name, file] = split_once(text, '=');
  ComposeSecret secret{std::string(name), std::string(file)};
  if (file.empty()) {
    const std::string_view last = text.substr(text.rfind('/') + 1);
    secret = {std::string(last.substr(0, last.find('.'))), std::string(text)};
  }
  HPCENV_TRY(check_name("secret", secret.name));
  return secret;
}

std::string compose_project(std::string_view image) {
  std::string_view last = image.substr(0, image.find('@'));
  last = last.substr(last.rfind('/') + 1);
  last = last.substr(0, last.find(':'));
  std::string name;
  for (const char c : base::to_lower(last)) {
    if (is_lower(c) || ((c == '-' || c == '_') && !name.empty()))
      name += c;
    else if (!name.empty() && !name.ends_with('-'))
      name += '-';
  }
  while (name.ends_with('-')) name.pop_back();
  return name.empty() ? "app" : name;
}

}  // namespace hpcenv::image

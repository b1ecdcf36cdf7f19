// What a request asks for.
#pragma once

namespace hpcenv::net {

enum class Method { get, head, post, patch, put };

/// "GET"
constexpr const char* name_of(Method method) {
  switch (method) {
    case Method::get:
      return "GET";
    case Method::head:
      return "HEAD";
    case Method::post:
      return "POST";
    case Method::patch:
      return "PATCH";
    case Method::put:
      return "PUT";
  }
  return "GET";
}

}  // namespace hpcenv::net

// Reads the words of `sallyport_cors` one by one. Only for cors.cpp.
#pragma once

#include "module/policy/cors.hpp"

#include <string_view>
#include <vector>

namespace sallyport::policy {

class CorsWords {
  public:
    Status read(std::string_view word);
    Result<CorsSpec> finish();

  private:
    Status read_origin(std::string_view value);
    Status read_origins(std::string_view value);
    Status read_option(std::string_view name, std::string_view value);
    Status read_preflight(std::string_view name, std::string_view value);
    Status check_credentials() const;

    CorsSpec spec_;
    bool has_null_ = false;
    std::vector<std::string> seen_;  // options that may be given once
};

}  // namespace sallyport::policy

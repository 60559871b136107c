// The secret in a file that a directive names.
#pragma once

#include "common/result.hpp"
#include "common/secret.hpp"
#include "module/nginx/ngx.hpp"

#include <string_view>

namespace sallyport::ngx {

// `path` may be relative to the configuration's folder. An error when the file cannot be read, is
// open to others, or its secret is shorter than limits::kSecretBytesMin.
Result<Secret> read_key_file(ngx_conf_t* cf, std::string_view path);

}  // namespace sallyport::ngx

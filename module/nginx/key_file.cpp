#include "module/nginx/key_file.hpp"

#include "common/file_text.hpp"
#include "common/limits.hpp"
#include "module/nginx/watched_file.hpp"

#include <string>

namespace sallyport::ngx {

Result<Secret> read_key_file(ngx_conf_t* cf, std::string_view path) {
    const auto full = full_path(cf, path);
    if (!full) {
        return full.error();
    }
    auto secret = read_secret_file(*full);
    if (secret && secret->size() < limits::kSecretBytesMin) {
        return Error{"the secret in \"" + std::string(path) + "\" is shorter than " +
                     std::to_string(limits::kSecretBytesMin) +
                     " bytes; make one with: openssl rand -hex 32, or: sallyport secret 32"};
    }
    return secret;
}

}  // namespace sallyport::ngx

// The chain of a decision log (module/policy/decision_chain.hpp) over all workers: its place lies
// in shared memory, and a line is written while its lock is held, so that the file has the lines in
// the chain's order. A reload keeps the place; a start of nginx begins a new chain.
#pragma once

#include "module/nginx/directive.hpp"
#include "module/nginx/shared_zone.hpp"
#include "module/policy/decision_chain.hpp"

#include <string>
#include <string_view>

namespace sallyport::ngx {

class DecisionChain final : public SharedZone {
  public:
    explicit DecisionChain(HmacKey key) : key_(std::move(key)) {}

    // `key_file` as the operator wrote it. The chain lives in the configuration's pool.
    static Result<DecisionChain*> make(ngx_conf_t* cf, std::string_view log_path,
                                       std::string_view key_file);

    // Closes the JSON object that `line` is, adds a line end and writes it.
    void write(ngx_fd_t fd, std::string& line) const;

  private:
    struct Place;

    void create(std::span<std::byte> memory, SharedZone* old) override;
    void keep(std::span<std::byte> memory) override;

    HmacKey key_;
    Place* place_ = nullptr;
};

}  // namespace sallyport::ngx

// From the settings to libpq's keywords.
#pragma once

#include "common/result.hpp"
#include "engine/adapters/postgres/connection.hpp"
#include "engine/app/config.hpp"

namespace sallyport::engine {

// Writes AP_POSTGRES_SSL_CA to a file of the data folder when it is PEM: libpq reads files alone.
Result<PostgresOptions> postgres_options(const Config& config);

}  // namespace sallyport::engine

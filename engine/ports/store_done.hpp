// How a store answers. The message is for whoever has to mend it.
#pragma once

#include "common/result.hpp"

#include <functional>

namespace sallyport::engine {

template <typename T>
using StoreDone = std::function<void(Result<T>)>;

}  // namespace sallyport::engine

// QuickJS inside the instance, as far as the worker uses it. A Value is the guest address of a
// JSValue; nothing is ever freed one by one, because each run's memory is thrown away whole.
//
// Every function may leave by siglongjmp to wasm::landing() unless it is called from an import, and
// every address that comes back is the guest's word: it is checked before the host reads it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sallyport::engine::jsbox::js {

using Value = std::uint32_t;  // 0: none

// Builds runtime and context. Start-up only.
bool create(std::size_t stack_bytes);
void set_memory_limit(std::size_t bytes);

Value undefined();
Value null();
Value global();
Value number(double value);
// REQUIRES: no NUL in `text`. 0 when the guest's memory is full.
Value string(std::string_view text);
Value array_buffer(std::string_view bytes);
Value object();
// A function that calls host_call (host_calls.hpp) with `id`.
Value host_function(const char* name, int id);

Value get(Value object, const char* name);
void set(Value object, const char* name, Value value);

enum class EvalMode : std::uint32_t { script = 0, module = 1 };
// A NUL-terminated copy in guest memory, for the guest to free. 0 when its memory is full.
std::uint32_t own_text(std::string_view text);
// The result may be an exception: see `exception_of`.
Value eval(std::string_view code, const char* file_name, EvalMode mode);
inline constexpr std::size_t kArgumentsMax = 16;
Value call(Value function, const Value* arguments, std::size_t count);
// The thrown value when `result` is an exception, else 0. Clears it.
Value exception_of(Value result);
bool is_promise(Value value);

bool jobs_pending();
void run_jobs(int jobs_max);

double to_double(Value value);
// Copies out; text ends at the first NUL. nullopt when it cannot be had.
std::optional<std::string> to_text(Value value);
std::optional<std::string> to_bytes(Value array_buffer);

// Inside a host function.
Value argument(std::uint32_t arguments, int index);
void throw_error(std::string_view message);

}  // namespace sallyport::engine::jsbox::js

#include "engine/jsbox/quickjs.hpp"

#include "engine/jsbox/wasm_host.hpp"

#include <cstring>

namespace sallyport::engine::jsbox::js {
namespace {

struct Engine {
    std::uint32_t runtime = 0;
    std::uint32_t context = 0;
    std::uint32_t scratch = 0;  // kArgumentsMax addresses
};
Engine g;

// Calls one export, in the guest.
template <typename F, typename... Args>
auto guest(F function, Args... args) {
    wasm::InGuest mark;
    return function(wasm::instance(), args...);
}

// A NUL-terminated copy in guest memory; 0 when there is no room.
std::uint32_t copy_in(std::string_view bytes) {
    const std::uint64_t size = bytes.size() + 1;
    const std::uint32_t at =
        size > UINT32_MAX / 2 ? 0 : guest(QJS_malloc, static_cast<std::uint32_t>(size));
    char* to = at == 0 ? nullptr : wasm::range(at, size);
    if (to == nullptr) {
        return 0;
    }
    std::memcpy(to, bytes.data(), bytes.size());
    to[bytes.size()] = '\0';
    return at;
}

void release(std::uint32_t at) {
    if (at != 0) {
        guest(QJS_free, at);
    }
}

}  // namespace

bool create(std::size_t stack_bytes) {
    guest(QJS_start);
    g.runtime = guest(QJS_QTS_NewRuntime);
    if (g.runtime == 0) {
        return false;
    }
    guest(QJS_QTS_RuntimeSetMaxStackSize, g.runtime, static_cast<std::uint32_t>(stack_bytes));
    g.context = guest(QJS_QTS_NewContext, g.runtime, 0u);
    g.scratch = guest(QJS_malloc, static_cast<std::uint32_t>(4 * kArgumentsMax));
    guest(QJS_QTS_RuntimeEnableInterruptHandler, g.runtime);
    guest(QJS_QTS_RuntimeEnableModuleLoader, g.runtime, 0u);
    return g.context != 0 && g.scratch != 0;
}

void set_memory_limit(std::size_t bytes) {
    guest(QJS_QTS_RuntimeSetMemoryLimit, g.runtime, static_cast<std::uint32_t>(bytes));
}

Value undefined() {
    return guest(QJS_QTS_GetUndefined);
}
Value null() {
    return guest(QJS_QTS_GetNull);
}
Value global() {
    return guest(QJS_QTS_GetGlobalObject, g.context);
}
Value number(double value) {
    return guest(QJS_QTS_NewFloat64, g.context, value);
}
Value object() {
    return guest(QJS_QTS_NewObject, g.context);
}

Value string(std::string_view text) {
    const std::uint32_t copy = copy_in(text);
    if (copy == 0) {
        return 0;
    }
    const Value value = guest(QJS_QTS_NewString, g.context, copy);
    release(copy);
    return value;
}

Value array_buffer(std::string_view bytes) {
    const std::uint32_t copy = copy_in(bytes);  // the guest owns it from here on
    return copy == 0 ? 0
                     : guest(QJS_QTS_NewArrayBuffer, g.context, copy,
                             static_cast<std::uint32_t>(bytes.size()));
}

Value host_function(const char* name, int id) {
    const std::uint32_t copy = copy_in(name);
    const Value value =
        guest(QJS_QTS_NewFunction, g.context, copy, 0u, 0u, static_cast<std::uint32_t>(id));
    release(copy);
    return value;
}

Value get(Value object, const char* name) {
    return guest(QJS_QTS_GetProp, g.context, object, string(name));
}
void set(Value object, const char* name, Value value) {
    guest(QJS_QTS_SetProp, g.context, object, string(name), value);
}

Value eval(std::string_view code, const char* file_name, EvalMode mode) {
    const std::uint32_t text = copy_in(code);
    const std::uint32_t name = copy_in(file_name);
    if (text == 0 || name == 0) {
        return 0;
    }
    const Value value =
        guest(QJS_QTS_Eval, g.context, text, static_cast<std::uint32_t>(code.size()), name, 0u,
              static_cast<std::uint32_t>(mode));
    release(name);
    release(text);
    return value;
}

std::uint32_t own_text(std::string_view text) {
    return copy_in(text);
}

Value call(Value function, const Value* arguments, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
        if (arguments[i] == 0 || i >= kArgumentsMax ||
            !wasm::store_u32(g.scratch + static_cast<std::uint32_t>(4 * i), arguments[i])) {
            return 0;
        }
    }
    return guest(QJS_QTS_Call, g.context, function, undefined(), static_cast<std::uint32_t>(count),
                 g.scratch);
}

Value exception_of(Value result) {
    return guest(QJS_QTS_ResolveException, g.context, result);
}

bool is_promise(Value value) {
    return static_cast<std::int32_t>(guest(QJS_QTS_PromiseState, g.context, value)) >= 0;
}

bool jobs_pending() {
    return guest(QJS_QTS_IsJobPending, g.runtime) != 0;
}

void run_jobs(int jobs_max) {
    // The count or the exception it returns is of no interest: only uncatchable errors come out,
    // and the caller looks at the clock itself.
    const Value result = guest(QJS_QTS_ExecutePendingJob, g.runtime,
                               static_cast<std::uint32_t>(jobs_max), g.scratch);
    if (result != 0) {
        guest(QJS_QTS_FreeValuePointer, g.context, result);
    }
}

double to_double(Value value) {
    return guest(QJS_QTS_GetFloat64, g.context, value);
}

std::optional<std::string> to_text(Value value) {
    const std::uint32_t at = guest(QJS_QTS_GetString, g.context, value);
    const std::optional<std::string_view> view = wasm::c_string(at);
    if (!view) {
        return std::nullopt;
    }
    std::string text(*view);
    guest(QJS_QTS_FreeCString, g.context, at);
    return text;
}

std::optional<std::string> to_bytes(Value array_buffer) {
    const std::uint32_t copy = guest(QJS_QTS_GetArrayBuffer, g.context, array_buffer);
    if (copy == 0) {
        return std::nullopt;
    }
    const std::uint32_t size = guest(QJS_QTS_GetArrayBufferLength, g.context, array_buffer);
    const char* from = wasm::range(copy, size);
    if (from == nullptr) {
        return std::nullopt;
    }
    std::string bytes(from, size);
    release(copy);
    return bytes;
}

Value argument(std::uint32_t arguments, int index) {
    return guest(QJS_QTS_ArgvGetJSValueConstPointer, arguments, static_cast<std::uint32_t>(index));
}

void throw_error(std::string_view message) {
    const Value error = guest(QJS_QTS_NewError, g.context);
    const Value text = string(message);
    if (error != 0 && text != 0) {
        guest(QJS_QTS_SetProp, g.context, error, string("message"), text);
        guest(QJS_QTS_Throw, g.context, error);
    }
}

}  // namespace sallyport::engine::jsbox::js

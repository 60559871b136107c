// How the translated engine reaches its memory: C, included by quickjs_memory.cmake into the file
// that wasm2c wrote, before the first load is defined there, and by nothing else.
//
// wasm2c's own code reads the address of the memory again after every store, because the store
// might have changed it. Where the compiler knows segment registers the base stands in %gs instead
// (wasm_host.cpp sets it), and an access is one instruction. What an access reaches stays the same:
// 32 bits of address plus 32 bits of offset from the base, all of it reserved. (GCC, Named Address
// Spaces; wabt offers the same in later releases as "segue".)
#pragma once

#if defined(__SEG_GS)

#undef DEFINE_LOAD
#undef DEFINE_STORE
// Later releases of wasm2c add a parameter: how to keep a load whose value nobody uses. Nothing
// relies on the trap of such a load.
#define DEFINE_LOAD(name, stored, widened, result, ...)                            \
    typedef stored __attribute__((aligned(1), may_alias)) name##_stored;           \
    static inline result name(wasm_rt_memory_t* mem, u64 addr) {                   \
        return (result)(widened) * (const __seg_gs name##_stored*)(uintptr_t)addr; \
    }
#define DEFINE_STORE(name, stored, given)                                   \
    typedef stored __attribute__((aligned(1), may_alias)) name##_stored;    \
    static inline void name(wasm_rt_memory_t* mem, u64 addr, given value) { \
        *(__seg_gs name##_stored*)(uintptr_t)addr = (stored)value;          \
    }

#endif

# The JavaScript engine of the code-step sandbox: WebAssembly from npm, translated to C by wasm2c (wabt)
# and compiled as the object library `quickjs_wasm2c`. Nothing generated is committed.
include(${CMAKE_CURRENT_LIST_DIR}/Fetch.cmake)

find_program(WASM2C wasm2c)
if(NOT WASM2C)
    message(FATAL_ERROR "wasm2c was not found; it is in the package wabt: apt-get install wabt")
endif()
# Debian keeps wasm-rt.h in /usr/include; a wabt built by hand keeps it beside its sources.
find_path(WASM_RT_INCLUDE wasm-rt.h PATH_SUFFIXES wabt/wasm2c PATHS /usr/share/wabt/wasm2c)
if(NOT WASM_RT_INCLUDE)
    message(FATAL_ERROR "wasm-rt.h was not found; it is in the package wabt: apt-get install wabt")
endif()
pkg_check_modules(SECCOMP REQUIRED IMPORTED_TARGET libseccomp)

get_filename_component(jsbox_root ${CMAKE_CURRENT_LIST_DIR} DIRECTORY)
sallyport_fetch(fetch-quickjs quickjs_folder)

# What erases the types of TypeScript: a parser in JavaScript that the worker hands to the engine. Taken out
# of the archive anew, whose digest was checked just now.
sallyport_fetch(fetch-sucrase sucrase_archive)
set(sucrase_folder ${CMAKE_CURRENT_BINARY_DIR}/sucrase)
file(ARCHIVE_EXTRACT INPUT ${sucrase_archive} DESTINATION ${sucrase_folder} PATTERNS package/dist)

set(quickjs_out ${CMAKE_CURRENT_BINARY_DIR}/quickjs)
file(MAKE_DIRECTORY ${quickjs_out})
add_custom_command(
    OUTPUT ${quickjs_out}/quickjs.c ${quickjs_out}/quickjs.h ${quickjs_out}/quickjs_names.h
    COMMAND ${WASM2C} ${quickjs_folder}/emscripten-module.wasm --module-name=quickjs
            -o ${quickjs_out}/quickjs.c
    COMMAND ${CMAKE_COMMAND} -DFILE=${quickjs_out}/quickjs.c
            -P ${jsbox_root}/engine/jsbox/quickjs_memory.cmake
    COMMAND ${CMAKE_COMMAND} -DMJS=${quickjs_folder}/emscripten-module.mjs
            -DHEADER=${quickjs_out}/quickjs.h -DOUT=${quickjs_out}/quickjs_names.h
            -P ${jsbox_root}/engine/jsbox/quickjs_names.cmake
    DEPENDS ${quickjs_folder}/emscripten-module.wasm ${quickjs_folder}/emscripten-module.mjs
            ${jsbox_root}/engine/jsbox/quickjs_names.cmake
            ${jsbox_root}/engine/jsbox/quickjs_memory.cmake
    COMMENT "Translating the JavaScript engine to C"
    VERBATIM)

# One translation unit of 219 000 lines: always -O2, whatever the preset, without debug information
# (it would be 30 MB) and without our warnings.
add_library(quickjs_wasm2c OBJECT ${quickjs_out}/quickjs.c)
set_target_properties(quickjs_wasm2c PROPERTIES CXX_CLANG_TIDY "" C_CLANG_TIDY "")
target_include_directories(quickjs_wasm2c PRIVATE ${jsbox_root})
target_include_directories(quickjs_wasm2c SYSTEM PUBLIC ${quickjs_out} ${WASM_RT_INCLUDE})
target_compile_options(quickjs_wasm2c PRIVATE -w -O2 -g0 -fno-strict-aliasing)

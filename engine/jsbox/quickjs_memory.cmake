# Has the C file made by wasm2c reach its memory as quickjs_memory.hpp says.
#
#   cmake -DFILE=quickjs.c -P quickjs_memory.cmake
cmake_minimum_required(VERSION 3.25)

file(READ "${FILE}" text)
string(FIND "${text}" "\nDEFINE_LOAD(" at)
if(at EQUAL -1)
    message(FATAL_ERROR "jsbox: wasm2c's output defines no loads of the expected form")
endif()
string(SUBSTRING "${text}" 0 ${at} before)
string(SUBSTRING "${text}" ${at} -1 after)
file(WRITE "${FILE}" "${before}\n#include \"engine/jsbox/quickjs_memory.hpp\"\n${after}")

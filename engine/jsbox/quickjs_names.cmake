# Writes the header that gives the translated engine's minified functions their names back.
#
#   cmake -DMJS=emscripten-module.mjs -DHEADER=quickjs.h -DOUT=quickjs_names.h -P quickjs_names.cmake
#
# The package's JavaScript loader holds the map from names to letters (`d._QTS_Eval=b.qa`); the header
# made by wasm2c holds the map from letters to C functions, in the form of its release (1.0.32:
# Z_quickjsZ_qa, 1.0.36: w2c_quickjs_qa). Any name that is missing stops the build: the letters change
# with each release of the package, and a guessed one would call the wrong function.
cmake_minimum_required(VERSION 3.25)

file(READ "${MJS}" loader)
string(REPLACE "\n" "" loader "${loader}")
string(REPLACE ";" "|" loader "${loader}")
file(READ "${HEADER}" header)
string(REPLACE ";" "|" header "${header}")

# The C function behind `/* import: 'a' 'x' */` or `/* export: 'x' */`, and its struct parameter.
function(c_name_of marker out)
    string(FIND "${header}" "/* ${marker} */" at)
    if(at EQUAL -1)
        message(FATAL_ERROR "jsbox: wasm2c's header has no '${marker}'")
    endif()
    string(SUBSTRING "${header}" ${at} 400 text)
    if(NOT text MATCHES "^[^\n]*\n[ a-z0-9_]*[ *]([A-Za-z0-9_]+)\\(")
        message(FATAL_ERROR "jsbox: no function follows '${marker}' in wasm2c's header")
    endif()
    set(${out} ${CMAKE_MATCH_1} PARENT_SCOPE)
endfunction()

set(text "// Written by quickjs_names.cmake from the package's loader and wasm2c's header.\n#pragma once\n")

if(NOT header MATCHES "void ([A-Za-z0-9_]+_instantiate)\\(([A-Za-z0-9_]+)\\*, struct ([A-Za-z0-9_]+)\\*\\)")
    message(FATAL_ERROR "jsbox: wasm2c's header has no instantiate function of the expected form")
endif()
string(APPEND text "#define QJS_INSTANTIATE ${CMAKE_MATCH_1}\n#define QJS_INSTANCE ${CMAKE_MATCH_2}\n"
                   "#define QJS_IMPORTS ${CMAKE_MATCH_3}\n")
if(header MATCHES "void ([A-Za-z0-9_]+_init_module)\\(void\\)")
    string(APPEND text "#define QJS_INIT_MODULE ${CMAKE_MATCH_1}\n")
endif()
if(NOT header MATCHES "wasm_rt_memory_t\\* ?([A-Za-z0-9_]+)\\(struct [A-Za-z0-9_]+\\*\\)")
    message(FATAL_ERROR "jsbox: wasm2c's header does not import the memory")
endif()
string(APPEND text "#define QJS_IMPORT_memory ${CMAKE_MATCH_1}\n")

# What the worker calls.
foreach(name
        malloc free QTS_NewRuntime QTS_NewContext QTS_RuntimeSetMemoryLimit
        QTS_RuntimeSetMaxStackSize QTS_RuntimeEnableInterruptHandler QTS_RuntimeEnableModuleLoader
        QTS_Eval QTS_Call QTS_ExecutePendingJob QTS_IsJobPending QTS_ResolveException
        QTS_FreeValuePointer QTS_FreeCString QTS_NewString QTS_GetString QTS_NewFloat64
        QTS_GetFloat64 QTS_NewArrayBuffer QTS_GetArrayBuffer QTS_GetArrayBufferLength QTS_NewObject
        QTS_NewFunction QTS_GetProp QTS_SetProp QTS_GetUndefined QTS_GetNull QTS_GetGlobalObject
        QTS_ArgvGetJSValueConstPointer QTS_PromiseState QTS_NewError QTS_Throw QTS_DupValuePointer)
    if(NOT loader MATCHES "d\\._${name}=b\\.([A-Za-z0-9_$]+)\\|")
        message(FATAL_ERROR "jsbox: the loader exports no '${name}'")
    endif()
    c_name_of("export: '${CMAKE_MATCH_1}'" c_name)
    string(APPEND text "#define QJS_${name} ${c_name}\n")
endforeach()
# The constructor of the program is the one export the loader does not name: it calls it.
if(NOT loader MATCHES "ca=!0\\|Z\\.([A-Za-z0-9_$]+)\\(\\)\\|")
    message(FATAL_ERROR "jsbox: the loader's start function was not found")
endif()
c_name_of("export: '${CMAKE_MATCH_1}'" c_name)
string(APPEND text "#define QJS_start ${c_name}\n")

# What the worker provides. The callbacks are known by their name in the loader, the libc functions by
# their text; the pinned digest of the package keeps both honest.
set(imports_by_text
    "([a-z]):\\(a,c,b,e\\)=>N\\(`Assertion failed" assert_fail
    "([a-z]):\\(\\)=>N\\(\"\"\\)" abort
    "([a-z]):\\(\\)=>{Q=!1" runtime_keepalive_clear
    "([a-z]):function\\(a,c\\){a=-9007199254740992>a" localtime
    "([a-z]):\\(a,c\\)=>{T\\[a\\]" setitimer
    "([a-z]):\\(a,c,b,e\\)=>{var f=\\(new Date\\)" tzset
    "([a-z]):function\\(a,c,b\\){if\\(!\\(0<=a" clock_time_get
    "([a-z]):\\(\\)=>Date\\.now\\(\\)" date_now
    "([a-z]):a=>{var c=K\\.length" resize_heap
    "([a-z]):\\(a,c\\)=>{var b=0,e=0,f" environ_get
    "([a-z]):\\(a,c\\)=>{var b=sa\\(\\)" environ_sizes_get
    "([a-z]):\\(\\)=>52" fd_close
    "([a-z]):function\\(\\){return 70}" fd_seek
    "([a-z]):\\(a,c,b,e\\)=>{for\\(var f=0,g=0" fd_write
    "([a-z]):qa," exit
    "([a-z]):function\\([a-z,]*\\){return d\\.callbacks\\.callFunction" call_function
    "([a-z]):function\\([a-z,]*\\){return d\\.callbacks\\.shouldInterrupt" should_interrupt
    "([a-z]):function\\([a-z,]*\\){b=R\\(b\\)\\|return d\\.callbacks\\.loadModuleSource" load_module
    "([a-z]):function\\([a-z,]*\\){b=R\\(b\\)\\|e=R\\(e\\)\\|return d\\.callbacks\\.normalizeModule" normalize_module
    "([a-z]):function\\([a-z,]*\\){d\\.callbacks\\.freeHostRef" free_host_ref)
while(imports_by_text)
    list(POP_FRONT imports_by_text pattern name)
    if(NOT loader MATCHES "[{,]${pattern}")
        message(FATAL_ERROR "jsbox: the loader provides no '${name}'")
    endif()
    c_name_of("import: 'a' '${CMAKE_MATCH_1}'" c_name)
    string(APPEND text "#define QJS_IMPORT_${name} ${c_name}\n")
endwhile()

file(WRITE "${OUT}" "${text}")

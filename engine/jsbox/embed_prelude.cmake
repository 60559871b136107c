# Joins JavaScript files, in the order given, into one C++ byte array behind a function that gives its view.
#
#   cmake -DFILES=a.js,b.js -DOUT=prelude_text.cpp [-DHEADER=… -DSPACE=… -DFUNCTION=…] [-DSCOPE=on]
#         -P embed_prelude.cmake
#
# With SCOPE the text is one function's body, called at once: its names are nobody else's.
cmake_minimum_required(VERSION 3.25)
if(NOT HEADER)
    set(HEADER engine/jsbox/prelude_text.hpp)
    set(SPACE jsbox)
    set(FUNCTION prelude_text)
endif()
string(REPLACE "," ";" FILES "${FILES}")
set(hex "")
if(SCOPE)
    string(HEX "(() => {\n'use strict';\n" hex)
endif()
foreach(file IN LISTS FILES)
    file(READ "${file}" part HEX)
    string(APPEND hex "${part}")
endforeach()
if(SCOPE)
    string(HEX "\n})();\n" part)
    string(APPEND hex "${part}")
endif()
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}00")
file(WRITE "${OUT}" "// Written by embed_prelude.cmake.\n#include \"${HEADER}\"\n"
     "namespace sallyport::engine::${SPACE} {\nnamespace {\nconst unsigned char kBytes[] = {${bytes}};\n}\n"
     "std::string_view ${FUNCTION}() {\n"
     "    return {reinterpret_cast<const char*>(kBytes), sizeof kBytes - 1};\n}\n}\n")

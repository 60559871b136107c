# Joins the prelude's files, in the order given, into one C++ byte array.
#
#   cmake -DFILES=a.js,b.js -DOUT=prelude_text.cpp -P embed_prelude.cmake
cmake_minimum_required(VERSION 3.25)
string(REPLACE "," ";" FILES "${FILES}")
set(hex "")
foreach(file IN LISTS FILES)
    file(READ "${file}" part HEX)
    string(APPEND hex "${part}")
endforeach()
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}00")
file(WRITE "${OUT}" "// Written by embed_prelude.cmake.\n#include \"engine/jsbox/prelude_text.hpp\"\n"
     "namespace sallyport::engine::jsbox {\nnamespace {\nconst unsigned char kBytes[] = {${bytes}};\n}\n"
     "std::string_view prelude_text() {\n"
     "    return {reinterpret_cast<const char*>(kBytes), sizeof kBytes - 1};\n}\n}\n")

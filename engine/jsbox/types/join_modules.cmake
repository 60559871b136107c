# Joins the package's modules, each as a function by its path, and what stands behind them into one script.
#
#   cmake -DDIST=…/dist -DMODULES=a/b,c/d -DBEHIND=erase_types.js -DOUT=type_eraser.js -P join_modules.cmake
cmake_minimum_required(VERSION 3.25)
string(REPLACE "," ";" MODULES "${MODULES}")
file(WRITE "${OUT}" "const modules = {\n")
foreach(module IN LISTS MODULES)
    file(READ "${DIST}/${module}.js" text)
    file(APPEND "${OUT}" "'${module}'(exports, require) {${text}\n},\n")
endforeach()
file(READ "${BEHIND}" text)
file(APPEND "${OUT}" "};\n${text}")

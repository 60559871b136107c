# JSONata from npm as a text within the engine, for a step that the sandbox runs. Nothing of it is committed.
include(${CMAKE_CURRENT_LIST_DIR}/Fetch.cmake)
sallyport_fetch(fetch-jsonata jsonata_folder)
file(READ ${jsonata_folder}/jsonata.min.js JSONATA)
configure_file(${PROJECT_SOURCE_DIR}/engine/core/jsonata_script.cpp.in
               ${PROJECT_BINARY_DIR}/jsonata_script.cpp @ONLY)
# 80 KB: both compilers take longer texts than the standard asks of them.
set_source_files_properties(${PROJECT_BINARY_DIR}/jsonata_script.cpp PROPERTIES COMPILE_OPTIONS -Wno-overlength-strings)

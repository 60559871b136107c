# Steps that the sandbox runs, as texts within the engine: scripts of ours (engine/core/scripts), some behind a package
# from npm of which nothing is committed.
include(${CMAKE_CURRENT_LIST_DIR}/Fetch.cmake)
set(step_scripts ${PROJECT_SOURCE_DIR}/engine/core/scripts)
set(step_script_sources)

# The constant CONSTANT of engine/core/step_scripts.hpp is the files one after the other.
function(sallyport_step_script CONSTANT)
    set(text "")
    foreach(file IN LISTS ARGN)
        file(READ ${file} part)
        string(APPEND text "R\"script(${part})script\"\n")
        set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
    endforeach()
    set(out ${PROJECT_BINARY_DIR}/step_scripts/${CONSTANT}.cpp)
    file(CONFIGURE OUTPUT ${out} @ONLY CONTENT "#include \"engine/core/step_scripts.hpp\"

namespace sallyport::engine {
namespace {
constexpr char kText[] = @text@;
}
constinit const std::string_view ${CONSTANT}(kText, sizeof kText - 1);
}
")
    # Both compilers take longer texts than the standard asks of them.
    set_source_files_properties(${out} PROPERTIES COMPILE_OPTIONS -Wno-overlength-strings)
    set(step_script_sources ${step_script_sources} ${out} PARENT_SCOPE)
endfunction()

sallyport_fetch(fetch-jsonata jsonata_folder)
sallyport_step_script(kJsonataScript
    ${step_scripts}/commonjs.js ${jsonata_folder}/jsonata.min.js ${step_scripts}/jsonata.js)

set(jq_parts values parser compiler texts dates natives sequences step)
list(TRANSFORM jq_parts REPLACE "(.+)" "${step_scripts}/jq/\\1.js")
sallyport_step_script(kJqScript ${jq_parts})

sallyport_fetch(fetch-showdown showdown_folder)
sallyport_step_script(kMarkdownToHtmlScript
    ${step_scripts}/commonjs.js ${step_scripts}/last_match.js ${showdown_folder}/showdown.min.js
    ${step_scripts}/markdown_to_html.js)

sallyport_step_script(kSortKeysScript ${step_scripts}/sort_keys.js)

sallyport_fetch(fetch-xlsx xlsx_folder)
sallyport_step_script(kExcelScript
    ${step_scripts}/commonjs.js ${xlsx_folder}/xlsx.core.min.js ${step_scripts}/excel.js)
sallyport_step_script(kOldExcelScript
    ${step_scripts}/commonjs.js ${xlsx_folder}/xlsx.full.min.js ${step_scripts}/excel.js)

sallyport_fetch(fetch-openpgp openpgp_folder)
sallyport_step_script(kOpenpgpEncryptScript
    ${step_scripts}/openpgp_world.js ${openpgp_folder}/openpgp.min.js ${step_scripts}/openpgp_encrypt.js)

# Packages of many modules, each as a function by its name. Taken out of the archives anew, whose digests were
# checked just now.
function(sallyport_begin_modules FILE)
    file(WRITE ${FILE} "const modules = {\n")
endfunction()
function(sallyport_add_module MODULES NAME FILE)
    file(READ ${FILE} text)
    file(APPEND ${MODULES} "'${NAME}'(module, exports, require) {${text}\n},\n")
endfunction()
function(sallyport_add_domino MODULES)
    file(GLOB domino_modules ${turndown_folder}/mixmark-io-domino-2.2.0/package/lib/*.js)
    foreach(file IN LISTS domino_modules)
        get_filename_component(module ${file} NAME_WLE)
        sallyport_add_module(${MODULES} domino/${module} ${file})
    endforeach()
endfunction()
# The constant is the modules, what loads them, and SCRIPT.
function(sallyport_end_modules MODULES CONSTANT SCRIPT)
    file(APPEND ${MODULES} "};\n")
    sallyport_step_script(${CONSTANT} ${MODULES} ${step_scripts}/modules.js ${step_scripts}/${SCRIPT})
    set(step_script_sources ${step_script_sources} PARENT_SCOPE)
endfunction()

sallyport_fetch(fetch-turndown turndown_archives)
set(turndown_folder ${CMAKE_CURRENT_BINARY_DIR}/turndown)
file(GLOB archives ${turndown_archives}/*.tgz)
foreach(archive IN LISTS archives)
    get_filename_component(name ${archive} NAME_WLE)
    file(ARCHIVE_EXTRACT INPUT ${archive} DESTINATION ${turndown_folder}/${name})
endforeach()
set(turndown_modules ${turndown_folder}/modules.js)
sallyport_begin_modules(${turndown_modules})
sallyport_add_module(${turndown_modules} turndown
    ${turndown_folder}/joplin-turndown-4.0.85/package/lib/turndown.cjs.js)
sallyport_add_module(${turndown_modules} turndown-plugin-gfm
    ${turndown_folder}/joplin-turndown-plugin-gfm-1.0.67/package/lib/turndown-plugin-gfm.cjs.js)
sallyport_add_module(${turndown_modules} @adobe/css-tools
    ${turndown_folder}/adobe-css-tools-4.4.4/package/dist/cjs/adobe-css-tools.cjs)
foreach(module index html4-entities html5-entities xml-entities surrogate-pairs)
    sallyport_add_module(${turndown_modules} html-entities/${module}
        ${turndown_folder}/html-entities-1.4.0/package/lib/${module}.js)
endforeach()
sallyport_add_domino(${turndown_modules})
sallyport_end_modules(${turndown_modules} kHtmlToMarkdownScript html_to_markdown.js)

sallyport_fetch(fetch-nwsapi nwsapi_folder)
set(page_modules ${turndown_folder}/page_modules.js)
sallyport_begin_modules(${page_modules})
sallyport_add_module(${page_modules} nwsapi ${nwsapi_folder}/nwsapi.js)
sallyport_add_domino(${page_modules})
sallyport_end_modules(${page_modules} kExtractFromHtmlScript extract_from_html.js)

# What Debian builds its own network servers with.
if(NOT SALLYPORT_SANITIZE AND NOT CMAKE_BUILD_TYPE STREQUAL "Debug")
    add_compile_options(-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2 -fstack-protector-strong
                        -fstack-clash-protection)
    if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64")
        add_compile_options(-fcf-protection)
    endif()
endif()
add_link_options(-Wl,-z,relro,-z,now)

# SALLYPORT_SANITIZE applies to every target, so that no object of ours is left out.
if(SALLYPORT_SANITIZE)
    add_compile_options(-fsanitize=${SALLYPORT_SANITIZE} -fno-omit-frame-pointer
                        -fno-sanitize-recover=all)
    add_link_options(-fsanitize=${SALLYPORT_SANITIZE})
    if(SALLYPORT_FUZZ)
        add_compile_options(-fsanitize=fuzzer-no-link)
    endif()
endif()

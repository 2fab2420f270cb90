# SPDX-License-Identifier: Apache-2.0
# atoll_add_plugin(name SOURCES files... [LIBS targets...] [DEFINITIONS folder-or-files...]
#                  [OUTPUT_DIRECTORY dir] [NO_INSTALL])
#
# Builds <name>.so the way the host wants it: a module without the lib prefix, everything hidden but the
# entry function, no undefined symbols (so a typo fails here and not in production). The YAML files of
# DEFINITIONS are copied beside it into <name>.definitions/, which is what topology->definitions then names.
# The same file serves the tree of Atoll and a plugin built elsewhere (find_package(AtollPlugin)).
# Not here: finding the header; the includer sets ATOLL_PLUGIN_INCLUDE_DIR.

function(atoll_add_plugin name)
    cmake_parse_arguments(P "NO_INSTALL" "OUTPUT_DIRECTORY" "SOURCES;LIBS;DEFINITIONS" ${ARGN})
    if(P_UNPARSED_ARGUMENTS)
        message(FATAL_ERROR "atoll_add_plugin(${name}): unknown arguments ${P_UNPARSED_ARGUMENTS}; "
            "want SOURCES, LIBS, DEFINITIONS, OUTPUT_DIRECTORY, NO_INSTALL")
    endif()
    if(NOT P_SOURCES)
        message(FATAL_ERROR "atoll_add_plugin(${name}): SOURCES is empty")
    endif()
    if(NOT P_OUTPUT_DIRECTORY)
        set(P_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/lib/atoll/engines)
    endif()

    add_library(${name} MODULE ${P_SOURCES})
    target_include_directories(${name} PRIVATE ${ATOLL_PLUGIN_INCLUDE_DIR})
    target_link_libraries(${name} PRIVATE ${P_LIBS})
    set_target_properties(${name} PROPERTIES
        PREFIX ""
        SUFFIX ".so"
        C_VISIBILITY_PRESET hidden
        CXX_VISIBILITY_PRESET hidden
        VISIBILITY_INLINES_HIDDEN ON
        POSITION_INDEPENDENT_CODE ON
        LIBRARY_OUTPUT_DIRECTORY ${P_OUTPUT_DIRECTORY})
    # clang leaves the sanitizer's symbols to the program, so only then undefined symbols must be let through.
    if(NOT (CMAKE_C_COMPILER_ID MATCHES "Clang" AND (ATOLL_SANITIZE OR CMAKE_C_FLAGS MATCHES "-fsanitize")))
        target_link_options(${name} PRIVATE -Wl,-z,defs)
    endif()
    if(NOT P_NO_INSTALL)
        install(TARGETS ${name} LIBRARY DESTINATION lib/atoll/engines COMPONENT engines)
    endif()
    if(P_DEFINITIONS)
        atoll_plugin_definitions(${name} ${P_OUTPUT_DIRECTORY} ${P_NO_INSTALL} ${P_DEFINITIONS})
    endif()
endfunction()

# Copy the YAML files beside the plugin, again whenever one of them changes.
function(atoll_plugin_definitions name output no_install)
    set(files "")
    foreach(entry IN LISTS ARGN)
        get_filename_component(entry ${entry} ABSOLUTE BASE_DIR ${CMAKE_CURRENT_SOURCE_DIR})
        if(IS_DIRECTORY ${entry})
            file(GLOB found CONFIGURE_DEPENDS ${entry}/*.yaml ${entry}/*.yml)
            list(APPEND files ${found})
        elseif(EXISTS ${entry})
            list(APPEND files ${entry})
        else()
            message(FATAL_ERROR "atoll_add_plugin(${name}): DEFINITIONS ${entry} does not exist")
        endif()
    endforeach()
    if(NOT files)
        message(FATAL_ERROR "atoll_add_plugin(${name}): DEFINITIONS ${ARGN} hold no .yaml file")
    endif()
    set(folder ${output}/${name}.definitions)
    set(copies "")
    foreach(file IN LISTS files)
        get_filename_component(base ${file} NAME)
        add_custom_command(OUTPUT ${folder}/${base}
            COMMAND ${CMAKE_COMMAND} -E make_directory ${folder}
            COMMAND ${CMAKE_COMMAND} -E copy ${file} ${folder}/${base}
            DEPENDS ${file} VERBATIM)
        list(APPEND copies ${folder}/${base})
    endforeach()
    add_custom_target(${name}_definitions ALL DEPENDS ${copies})
    add_dependencies(${name} ${name}_definitions)
    if(NOT no_install)
        install(FILES ${files} DESTINATION lib/atoll/engines/${name}.definitions COMPONENT engines)
    endif()
endfunction()

# SPDX-License-Identifier: Apache-2.0
# Compiler flags for every target: language level, warnings as errors, hardening, sanitizers, coverage.
set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS ON) # gnu11: the cleanup attribute and statement expressions
set(CMAKE_CXX_STANDARD 11) # only for the check that the plugin header compiles as C++
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

set(ATOLL_SANITIZE "" CACHE STRING "Value for -fsanitize=, e.g. address,undefined or thread")
option(ATOLL_COVERAGE "Instrument for gcov" OFF)
option(ATOLL_FUZZ "Build the libFuzzer targets (clang only)" OFF)

add_compile_options(
    $<$<COMPILE_LANGUAGE:C>:-Wall> -Wextra -Werror -Wshadow -Wpointer-arith -Wwrite-strings -Wformat=2
    -Wundef -Wvla -Wimplicit-fallthrough
    $<$<COMPILE_LANGUAGE:C>:-Wstrict-prototypes> $<$<COMPILE_LANGUAGE:C>:-Wmissing-prototypes>
    $<$<COMPILE_LANGUAGE:C>:-Wold-style-definition>
    -fno-strict-aliasing -fstack-protector-strong -fno-common -fno-omit-frame-pointer)
add_compile_definitions(_GNU_SOURCE ATOLL_VERSION="${PROJECT_VERSION}")
if(NOT ATOLL_SANITIZE AND CMAKE_BUILD_TYPE MATCHES "Rel")
    add_compile_definitions(_FORTIFY_SOURCE=2)
endif()
add_link_options(-Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack)
if(ATOLL_SANITIZE)
    add_compile_options(-fsanitize=${ATOLL_SANITIZE} -fno-sanitize-recover=all)
    add_link_options(-fsanitize=${ATOLL_SANITIZE})
    add_compile_definitions(ATOLL_SANITIZED=1)
endif()
if(ATOLL_FUZZ) # libFuzzer steers by the coverage of the rooms, not only of its own target
    add_compile_options(-fsanitize=fuzzer-no-link)
endif()
if(ATOLL_COVERAGE)
    add_compile_options(--coverage)
    add_link_options(--coverage)
endif()

# Language level, warnings, sanitizers and compiler cache, the same for every target.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

set(SLUICE_SANITIZE "" CACHE STRING "Sanitizers to build with: empty, 'address,undefined' or 'thread'")

find_program(SLUICE_CCACHE ccache)
if(SLUICE_CCACHE)
  # Objects are shared between build directories and between checkouts: paths below the top are hashed relative to it. A
  # precompiled header is hashed by its content.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=1
      CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime ${SLUICE_CCACHE})
endif()

add_library(sluice_build_flags INTERFACE)
target_compile_options(sluice_build_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual -Wcast-qual -Wimplicit-fallthrough
  -Werror -fno-omit-frame-pointer
  # g++ 12 at -O2: overlap in "text" + std::string (GCC bug 105329), and std::stop_token and std::optional "uninitialized".
  -Wno-restrict -Wno-maybe-uninitialized
  # One path for every checkout, so that ccache serves a fresh clone too.
  -ffile-prefix-map=${CMAKE_SOURCE_DIR}=.)
if(SLUICE_SANITIZE)
  target_compile_options(sluice_build_flags INTERFACE -fsanitize=${SLUICE_SANITIZE} -fno-sanitize-recover=all)
  target_link_options(sluice_build_flags INTERFACE -fsanitize=${SLUICE_SANITIZE})
  # g++ 12 reports false positives of these two under sanitizer instrumentation.
  target_compile_options(sluice_build_flags INTERFACE -Wno-stringop-overflow
    -Wno-mismatched-new-delete)
endif()

find_program(SLUICE_LLD ld.lld)
if(SLUICE_LLD)
  target_link_options(sluice_build_flags INTERFACE -fuse-ld=lld)
endif()

# Sanitizers: a build preset chooses them (asan, tsan), every target gets them, and every program carries its settings and
# suppressions within it (sanitizer_options.cpp), so that it behaves alike under ctest, by hand and in a container.
set(SLUICE_SANITIZE "" CACHE STRING "Sanitizers to build with: empty, 'address,undefined' or 'thread'")

if(SLUICE_SANITIZE STREQUAL "thread")
  # Boost.Asio's fences, which ThreadSanitizer does not see; the mutex of Asio's scheduler orders the same accesses.
  target_compile_options(sluice_build_flags INTERFACE -Wno-tsan)
endif()
if(SLUICE_SANITIZE)
  target_compile_options(sluice_build_flags INTERFACE -fsanitize=${SLUICE_SANITIZE} -fno-sanitize-recover=all
    # g++ 12 reports false positives of these under instrumentation.
    -Wno-stringop-overflow -Wno-mismatched-new-delete)
  target_link_options(sluice_build_flags INTERFACE -fsanitize=${SLUICE_SANITIZE})
  add_library(sluice_sanitizer_options OBJECT ${CMAKE_CURRENT_LIST_DIR}/sanitizer_options.cpp)
  target_link_libraries(sluice_sanitizer_options PRIVATE sluice_build_flags)
endif()

# sluice_sanitize_program(target): gives a program its sanitizers' settings.
function(sluice_sanitize_program target)
  if(SLUICE_SANITIZE)
    target_link_libraries(${target} PRIVATE sluice_sanitizer_options)
  endif()
endfunction()

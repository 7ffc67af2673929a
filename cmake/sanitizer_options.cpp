// Settings of the sanitizers, which ask the program for them; an environment variable (ASAN_OPTIONS ...) overrides each.
// Exit status 86 means a finding and nothing else, so that one in a container cannot pass for a crash of another kind.

extern "C" {

// The quarantine of freed memory is 256 MB by default, more than the pods may have.
const char* __asan_default_options();
const char* __asan_default_options() {
  return "exitcode=86:quarantine_size_mb=16:detect_stack_use_after_return=1:check_initialization_order=1:"
         "strict_init_order=1:strict_string_checks=1";
}

const char* __ubsan_default_options();
const char* __ubsan_default_options() { return "exitcode=86:print_stacktrace=1"; }

const char* __lsan_default_options();
const char* __lsan_default_options() { return "exitcode=86"; }

const char* __tsan_default_options();
const char* __tsan_default_options() { return "exitcode=86:halt_on_error=1:second_deadlock_stack=1"; }

}  // extern "C"

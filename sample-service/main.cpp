// courier, as it is released: without any code that injects faults.
#include <cstdio>
#include <string_view>

#include "sample-service/service/migrate.h"
#include "sample-service/service/run.h"

int main(int count, char** arguments) {
  const auto environment = courier::process_environment();
  if (count == 1) return courier::run(environment, {}, courier::system_random());
  if (std::string_view(arguments[1]) == "migrate") return courier::migrate({arguments + 2, arguments + count}, environment);
  std::fprintf(stderr, "usage: courier | courier migrate ...: it is configured by its environment (sample-service/README.md)\n");
  return 2;
}

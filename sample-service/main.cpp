// courier, as it is released: without any code that injects faults.
#include "sample-service/service/run.h"

int main() { return courier::run(courier::process_environment(), {}, courier::system_random()); }

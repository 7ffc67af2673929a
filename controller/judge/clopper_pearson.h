// The exact interval for a probability, from x successes of n.
// Source: Clopper, Pearson, "The use of confidence or fiducial limits illustrated in the case of the binomial" (1934).
#pragma once

namespace sluice::judge {

// One-sided limits: each is wrong with probability at most 1 - confidence. 0 <= x <= n; without any try (n = 0) nothing
// is known: 0 and 1.
double lower_limit(long x, long n, double confidence);
double upper_limit(long x, long n, double confidence);

}  // namespace sluice::judge

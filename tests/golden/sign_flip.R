# Golden values for stats/ranks/sign_flip.py. Run: make golden (or Rscript sign_flip.R in tests/golden)
# Inputs are simulated here. p_mean: exactRankTests::perm.test for whole numbers, else all sign patterns listed
# in base R; p_rank: exactRankTests::wilcox.exact (exact with ties); subset means listed in base R.
suppressMessages({library(jsonlite); library(exactRankTests)})
set.seed(20261124)

patterns <- function(n) as.matrix(expand.grid(rep(list(c(-1, 1)), n)))
listed <- function(d, alternative) {
  sums <- drop(patterns(length(d)) %*% abs(d))
  total <- sum(d); slack <- 1e-9 * sum(abs(d))
  switch(alternative, greater = mean(sums >= total - slack), less = mean(sums <= total + slack),
         two.sided = mean(abs(sums) >= abs(total) - slack))
}
limits <- function(d, level) {
  chosen <- (patterns(length(d)) + 1) / 2
  means <- sort(drop(chosen %*% d)[-1] / rowSums(chosen)[-1])
  k <- floor((1 - level) / 2 * (length(means) + 1) + 1e-9)
  if (k < 1) c(NA, NA) else c(means[k], means[length(means) + 1 - k])
}
run <- function(name, x, y, alternative = "two.sided", level = 0.95) {
  d <- x - y
  whole <- all(x == round(x)) && all(y == round(y))
  p_mean <- if (whole) perm.test(x, y, paired = TRUE, alternative = alternative, exact = TRUE)$p.value
            else listed(d, alternative)
  # rounded, since 0.3 - 0.1 and 0.7 - 0.5 differ in the last bit
  p_rank <- suppressWarnings(wilcox.exact(round(d, 9), alternative = alternative, exact = TRUE)$p.value)
  ends <- if (length(d) <= 14 && alternative == "two.sided") limits(d, level) else c(NA, NA)
  list(name = name, x = x, y = y, alternative = sub(".", "-", alternative, fixed = TRUE), level = level,
       p_mean = unname(p_mean), p_rank = unname(p_rank), mean = mean(d), conf_low = ends[1], conf_high = ends[2])
}

smooth <- function(n, shift) rnorm(n, shift)
tied <- function(n, shift) round(rnorm(n, shift), 1)
whole <- function(n, shift) round(4 * rnorm(n, shift))
cases <- list(
  run("reals, 6 pairs", smooth(6, 1), smooth(6, 0)),
  run("reals, 13 pairs", smooth(13, 0.7), smooth(13, 0)),
  run("reals, 14 pairs, 80 percent", smooth(14, 0.4), smooth(14, 0), level = 0.8),
  run("reals, greater", smooth(12, 0.7), smooth(12, 0), alternative = "greater"),
  run("reals, less", smooth(12, 0.7), smooth(12, 0), alternative = "less"),
  run("ties and zeros, 14 pairs", tied(14, 0.3), tied(14, 0)),
  run("tenths that tie only in exact numbers", c(0.3, 0.7, 0.1, 0.9, 0.5), c(0.1, 0.5, 0.3, 0.6, 0.4)),
  run("whole numbers, 20 pairs", whole(20, 0.5), whole(20, 0)),
  run("whole numbers, 44 pairs", whole(44, 0.4), whole(44, 0)),
  run("whole numbers, 44 pairs, greater", whole(44, 0.4), whole(44, 0), alternative = "greater"),
  run("whole numbers, 30 pairs, less", whole(30, 0.1), whole(30, 0), alternative = "less"),
  run("whole numbers, far tail", whole(40, 2), whole(40, 0)),
  run("one pair", 1.5, 1)
)

header <- list(script = "tests/golden/sign_flip.R",
               call = "perm.test(x, y, paired = TRUE, exact = TRUE); wilcox.exact(x - y, exact = TRUE)",
               r = R.version.string,
               packages = lapply(c(jsonlite = "jsonlite", exactRankTests = "exactRankTests"),
                                 function(p) as.character(packageVersion(p))),
               date = format(Sys.Date()), seed = 20261124)
write(toJSON(list(header = header, cases = cases), digits = I(17), auto_unbox = TRUE, na = "null", pretty = TRUE),
      "sign_flip.json")

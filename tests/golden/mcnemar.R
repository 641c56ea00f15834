# Golden values for stats/rates/mcnemar.py and stats/rates/proportions.py. Run: make golden (or Rscript mcnemar.R in tests/golden)
suppressMessages(library(jsonlite))
set.seed(20240613)

newcombe <- function(a, b, c, d, level = 0.95) { # Newcombe 1998, method 10, from prop.test's Wilson limits
  n <- a + b + c + d
  wilson <- function(x) suppressWarnings(prop.test(x, n, conf.level = level, correct = FALSE)$conf.int)
  p1 <- (a + b) / n; p2 <- (a + c) / n
  w1 <- wilson(a + b); w2 <- wilson(a + c)
  top <- a * d - b * c
  if (top > 0) top <- max(top - n / 2, 0)
  bottom <- sqrt((a + b) * (c + d) * (a + c) * (b + d))
  phi <- if (bottom == 0) 0 else top / bottom
  dl1 <- p1 - w1[1]; du1 <- w1[2] - p1; dl2 <- p2 - w2[1]; du2 <- w2[2] - p2
  c(p1 - p2 - sqrt(dl1^2 - 2 * phi * dl1 * du2 + du2^2), p1 - p2 + sqrt(du1^2 - 2 * phi * du1 * dl2 + dl2^2))
}

run <- function(a, b, c, d) {
  table <- matrix(c(a, c, b, d), 2)
  corrected <- mcnemar.test(table); plain <- mcnemar.test(table, correct = FALSE)
  exact <- binom.test(b, b + c)
  low <- min(b, c); n <- b + c
  mid <- if (b == c) 1 - 0.5 * dbinom(b, n, 0.5) else 2 * pbinom(low, n, 0.5) - dbinom(low, n, 0.5)
  ci <- newcombe(a, b, c, d)
  odds <- exact$conf.int / (1 - exact$conf.int)
  list(counts = c(a, b, c, d), corrected = unname(corrected$statistic), p_corrected = corrected$p.value,
       chi2 = unname(plain$statistic), p_chi2 = plain$p.value, p_exact = exact$p.value, p_mid = mid,
       conf_low = ci[1], conf_high = ci[2],
       odds_low = odds[1], odds_high = if (is.finite(odds[2])) odds[2] else "Inf")
}
published <- list(c(85, 15, 1, 2), c(60, 7, 3, 8), c(36, 12, 2, 0))
edges <- list(c(10, 1, 0, 5), c(0, 4, 4, 0), c(50, 3, 2, 0), c(0, 0, 9, 1), c(2000, 310, 250, 900), c(1, 1, 6, 0))
random <- lapply(1:12, function(i) c(sample(0:200, 1), sample(1:30, 1), sample(0:30, 1), sample(0:40, 1)))
large <- list(c(9000, 1e6, 1e6 + 1, 50), c(5, 66518, 78177, 3), c(1e5, 400000, 400500, 1e4), c(10, 881943, 843710, 0))
cases <- lapply(c(published, edges, random, large), function(x) do.call(run, as.list(x)))

header <- list(script = "tests/golden/mcnemar.R",
               call = "mcnemar.test, binom.test, prop.test(correct = FALSE), Newcombe 1998 method 10 from its formula",
               r = R.version.string, packages = list(jsonlite = as.character(packageVersion("jsonlite"))),
               date = format(Sys.Date()), seed = 20240613)
write(toJSON(list(header = header, cases = cases), digits = NA, auto_unbox = TRUE, na = "string"),
      "mcnemar.json")

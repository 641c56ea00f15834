# Golden values for stats/ranks/wilcoxon.py. Run: make golden (or Rscript wilcoxon.R in tests/golden)
# Inputs are simulated here; expected values come from stats::wilcox.test.
suppressMessages(library(jsonlite))
set.seed(20240611)

run <- function(name, x, y, ...) {
  options <- list(...)
  # tol.root: R's root search for the limits of the normal approximation stops at 1e-4 by default
  call <- c(list(x = x, y = y, conf.int = TRUE, tol.root = 1e-13), options)
  fit <- suppressWarnings(do.call(wilcox.test, call))
  list(name = name, x = x, y = y, options = options,
       statistic = unname(fit$statistic), p_value = fit$p.value, method = fit$method,
       estimate = unname(fit$estimate), conf_low = fit$conf.int[1], conf_high = fit$conf.int[2],
       conf_level_achieved = attr(fit$conf.int, "conf.level"))
}

smooth <- function(n, shift) rnorm(n, shift)
tied <- function(n, shift) round(rnorm(n, shift), 1)
cases <- list(
  run("exact, small", smooth(6, 0.5), smooth(8, 0)),
  run("exact, 49 against 40", smooth(49, 0.3), smooth(40, 0)),
  run("exact, one-sided greater", smooth(12, 0.8), smooth(9, 0), alternative = "greater"),
  run("exact, one-sided less", smooth(12, 0.8), smooth(9, 0), alternative = "less"),
  run("exact, two values each", c(0.1, 0.7), c(0.3, 0.9)),
  run("normal, 50 values", smooth(50, 0.4), smooth(20, 0)),
  run("normal, ties", tied(20, 0.5), tied(25, 0)),
  run("normal, ties, no correction", tied(20, 0.5), tied(25, 0), correct = FALSE),
  run("normal, ties, greater", tied(20, 0.5), tied(25, 0), alternative = "greater"),
  run("normal, ties, less", tied(20, 0.5), tied(25, 0), alternative = "less"),
  run("normal asked for", smooth(10, 1), smooth(11, 0), exact = FALSE),
  run("normal, heavy ties", sample(1:4, 44, TRUE) + 0, sample(1:5, 44, TRUE) + 0),
  run("normal, 90 percent", tied(30, 0.2), tied(33, 0), conf.level = 0.9),
  run("paired, exact", smooth(15, 0.4), smooth(15, 0), paired = TRUE),
  run("paired, exact, 44", smooth(44, 0.2), smooth(44, 0), paired = TRUE),
  run("paired, exact, greater", smooth(15, 0.4), smooth(15, 0), paired = TRUE, alternative = "greater"),
  run("paired, exact, less", smooth(15, 0.4), smooth(15, 0), paired = TRUE, alternative = "less"),
  run("paired, exact, too few for the level", smooth(4, 1), smooth(4, 0), paired = TRUE),
  run("paired, normal, 60", smooth(60, 0.2), smooth(60, 0), paired = TRUE),
  run("paired, ties and zeros", tied(25, 0.3), tied(25, 0), paired = TRUE),
  run("paired, ties, no correction", tied(25, 0.3), tied(25, 0), paired = TRUE, correct = FALSE),
  run("paired, few pairs with ties", c(1.5, 2.5, 3, 4.25, 1), c(1, 2, 2, 3, 0.75), paired = TRUE),
  run("paired, zeros, greater", tied(25, 0.3), tied(25, 0), paired = TRUE, alternative = "greater")
)

header <- list(script = "tests/golden/wilcoxon.R", call = "wilcox.test(x, y, conf.int = TRUE, tol.root = 1e-13)",
               r = R.version.string, packages = list(jsonlite = as.character(packageVersion("jsonlite"))),
               date = format(Sys.Date()), seed = 20240611)
write(toJSON(list(header = header, cases = cases), digits = NA, auto_unbox = TRUE, na = "string", pretty = TRUE),
      "wilcoxon.json")

# Golden values for large, unbalanced, nearly tied and extreme scores. Run: make golden (or Rscript comparisons_scale.R
# in tests/golden). Inputs are formulas that R and Python follow in whole numbers and exact float64 steps, so that no
# data need be stored: see `inputs` here and in tests/stats/roc/test_delong_scale.py.
suppressMessages({library(pROC); library(jsonlite)})

# Lehmer generator of Park and Miller: below 2^53, hence exact in float64
lehmer <- function(n, seed) { out <- numeric(n); x <- seed
  for (i in seq_len(n)) { x <- (16807 * x) %% 2147483647; out[i] <- x }
  out }
# positives first; a score is a whole number, its separation `shift` in the same unit
inputs <- function(m, n, k, shift, levels, step) {
  y <- rep(c(1, 0), c(m, n)); common <- lehmer(m + n, 12345) %% levels
  s <- sapply(seq_len(k), function(j) common + lehmer(m + n, 1000 + j) %% levels + y * shift[j])
  list(y = y, scores = matrix(switch(step, plain = s, ulp = 1 + s * 2^-52, huge = s * 2^990, tiny = s * 2^-1074), m + n))
}
curve <- function(y, s) suppressWarnings(roc(y, s, direction = "<", levels = c(0, 1), quiet = TRUE))
one <- function(name, m, n, k, shift, levels, step = "plain") {
  d <- inputs(m, n, k, shift, levels, step)
  r <- lapply(seq_len(k), function(j) curve(d$y, d$scores[, j]))
  models <- lapply(r, function(x) { ci <- suppressWarnings(ci.auc(x, method = "delong"))
    list(auc = as.numeric(x$auc), conf_low = ci[1], conf_high = ci[3], std_error = sqrt(suppressWarnings(var(x)))) })
  pairs <- list()
  for (i in seq_len(k - 1)) for (j in (i + 1):k) {
    t <- roc.test(r[[i]], r[[j]], method = "delong", paired = TRUE)
    u <- suppressWarnings(roc.test(r[[i]], r[[j]], method = "delong", paired = FALSE))
    pairs[[length(pairs) + 1]] <- list(statistic = unname(t$statistic), p_value = t$p.value, conf_low = t$conf.int[1],
      conf_high = t$conf.int[2], unpaired_statistic = unname(u$statistic), unpaired_df = unname(u$parameter),
      unpaired_p = u$p.value)
  }
  area <- function(focus, correct) as.numeric(suppressWarnings(auc(r[[1]], partial.auc = c(0.85, 1),
    partial.auc.focus = focus, partial.auc.correct = correct)))
  list(name = name, m = m, n = n, k = k, shift = shift, levels = levels, step = step, models = models, pairs = pairs,
       partial = c(area("specificity", FALSE), area("specificity", TRUE), area("sensitivity", FALSE), area("sensitivity", TRUE)))
}
cases <- list(
  one("two of each class", 2, 2, 2, c(-300, 100), 1009),
  one("two of each class, three models", 2, 3, 3, c(700, 400, 100), 1009),
  one("imbalance 1 to 1000", 4, 4000, 3, c(900, 700, 400), 1009),
  one("imbalance 1000 to 1", 3000, 3, 2, c(900, 300), 1009),
  one("100,000 images without many ties", 40000, 60000, 2, c(40000, 35000), 100003),
  one("100,000 images of 17 scores", 1000, 99000, 2, c(3, 2), 9),
  one("neighbours in float64", 60, 90, 3, c(20, 15, 9), 47, "ulp"),
  one("scores near the largest float", 60, 90, 2, c(20, 15), 47, "huge"),
  one("denormal scores", 60, 90, 2, c(20, 15), 47, "tiny"),
  one("twelve models", 58, 45, 12, seq(600, 50, by = -50), 1009)
)
version <- function(p) as.character(packageVersion(p))
header <- list(script = "tests/golden/comparisons_scale.R",
               call = "roc.test(a, b, method = 'delong', paired = TRUE and FALSE), ci.auc, var, auc(partial.auc =) (pROC)",
               r = R.version.string, packages = list(pROC = version("pROC"), jsonlite = version("jsonlite")),
               date = format(Sys.Date()))
write(toJSON(list(header = header, cases = cases), digits = NA, auto_unbox = TRUE, na = "string"), "comparisons_scale.json")

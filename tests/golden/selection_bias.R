# Golden values for stats/resampling/selection_bias.py. Run: make golden (or Rscript selection_bias.R in tests/golden)
# Inputs are simulated here; loops over bootstrap samples (Tsamardinos 2018) and folds (Tibshirani 2009).
suppressMessages(library(jsonlite))
set.seed(20270418)

auc <- function(y, s) {
  if (length(unique(y)) < 2) return(NA)
  mean(outer(s[y == 1], s[y == 0], ">") + 0.5 * outer(s[y == 1], s[y == 0], "=="))
}
f1 <- function(y, s) {
  found <- sum(s >= 0.5 & y == 1)
  2 * found / (sum(s >= 0.5) + sum(y == 1))
}
run <- function(name, y, scores, metric, group = seq_along(y), B = 150) {
  value <- list(auc = auc, f1 = f1)[[metric]]
  all_of <- function(rows) apply(scores[rows, , drop = FALSE], 2, function(s) value(y[rows], s))
  units <- max(group); counts <- matrix(0, B, units); out <- rep(NA_real_, B)
  for (b in seq_len(B)) {
    drawn <- sample(units, units, TRUE)
    counts[b, ] <- tabulate(drawn, units)
    inside <- unlist(lapply(drawn, function(u) which(group == u)))
    outside <- which(!(group %in% drawn))
    v <- all_of(inside)
    if (any(is.na(v)) || length(outside) == 0) next
    win <- which(v >= max(v) - 1e-12)
    out[b] <- mean(all_of(outside)[win])
  }
  out[is.nan(out)] <- NA
  whole <- all_of(seq_along(y)); best <- which.max(whole)
  folds <- rep(1:4, length.out = length(y))
  by_fold <- sapply(1:4, function(f) { v <- all_of(which(folds == f)); max(v) - v[best] })
  list(name = name, metric = metric, y = y, scores = scores, group = group, clustered = units < length(y),
       counts = counts, folds = folds, winner = best - 1, naive = whole[best], replicates = out,
       corrected = mean(out, na.rm = TRUE), fold_bias = mean(by_fold))
}
n <- 36
y <- rep(c(1, 0, 0), length.out = n)[sample(n)]
scores <- sapply(c(0.8, 0.6, 1, 0.7, 0.9), function(s) rnorm(n) + s * y)
group <- sort(rep(1:14, length.out = n)); pool <- round(scores * 2) / 2
few <- c(1, 1, 1, rep(0, 21)); few_scores <- sapply(c(0.8, 1, 0.9), function(s) rnorm(24) + s * few)
cases <- list(run("auc", y, scores, "auc"), run("auc with ties", y, pool, "auc"),
              run("auc of patients", y, scores, "auc", group), run("f1", y, scores, "f1"),
              run("three positives", few[sample(24)], few_scores, "auc"))
cases[[5]]$fold_bias <- NA  # a fold may lack a class
header <- list(script = "tests/golden/selection_bias.R", call = "loops over bootstrap samples and folds, AUC by outer",
               r = R.version.string, packages = list(jsonlite = as.character(packageVersion("jsonlite"))),
               date = format(Sys.Date()), seed = 20270418)
write(toJSON(list(header = header, cases = cases), digits = I(17), auto_unbox = TRUE, na = "null"),
      "selection_bias.json")

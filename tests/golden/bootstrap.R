# Golden values for stats/resampling/bootstrap.py. Run: make golden (or Rscript bootstrap.R in tests/golden)
# Inputs are simulated here. boot: limits by boot::boot.ci from the samples that boot::boot drew, which are stored
# as counts; pROC: means and standard errors over runs of its own bootstrap.
suppressMessages({library(pROC); library(boot); library(jsonlite)})
set.seed(20270131)

weighted_auc <- function(y, s, w) {
  p <- y == 1
  psi <- outer(s[p], s[!p], ">") + 0.5 * outer(s[p], s[!p], "==")
  sum(outer(w[p], w[!p]) * psi) / (sum(w[p]) * sum(w[!p]))
}
weighted_f1 <- function(y, s, w) {
  call <- s >= 0.5
  2 * sum(w[call & y == 1]) / (sum(w[call]) + sum(w[y == 1]))
}
# frequencies f of the units (images or patients), as boot(stype = "f") gives them
statistic <- function(units, f, y, scores, group, value) {
  w <- f[group]
  found <- apply(scores, 2, function(s) value(y, s, w))
  if (length(found) == 2) found[1] - found[2] else found
}
# influence over units of the stratum: derivative in the weight of a unit, centred within its stratum
influence <- function(y, scores, group, strata, value) {
  k <- max(group)
  at <- function(u, h) { f <- rep(1, k); f[u] <- 1 + h; statistic(NULL, f, y, scores, group, value) }
  h <- 1e-3  # five points: error of order h^4
  slope <- sapply(seq_len(k), function(u) (8 * (at(u, h) - at(u, -h)) - at(u, 2 * h) + at(u, -2 * h)) / (12 * h))
  slope - ave(slope, strata)
}

boot_case <- function(name, y, scores, metric, group = seq_along(y), strata = y, jack = FALSE, R = 199) {
  value <- list(auc = weighted_auc, f1 = weighted_f1)[[metric]]
  k <- max(group); size <- as.numeric(table(strata)[as.character(strata)])
  repeat {  # boot.ci counts replicates below t0; half of an even number of ties is moved below
    drawn <- boot(seq_len(k), statistic, R = R, stype = "f", strata = strata, y = y, scores = scores,
                  group = group, value = value)
    tied <- which(abs(drawn$t[, 1] - drawn$t0) < 1e-12)
    if (length(tied) %% 2 == 0) break
  }
  t <- drawn$t[, 1]; t[tied] <- drawn$t0 + rep(c(-1e-14, 1e-14), length.out = length(tied))
  L <- influence(y, scores, group, strata, value)
  if (jack) {  # leave one unit out, the rest of its stratum weighted up
    at <- function(u) { f <- rep(1, k); g <- strata == strata[u]; f[u] <- 0
                        f[g] <- f[g] * sum(g) / (sum(g) - 1); statistic(NULL, f, y, scores, group, value) }
    L <- (size - 1) * (drawn$t0 - sapply(seq_len(k), at)) / size
  }
  ends <- lapply(c(0.9, 0.95), function(level) {
    ci <- suppressWarnings(boot.ci(drawn, conf = level, type = c("basic", "perc", "bca"), t0 = drawn$t0, t = t,
                                   L = L))
    list(level = level, basic = ci$basic[4:5], percentile = ci$percent[4:5], bca = ci$bca[4:5])
  })
  list(name = name, metric = metric, y = y, scores = scores, group = group, clustered = k < length(y),
       counts = boot.array(drawn), estimate = drawn$t0, replicates = drawn$t[, 1],
       z0 = qnorm(mean(t < drawn$t0)), acceleration = sum(L^3) / (6 * sum(L^2)^1.5), limits = ends)
}

simulate <- function(m, n, shift, digits = 15) {
  y <- sample(c(rep(1, m), rep(0, n)))
  common <- rnorm(m + n)
  list(y = y, scores = sapply(shift, function(s) round(0.7 * common + 0.7 * rnorm(m + n) + s * y, digits)))
}
one <- simulate(15, 22, 1.2); two <- simulate(18, 20, c(1.3, 0.6)); tied <- simulate(16, 24, c(1.2, 0.8), 0)
patients <- 26
group <- rep(seq_len(patients), times = sample(1:3, patients, TRUE))
kind <- rep(c(0, 1, 2), length.out = patients)
y <- ifelse(kind[group] == 2, sample(0:1, length(group), TRUE), kind[group])
scores <- sapply(c(1.2, 0.7), function(s) 0.8 * rnorm(patients)[group] + rnorm(length(group)) + s * y)
pattern <- tapply(y, group, function(v) if (all(v == 1)) 1 else if (all(v == 0)) 0 else 2)
booted <- list(
  boot_case("one model", one$y, one$scores, "auc"),
  boot_case("difference", two$y, two$scores, "auc"),
  boot_case("difference with ties", tied$y, tied$scores, "auc"),
  boot_case("patients, difference", y, scores, "auc", group, as.numeric(pattern)),
  boot_case("f1", two$y, two$scores[, 1, drop = FALSE], "f1", jack = TRUE),
  boot_case("f1, difference of patients", y, scores, "f1", group, as.numeric(pattern), jack = TRUE)
)

curve <- function(y, s) suppressWarnings(roc(y, s, direction = "<", levels = c(0, 1), quiet = TRUE))
proc_case <- function(name, d, runs = 8, boot_n = 1000) {
  a <- curve(d$y, d$scores[, 1]); b <- curve(d$y, d$scores[, 2])
  many <- function(code) { v <- replicate(runs, code()); v <- matrix(v, ncol = runs)
    list(mean = rowMeans(v), std_error = apply(v, 1, sd) / sqrt(runs)) }
  tests <- function(alternative) unlist(roc.test(a, b, method = "bootstrap", boot.n = boot_n, paired = TRUE,
    boot.stratified = TRUE, alternative = alternative, progress = "none")[c("statistic", "p.value")])
  list(name = name, y = d$y, scores = d$scores, n_resamples = runs * boot_n,
       ci = many(function() as.numeric(ci.auc(a, method = "bootstrap", boot.n = boot_n, boot.stratified = TRUE,
                                              progress = "none"))[c(1, 3)]),
       tests = lapply(c(`two-sided` = "two.sided", greater = "greater", less = "less"),
                      function(alternative) many(function() tests(alternative))))
}
proc <- list(proc_case("acl size", simulate(58, 45, c(1.6, 1.1))),
             proc_case("breast size with ties", simulate(21, 57, c(1.4, 1.0), 1)),
             proc_case("b above a", simulate(30, 40, c(0.5, 1.1))))

header <- list(script = "tests/golden/bootstrap.R",
               call = paste("boot(stype = 'f', strata), boot.ci(type = c('basic', 'perc', 'bca'));",
                            "roc.test(method = 'bootstrap'), ci.auc(method = 'bootstrap') (pROC)"),
               r = R.version.string,
               packages = lapply(c(boot = "boot", pROC = "pROC", jsonlite = "jsonlite"),
                                 function(p) as.character(packageVersion(p))),
               date = format(Sys.Date()), seed = 20270131)
write(toJSON(list(header = header, boot = booted, proc = proc), digits = I(17), auto_unbox = TRUE, na = "null"),
      "bootstrap.json")

# Golden values for the ROC family: partial AUC, operating points, bands, thresholds, contrasts of AUCs, intervals
# of one AUC. Run: make golden (or Rscript roc.R in tests/golden)
# Inputs are simulated here. Point estimates, bootstrap intervals and bootstrap tests come from pROC; the formulas
# of contrasts, Newcombe 2006, order statistics and Kolmogorov bands are written out in base R.
suppressMessages({library(pROC); library(jsonlite)})
set.seed(20261126)
B <- 5000

curve <- function(y, s) suppressWarnings(roc(y, s, direction = "<", levels = c(0, 1), quiet = TRUE))
simulate <- function(m, n, shift, digits = 15) {
  y <- sample(c(rep(1, m), rep(0, n)))
  common <- rnorm(m + n)
  list(y = y, scores = sapply(shift, function(s) round(0.7 * common + 0.7 * rnorm(m + n) + s * y, digits)))
}

ranges <- list(c(0.9, 1), c(0.8, 0.95), c(0.5, 0.55), c(0.123, 0.877), c(0, 1), c(0.97, 0.99))
areas <- function(r) {
  out <- list()
  for (x in ranges) for (focus in c("specificity", "sensitivity")) {
    one <- function(correct) as.numeric(suppressWarnings(
      auc(r, partial.auc = x, partial.auc.focus = focus, partial.auc.correct = correct)))
    out[[length(out) + 1]] <- list(low = x[1], high = x[2], focus = focus, area = one(FALSE), index = one(TRUE))
  }
  out
}
grid <- c(0.05, 0.1, 0.25, 0.4, 0.5, 0.6, 0.75, 0.8, 0.9, 0.93, 0.95, 0.99)
read <- function(r, input, ret) as.numeric(coords(r, grid, input = input, ret = ret, transpose = FALSE)[, 1])
best <- function(r) {
  found <- coords(r, "best", ret = c("threshold", "sensitivity", "specificity"), transpose = FALSE)
  list(threshold = found$threshold, sensitivity = found$sensitivity, specificity = found$specificity)
}
points <- function(name, ...) {
  d <- simulate(...)
  list(name = name, y = d$y, scores = d$scores, grid = grid, models = lapply(seq_len(ncol(d$scores)), function(k) {
    r <- curve(d$y, d$scores[, k])
    list(areas = areas(r), sensitivity = read(r, "specificity", "sensitivity"),
         specificity = read(r, "sensitivity", "specificity"), best = best(r))
  }))
}

# bootstrap: intervals and paired tests
quiet <- function(x) suppressWarnings(x)
boot <- function(name, ...) {
  d <- simulate(...)
  a <- curve(d$y, d$scores[, 1]); b <- curve(d$y, d$scores[, 2])
  part <- function(y, s, focus) roc(y, s, direction = "<", levels = c(0, 1), quiet = TRUE, partial.auc = c(1, 0.8),
                                    partial.auc.focus = focus)
  areas <- lapply(c("specificity", "sensitivity"), function(focus) {
    one <- part(d$y, d$scores[, 1], focus); two <- part(d$y, d$scores[, 2], focus)
    ci <- quiet(ci.auc(one, method = "bootstrap", boot.n = B, progress = "none"))
    test <- roc.test(one, two, method = "bootstrap", boot.n = B, progress = "none", paired = TRUE)
    list(focus = focus, conf_low = ci[1], conf_high = ci[3], statistic = unname(test$statistic))
  })
  at <- c(0.5, 0.8, 0.9)
  draws <- t(sapply(seq_len(B), function(i) pROC:::stratified.ci.se(i, a, at)))
  reverse <- t(sapply(seq_len(B), function(i) pROC:::stratified.ci.sp(i, a, at)))
  ends <- function(x) apply(x, 2, quantile, probs = c(0.025, 0.975))
  btii <- function(x, size) {
    z <- qnorm(0.975); adjusted <- (size * x + z^2 / 2) / (size + z^2)
    t(cbind(colMeans(adjusted) - z * apply(adjusted, 2, sd), colMeans(adjusted) + z * apply(adjusted, 2, sd)))
  }
  rate <- function(method, x) unname(roc.test(a, b, method = method, boot.n = B, progress = "none", paired = TRUE,
    sensitivity = x, specificity = x)$statistic)
  # largest distance along lines of slope -sqrt(n / m), read on a fine grid of such lines
  slope <- sqrt(sum(d$y == 0) / sum(d$y == 1))
  along <- function(r) {
    x <- rev(1 - r$specificities); y <- rev(r$sensitivities); keep <- !duplicated(cbind(x, y))
    approx((y + slope * x)[keep], x[keep], seq(0, 1 + slope, length.out = 4001), rule = 2)$y
  }
  base <- along(a)
  moved <- sapply(seq_len(B), function(i) {
    r <- curve(c(rep(0, length(a$controls)), rep(1, length(a$cases))),
               c(sample(a$controls, replace = TRUE), sample(a$cases, replace = TRUE)))
    max(abs(along(r) - base))
  })
  list(name = name, y = d$y, scores = d$scores, samples = B, areas = areas, at = at,
       sensitivity = list(limits = ends(draws), sd = apply(draws, 2, sd), btii = btii(draws, sum(d$y == 1))),
       specificity = list(limits = ends(reverse), sd = apply(reverse, 2, sd), btii = btii(reverse, sum(d$y == 0))),
       at_specificity = rate("specificity", 0.8), at_sensitivity = rate("sensitivity", 0.8),
       distance = unname(quantile(moved, 0.95)), distance_sd = sd(moved))
}

# contrasts: Wald tests from pROC's covariance, pseudo-inverse by eigenvalues
contrast <- function(name, d, L, null = rep(0, nrow(L))) {
  curves <- lapply(seq_len(ncol(d$scores)), function(k) curve(d$y, d$scores[, k]))
  k <- length(curves)
  S <- matrix(0, k, k)
  for (i in 1:k) for (j in 1:k) S[i, j] <- if (i == j) var(curves[[i]], method = "delong") else
    cov(curves[[i]], curves[[j]], method = "delong")
  estimate <- drop(L %*% sapply(curves, function(r) as.numeric(r$auc)))
  V <- L %*% S %*% t(L)
  e <- eigen(V, symmetric = TRUE); kept <- e$values > max(e$values) * 1e-9
  inverse <- e$vectors[, kept, drop = FALSE] %*% diag(1 / e$values[kept], sum(kept)) %*%
    t(e$vectors[, kept, drop = FALSE])
  chi <- drop(t(estimate - null) %*% inverse %*% (estimate - null))
  z <- (estimate - null) / sqrt(diag(V)); p <- 2 * pnorm(-abs(z))
  list(name = name, y = d$y, scores = d$scores, contrasts = L, null = null, estimate = estimate,
       std_error = sqrt(diag(V)), statistic = z, p_value = p, p_adjusted = p.adjust(p, "holm"), covariance = V,
       chi2 = chi, df = sum(kept), chi2_p = pchisq(chi, sum(kept), lower.tail = FALSE))
}
four <- simulate(58, 45, c(2, 1.5, 1, 1.2)); tied <- simulate(30, 40, c(1, 0.7, 0.2, 0.4), 1)
pairs <- t(combn(4, 2, function(i) replace(replace(numeric(4), i[1], 1), i[2], -1)))
design <- rbind(c(0.5, 0.5, -0.5, -0.5), c(0.5, -0.5, 0.5, -0.5), c(0.5, -0.5, -0.5, 0.5))
contrasts <- list(contrast("all pairs", four, pairs), contrast("two by two design", four, design),
                  contrast("two by two design, ties", tied, design),
                  contrast("one row", four, rbind(c(1, -1 / 3, -1 / 3, -1 / 3))),
                  contrast("mean against 0.8", four, rbind(rep(0.25, 4), c(1, 0, 0, 0)), c(0.8, 0.9)))

# Newcombe 2006 method 5
newcombe <- function(theta, m, n, level = 0.95) {
  z <- qnorm(0.5 + level / 2); h <- (m + n) / 2 - 1
  half <- function(t) z * sqrt(t * (1 - t) * (1 + h * (1 - t) / (2 - t) + h * t / (1 + t)) / (m * n))
  solve1 <- function(f, a, b) uniroot(f, c(a, b), tol = 1e-15)$root
  tiny <- 1e-9
  low <- if (theta == 0) 0 else solve1(function(t) theta - t - half(t), 0, if (theta == 1) 1 - tiny else theta)
  high <- if (theta == 1) 1 else solve1(function(t) t - theta - half(t), if (theta == 0) tiny else theta, 1)
  list(auc = theta, m = m, n = n, level = level, conf_low = low, conf_high = high)
}
# an AUC of theta in half pairs, so that a data set has it: see the test
scores_of <- function(y, s, level) {
  r <- curve(y, s); c(list(y = y, score = s), newcombe(as.numeric(r$auc), sum(y == 1), sum(y == 0), level))
}
one <- simulate(58, 45, 2); two <- simulate(21, 57, 0.5, 1)
aucs <- list(scores_of(one$y, one$scores[, 1], 0.95), scores_of(two$y, two$scores[, 1], 0.9),
             scores_of(rep(0:1, c(45, 58)), c(1:45, 101:158), 0.95), scores_of(rep(1:0, c(6, 4)), 1:10, 0.99))

# order statistics of the negatives, Clopper-Pearson and Wilson of the positives, in loops
distribution_free <- function(name, ..., level = 0.95) {
  d <- simulate(...); s <- d$scores[, 1]; pos <- s[d$y == 1]; neg <- sort(s[d$y == 0]); m <- length(pos); n <- length(neg)
  r <- curve(d$y, s)
  walls <- function(q, tail) {
    low <- -Inf; high <- Inf
    for (k in n:1) if (pbinom(k - 1, n, q) >= 1 - tail) high <- neg[k]
    for (k in 1:n) if (pbinom(k - 1, n, q) <= tail) low <- neg[k]
    c(low, high)
  }
  rows <- lapply(grid, function(q) {
    b <- 1 - sqrt(1 - (1 - level) / 2); w <- walls(q, b)
    surely <- sum(pos > w[2]); perhaps <- sum(pos >= w[1])
    exact <- c(if (surely == 0) 0 else qbeta(b, surely, m - surely + 1),
               if (perhaps == m) 1 else qbeta(1 - b, perhaps + 1, m - perhaps))
    est <- coords(r, q, input = "specificity", ret = "sensitivity", transpose = FALSE)[1, 1]
    v <- walls(q, (1 - level) / 2); z <- qnorm(0.5 + level / 2)
    wilson <- (est + z^2 / (2 * m) + c(-1, 1) * z * sqrt(est * (1 - est) / m + z^2 / (4 * m^2))) / (1 + z^2 / m)
    down <- sqrt((est - wilson[1])^2 + (est - min(est, mean(pos > v[2])))^2)
    up <- sqrt((wilson[2] - est)^2 + (max(est, mean(pos >= v[1])) - est)^2)
    list(exact = exact, hybrid = c(max(0, est - down), min(1, est + up)))
  })
  # Kolmogorov's exact distribution, one class each at sqrt(level); rectangles around all points
  width <- function(size) uniroot(function(x) .Call(stats:::C_pKolmogorov2x, x, size) - sqrt(level), c(0.3 / size, 1),
                                  tol = 1e-14)$root
  wide <- width(n); tall <- width(m); x <- rev(1 - r$specificities); y <- rev(r$sensitivities)
  band <- lapply(1 - grid, function(f) c(
    max(0, min(c(y[x >= f - wide - 1e-12], 1)) - tall), min(1, max(y[x <= f + wide + 1e-12]) + tall)))
  list(name = name, y = d$y, score = s, level = level, grid = grid, rows = rows, band = band)
}

# one threshold: proportions by prop.test and binom.test
metrics <- function(tp, fp, fn, tn) {
  total <- list(accuracy = c(tp + tn, tp + fp + fn + tn), sensitivity = c(tp, tp + fn), specificity = c(tn, tn + fp),
                ppv = c(tp, tp + fp), npv = c(tn, tn + fn))
  list(counts = c(tp, fp, fn, tn),
       proportions = lapply(total, function(x) list(
         estimate = x[1] / x[2], wilson = quiet(prop.test(x[1], x[2], correct = FALSE))$conf.int[1:2],
         exact = binom.test(x[1], x[2])$conf.int[1:2])),
       f1 = 2 / (1 / (tp / (tp + fp)) + 1 / (tp / (tp + fn))),
       balanced_accuracy = (tp / (tp + fn) + tn / (tn + fp)) / 2,
       mcc = cor(rep(c(1, 0, 1, 0), c(tp, fp, fn, tn)), rep(c(1, 1, 0, 0), c(tp, fp, fn, tn))))
}

packages <- c("pROC", "jsonlite")
header <- list(script = "tests/golden/roc.R",
               call = paste("auc(partial.auc), coords, ci.auc(method = 'bootstrap'), ci.se and ci.sp samples,",
                            "roc.test(method = 'bootstrap', 'specificity', 'sensitivity'), cov (pROC); base R"),
               r = R.version.string,
               packages = setNames(lapply(packages, function(p) as.character(packageVersion(p))), packages),
               date = format(Sys.Date()), seed = 20261126)
cases <- list(
  points("acl size", 58, 45, c(2, 1)),
  points("breast size", 21, 57, c(1.5, 0)),
  points("ties", 30, 40, c(1, 0.3), digits = 0),
  points("some ties", 40, 50, c(1.5, 0.7), digits = 1),
  points("below one half", 25, 20, c(-0.8, 0.5)),
  points("perfect", 10, 12, c(9, 1)),
  points("imbalance", 5, 300, c(1, 2))
)
boots <- list(boot("acl size", 58, 45, c(1.5, 1)), boot("imbalance", 40, 200, c(1.2, 0.9)),
              boot("ties", 60, 60, c(1.2, 0.8), digits = 1))
free <- list(distribution_free("acl size", 58, 45, 1.5), distribution_free("few negatives", 30, 8, 1.5, level = 0.9),
             distribution_free("perfect", 20, 25, 9), distribution_free("ties", 40, 50, 1, digits = 0))
write(toJSON(list(header = header, cases = cases, boots = boots, contrasts = contrasts, aucs = aucs, free = free,
                  metrics = list(metrics(40, 5, 3, 52), metrics(10, 0, 7, 33), metrics(2, 11, 1, 60))),
             digits = I(17), auto_unbox = TRUE, na = "null"), "roc.json")

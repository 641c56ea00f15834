# Golden values for stats/roc/equivalence.py, power*.py, multiplicity.py, max_t.py, cochran.py, mcnemar_clustered.py and
# paired_proportions.py. Run: make golden (or Rscript comparisons_more.R in tests/golden). Inputs are simulated here.
suppressMessages({library(pROC); library(mvtnorm); library(multcomp); library(rstatix); library(jsonlite)})
set.seed(20240624)

curve <- function(y, s) roc(y, s, direction = "<", levels = c(0, 1), quiet = TRUE)
simulate <- function(m, n, shift, digits = 15) {
  y <- sample(c(rep(1, m), rep(0, n)))
  common <- rnorm(m + n)
  list(y = y, scores = sapply(shift, function(s) round(0.7 * common + 0.7 * rnorm(m + n) + s * y, digits)))
}

# p.adjust
raw <- c(0.01, 0.04, 0.03, 0.005, 0.04, NA, 0.9, 1, 1e-12, 0.2)
adjusted <- lapply(c(holm = "holm", hochberg = "hochberg", bonferroni = "bonferroni", bh = "BH", by = "BY"),
                   function(m) p.adjust(raw, m))
adjusted$sidak <- -expm1(sum(!is.na(raw)) * log1p(-raw))  # 1 - (1 - p)^n, without its cancellation

# margins of two AUCs: pROC's test gives difference and standard error
auc_margin <- function(m, n, shift, margin, alpha, digits = 15) {
  d <- simulate(m, n, shift, digits)
  new <- curve(d$y, d$scores[, 1]); reference <- curve(d$y, d$scores[, 2])
  test <- roc.test(new, reference, method = "delong", paired = TRUE, conf.level = 1 - 2 * alpha)
  gap <- as.numeric(new$auc) - as.numeric(reference$auc)
  se <- sqrt(var(new) + var(reference) - 2 * cov(new, reference))
  list(y = d$y, scores = d$scores, margin = margin, alpha = alpha, difference = gap, std_error = se,
       conf_low = test$conf.int[1], conf_high = test$conf.int[2],
       p_lower = pnorm((gap + margin) / se, lower.tail = FALSE), p_upper = pnorm((gap - margin) / se))
}
auc_margins <- list(auc_margin(21, 57, c(1.5, 1.4), 0.1, 0.025), auc_margin(58, 45, c(2, 2), 0.05, 0.05),
                    auc_margin(30, 40, c(1, 0.6), 0.05, 0.025, 1), auc_margin(300, 200, c(1.2, 1.25), 0.05, 0.05))

# Tango 1998: likelihood of the table under the null difference, maximised numerically, then the score test
tango_z <- function(b, c, n, delta) {
  low <- max(0, -delta); high <- (1 - delta) / 2   # chance q that only b is right; only a: q + delta
  loglik <- function(q) {
    term <- function(k, p) if (k == 0) 0 else k * log(p)
    term(b, q + delta) + term(c, q) + term(n - b - c, 1 - 2 * q - delta)
  }
  A <- 2 * n; B <- -b - c + (2 * n - b + c) * delta; C <- -c * delta * (1 - delta)
  q <- (sqrt(B^2 - 4 * A * C) - B) / (2 * A)
  best <- optimize(loglik, c(low + 1e-12, high - 1e-12), maximum = TRUE, tol = 1e-10)
  stopifnot(loglik(min(max(q, low + 1e-12), high - 1e-12)) >= best$objective - 1e-6)
  (b - c - n * delta) / sqrt(n * (2 * q + delta * (1 - delta)))
}
tango <- function(counts, margin, level = 0.95) {
  b <- counts[2]; c <- counts[3]; n <- sum(counts); z <- qnorm(1 - (1 - level) / 2); d <- (b - c) / n
  f <- function(target) function(x) tango_z(b, c, n, x) - target
  list(counts = counts, margin = margin, level = level,
       z_lower = tango_z(b, c, n, -margin), z_upper = tango_z(b, c, n, margin),
       conf_low = uniroot(f(z), c(-1 + 1e-9, d - 1e-9), tol = 1e-15)$root,
       conf_high = uniroot(f(-z), c(d + 1e-9, 1 - 1e-9), tol = 1e-15)$root)
}
tables <- c(list(c(85, 15, 1, 2), c(60, 7, 3, 8), c(1, 1, 7, 12), c(40, 6, 6, 20), c(500, 31, 25, 62)),
            lapply(1:8, function(i) c(sample(0:90, 1), sample(1:20, 1), sample(1:20, 1), sample(1:20, 1))))
tangos <- lapply(tables, tango, margin = 0.08)

# largest of correlated statistics: pmvnorm, qmvnorm and multcomp's single-step adjustment
max_t <- function(m, n, shift, reference, digits = 15) {
  d <- simulate(m, n, shift, digits); k <- length(shift)
  curves <- lapply(1:k, function(j) curve(d$y, d$scores[, j]))
  V <- matrix(0, k, k)
  for (i in 1:k) for (j in 1:k) V[i, j] <- if (i == j) var(curves[[i]]) else cov(curves[[i]], curves[[j]])
  theta <- sapply(curves, function(r) as.numeric(r$auc))
  pairs <- if (is.null(reference)) t(combn(k, 2)) else cbind((1:k)[-reference], reference)
  C <- diag(k)[pairs[, 1], , drop = FALSE] - diag(k)[pairs[, 2], , drop = FALSE]
  S <- C %*% V %*% t(C); se <- sqrt(diag(S)); z <- as.vector(C %*% theta) / se; R <- cov2cor(S)
  exact <- GenzBretz(maxpts = 2e5, abseps = 1e-5, releps = 0)
  tail <- function(t, low) { p <- pmvnorm(rep(low, length(z)), rep(t, length(z)), corr = R, algorithm = exact)
                             c(1 - as.numeric(p), attr(p, "error")) }
  two <- sapply(abs(z), function(t) tail(t, -t)); up <- sapply(z, function(t) tail(t, -Inf))
  names(theta) <- paste0("m", 1:k); dimnames(V) <- list(names(theta), names(theta))
  model <- glht(parm(theta, V), linfct = C)
  list(y = d$y, scores = d$scores, reference = if (is.null(reference)) "none" else reference - 1,
       statistic = z, std_error = se, p_adjusted = two[1, ], p_error = two[2, ], p_greater = up[1, ],
       p_multcomp = as.vector(summary(model, test = adjusted("single-step", abseps = 1e-5, maxpts = 1e5))$test$pvalues),
       critical = qmvnorm(0.95, tail = "both.tails", corr = R, algorithm = exact, ptol = 1e-4)$quantile)
}
max_ts <- list(max_t(30, 40, c(1.2, 0.8, 0.5), NULL), max_t(58, 45, c(1.5, 1, 1, 0.6), NULL),
               max_t(40, 60, c(0.8, 1, 1.2, 1.5, 0.9, 0.4), NULL), max_t(58, 45, c(1.5, 1, 1, 0.6, 1.4), 1),
               max_t(35, 80, c(0.8, 1, 1.6, 1.2), 3, 1))

# Cochran: rstatix, and the exact permutation by listing every placement of the right answers
cochran <- function(x, exact) {
  k <- ncol(x)
  long <- data.frame(image = rep(seq_len(nrow(x)), k), model = factor(rep(seq_len(k), each = nrow(x))), right = as.vector(x))
  q <- cochran_qtest(long, right ~ model | image)
  p <- NA
  if (exact) {
    rows <- rowSums(x); rows <- rows[rows > 0 & rows < k]
    sums <- list(rep(0, k)); chance <- 1
    keys <- c(paste(rep(0, k), collapse = " ")); probability <- setNames(1, keys)
    for (u in rows) {
      patterns <- combn(k, u); found <- numeric(0)
      for (key in names(probability)) for (j in seq_len(ncol(patterns))) {
        total <- as.numeric(strsplit(key, " ")[[1]]); total[patterns[, j]] <- total[patterns[, j]] + 1
        name <- paste(total, collapse = " ")
        found[name] <- (if (is.na(found[name])) 0 else found[name]) + probability[[key]] / ncol(patterns)
      }
      probability <- found
    }
    least <- sum(colSums(x[rowSums(x) < k, , drop = FALSE])^2)
    p <- sum(probability[sapply(names(probability), function(s) sum(as.numeric(strsplit(s, " ")[[1]])^2)) >= least])
  }
  list(correct = x, statistic = q$statistic, df = q$df, p_value = pchisq(q$statistic, q$df, lower.tail = FALSE), p_exact = p)
}
answers <- function(n, shares) { hard <- runif(n); sapply(shares, function(s) as.integer(hard * 0.6 + 0.4 * runif(n) < s)) }
cochrans <- lapply(list(list(answers(12, c(0.5, 0.8, 0.6)), TRUE), list(answers(15, c(0.4, 0.7, 0.6, 0.5)), TRUE),
                        list(answers(103, c(0.8, 0.7, 0.75)), FALSE), list(answers(78, c(0.8, 0.9, 0.7, 0.8, 0.6)), FALSE)),
                   function(x) cochran(x[[1]], x[[2]]))

# McNemar in patients: Obuchowski 1998 from its own variance formula, Durkalski 2003
clustered <- function(patients, most, pa, pb) {
  group <- rep(seq_len(patients), times = sample(1:most, patients, TRUE)); n <- length(group)
  effect <- runif(patients)[group]
  a <- as.integer(0.5 * effect + 0.5 * runif(n) < pa); b <- as.integer(0.5 * effect + 0.5 * runif(n) < pb)
  S <- patients; ni <- as.vector(table(group)); ai <- as.vector(tapply(a, group, sum)); bi <- as.vector(tapply(b, group, sum))
  variance <- function(p1, p2) S / (S - 1) / n^2 *
    (sum((ai - ni * p1)^2) + sum((bi - ni * p2)^2) - 2 * sum((ai - ni * p1) * (bi - ni * p2)))
  p1 <- mean(a); p2 <- mean(b); pooled <- (p1 + p2) / 2
  d <- (ai - bi) / ni
  list(a = a, b = b, group = group, obuchowski = (p1 - p2)^2 / variance(pooled, pooled),
       durkalski = sum(d)^2 / sum(d^2), difference = p1 - p2, std_error = sqrt(variance(p1, p2)))
}
clusters <- list(clustered(40, 4, 0.6, 0.5), clustered(25, 2, 0.7, 0.6), clustered(60, 1, 0.6, 0.45))

# power of AUCs: pROC on numbers, on binormal parameters, on curves
number <- function(...) { r <- power.roc.test(...); list(ncases = r$ncases, ncontrols = r$ncontrols, auc = r$auc, power = r$power) }
one <- list(
  c(list(solve = "n", auc = 0.8, wanted = 0.9, alpha = 0.05, sides = "two-sided", ratio = 1), number(auc = 0.8, power = 0.9)),
  c(list(solve = "n", auc = 0.9, wanted = 0.8, alpha = 0.01, sides = "one-sided", ratio = 2.7),
    number(auc = 0.9, power = 0.8, sig.level = 0.01, kappa = 2.7, alternative = "one.sided")),
  c(list(solve = "power", auc = 0.7, m = 41, n = 72, alpha = 0.05, sides = "two-sided"), number(auc = 0.7, ncases = 41, ncontrols = 72)),
  c(list(solve = "auc", wanted = 0.9, m = 41, n = 72, alpha = 0.05, sides = "two-sided"), number(ncases = 41, ncontrols = 72, power = 0.9)))

pars <- list(list(A1 = 2.6, B1 = 1, A2 = 1.9, B2 = 1, rn = 0.6, ra = 0.6), list(A1 = 1.4, B1 = 0.8, A2 = 1.1, B2 = 1.3, rn = 0.3, ra = 0.5))
parameters <- lapply(pars, function(p) {
  p$delta <- pnorm(p$A1 / sqrt(1 + p$B1^2)) - pnorm(p$A2 / sqrt(1 + p$B2^2))
  c(p, list(ncases = power.roc.test(p, power = 0.8, kappa = 1.7)$ncases,
            power = power.roc.test(p, ncases = 60, ncontrols = 90)$power))
})

curves <- lapply(list(list(41, 72, c(1.5, 0.9)), list(60, 60, c(0.5, 1))), function(x) {
  d <- simulate(x[[1]], x[[2]], x[[3]]); first <- curve(d$y, d$scores[, 1]); second <- curve(d$y, d$scores[, 2])
  get <- function(method) list(ncases = as.numeric(power.roc.test(first, second, power = 0.9, method = method)$ncases),
                               power = as.numeric(power.roc.test(first, second, method = method)$power))
  fitted <- lapply(list(first, second), function(r) unname(coefficients(smooth(r, method = "binormal")$model)))
  list(y = d$y, scores = d$scores, delong = get("delong"), obuchowski = get("obuchowski"), binormal = fitted,
       ra = cor(first$cases, second$cases), rn = cor(first$controls, second$controls))
})

# Hanley and McNeil 1982 with the correlation of 1983
hm <- function(A, m, n) { q1 <- A / (2 - A); q2 <- 2 * A^2 / (1 + A); (A * (1 - A) + (m - 1) * (q1 - A^2) + (n - 1) * (q2 - A^2)) / (m * n) }
hanley <- lapply(list(c(0.9, 0.93, 0.5, 100, 270), c(0.8, 0.88, 0.3, 58, 45)), function(v) {
  v1 <- hm(v[1], v[4], v[5]); v2 <- hm(v[2], v[4], v[5])
  list(reference = v[1], auc = v[2], r = v[3], m = v[4], n = v[5], variance = v2,
       power = pnorm((abs(v[2] - v[1]) - qnorm(0.975) * sqrt(2 * v1 * (1 - v[3]))) / sqrt(v1 + v2 - 2 * v[3] * sqrt(v1 * v2))))
})
# normal scores: the bivariate normal probability by mvtnorm
normal <- lapply(c(0.6, 0.8, 0.95), function(A) {
  q <- as.numeric(pmvnorm(c(-Inf, -Inf), rep(qnorm(A), 2), corr = matrix(c(1, 0.5, 0.5, 1), 2), algorithm = TVPACK(1e-12)))
  list(auc = A, m = 30, n = 70, variance = (A * (1 - A) + 98 * (q - A^2)) / 2100)
})

# McNemar: Connor 1987, and the power summed over all tables with R's own tests
mcnemar_power <- function(n, pa, pb, variant, alpha = 0.05) {
  p <- function(x, d) switch(variant,
    exact = if (2 * x == d) 1 else 2 * pbinom(min(x, d - x), d, 0.5),
    mid_p = if (2 * x == d) 1 - 0.5 * dbinom(x, d, 0.5) else 2 * pbinom(min(x, d - x), d, 0.5) - dbinom(x, d, 0.5),
    chi2 = pchisq((2 * x - d)^2 / d, 1, lower.tail = FALSE),
    chi2_corrected = pchisq(max(abs(2 * x - d) - 1, 0)^2 / d, 1, lower.tail = FALSE))
  total <- 0
  for (d in 1:n) for (x in 0:d) if (2 * x > d && p(x, d) <= alpha)
    total <- total + dbinom(d, n, pa + pb) * dbinom(x, d, pa / (pa + pb))
  total
}
mcnemars <- list()
for (variant in c("exact", "mid_p", "chi2", "chi2_corrected")) for (v in list(c(78, 0.2, 0.05), c(103, 0.15, 0.01)))
  mcnemars[[length(mcnemars) + 1]] <- list(variant = variant, n = v[1], only_a = v[2], only_b = v[3],
    power = mcnemar_power(v[1], v[2], v[3], variant),
    connor = ((qnorm(0.975) * sqrt(v[2] + v[3]) + qnorm(0.8) * sqrt(v[2] + v[3] - (v[2] - v[3])^2)) / (v[2] - v[3]))^2)

version <- function(p) as.character(packageVersion(p))
header <- list(script = "tests/golden/comparisons_more.R",
               call = "p.adjust; roc.test, power.roc.test (pROC); pmvnorm, qmvnorm (mvtnorm); glht (multcomp); cochran_qtest (rstatix); formulas of Tango 1998, Obuchowski 1998, Durkalski 2003, Connor 1987, Hanley and McNeil 1982",
               r = R.version.string,
               packages = list(pROC = version("pROC"), mvtnorm = version("mvtnorm"), multcomp = version("multcomp"),
                               rstatix = version("rstatix"), jsonlite = version("jsonlite")),
               date = format(Sys.Date()), seed = 20240624)
write(toJSON(list(header = header, p_adjust = list(raw = raw, adjusted = adjusted), auc_margins = auc_margins, tangos = tangos,
                  max_ts = max_ts, cochrans = cochrans, clusters = clusters, power_one = one, power_parameters = parameters,
                  power_curves = curves, hanley = hanley, normal = normal, mcnemars = mcnemars),
             digits = NA, auto_unbox = TRUE, na = "null"), "comparisons_more.json")

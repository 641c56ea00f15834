# Golden values for stats/calibration/calibration.py, calibration_tests.py, calibration_curves.py, reliability.py, decision.py
# and recipe_variance.py. Run: make golden (or Rscript calibration.R in tests/golden). Inputs are simulated here.
# glm and sandwich::vcovCL: slope, intercept, calibration-in-the-large; rms::val.prob: Brier, Spiegelhalter's z,
# unreliability, maximal and mean error; t.test: Brier scores; lowess: smooth curve; the rest from the published
# formulas in base R, pROC::cov for the DeLong covariances.
suppressMessages({library(jsonlite); library(sandwich); library(rms); library(pROC)})
set.seed(20261125)
tight <- glm.control(epsilon = 1e-15, maxit = 200)

logistic <- function(y, x, group) {
  # started anew at the optimum: glm keeps the weights of its last step but one for vcov
  joint <- glm(y ~ x, family = binomial, control = tight)
  joint <- glm(y ~ x, family = binomial, control = tight, start = coef(joint))
  large <- glm(y ~ 1, offset = x, family = binomial, control = tight)
  large <- glm(y ~ 1, offset = x, family = binomial, control = tight, start = coef(large))
  values <- list(intercept = coef(joint)[[1]], slope = coef(joint)[[2]], large = coef(large)[[1]],
                 covariance = unname(vcov(joint)), large_error = sqrt(vcov(large)[1, 1]),
                 null_deviance = -2 * sum(y * x - log1p(exp(x))), deviance = deviance(joint))
  values$joint_statistic <- values$null_deviance - values$deviance
  values$joint_p <- pchisq(values$joint_statistic, 2, lower.tail = FALSE)
  V <- vcovCL(joint, cluster = group, type = "HC0", cadjust = TRUE)
  L <- vcovCL(large, cluster = group, type = "HC0", cadjust = TRUE)
  gap <- coef(joint) - c(0, 1); G <- length(unique(group))
  wald <- drop(gap %*% solve(V, gap)) / 2
  values$clustered <- list(covariance = unname(V), large_error = sqrt(L[1, 1]), statistic = wald,
                           p = pf(wald, 2, G - 1, lower.tail = FALSE),
                           slope_low = coef(joint)[[2]] - qt(0.975, G - 1) * sqrt(V[2, 2]))
  values
}

brier <- function(y, p, q, group) {
  d <- (p - y)^2; e <- (q - y)^2
  test <- t.test(d); pair <- t.test(d, e, paired = TRUE); one <- t.test(d, e, paired = TRUE, alternative = "less")
  clustered <- function(x) {
    s <- tapply(x - mean(x), group, sum); G <- length(s); sqrt(G / (G - 1) * sum(s^2)) / length(x)
  }
  r <- mean(y); null <- r * (1 - r)
  # delta method by the numerical gradient of 1 - b / (r (1 - r)) at the means of d and y
  S <- cov(cbind(d, y)) / length(y)
  g <- c(-1 / null, mean(d) * (1 - 2 * r) / null^2)
  list(brier = mean(d), std_error = test$stderr, conf_low = test$conf.int[1], conf_high = test$conf.int[2],
       scaled = 1 - mean(d) / null, scaled_error = sqrt(drop(g %*% S %*% g)), clustered_error = clustered(d),
       difference = unname(pair$estimate), statistic = unname(pair$statistic), p = pair$p.value,
       low = pair$conf.int[1], high = pair$conf.int[2], p_less = one$p.value, high_less = one$conf.int[2],
       clustered_difference_error = clustered(d - e))
}

spiegelhalter <- function(y, p, group) {
  s <- tapply((y - p) * (1 - 2 * p), group, sum)
  list(z_clustered = sum(s) / sqrt(sum(s^2)))
}

binned <- function(y, p, edges) {
  k <- findInterval(p, edges, rightmost.closed = TRUE)
  n <- as.vector(table(k)); N <- length(y)
  ym <- as.vector(tapply(y, k, mean)); pm <- as.vector(tapply(p, k, mean))
  d <- abs(pm - ym)
  s <- as.vector(tapply(p - y, k, function(r) sd(r) / sqrt(length(r))))
  folded <- sapply(seq_along(d), function(i) if (s[i] == 0) d[i] else   # the mean of |N(d, s)| by its own formula
    s[i] * sqrt(2 / pi) * exp(-d[i]^2 / (2 * s[i]^2)) + d[i] * (1 - 2 * pnorm(-d[i] / s[i])))
  one <- function(i) suppressWarnings(prop.test(round(ym[i] * n[i]), n[i], correct = FALSE))$conf.int
  wilson <- sapply(seq_along(n), one)
  kk <- match(k, sort(unique(k))); r <- mean(y)
  list(count = n, mean_prob = pm, observed = ym, low = wilson[1, ], high = wilson[2, ],
       ece = sum(n * d) / N, ece_debiased = sum(n * (2 * d - folded)) / N,
       reliability = sum(n * d^2) / N, resolution = sum(n * (ym - r)^2) / N, uncertainty = r * (1 - r),
       within_variance = mean((p - pm[kk])^2), within_covariance = 2 * mean((p - pm[kk]) * (y - ym[kk])),
       reliability_debiased = sum(n * (d^2 - ym * (1 - ym) / (n - 1))) / N)
}

benefit <- function(y, P, at, prevalence) {
  one <- function(p, t, pi) pi * mean(p[y == 1] >= t) - (1 - pi) * mean(p[y == 0] >= t) * t / (1 - t)
  table <- function(pi) t(sapply(1:(ncol(P) + 1), function(j) sapply(at, function(t)
    one(if (j > ncol(P)) rep(1, length(y)) else P[, j], t, pi))))
  list(at = at, prevalence = prevalence, net_benefit = table(mean(y)), fixed = table(prevalence))
}

calibrate <- function(name, n, intercept, slope, digits = 15, sd = 1.5) {
  group <- rep(seq_len(n), times = sample(1:4, n, TRUE))[1:n]
  x <- rnorm(n, -0.4, sd) + 0.5 * rnorm(max(group))[group]
  p <- round(plogis(x), digits); p <- pmin(pmax(p, 0.001), 0.999); x <- qlogis(p)
  y <- rbinom(n, 1, plogis(intercept + slope * x + 0.4 * rnorm(max(group))[group]))
  q <- round(plogis(0.6 * x + 0.7 * rnorm(n)), 15)
  v <- suppressWarnings(val.prob(p, y, pl = FALSE))
  smooth <- lowess(p, y, iter = 0, delta = 0)
  list(name = name, y = y, p = p, q = q, group = group, logistic = logistic(y, x, group),
       brier = brier(y, p, q, group), spiegelhalter = spiegelhalter(y, p, group),
       val_prob = as.list(v[c("Brier", "Intercept", "Slope", "U", "U:Chi-sq", "U:p", "S:z", "S:p")]),
       quantile = binned(y, p, unique(quantile(p, (0:10) / 10))), width = binned(y, p, (0:5) / 5),
       smooth = list(x = smooth$x, y = smooth$y),
       decision = benefit(y, cbind(p, q), c(0.05, 0.1, 0.2, 0.35, 0.5, 0.8), 0.07))
}

# mean AUC over seeds of two arms: formulas of Obuchowski and Rockette in loops over pROC's covariances
recipe <- function(name, m, n, seeds, shift, paired) {
  y <- sample(c(rep(1, m), rep(0, n))); common <- rnorm(m + n)
  arms <- lapply(seq_along(seeds), function(a) {
    own <- rnorm(m + n)
    sapply(seq_len(seeds[a]), function(s)
      0.6 * common + 0.4 * own + 0.7 * rnorm(m + n) + y * (shift[a] + 0.3 * rnorm(1)))
  })
  curves <- lapply(arms, function(X) lapply(seq_len(ncol(X)), function(j)
    roc(y, X[, j], direction = "<", levels = c(0, 1), quiet = TRUE)))
  C <- function(i, s, j, t) if (i == j && s == t) var(curves[[i]][[s]], method = "delong") else
    cov(curves[[i]][[s]], curves[[j]][[t]], method = "delong")
  A <- lapply(curves, function(l) sapply(l, function(r) as.numeric(r$auc)))
  S <- seeds
  M <- function(i, j) sapply(seq_len(S[j]), function(t) sapply(seq_len(S[i]), function(s) C(i, s, j, t)))
  AA <- matrix(M(1, 1), S[1]); BB <- matrix(M(2, 2), S[2]); AB <- matrix(M(1, 2), S[1])
  off <- function(X) if (nrow(X) < 2) NA else mean(X[row(X) != col(X)])
  images <- mean(AA) + mean(BB) - 2 * mean(AB)
  if (paired) {
    E <- AA + BB - AB - t(AB)                       # covariance of the differences of seed s and t
    spread <- var(A[[1]] - A[[2]]) / S[1]; dof <- S[1] - 1
    shared <- off(E); within <- (mean(diag(E)) - off(E)) / S[1]
  } else {
    spread <- c(var(A[[1]]) / S[1], var(A[[2]]) / S[2]); dof <- S - 1
    shared <- off(AA) + off(BB) - 2 * mean(AB)
    within <- (mean(diag(AA)) - off(AA)) / S[1] + (mean(diag(BB)) - off(BB)) / S[2]
  }
  d <- mean(A[[1]]) - mean(A[[2]]); total <- max(sum(spread) + max(shared, 0), images)
  df <- total^2 / sum(spread^2 / dof)
  list(name = name, y = y, a = arms[[1]], b = arms[[2]], paired = paired, estimate = d, images = images,
       observed = sum(spread), shared = shared, seeds = sum(spread) - within, total = total, df = df,
       p_models = 2 * pnorm(-abs(d) / sqrt(images)), p_recipes = 2 * pt(-abs(d) / sqrt(total), df),
       low = d - qt(0.975, df) * sqrt(total), high = d + qt(0.975, df) * sqrt(total))
}

cases <- list(
  calibrate("calibrated", 200, 0, 1),
  calibrate("too extreme", 300, 0.3, 0.5),
  calibrate("too timid, ties", 150, -0.4, 1.8, digits = 2, sd = 0.8),
  calibrate("small", 60, 0.5, 0.7),
  calibrate("rare positives", 400, -2, 1.1)
)
recipes <- list(
  recipe("five seeds", 30, 40, c(5, 5), c(1.2, 1.0), FALSE),
  recipe("five seeds, paired", 30, 40, c(5, 5), c(1.2, 1.0), TRUE),
  recipe("other numbers of seeds", 25, 60, c(3, 6), c(0.8, 1.3), FALSE),
  recipe("two seeds, paired", 21, 57, c(2, 2), c(1.5, 0.9), TRUE),
  recipe("ten seeds", 58, 45, c(10, 10), c(1.5, 1.5), FALSE)
)
packages <- c("jsonlite", "sandwich", "rms", "pROC")
header <- list(script = "tests/golden/calibration.R",
               call = paste("glm(y ~ logit, binomial); vcovCL(type = 'HC0'); val.prob; t.test; prop.test;",
                            "lowess(iter = 0, delta = 0); pROC cov(method = 'delong'); formulas in base R"),
               r = R.version.string,
               packages = setNames(lapply(packages, function(p) as.character(packageVersion(p))), packages),
               date = format(Sys.Date()), seed = 20261125)
write(toJSON(list(header = header, cases = cases, recipes = recipes), digits = I(17), auto_unbox = TRUE,
             na = "null"), "calibration.json")

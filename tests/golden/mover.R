# Golden values for MOVER limits of a difference of two AUCs on the same images, and the test of a margin by them.
# Run: make golden (or Rscript mover.R in tests/golden)
# Inputs are simulated here. AUCs, variances and covariance come from pROC; the formula of Zou and Yue 2013 is written
# out in base R, and the statistic at a margin is found by uniroot on the limit.
suppressMessages({library(pROC); library(jsonlite)})
set.seed(20261124)

curve <- function(y, s) suppressWarnings(roc(y, s, direction = "<", levels = c(0, 1), quiet = TRUE))
newcombe <- function(theta, m, n, z) {
  h <- (m + n) / 2 - 1
  excess <- function(t) (theta - t)^2 - z^2 * t * (1 - t) * (1 + h * ((1 - t) / (2 - t) + t / (1 + t))) / (m * n)
  c(uniroot(excess, c(0, theta), tol = 1e-15)$root, uniroot(excess, c(theta, 1), tol = 1e-15)$root)
}
logit <- function(theta, v, z) plogis(qlogis(theta) + c(-1, 1) * z * sqrt(v) / (theta * (1 - theta)))
mover <- function(a, b, r, la, lb) {
  down <- c(a - la[1], lb[2] - b); up <- c(la[2] - a, b - lb[1])
  reach <- function(x) sqrt(x[1]^2 - 2 * r * x[1] * x[2] + x[2]^2)
  c(a - b - reach(down), a - b + reach(up))
}
one <- function(m, n, shift, margin, digits) {
  y <- sample(c(rep(1, m), rep(0, n)))
  common <- rnorm(m + n)
  s <- sapply(shift, function(d) round(0.7 * common + 0.7 * rnorm(m + n) + d * y, digits))
  ra <- curve(y, s[, 1]); rb <- curve(y, s[, 2])
  a <- as.numeric(ra$auc); b <- as.numeric(rb$auc); va <- var(ra); vb <- var(rb)
  r <- cov(ra, rb) / sqrt(va * vb)
  limits <- list(
    logit = function(z) mover(a, b, r, logit(a, va, z), logit(b, vb, z)),
    newcombe = function(z) mover(a, b, r, newcombe(a, m, n, z), newcombe(b, m, n, z)))
  found <- lapply(limits, function(f) {
    at <- f(qnorm(0.975))
    side <- if (a - b > -margin) 1 else 2
    z <- uniroot(function(z) f(z)[side] + margin, c(1e-9, 30), tol = 1e-13)$root
    list(low = at[1], high = at[2], statistic = if (side == 1) z else -z)
  })
  c(list(y = y, scores = s, margin = margin), found)
}
cases <- list(one(21, 57, c(1.2, 1.6), 0.05, 15), one(58, 45, c(2.5, 2.3), 0.05, 15), one(30, 70, c(0.4, 1.6), 0.1, 1),
              one(12, 12, c(1.5, 1.5), 0.2, 15), one(150, 400, c(2.6, 2.9), 0.03, 15))
header <- list(script = "tests/golden/mover.R", call = "mover of roc.var, roc.cov", r = R.version.string,
               pROC = as.character(packageVersion("pROC")), date = as.character(Sys.Date()))
write(toJSON(list(header = header, cases = cases), digits = 17, auto_unbox = TRUE), "mover.json")

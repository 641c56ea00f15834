# Golden values for stats/roc/auc.py and stats/roc/delong.py. Run: make golden (or Rscript delong.R in tests/golden)
# Inputs are simulated here; expected values come from pROC, the clustered ones from Obuchowski's formula.
suppressMessages({library(pROC); library(jsonlite)})
set.seed(20240612)

curve <- function(y, s) suppressWarnings(roc(y, s, direction = "<", levels = c(0, 1), quiet = TRUE))

run <- function(name, y, scores) {
  k <- ncol(scores)
  curves <- lapply(seq_len(k), function(j) curve(y, scores[, j]))
  auc <- lapply(curves, function(r) {
    ci <- suppressWarnings(ci.auc(r, method = "delong"))
    list(auc = as.numeric(r$auc), conf_low = ci[1], conf_high = ci[3],
         std_error = sqrt(suppressWarnings(var(r, method = "delong"))))
  })
  pairs <- list()
  for (i in seq_len(k - 1)) for (j in (i + 1):k) {
    one <- function(alternative) roc.test(curves[[i]], curves[[j]], method = "delong", paired = TRUE,
                                          alternative = alternative)
    test <- one("two.sided")
    unpaired <- suppressWarnings(roc.test(curves[[i]], curves[[j]], method = "delong", paired = FALSE))
    pairs[[length(pairs) + 1]] <- list(
      a = i - 1, b = j - 1, statistic = unname(test$statistic), p_value = test$p.value,
      conf_low = test$conf.int[1], conf_high = test$conf.int[2],
      covariance = cov(curves[[i]], curves[[j]], method = "delong"),
      p_greater = one("greater")$p.value, p_less = one("less")$p.value,
      unpaired_statistic = unname(unpaired$statistic), unpaired_df = unname(unpaired$parameter),
      unpaired_p = unpaired$p.value)
  }
  adjusted <- p.adjust(sapply(pairs, function(p) p$p_value), "holm")
  for (i in seq_along(pairs)) pairs[[i]]$p_adjusted <- adjusted[i]
  list(name = name, y = y, scores = scores, models = auc, pairs = pairs)
}

simulate <- function(m, n, shift, digits = 15) {
  y <- sample(c(rep(1, m), rep(0, n)))
  common <- rnorm(m + n)
  scores <- sapply(shift, function(s) round(0.7 * common + 0.7 * rnorm(m + n) + s * y, digits))
  list(y = y, scores = scores)
}
make <- function(name, ...) { d <- simulate(...); run(name, d$y, d$scores) }

near <- simulate(12, 15, c(1, 0.5))
near$scores[, 2] <- near$scores[, 1]
near$scores[which(near$y == 0)[1], 2] <- 5
extreme <- simulate(9, 11, c(1, 0.6))
extreme$scores <- cbind(extreme$scores[, 1] * 1e300, extreme$scores[, 2] * 1e-300)
cases <- list(
  make("four per class", 4, 4, c(0.5, 1)),
  make("acl size, three models", 58, 45, c(2, 1.5, 1)),
  make("breast size, three models", 21, 57, c(1.5, 1, 0)),
  make("ties", 30, 40, c(1, 0.7, 0.2), digits = 0),
  make("some ties", 30, 40, c(1, 0.7), digits = 1),
  make("below one half", 25, 25, c(-0.8, 0.5)),
  make("imbalance 1 to 100", 5, 500, c(1, 0.4)),
  run("one image apart", near$y, near$scores),
  run("identical curves", near$y, near$scores[, c(1, 1)]),
  run("extreme floats", extreme$y, extreme$scores)
)

# Obuchowski 1997 (Biometrics 53:567) in plain loops, for two models and images in clusters
clustered <- function(name, y, scores, group) {
  psi <- function(x, y) (x > y) + 0.5 * (x == y)
  k <- ncol(scores); pos <- which(y == 1); neg <- which(y == 0); m <- length(pos); n <- length(neg)
  v10 <- sapply(1:k, function(r) sapply(pos, function(i) mean(psi(scores[i, r], scores[neg, r]))))
  v01 <- sapply(1:k, function(r) sapply(neg, function(j) mean(psi(scores[pos, r], scores[j, r]))))
  theta <- colMeans(v10)
  ids <- unique(group); I <- length(ids)
  A <- t(sapply(ids, function(g) { w <- group[pos] == g; colSums(v10[w, , drop = FALSE]) - sum(w) * theta }))
  B <- t(sapply(ids, function(g) { w <- group[neg] == g; colSums(v01[w, , drop = FALSE]) - sum(w) * theta }))
  I10 <- length(unique(group[pos])); I01 <- length(unique(group[neg]))
  S10 <- I10 / ((I10 - 1) * m) * crossprod(A)
  S01 <- I01 / ((I01 - 1) * n) * crossprod(B)
  S11 <- I / (I - 1) * crossprod(A, B)
  S <- S10 / m + S01 / n + (S11 + t(S11)) / (m * n)
  list(name = name, y = y, scores = scores, group = group, auc = theta, covariance = S)
}
patients <- function(n_patients, mixed) {
  group <- rep(seq_len(n_patients), times = sample(1:4, n_patients, TRUE))
  disease <- sample(0:1, n_patients, TRUE)
  y <- if (mixed) sample(0:1, length(group), TRUE) else disease[group]
  effect <- rnorm(n_patients)[group]
  scores <- sapply(c(1, 0.6), function(s) effect + rnorm(length(group)) + s * y)
  list(y = y, scores = scores, group = group)
}
a <- patients(30, TRUE); b <- patients(40, FALSE)
clusters <- list(clustered("mixed patients", a$y, a$scores, a$group),
                 clustered("pure patients", b$y, b$scores, b$group))

version <- function(p) as.character(packageVersion(p))
header <- list(script = "tests/golden/delong.R",
               call = "roc.test(a, b, method = 'delong'), ci.auc, var, cov (pROC); Obuchowski 1997 by loops",
               r = R.version.string, packages = list(pROC = version("pROC"), jsonlite = version("jsonlite")),
               date = format(Sys.Date()), seed = 20240612)
write(toJSON(list(header = header, cases = cases, clusters = clusters), digits = NA, auto_unbox = TRUE, na = "string"),
      "delong.json")

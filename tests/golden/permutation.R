# Golden values for stats/resampling/permutation.py. Run: make golden (or Rscript permutation.R in tests/golden)
# Inputs are simulated here. Every exchange of the two models is made, one by one, and the AUCs counted anew.
suppressMessages(library(jsonlite))
set.seed(20270302)

auc <- function(y, s) mean(outer(s[y == 1], s[y == 0], ">") + 0.5 * outer(s[y == 1], s[y == 0], "=="))
run <- function(name, y, scores, group = seq_along(y), exchange = "ranks") {
  v <- if (exchange == "ranks") apply(scores, 2, rank) else scores
  patterns <- as.matrix(expand.grid(rep(list(c(FALSE, TRUE)), max(group))))
  d <- apply(patterns, 1, function(flip) {
    f <- flip[group]
    auc(y, ifelse(f, v[, 2], v[, 1])) - auc(y, ifelse(f, v[, 1], v[, 2]))
  })
  at <- d[1]; slack <- 1e-9
  list(name = name, y = y, scores = scores, group = group, clustered = max(group) < length(y), exchange = exchange,
       estimate = at, null_std_error = sqrt(mean(d^2)), p = list(
         `two-sided` = mean(abs(d) >= abs(at) - slack), greater = mean(d >= at - slack), less = mean(d <= at + slack)))
}
simulate <- function(m, n, shift, digits = 15) {
  y <- sample(c(rep(1, m), rep(0, n)))
  list(y = y, scores = sapply(shift, function(s) round(rnorm(m + n) + s * y, digits)))
}
make <- function(name, ..., exchange = "ranks") {
  d <- simulate(...); run(name, d$y, d$scores, exchange = exchange)
}
group <- rep(1:9, times = c(1, 2, 3, 1, 2, 3, 2, 2, 1))
mixed <- simulate(8, 9, c(2, 0.4)); pure <- mixed; pure$y <- (group %% 2)
cases <- list(
  make("six and five", 6, 5, c(2, 0)),
  make("three and nine", 3, 9, c(0, 1.5)),
  make("ties", 6, 6, c(1.5, 0.5), digits = 0),
  make("scores of one scale", 5, 6, c(1.5, 0.2), exchange = "scores"),
  run("patients of both classes", mixed$y, mixed$scores, group),
  run("patients of one class, ties", pure$y, round(pure$scores), group)
)
header <- list(script = "tests/golden/permutation.R", call = "all exchanges by expand.grid, AUC by outer",
               r = R.version.string, packages = list(jsonlite = as.character(packageVersion("jsonlite"))),
               date = format(Sys.Date()), seed = 20270302)
write(toJSON(list(header = header, cases = cases), digits = I(17), auto_unbox = TRUE, na = "null"),
      "permutation.json")

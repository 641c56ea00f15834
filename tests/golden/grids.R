# Golden values for stats/grids. Run: make golden (or Rscript grids.R in tests/golden)
# Inputs are simulated here. SD within sets: residual SD of lm(y ~ set) with chi-square limits; seeds:
# power.t.test; best of k: integrate; Brown-Forsythe: anova of distances from medians; ranks: qr; V: chisq.test;
# expected leak of a split by image: dhyper.
suppressMessages(library(jsonlite))
set.seed(20261130)

noise <- function(y, s) {
  fit <- lm(y ~ factor(s))
  df <- df.residual(fit); sd <- sigma(fit)
  list(y = y, s = s, sd = sd, df = df, low = sd * sqrt(df / qchisq(.975, df)), high = sd * sqrt(df / qchisq(.025, df)))
}
paired <- function(a, b) {
  tt <- t.test(a, b, paired = TRUE, conf.level = 0.9)
  list(a = a, b = b, sd = sd(a - b) / sqrt(2), low = tt$conf.int[1], high = tt$conf.int[2], mean = unname(tt$estimate))
}
seeds <- function(delta, sd, power, type) {
  n <- power.t.test(delta = delta, sd = if (type == "paired") sd * sqrt(2) else sd, sig.level = .05, power = power,
                    type = if (type == "paired") "paired" else "two.sample", tol = 1e-10)$n
  list(difference = delta, std_dev = sd, power = power, design = if (type == "paired") "paired" else "unpaired",
       n = ceiling(n - 1e-7))
}
best <- function(k) list(k = k, value = integrate(function(z) z * k * pnorm(z)^(k - 1) * dnorm(z), -Inf, Inf,
                                                   rel.tol = 1e-12, subdivisions = 1000L)$value)
spread <- function(y, g) {
  d <- abs(y - ave(y, g, FUN = median))
  a <- anova(lm(d ~ factor(g)))
  list(y = y, g = g, F = a$`F value`[1], df1 = a$Df[1], df2 = a$Df[2], p = a$`Pr(>F)`[1],
       sd = unname(tapply(y, g, sd)))
}
design <- function(d) {
  X <- model.matrix(~ ., d)
  chi <- suppressWarnings(chisq.test(table(d[[1]], d[[2]]), correct = FALSE)$statistic)
  v <- sqrt(unname(chi) / (nrow(d) * (min(nlevels(factor(d[[1]])), nlevels(factor(d[[2]]))) - 1)))
  list(data = d, rank = qr(X)$rank, columns = ncol(X), v = v)
}
leak <- function(sizes, units, share) {
  n <- sum(sizes * units); trained <- round(share * n)
  clear <- dhyper(0, sizes - 1, n - sizes, trained)
  list(sizes = sizes, units = units, share = share, value = sum(sizes * units * (1 - clear)) / n)
}

s <- rep(letters[1:6], c(2, 2, 3, 4, 2, 5))
full <- expand.grid(a = c("x", "y"), b = c("p", "q", "r"), c = c("u", "v"), stringsAsFactors = FALSE)
partial <- full[!(full$a == "x" & full$b == "r"), ]
aliased <- transform(full, c = ifelse(a == "x", "u", "v"))
nested <- transform(full, c = paste0(a, b))
g <- rep(c("k", "l", "m"), c(8, 12, 9))

out <- list(
  noise = list(noise(rnorm(length(s), .8, .02), s), noise(runif(8), rep(c("m", "n"), 4))),
  paired = list(paired(rnorm(12), rnorm(12)), paired(runif(64), runif(64))),
  seeds = list(seeds(.016, .0235, .8, "two"), seeds(.05, .02, .9, "two"), seeds(.005, .03, .8, "two"),
               seeds(.016, .0235, .8, "paired"), seeds(.03, .02, .95, "paired")),
  best = lapply(c(2, 5, 22, 88, 1000), best),
  spread = list(spread(rnorm(29, sd = c(k = 1, l = 2, m = 5)[g]), g), spread(rnorm(29), g)),
  design = list(design(full), design(partial), design(aliased), design(nested)),
  leak = list(leak(c(1, 2, 3, 4, 5), c(107, 276, 100, 13, 2), .75), leak(c(1, 4), c(20, 5), .5), leak(c(2, 9), c(3, 1), .9))
)
header <- list(script = "tests/golden/grids.R", call = "lm; t.test; power.t.test; integrate; anova; qr; chisq.test; dhyper",
               r = R.version.string, packages = list(jsonlite = as.character(packageVersion("jsonlite"))),
               date = format(Sys.Date()), seed = 20261130)
write(toJSON(c(list(header = header), out), digits = I(17), auto_unbox = TRUE, na = "null", pretty = TRUE), "grids.json")

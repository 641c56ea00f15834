# Golden values for stats/lmm where the usual paths end: R's coding of lone interactions, Kenward-Roger at exact
# df, with idle parameters and with weights, empty cells, what emmeans averages. Run: Rscript tests/golden/lmm_edges.R
suppressMessages({library(lmerTest); library(pbkrtest); library(emmeans); library(jsonlite)})
if (dir.exists("tests/golden")) setwd("tests/golden")
source("lmm_common.R")
set.seed(20261124)
cases <- list(); add <- function(x) cases[[length(cases) + 1]] <<- x
effects <- function(group, sd) rnorm(length(unique(group)), 0, sd)[match(group, sort(unique(group)))]

# R codes a factor by contrasts where the rest of its term lies in an earlier term, be that larger
d <- data.frame(a = sample(c("p", "q", "r"), 90, TRUE), b = sample(c("u", "v"), 90, TRUE), g = sample(sprintf("g%02d", 1:9), 90, TRUE))
d$x <- round(rnorm(90), 3); d$z <- round(rnorm(90), 3)
d$y <- round(effects(d$g, 1) + 0.5 * d$x * (d$a == "q") + rnorm(90), 4)
for (f in c("y ~ a:x + b:x + (1|g)", "y ~ 0 + (a + b):x + (1|g)", "y ~ x:z + x:a + (1|g)", "y ~ a:b + b:x + (1|g)", "y ~ (x + a):b + (1|g)"))
  add(fit_case(paste("coding", f), d, f, anova3 = FALSE))

# Kenward-Roger where the df are whole numbers, and where a covariance has no information
d <- expand.grid(a = c("t0", "t1"), b = sprintf("b%d", 1:5), stringsAsFactors = FALSE)
d$y <- round(effects(d$b, 2) + (d$a == "t1") + rnorm(10), 4)
add(fit_case("four df", d, "y ~ a + (1|b)", ran = TRUE))
d <- expand.grid(rep = 1:6, g = c("g1", "g2", "g3"), stringsAsFactors = FALSE)
d$x <- round(rnorm(18), 3); d$y <- round(effects(d$g, 2) + 0.5 * d$x + rnorm(18), 4)
add(fit_case("two df", d, "y ~ 1 + (1|g)", anova3 = FALSE))
d <- data.frame(row = rep(1:4, each = 4), col = rep(1:4, 4))
d$trt <- c("A", "B", "C", "D")[(d$row + d$col) %% 4 + 1]
d$y <- round(effects(d$row, 1) + effects(d$col, 1) + 2 * (d$trt == "B") + rnorm(16), 4)
add(fit_case("Latin square", d, "y ~ trt + (1|row) + (1|col)"))
d <- expand.grid(t = 1:4, id = sprintf("s%02d", 1:14), stringsAsFactors = FALSE)
d$sex <- ifelse(d$id < "s08", "F", "M")
d$y <- round(effects(d$id, 1) * ifelse(d$sex == "F", 1, 1.6) + 0.4 * d$t + rnorm(56), 4)
add(fit_case("slopes of a factor constant within groups", d, "y ~ sex * t + (0 + sex|id)", ran = FALSE))
d$f <- rep(c("u", "v"), 28); d$y2 <- round(d$y + effects(paste(d$id, d$f), 0.8), 4)
add(fit_case("full coding of a random factor", d, "y2 ~ t + (0 + f|id)", ran = TRUE, blups = TRUE))
d <- rbind(d, d, d); d$f <- sample(c("u", "v"), nrow(d), TRUE)
d$y2 <- round(d$y + effects(paste(d$id, d$f), 0.8) + 0.5 * effects(d$id, 1) * d$t + 0.4 * effects(d$id, 1) * d$t * (d$f == "v") + rnorm(nrow(d)), 4)
add(fit_case("random interaction", d, "y2 ~ t + f + (t * f|id)", ran = TRUE, kr = FALSE, anova3 = FALSE))

# weights
d <- data.frame(a = sample(c("p", "q", "r"), 80, TRUE), g = sample(sprintf("g%02d", 1:8), 80, TRUE), h = sample(sprintf("h%d", 1:6), 80, TRUE))
d$w <- round(runif(80, 0.2, 4), 2)
d$y <- round(effects(d$g, 1) + effects(d$h, 0.7) + 0.4 * (d$a == "q") + rnorm(80) / sqrt(d$w), 4)
add(fit_case("weights, Kenward-Roger", d, "y ~ a + (1|g) + (1|h)", weights = "w", kr_groups = c("g", "h")))

# empty cells, aliased covariate, both codings
d <- expand.grid(a = c("a1", "a2", "a3", "a4"), b = c("b1", "b2", "b3"), g = sprintf("g%d", 1:6), stringsAsFactors = FALSE)
d <- d[!(d$a == "a3" & d$b == "b2") & !(d$a == "a4" & d$b == "b3"), ]
d$x <- round(rnorm(nrow(d)), 3); d$d01 <- rep(0:1, length.out = nrow(d)); d$o <- round(runif(nrow(d)), 2); d$x2 <- 2 * d$x
d$y <- round(effects(d$g, 1) + 0.6 * (d$a == "a2") + 0.4 * d$x + 0.5 * d$d01 * (d$a == "a1") + rnorm(nrow(d)), 4)
add(fit_case("empty cells", d, "y ~ a * b + x + (1|g)"))
sums <- list(a = "contr.sum", b = "contr.sum")
add(fit_case("empty cells, sums to zero", d, "y ~ a * b + x + (1|g)", contrasts = sums))

# emmeans: empty cells, covariates of two values, offset
means <- function(formula, spec, ..., offset = NULL) {
  e$o_ <<- if (is.null(offset)) rep(0, nrow(e)) else e[[offset]]
  m <- lmerTest::lmer(as.formula(formula), e, offset = o_, control = control())
  grid <- suppressMessages(emmeans(m, spec, lmer.df = "satterthwaite"))
  s <- as.data.frame(summary(grid)); p <- as.data.frame(summary(pairs(grid, adjust = "tukey"), infer = TRUE))
  list(formula = formula, factor = all.vars(spec)[1], offset = offset, level = as.character(s[[1]]), estimate = s$emmean, std_error = s$SE, df = s$df,
       contrast = as.character(p[[1]]), difference = p$estimate, difference_se = p$SE, difference_df = p$df,
       # emmeans passes zapsmall(df), which beside missing df rounds 44.54 to 45
       p_adjusted = ptukey(sqrt(2) * abs(p$t.ratio), nrow(s), p$df, lower.tail = FALSE))
}
e <- d
emmeans_cases <- list(means("y ~ a * b + x + (1|g)", ~ a), means("y ~ a * d01 + b + (1|g)", ~ a), means("y ~ a + x + x2 + (1|g)", ~ a),
                      means("y ~ a + x + (1|g)", ~ a, offset = "o"))
emmeans_data <- lapply(as.list(d), function(x) if (is.factor(x)) as.character(x) else x)

versions <- lapply(c(lme4 = "lme4", lmerTest = "lmerTest", pbkrtest = "pbkrtest", emmeans = "emmeans"), function(p) as.character(packageVersion(p)))
header <- list(script = "tests/golden/lmm_edges.R",
               call = "as lmm_fits.R; emmeans::emmeans, pairs(adjust = 'tukey'); pbkrtest on columns times sqrt(weight)",
               R = R.version.string, packages = versions, date = as.character(Sys.Date()))
writeLines(toJSON(list(header = header, cases = cases, emmeans = emmeans_cases, emmeans_data = emmeans_data), auto_unbox = TRUE, digits = I(17), null = "null", na = "null"), "lmm_edges.json")

# Golden values for stats/lmm: fits, Satterthwaite, Kenward-Roger, type III, ranova, BLUPs.
# Run: Rscript tests/golden/lmm_fits.R (from the repository root or from tests/golden).
# lme4 is run with bobyqa and tight tolerances, restarted from its own end: its default optimiser stops short.
suppressMessages({library(lmerTest); library(pbkrtest); library(jsonlite)})
if (dir.exists("tests/golden")) setwd("tests/golden")
set.seed(20240614)

source("lmm_common.R")

draw <- function(k, sd) rnorm(k, 0, sd)
cases <- list(); add <- function(x) cases[[length(cases) + 1]] <<- x

# the published grid
grid <- read.csv("../../data/published/grid.csv")
random5 <- "(1|numfilters) + (1|lrdecay) + (1|backbone) + (1|task)"
add(fit_case("grid pretrain", grid, paste("test_auc ~ pretrain + (1|clf) +", random5), ran = TRUE, blups = TRUE, store = FALSE))
add(fit_case("grid clf", grid, "test_auc ~ clf + (1|task)+(1|pretrain)+(1|backbone)+(1|lrdecay)+(1|numfilters)", ran = TRUE, store = FALSE))
add(fit_case("grid interaction", grid, "test_auc ~ pretrain * backbone + (1|clf) + (1|numfilters) + (1|task)", store = FALSE))
add(fit_case("grid pretrain ML", grid, paste("test_auc ~ pretrain + (1|clf) +", random5), reml = FALSE, store = FALSE))
add(fit_case("grid slopes", grid, "test_auc ~ pretrain + (pretrain|clf) + (1|task)", store = FALSE))

# tiny, one term
d <- data.frame(g = rep(c("a", "b", "c", "d", "e"), each = 4), x = round(rnorm(20), 6))
d$y <- round(2 + 0.5 * d$x + draw(5, 1)[as.integer(factor(d$g))] + rnorm(20), 6)
add(fit_case("tiny", d, "y ~ x + (1|g)", ran = TRUE, blups = TRUE))
add(fit_case("tiny ML", d, "y ~ x + (1|g)", reml = FALSE))
add(fit_case("no intercept", transform(d, f = rep(c("u", "v"), 10)), "y ~ 0 + f + x + (1|g)", anova3 = FALSE))

# balanced crossed, as a penicillin assay
d <- expand.grid(plate = sprintf("p%02d", 1:24), sample = LETTERS[1:6], stringsAsFactors = FALSE)
d$y <- round(23 + draw(24, 0.85)[as.integer(factor(d$plate))] + draw(6, 1.9)[as.integer(factor(d$sample))] + rnorm(144, 0, 0.55), 4)
add(fit_case("balanced crossed", d, "y ~ 1 + (1|plate) + (1|sample)", anova3 = FALSE, ran = TRUE, blups = TRUE))

# nested, unbalanced
school <- rep(1:12, times = sample(8:30, 12, TRUE)); n <- length(school)
class <- paste0("k", sample(1:4, n, TRUE))
key <- as.integer(factor(paste(school, class)))
d <- data.frame(school = paste0("s", school), class = class, ses = round(rnorm(n), 6), sex = sample(c("f", "m"), n, TRUE))
d$y <- round(50 + 2 * d$ses + 1.5 * (d$sex == "m") + draw(12, 3)[school] + draw(max(key), 2)[key] + rnorm(n, 0, 4), 6)
add(fit_case("nested", d, "y ~ ses * sex + (1|school/class)", ran = TRUE, blups = TRUE))
add(fit_case("nested sum coding", d, "y ~ sex + ses + (1|school/class)", contrasts = list(sex = "contr.sum")))

# slopes, correlated and not; covariate on a large scale
d <- expand.grid(day = 0:9, subject = 308:325)
b <- cbind(draw(18, 25), draw(18, 6)); b[, 2] <- b[, 2] + 0.05 * b[, 1]
s <- as.integer(factor(d$subject))
d$y <- round(250 + 10 * d$day + b[s, 1] + b[s, 2] * d$day + rnorm(180, 0, 25), 4)
d$dose <- d$day * 1000
add(fit_case("slopes", d, "y ~ day + (day|subject)", ran = TRUE, blups = TRUE))
add(fit_case("slopes uncorrelated", d, "y ~ day + (day||subject)"))
add(fit_case("slopes large covariate", d, "y ~ dose + (dose|subject)"))
add(fit_case("slopes ML", d, "y ~ day + (day|subject)", reml = FALSE))

# factor slopes
d <- expand.grid(rep = 1:4, arm = c("ctl", "hi", "lo"), site = sprintf("t%02d", 1:15), stringsAsFactors = FALSE)
s <- as.integer(factor(d$site)); a <- as.integer(factor(d$arm))
B <- matrix(rnorm(45), 15, 3) %*% chol(matrix(c(1, .3, .2, .3, .8, .1, .2, .1, .6), 3))
d$y <- round(5 + c(0, 0.8, 0.3)[a] + B[cbind(s, a)] + rnorm(nrow(d), 0, 0.7), 6)
add(fit_case("factor slopes", d, "y ~ arm + (arm|site)", blups = TRUE))

# crossed, unbalanced, three terms, interaction of factor and covariate
n <- 600
d <- data.frame(a = sample(sprintf("a%02d", 1:40), n, TRUE), b = sample(sprintf("b%02d", 1:12), n, TRUE), c = sample(1:5, n, TRUE),
                f = sample(c("one", "three", "two"), n, TRUE, prob = c(.6, .3, .1)), x = round(rnorm(n), 6))
code <- function(v) as.integer(factor(v))
d$y <- round(1 + 0.4 * d$x + 0.3 * (d$f == "two") * d$x + draw(40, 1)[code(d$a)] + draw(12, .5)[code(d$b)] + draw(5, .3)[d$c] + rnorm(n), 6)
d$w <- round(runif(n, .25, 4), 6); d$o <- round(rnorm(n), 6)
add(fit_case("crossed unbalanced", d, "y ~ f * x + (1|a) + (1|b) + (1|c)", ran = TRUE))
add(fit_case("crossed unbalanced ML", d, "y ~ f * x + (1|a) + (1|b) + (1|c)", reml = FALSE))
add(fit_case("weights", d, "y ~ f + x + (1|a) + (1|b)", weights = "w", blups = TRUE))
add(fit_case("weights ML", d, "y ~ f + x + (1|a) + (1|b)", weights = "w", reml = FALSE))
add(fit_case("offset", d, "y ~ x + (1|a) + (1|b)", offset = "o"))
add(fit_case("crossed with slope", d, "y ~ f + x + (x|a) + (1|b)"))

# two factors, interaction with empty margin rules, type III
d <- expand.grid(rep = 1:3, g = sprintf("g%02d", 1:10), f = c("A", "B", "C"), h = c("p", "q"), stringsAsFactors = FALSE)
d <- d[-sample(nrow(d), 40), ]
d$y <- round(code(d$f) * 0.3 + (d$h == "q") * 0.5 * code(d$f) + draw(10, 1)[code(d$g)] + rnorm(nrow(d)), 6)
add(fit_case("type three", d, "y ~ f * h + (1|g)"))
add(fit_case("type three three-way", transform(d, x = round(rnorm(nrow(d)), 6)), "y ~ f * h * x + (1|g)"))

# boundary: one variance estimated at zero; slopes with correlation at the limit
d <- expand.grid(g = sprintf("g%02d", 1:12), h = sprintf("h%d", 1:6), stringsAsFactors = FALSE)
e <- matrix(rnorm(72), 12, 6); e <- e - rowMeans(e)
d$y <- round(as.vector(e) + draw(6, 1)[code(d$h)] + rep(c(0, .5), 36), 6); d$x <- rep(c("u", "v"), 36)
add(fit_case("boundary", d, "y ~ x + (1|g) + (1|h)", blups = TRUE))
add(fit_case("boundary ML", d, "y ~ x + (1|g) + (1|h)", reml = FALSE))
d <- expand.grid(t = 0:5, id = sprintf("i%02d", 1:10), stringsAsFactors = FALSE)
u <- rnorm(10); d$y <- round(u[code(d$id)] * (1 + 0.5 * d$t) + rnorm(60), 6)
add(fit_case("boundary correlation", d, "y ~ t + (t|id)", anova3 = FALSE, kr = FALSE))

# five crossed terms
n <- 400
d <- data.frame(a = sample(1:30, n, TRUE), b = sample(1:15, n, TRUE), c = sample(1:8, n, TRUE), e = sample(1:6, n, TRUE), g = sample(1:4, n, TRUE),
                arm = sample(c("new", "old"), n, TRUE))
d$y <- round(.2 * (d$arm == "new") + draw(30, 1)[d$a] + draw(15, .8)[d$b] + draw(8, .6)[d$c] + draw(6, .5)[d$e] + draw(4, .4)[d$g] + rnorm(n), 6)
add(fit_case("five crossed", d, "y ~ arm + (1|a) + (1|b) + (1|c) + (1|e) + (1|g)", ran = TRUE))

# one set in two units of y (lmerTest's numerical derivatives fail on the second), signal far above noise
add(fit_case("usual units", d, "y ~ arm + (1|a) + (1|b)", kr = FALSE))
add(fit_case("tiny units", transform(d, y = y * 1e-6), "y ~ arm + (1|a) + (1|b)", kr = FALSE))
add(fit_case("signal far above noise", transform(d, y = round(300 * draw(30, 1)[a] + draw(15, 20)[b] + y / 100, 6)), "y ~ arm + (1|a) + (1|b)", kr = FALSE))

# 20,000 rows, two crossed terms
n <- 20000
d <- data.frame(m = sample(1:300, n, TRUE), i = sample(1:60, n, TRUE), x = round(rnorm(n), 3))
d$y <- round(.1 * d$x + draw(300, .5)[d$m] + draw(60, .7)[d$i] + rnorm(n), 3)
add(fit_case("20000 rows", d, "y ~ x + (1|m) + (1|i)", kr = FALSE, anova3 = FALSE))

versions <- lapply(c(lme4 = "lme4", lmerTest = "lmerTest", pbkrtest = "pbkrtest"), function(p) as.character(packageVersion(p)))
header <- list(script = "tests/golden/lmm_fits.R",
               call = "lmerTest::lmer with bobyqa (rhoend 1e-13, restarted twice); summary, anova(type = 3), ranova, contestMD; pbkrtest::vcovAdj",
               R = R.version.string, packages = versions, date = as.character(Sys.Date()))
writeLines(toJSON(list(header = header, cases = cases), auto_unbox = TRUE, digits = I(17), null = "null", na = "null"), "lmm_fits.json")

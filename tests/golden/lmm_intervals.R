# Golden values for stats/lmm/profile.py, lrt.py and contrasts.py: profile intervals, likelihood-ratio tests, emmeans.
# Run: Rscript tests/golden/lmm_intervals.R (from the repository root or from tests/golden), after lmm_fits.R.
suppressMessages({library(lmerTest); library(pbkrtest); library(emmeans); library(jsonlite)})
if (dir.exists("tests/golden")) setwd("tests/golden")
control <- lmerControl(optimizer = "bobyqa", calc.derivs = FALSE, check.conv.singular = "ignore",
                       optCtrl = list(rhobeg = 0.1, rhoend = 1e-12, maxfun = 100000))
stored <- fromJSON("lmm_fits.json", simplifyVector = TRUE, simplifyDataFrame = FALSE)$cases
names(stored) <- sapply(stored, function(x) x$name)
data_of <- function(name) if (is.null(stored[[name]]$data)) read.csv("../../data/published/grid.csv") else as.data.frame(stored[[name]]$data)
fit <- function(name, formula = stored[[name]]$formula, reml = TRUE)
  eval(bquote(lmerTest::lmer(.(as.formula(formula)), data = data_of(.(name)), REML = .(reml), control = control)))

profiles <- lapply(c("tiny", "balanced crossed", "nested", "slopes", "boundary", "grid pretrain"), function(name) {
  cat("profile", name, "\n")
  ci <- suppressWarnings(confint(fit(name), method = "profile", oldNames = FALSE, quiet = TRUE))
  list(case = name, formula = stored[[name]]$formula, names = rownames(ci), low = unname(ci[, 1]), high = unname(ci[, 2]))
})

pairs_of <- list(c("crossed unbalanced", "y ~ f + x + (1|a) + (1|b) + (1|c)", "y ~ f * x + (1|a) + (1|b) + (1|c)"),
                 c("slopes", "y ~ day + (1|subject)", "y ~ day + (day|subject)"),
                 c("grid clf", "test_auc ~ 1 + (1|task) + (1|backbone)", "test_auc ~ clf + (1|task) + (1|backbone)"))
lrt <- lapply(pairs_of, function(p) {
  test <- suppressMessages(anova(fit(p[1], p[2], FALSE), fit(p[1], p[3], FALSE)))
  list(case = p[1], small = p[2], large = p[3], statistic = test$Chisq[2], df = test$Df[2], p_value = test$`Pr(>Chisq)`[2])
})

rows <- function(e, ...) { s <- as.data.frame(summary(e, infer = c(TRUE, TRUE), ...)); s <- s[, !(names(s) %in% "contrast"), drop = FALSE]
  list(names = as.character(as.data.frame(summary(e))[[1]]), by = if (length(e@misc$by.vars)) as.character(s[[e@misc$by.vars]]) else NULL,
       estimate = s$estimate, std_error = s$SE, df = s$df, conf_low = s$lower.CL, conf_high = s$upper.CL, statistic = s$t.ratio, p = s$p.value) }
means_of <- function(e) { s <- as.data.frame(summary(e)); list(estimate = s$emmean, std_error = s$SE, df = s$df, conf_low = s$lower.CL, conf_high = s$upper.CL) }
emm <- lapply(c("satterthwaite", "kenward-roger"), function(df) {
  cat("emmeans", df, "\n")
  mode <- if (df == "satterthwaite") "satterthwaite" else "kenward-roger"
  clf <- emmeans(fit("grid clf"), ~ clf, lmer.df = mode)
  m <- fit("type three"); f_within_h <- emmeans(m, ~ f | h, lmer.df = mode); f_marginal <- suppressMessages(emmeans(m, ~ f, lmer.df = mode))
  cov <- suppressMessages(emmeans(fit("crossed unbalanced"), ~ f, lmer.df = mode))
  list(df = df,
    cases = list(
      list(case = "grid clf", factor = "clf", means = means_of(clf),
           tukey = rows(pairs(clf)), holm = rows(pairs(clf), adjust = "holm"), sidak = rows(pairs(clf), adjust = "sidak"),
           none = rows(pairs(clf), adjust = "none"),
           control_holm = rows(contrast(clf, "trt.vs.ctrl1"), adjust = "holm"), control_sidak = rows(contrast(clf, "trt.vs.ctrl1"), adjust = "sidak"),
           custom_none = rows(contrast(clf, list(`flat - conv` = c(-.5, -.5, .5, .5))), adjust = "none")),
      list(case = "type three", factor = "f", by = "h", means = means_of(f_within_h), tukey = rows(pairs(f_within_h)), holm = rows(pairs(f_within_h), adjust = "holm")),
      list(case = "type three", factor = "f", means = means_of(f_marginal), tukey = rows(pairs(f_marginal))),
      list(case = "crossed unbalanced", factor = "f", means = means_of(cov), holm = rows(pairs(cov), adjust = "holm"))))
})
version <- function(p) as.character(packageVersion(p))
header <- list(script = "tests/golden/lmm_intervals.R", call = "confint(method = 'profile'), anova(ML fits), emmeans, pairs, contrast",
               R = R.version.string, packages = list(lme4 = version("lme4"), lmerTest = version("lmerTest"), pbkrtest = version("pbkrtest"), emmeans = version("emmeans")),
               date = as.character(Sys.Date()))
writeLines(toJSON(list(header = header, profiles = profiles, lrt = lrt, emmeans = emm), auto_unbox = TRUE, digits = I(17), null = "null", na = "null"), "lmm_intervals.json")

# What lmm_fits.R and lmm_edges.R share: one fit with everything that is compared.
# lme4 is run with bobyqa and tight tolerances, restarted from its own end: its default optimiser stops short.
control <- function() lmerControl(optimizer = "bobyqa", calc.derivs = FALSE, check.conv.singular = "ignore",
  optCtrl = list(rhobeg = 0.1, rhoend = 1e-12, maxfun = 100000))
restart <- lmerControl(optimizer = "bobyqa", calc.derivs = FALSE, check.conv.singular = "ignore",
  optCtrl = list(rhobeg = 1e-3, rhoend = 1e-13, maxfun = 100000))

table_rows <- function(m) { m <- as.data.frame(m); lapply(seq_len(nrow(m)), function(i) as.list(unname(unlist(m[i, ])))) }

fit_case <- function(name, data, formula, reml = TRUE, weights = NULL, offset = NULL, contrasts = NULL, kr = TRUE,
                     anova3 = TRUE, ran = FALSE, blups = FALSE, store = TRUE, kr_groups = NULL) {
  cat(name, "\n")
  data$w_ <- if (is.null(weights)) 1 else data[[weights]]
  data$o_ <- if (is.null(offset)) 0 else data[[offset]]
  arguments <- list(formula = as.formula(formula), data = data, REML = reml, control = control())
  if (!is.null(weights)) arguments$weights <- data$w_
  if (!is.null(offset)) arguments$offset <- data$o_
  if (!is.null(contrasts)) arguments$contrasts <- contrasts
  first <- m <- do.call(lmerTest::lmer, arguments)
  for (i in 1:2) {
    arguments$start <- getME(m, "theta"); arguments$control <- restart
    m <- do.call(lmerTest::lmer, arguments)
  }
  vc <- as.data.frame(VarCorr(m))
  out <- list(
    name = name, formula = formula, reml = reml, weights = weights, offset = offset, contrasts = contrasts[[1]],
    n = nobs(m), names = names(fixef(m)), criterion = unname(if (reml) REMLcrit(m) else deviance(m)),
    theta = unname(getME(m, "theta")), sigma = sigma(m), beta = unname(fixef(m)),
    vcov = unname(as.matrix(vcov(m))),
    varcorr = lapply(seq_len(nrow(vc)), function(i) list(group = vc$grp[i], var1 = vc$var1[i], var2 = vc$var2[i],
                                                        vcov = vc$vcov[i], sdcor = vc$sdcor[i])),
    levels = as.list(summary(m)$ngrps), satterthwaite = table_rows(coef(summary(m))),
    residuals = unname(quantile(residuals(m, "pearson", scaled = TRUE))),
    fitted_head = unname(head(fitted(m), 5)))
  ones <- diag(length(fixef(m)))
  if (length(fixef(m)) > 1) out$f_all <- table_rows(contestMD(m, ones[-1, , drop = FALSE]))[[1]]
  if (anova3) { a <- anova(m, type = 3); out$anova <- list(terms = rownames(a), rows = table_rows(a)) }
  if (kr && reml && is.null(weights)) {
    out$kenward_roger <- table_rows(coef(summary(m, ddf = "Kenward-Roger")))
    out$kr_vcov <- unname(as.matrix(vcovAdj(m)))
    if (length(fixef(m)) > 1)
      out$kr_f_all <- table_rows(contestMD(m, ones[-1, , drop = FALSE], ddf = "Kenward-Roger"))[[1]]
    if (anova3) { a <- anova(m, type = 3, ddf = "Kenward-Roger"); out$kr_anova <- list(terms = rownames(a), rows = table_rows(a)) }
  }
  if (!is.null(kr_groups)) out$kenward_roger <- weighted_kr(m, data$w_, data, kr_groups)
  if (ran) { r <- ranova(first); out$ranova <- list(terms = rownames(r), rows = table_rows(r)) }
  if (blups) {
    re <- ranef(m, condVar = TRUE)
    out$blups <- lapply(re, function(x) list(levels = rownames(x), values = unname(as.matrix(x)),
      sd = { v <- attr(x, "postVar"); t(matrix(apply(v, 3, function(a) sqrt(diag(a))), nrow = dim(v)[1])) }))
  }
  if (store) out$data <- lapply(as.list(data[, setdiff(names(data), c("w_", "o_"))]), function(x) if (is.factor(x)) as.character(x) else x)
  out
}

# pbkrtest overlooks weights: the same model without them, on columns times the square root of the weights
weighted_kr <- function(m, w, data, groups) {
  X <- getME(m, "X") * sqrt(w); colnames(X) <- paste0("x", seq_len(ncol(X)))
  d <- cbind(data.frame(ys = getME(m, "y") * sqrt(w), sw = sqrt(w)), as.data.frame(X), data[groups])
  f <- paste("ys ~ 0 +", paste(colnames(X), collapse = " + "), "+", paste0("(0 + sw|", groups, ")", collapse = " + "))
  again <- lmerTest::lmer(as.formula(f), d, control = control())
  stopifnot(isTRUE(all.equal(unname(fixef(again)), unname(fixef(m)), tolerance = 1e-6)))
  table_rows(coef(summary(again, ddf = "Kenward-Roger")))
}

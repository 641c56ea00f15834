# Means of cells with Student's t interval: t.test of one sample. Own values.
# Run: make golden (or Rscript cell_means.R in tests/golden)
suppressMessages(library(jsonlite))

case <- function(values, conf_level) {
  test <- t.test(values, conf.level = conf_level)
  list(values = values, conf_level = conf_level, mean = unname(test$estimate),
       conf_low = test$conf.int[1], conf_high = test$conf.int[2])
}

cases <- list(
  case(c(0.71, 0.64, 0.80, 0.77, 0.69), 0.95),
  case(c(0.91, 0.88), 0.95),
  case(c(0.93, 0.99, 0.97, 0.98, 0.96, 0.95), 0.9),
  case(c(0.02, 0.31, 0.05), 0.99)
)
out <- list(script = "cell_means.R", r = R.version.string, date = format(Sys.Date()), cases = cases)
writeLines(toJSON(out, auto_unbox = TRUE, digits = I(17), pretty = TRUE), "cell_means.json")

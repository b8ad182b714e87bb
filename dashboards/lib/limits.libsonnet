// Thresholds, in base units. Alerts fire at them and panels draw them, so that a colour and a page mean the same thing.
// `warning` belongs to P2, `critical` to P1 and P0; where `critical` is the smaller of the two, less is worse.
{
  host_cpu_ratio: { warning: 0.80 },
  host_memory_ratio: { warning: 0.80, critical: 0.85 },
  host_disk_ratio: { warning: 0.90 },
  // A disk is foreseen to fill only when it is already this full: a straight line through an empty disk says little.
  host_disk_forecast: { minimum_ratio: 0.60, horizon_seconds: 86400 },
  // `minimum` failures in five minutes are asked for besides the share: of few payments, a bad card or two is a large share.
  payment_failure_ratio: { critical: 0.20, minimum: 5 },
  // Business figures older than this say nothing about now.
  source_age_seconds: { warning: 180 },
  certificate_seconds: { warning: 21 * 86400, critical: 7 * 86400 },
  // Aims: panels draw them, and of what misses one nobody is told. A customer brings so many times what winning one costs.
  satisfaction_csat_score: { warning: 4.5 },
  saas_ltv_to_cac_ratio: { warning: 3 },
  // Age of the oldest row / how old a row may become. What is deleted once a night is a little too old before that.
  data_age_ratio: { warning: 1.05, critical: 1.1 },
}
